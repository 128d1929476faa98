use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::conf;
use super::hands::{send, send_all};
use super::job::{Job, POINT, Point, RECOVERY, Recovery, STOOD};
use super::mark::checkpoint;
use super::sight::{Server, Sight, relied_on, server};
use crate::domain::Lsn;
use crate::runbook::{
    Action, Context, Facts, Probe, Progress, Step, StepError, StepInfo, StepResult,
};

const EVERY: Duration = Duration::from_millis(100);
/// What this tool's own files in a configuration folder are called.
const OURS: &str = "greenlight_recovery.conf";

/// Recovers the held member to the restore point, apart from the cluster, and keeps it there.
pub struct Recover {
    job: Arc<Job>,
    info: StepInfo,
}

impl Recover {
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
    /// Where the configuration of the recovery lies: beside Patroni's, for what that includes.
    pub(super) fn own_config(recovery: &Recovery) -> String {
        let folder = recovery
            .config
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{folder}/{OURS}")
    }

    fn log_of_recovery(&self) -> Result<String, StepError> {
        Ok(self
            .section(&self.held())?
            .server
            .data_file("greenlight_recovery.log"))
    }

    /// Starts the held member's server under a configuration file, apart from Patroni.
    pub(super) fn start_by_hand(&self, config: &str) -> Result<Action, StepError> {
        let held = self.held();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
        if !config.chars().all(plain) {
            return Err(StepError::Stop(format!(
                "{held}: pg_ctl hands the path {config:?} to a shell, and it is no plain path. Nothing was changed by this."
            )));
        }
        let (log, options) = (self.log_of_recovery()?, format!("-c config_file={config}"));
        self.pg_ctl(&held, &["-l", &log, "-o", &options, "start"])
    }

    fn recovery_files(&self, recovery: &Recovery) -> Result<(Action, Action, Action), StepError> {
        let held = self.held();
        let node = &self.section(&held)?.server;
        let to = format!("of={}", Self::own_config(recovery));
        Ok((
            self.as_owner(&held, &["dd", &to, "conv=fsync", "status=none"])?,
            self.as_owner(&held, &["rm", "-f", &node.data_file("recovery.signal")])?,
            self.as_owner(&held, &["touch", &node.data_file("standby.signal")])?,
        ))
    }

    /// Takes away what the recovery needed.
    pub(super) fn forget_recovery(&self, recovery: &Recovery) -> Result<Action, StepError> {
        let log = self.log_of_recovery()?;
        self.as_owner(
            &self.held(),
            &["rm", "-f", &Self::own_config(recovery), &log],
        )
    }

    /// True when a server stands at the point, apart from Patroni.
    pub(super) fn stands_at(seen: &Server, point: &Point, stood: bool) -> bool {
        seen.paused && Self::is_at(seen, point, stood)
    }

    /// The same, also of one whose pause was ended so that it is promoted there.
    pub(super) fn is_at(seen: &Server, point: &Point, stood: bool) -> bool {
        let at_point = match seen.replayed {
            // The second time a few bytes beyond it have been read, never the commit behind it.
            Some(replayed) if stood => replayed >= point.lsn,
            replayed => replayed == Some(point.lsn),
        };
        seen.in_recovery && at_point && seen.config_file.ends_with(OURS)
    }

    /// What Patroni started the held member's server with.
    async fn learn_recovery(&self, ctx: &Context) -> Result<Recovery, StepError> {
        if let Some(known) = ctx.facts().get(&RECOVERY) {
            return Ok(known);
        }
        let held = self.held();
        let file = self.section(&held)?.server.data_file("postmaster.opts");
        let opts = self.secret_file(ctx, &held, &file).await?;
        let recovery = conf::of_command_line(opts.expose_secret()).ok_or_else(|| {
            StepError::Stop(format!(
                "{held}: {file} does not tell how Patroni starts the server. Nothing was changed by this; is its Patroni running?"
            ))
        })?;
        ctx.learn(&RECOVERY, &recovery)?;
        Ok(recovery)
    }

