use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::hands::send_all;
use super::job::{HELD_AT, Job};
use super::sight::{cluster, relied_on, server};
use crate::domain::{Node, held_file, human_duration};
use crate::runbook::{
    Action, Context, Facts, PatroniCall, Probe, Progress, Step, StepError, StepInfo, StepResult,
};

const EVERY: Duration = Duration::from_millis(200);

/// Holds a member: commits are replayed late, and it takes no part in failover, load or synchronous commits.
pub struct Hold {
    job: Arc<Job>,
    info: StepInfo,
}

impl Hold {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }
}

impl Job {
    /// The copy first, under its own name only once it is whole; then the new file in the place of the old.
    fn copy_yaml(&self) -> Result<Vec<Action>, StepError> {
        let held = self.held();
        let yaml = &self.section(&held)?.yaml;
        let (copy, new) = self.yaml_beside(yaml);
        Ok(vec![
            self.as_root(&held, &["cp", "-p", yaml, &new])?,
            self.as_root(&held, &["chmod", "600", &new])?,
            self.as_root(&held, &["mv", "-nT", &new, &copy])?,
        ])
    }

    fn write_yaml(&self, text: SecretString) -> Result<Vec<Action>, StepError> {
        let held = self.held();
        let yaml = &self.section(&held)?.yaml;
        let (_, new) = self.yaml_beside(yaml);
        Ok(vec![
            self.as_root(&held, &["cp", "-p", yaml, &new])?,
            self.as_root(
                &held,
                &["dd", &format!("of={new}"), "conv=fsync", "status=none"],
            )?
            .reading(text),
            self.as_root(&held, &["mv", "-fT", &new, yaml])?,
        ])
    }

    /// What gives the held member its own file back, byte for byte, with the owner and mode it has now.
    pub(super) fn restore_yaml(&self) -> Result<Vec<Action>, StepError> {
        let held = self.held();
        let yaml = &self.section(&held)?.yaml;
        let (copy, new) = self.yaml_beside(yaml);
        Ok(vec![
            self.as_root(&held, &["cp", "-p", yaml, &new])?,
            self.as_root(&held, &["cp", &copy, &new])?,
            self.as_root(&held, &["mv", "-fT", &new, yaml])?,
        ])
    }

    /// What takes the copy away.
    pub(super) fn forget_copy(&self) -> Result<Action, StepError> {
        let held = self.held();
        let (copy, new) = self.yaml_beside(&self.section(&held)?.yaml);
        self.as_root(&held, &["rm", "-f", &copy, &new])
    }

    /// True while the copy lies beside the file.
    pub(super) async fn has_copy(&self, ctx: &Context) -> Result<bool, StepError> {
        let held = self.held();
        let (copy, _) = self.yaml_beside(&self.section(&held)?.yaml);
        self.is_there(ctx, &held, &copy).await
    }

    /// Restores the file, has Patroni read it, and waits until the server replays without delay.
    pub(super) async fn let_go(&self, ctx: &Context) -> Result<(), StepError> {
        let held = self.held();
        if self.has_copy(ctx).await? {
            send_all(ctx, &self.restore_yaml()?).await?;
        }
        if !self.patroni_runs(ctx, &held).await? {
            return Ok(());
        }
        ctx.send(&Action::patroni(&held, PatroniCall::Reload))
            .await?;
        let limit = self.profile.budgets.hold;
        ctx.wait_for(
            &format!("{held} to replay without delay"),
            EVERY,
            limit,
            || async {
                let seen = server(ctx.world.databases.as_ref(), &self.server(&held)).await?;
                Ok(if seen.delay.is_zero() {
                    Ok(())
                } else {
                    Err(Progress::seen(format!(
                        "{held} still has its delay of {}",
                        human_duration(seen.delay)
                    )))
                })
            },
        )
        .await
    }

    /// What of the hold is not effective, in words; nothing when all of it is.
    pub(super) async fn not_held(&self, ctx: &Context) -> Result<Vec<String>, StepError> {
        let held = self.held();
        let mut missing = Vec::new();
        let seen = server(ctx.world.databases.as_ref(), &self.server(&held)).await?;
        if seen.delay != self.profile.guard.delay {
            missing.push(format!("its delay is {}", human_duration(seen.delay)));
        }
        if !seen.in_recovery {
            missing.push("it takes writes".to_owned());
        }
        let cluster = cluster(&ctx.world, &self.members()).await;
        match cluster
            .as_ref()
            .and_then(|cluster| cluster.member(held.as_str()))
        {
            None => missing.push("Patroni does not list it".to_owned()),
            Some(member) => {
                let absent = held_file::TAGS
                    .iter()
                    .filter(|(tag, on)| *on && !member.has(tag));
                missing
                    .extend(absent.map(|(tag, _)| format!("Patroni does not show its tag {tag}")));
            }
        }
        Ok(missing)
    }
}

#[async_trait]
impl Step for Hold {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        if !self.job.has_copy(ctx).await? {
            return Ok(Probe::NotApplied);
        }
        let missing = self.job.not_held(ctx).await?;
        Ok(
            if missing.is_empty() && ctx.facts().get(&HELD_AT).is_some() {
                Probe::Applied
            } else {
                Probe::Partial(missing.join(", "))
            },
        )
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let actions = || {
            let mut actions = self.job.copy_yaml()?;
            actions.extend(self.job.write_yaml(SecretString::default())?);
            actions.push(Action::patroni(&self.job.held(), PatroniCall::Reload));
            Ok::<_, StepError>(actions)
        };
        actions().unwrap_or_default()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let (job, held) = (&self.job, self.job.held());
        relied_on(ctx, job).await?;
        let path = job.section(&held)?.yaml.clone();
        if !job.has_copy(ctx).await? {
            send_all(ctx, &job.copy_yaml()?).await?;
        }
        let (copy, _) = job.yaml_beside(&path);
        let text = job.secret_file(ctx, &held, &copy).await?;
        let edited = held_file::with_hold(text.expose_secret(), job.profile.guard.delay).map_err(|why| {
            StepError::Stop(format!(
                "{held}: the hold cannot be written into {path}: {why}. The file was not changed; its copy is {copy}."
            ))
        })?;
        send_all(ctx, &job.write_yaml(SecretString::from(edited))?).await?;
        ctx.send(&Action::patroni(&held, PatroniCall::Reload))
            .await?;
        ctx.wait_for(
            &format!("the hold on {held}"),
            EVERY,
            job.profile.budgets.hold,
            || async {
                let missing = job.not_held(ctx).await?;
                Ok(if missing.is_empty() {
                    Ok(())
                } else {
                    Err(Progress::seen(format!("{held}: {}", missing.join(", "))))
                })
            },
        )
        .await?;
        ctx.learn(&HELD_AT, &Timestamp::now())?;
        let delay = human_duration(job.profile.guard.delay);
        ctx.proof(
            true,
            &format!("{held} replays commits {delay} late and can neither lead nor serve reads"),
        )?;
        Ok(StepResult::Done(format!("{held} is held for {delay}")))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        self.job.let_go(ctx).await?;
        super::hands::send(ctx, &self.job.forget_copy()?).await?;
        ctx.forget(&HELD_AT)
    }
}

/// True where the held member's commits are still held back when its server and its Patroni say so.
pub(super) async fn must_be_held(ctx: &Context, job: &Job) -> Result<(), StepError> {
    let missing = job.not_held(ctx).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let held: Node = job.held();
    Err(StepError::Stop(format!(
        "{held} is not held any more: {}. Do not begin the deployment; take the run back and begin anew.",
        missing.join(", ")
    )))
}
