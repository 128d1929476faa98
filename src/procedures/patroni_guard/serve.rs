use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::hands::{send, send_all};
use super::job::{Job, POINT, PROMOTED, RECOVERY, STOPPED_AT};
use super::sight::server;
use super::switch::{part, since_us};
use crate::domain::Sql;
use crate::ports::Role;
use crate::runbook::{
    Action, Context, Facts, PauseEvent, Probe, Progress, Step, StepError, StepInfo, StepResult,
};

const EVERY: Duration = Duration::from_millis(50);

/// Puts the promoted member under Patroni, where it leads.
pub struct Serve {
    job: Arc<Job>,
    info: StepInfo,
}

impl Serve {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    fn test_write(&self) -> Action {
        let sql = Sql::new(include_str!("../../../assets/sql/guard/barrier.sql"));
        Action::sql(&self.job.server(&self.job.held()), sql)
    }

    /// The server under Patroni's own configuration, still without Patroni: one that takes writes is the healthiest
    /// member whatever the others had written, one that was stopped would not be.
    async fn restart(&self, ctx: &Context) -> Result<(), StepError> {
        let (job, held) = (&self.job, self.job.held());
        if job.patroni_runs(ctx, &held).await? {
            return Ok(());
        }
        let recovery = ctx.known(&RECOVERY)?;
        if job.has_copy(ctx).await? {
            send_all(ctx, &job.restore_yaml()?).await?;
        }
        let under_patronis = match server(ctx.world.databases.as_ref(), &job.server(&held)).await {
            Ok(seen) => seen.config_file == recovery.config,
            Err(_) => false,
        };
        if !under_patronis {
            if job.server_runs(ctx, &held).await? {
                send(ctx, &job.stop_by_hand(&held)?).await?;
            }
            send(ctx, &job.start_by_hand(&recovery.config)?).await?;
        }
        let limit = job.profile.budgets.promote;
        ctx.wait_for(&format!("{held} to be up again"), EVERY, limit, || async {
            match server(ctx.world.databases.as_ref(), &job.server(&held)).await {
                Ok(seen) if seen.in_recovery => Err(StepError::Stop(format!(
                    "{held} is in recovery after its promotion. Nobody leads; do not start the others. Look at its log."
                ))),
                Ok(_) => Ok(Ok(())),
                Err(error) => Ok(Err(Progress::seen(error.to_string()))),
            }
        })
        .await?;
        send(ctx, &job.start(&held)?).await.map(drop)
    }

    /// Puts the member under Patroni; the outage is over once it leads and has taken a write.
    async fn end_outage(&self, ctx: &Context, since: Timestamp) -> Result<(), StepError> {
        part(ctx, 3, async {
            self.restart(ctx).await?;
            Ok(String::new())
        })
        .await?;
        part(ctx, 4, async {
            self.leads(ctx).await?;
            ctx.send(&self.test_write()).await?;
            Ok("a transaction was committed".to_owned())
        })
        .await?;
        ctx.pause(PauseEvent::Ended {
            took_us: since_us(since),
            taken_back: false,
        })?;
        ctx.forget(&STOPPED_AT)
    }

    async fn leads(&self, ctx: &Context) -> Result<(), StepError> {
        let (held, patroni) = (self.job.held(), ctx.world.patroni()?);
        let limit = self.job.profile.budgets.promote;
        ctx.wait_for(&format!("{held} to lead"), EVERY, limit, || async {
            Ok(match patroni.serves_as(&held, Role::Primary).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Progress::seen(format!(
                    "{held}: /primary does not answer 200 yet"
                ))),
                Err(error) => Err(Progress::seen(error.to_string())),
            })
        })
        .await
    }

    /// Whether the cluster's history has the point as the end of the old timeline.
    async fn history_names_the_point(&self, ctx: &Context) -> Result<bool, StepError> {
        let point = ctx.known(&POINT)?;
        let (held, patroni) = (self.job.held(), ctx.world.patroni()?);
        let before = format!("before transaction {}", point.next_xid);
        let limit = self.job.profile.budgets.promote;
        let found = ctx
            .wait_for("the cluster's history", EVERY * 4, limit, || async {
                let lines = patroni.history(&held).await?;
                let named = |reason: &str| reason.contains(&point.name) || reason.contains(&before);
                Ok(if lines.iter().any(|line| named(&line.reason)) {
                    Ok(())
                } else {
                    Err(Progress::seen("the point is not in /history yet"))
                })
            })
            .await;
        match found {
            Ok(()) => Ok(true),
            Err(StepError::TimedOut { .. } | StepError::Patroni(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Step for Serve {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let facts = ctx.facts();
        Ok(if facts.get(&STOPPED_AT).is_some() {
            Probe::NotApplied
        } else if facts.get(&RECOVERY).is_some() {
            Probe::Partial(format!(
                "what the recovery needed is still on {}",
                self.job.held()
            ))
        } else {
            let leads = ctx
                .world
                .patroni()?
                .serves_as(&self.job.held(), Role::Primary)
                .await;
            match leads {
                Ok(true) => Probe::Applied,
                _ => Probe::NotApplied,
            }
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let job = &self.job;
        let actions = || {
            let mut actions = job.restore_yaml()?;
            actions.push(job.stop_by_hand(&job.held())?);
            if let Some(recovery) = facts.get(&RECOVERY) {
                actions.push(job.start_by_hand(&recovery.config)?);
            }
            actions.push(job.start(&job.held())?);
            actions.push(self.test_write());
            Ok::<_, StepError>(actions)
        };
        actions().unwrap_or_default()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let (job, held) = (&self.job, self.job.held());
        let timeline = ctx.known(&PROMOTED)?;
        // Writes wait for this: it comes to its end even when the run was asked to stop.
        let open = &ctx.uncancelled();
        let outage = if let Some(since) = ctx.facts().get(&STOPPED_AT) {
            self.end_outage(open, since).await?;
            format!(
                "nobody took writes for {:.1} s",
                since_us(since) as f64 / 1e6
            )
        } else {
            self.leads(open).await?;
            "what the recovery needed is gone".to_owned()
        };
        if let Some(action) = job.autostart(&held, true)? {
            send(ctx, &action).await?;
        }
        if let Some(recovery) = ctx.facts().get(&RECOVERY) {
            send(ctx, &job.forget_recovery(&recovery)?).await?;
            ctx.forget(&RECOVERY)?;
        }
        let text = format!("{held} leads on timeline {timeline}; {outage}");
        let named = self.history_names_the_point(ctx).await?;
        ctx.proof(named, "the cluster's history names the restore point")?;
        Ok(if named {
            StepResult::Done(text)
        } else {
            StepResult::Warning(format!("{text}; /history does not name the restore point"))
        })
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Err(StepError::Stop(format!(
            "{} was promoted: it is not taken back. Go on with the roll back.",
            self.job.held()
        )))
    }
}