    /// Stops the held member's Patroni and sees it and its server gone.
    async fn stop_held(&self, ctx: &Context) -> Result<(), StepError> {
        let held = self.held();
        if self.patroni_runs(ctx, &held).await? {
            send(ctx, &self.stop(&held)?).await?;
        }
        let limit = self.profile.budgets.stop;
        ctx.wait_for(
            &format!("{held}'s Patroni to be gone"),
            EVERY,
            limit,
            || async {
                let patroni = self.patroni_runs(ctx, &held).await?;
                Ok(if patroni {
                    Err(Progress::seen(format!("{held}: its Patroni still runs")))
                } else {
                    Ok(())
                })
            },
        )
        .await?;
        if self.server_runs(ctx, &held).await? {
            send(ctx, &self.stop_by_hand(&held)?).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Step for Recover {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let (job, facts) = (&self.job, ctx.facts());
        let point = ctx.known(&POINT)?;
        let held = job.held();
        let seen = server(ctx.world.databases.as_ref(), &job.server(&held)).await;
        let stood = facts.get(&STOOD).unwrap_or(false);
        Ok(match seen {
            Ok(seen) if Job::stands_at(&seen, &point, stood) => Probe::Applied,
            Ok(seen) if !seen.in_recovery => {
                Probe::Unknown(format!("{held} takes writes: it was promoted"))
            }
            Ok(seen) if seen.config_file.ends_with(OURS) => {
                Probe::Partial(format!("{held} is on its way to the point"))
            }
            _ if facts.get(&RECOVERY).is_some() && !job.patroni_runs(ctx, &held).await? => {
                Probe::Partial(format!("{held} is stopped"))
            }
            _ => Probe::NotApplied,
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let unknown = Recovery {
            config: "{config}/postgresql.conf".to_owned(),
            settings: Vec::new(),
        };
        let recovery = facts.get(&RECOVERY).unwrap_or(unknown);
        let actions = || {
            let (write, remove, touch) = self.job.recovery_files(&recovery)?;
            Ok::<_, StepError>(vec![
                checkpoint(&self.job, &self.job.leader(facts)),
                self.job.stop(&self.job.held())?,
                write.reading(SecretString::default()),
                remove,
                touch,
                self.job
                    .start_by_hand(&Job::own_config(&recovery))
                    .or_else(|_| self.job.as_owner(&self.job.held(), &["pg_ctl", "start"]))?,
            ])
        };
        actions().unwrap_or_default()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let (job, held) = (&self.job, self.job.held());
        let point = ctx.known(&POINT)?;
        let leader = relied_on(ctx, job).await?;
        let stood = ctx.facts().get(&STOOD).unwrap_or(false);
        let seen = Sight::take(ctx, job).await;
        let past = |seen: &Server| seen.replayed.is_some_and(|at| at > point.lsn) && !stood;
        if let Some(server) = seen.server(&held).filter(|server| past(server)) {
            return Err(StepError::Stop(format!(
                "{held} has replayed up to {}, past the point {}: it cannot go back there. Nothing was changed by this. \
                 What remains is a restore from a backup, or releasing it.",
                server.replayed.unwrap_or_default(),
                point.lsn
            )));
        }
        seen.not_in_maintenance(job)?;
        let recovery = job.learn_recovery(ctx).await?;
        ctx.send(&checkpoint(job, &leader)).await?;
        job.stop_held(ctx).await?;
        let patronis = job.secret_file(ctx, &held, &recovery.config).await?;
        let text = conf::recovering(patronis.expose_secret(), &recovery, &point, stood);
        let (write, remove, touch) = job.recovery_files(&recovery)?;
        let start = job.start_by_hand(&Job::own_config(&recovery))?;
        send_all(
            ctx,
            &[
                write.reading(SecretString::from(text)),
                remove,
                touch,
                start,
            ],
        )
        .await?;
        let what = format!("{held} to stand at {}", point.name);
        let limit = job.profile.budgets.stop;
        let stands = ctx
            .wait_for(&what, EVERY, limit, || async {
                match server(ctx.world.databases.as_ref(), &job.server(&held)).await {
                    Ok(seen) if Job::stands_at(&seen, &point, stood) => Ok(Ok(seen)),
                    Ok(seen) => Ok(Err(Progress::seen(format!(
                        "{held} has replayed up to {}",
                        seen.replayed.unwrap_or(Lsn::default())
                    )))),
                    Err(error) => {
                        if !job.server_runs(ctx, &held).await? {
                            return Err(StepError::Stop(format!(
                                "{held}: the server did not come up at the point; its log is {}. {leader} serves as before. \
                                 Undo this step, which gives {held} back to the hold.",
                                job.log_of_recovery()?
                            )));
                        }
                        Ok(Err(Progress::seen(error.to_string())))
                    }
                }
            })
            .await?;
        let at = stands.replayed.unwrap_or_default();
        ctx.proof(true, &format!("{held} stands at {at}, apart from the cluster, read-only; {leader} serves as before"))?;
        Ok(StepResult::Done(format!(
            "{held} stands at {} ({at}): look at it",
            point.name
        )))
    }

    /// Back to the hold: Patroni's configuration, with the delay still in its file.
    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        let (job, held) = (&self.job, self.job.held());
        let Some(recovery) = ctx.facts().get(&RECOVERY) else {
            return Ok(());
        };
        if !job.patroni_runs(ctx, &held).await? {
            let seen = server(ctx.world.databases.as_ref(), &job.server(&held)).await;
            if seen.is_ok_and(|seen| !seen.in_recovery) {
                return Err(StepError::Stop(format!(
                    "{held} takes writes: it was promoted, and is not given back to the hold. Go on with the roll back."
                )));
            }
            if job.server_runs(ctx, &held).await? {
                ctx.learn(&STOOD, &true)?;
                send(ctx, &job.stop_by_hand(&held)?).await?;
            }
            send(ctx, &job.forget_recovery(&recovery)?).await?;
            send(ctx, &job.start(&held)?).await?;
        }
        let limit = job.profile.budgets.stop;
        ctx.wait_for(
            &format!("{held} to be held again"),
            EVERY,
            limit,
            || async {
                match job.not_held(ctx).await {
                    Ok(missing) if missing.is_empty() => Ok(Ok(())),
                    Ok(missing) => Ok(Err(Progress::seen(missing.join(", ")))),
                    Err(error) => Ok(Err(Progress::seen(error.to_string()))),
                }
            },
        )
        .await?;
        ctx.forget(&RECOVERY)?;
        Ok(())
    }
}
