use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use super::follow::{By, follows};
use super::hands::send;
use super::job::{Job, RELEASED};
use super::keep_wal;
use super::sight::relied_on;
use crate::runbook::{
    Action, Context, Facts, PatroniCall, Probe, Step, StepError, StepInfo, StepResult,
};

/// Gives the held member back to the cluster.
pub struct Release {
    job: Arc<Job>,
    info: StepInfo,
}

/// Gives the dynamic configuration back.
pub struct GiveBackWal {
    job: Arc<Job>,
    info: StepInfo,
}

/// Takes away what lies beside the held member's file.
pub struct Clean {
    job: Arc<Job>,
    info: StepInfo,
}

impl Release {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }
}

#[async_trait]
impl Step for Release {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        Ok(match ctx.facts().get(&RELEASED) {
            Some(true) => Probe::Applied,
            Some(false) => Probe::Partial("it was begun".to_owned()),
            None => Probe::NotApplied,
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let mut actions = self.job.restore_yaml().unwrap_or_default();
        actions.push(Action::patroni(&self.job.held(), PatroniCall::Reload));
        actions
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let (job, held) = (&self.job, self.job.held());
        let leader = relied_on(ctx, job).await?;
        ctx.learn(&RELEASED, &false)?;
        job.let_go(ctx).await?;
        let began = Instant::now();
        let by = follows(ctx, job, &leader, &held, job.profile.budgets.drain).await?;
        let copied = match by {
            By::Itself => "",
            By::Reinit => ", made anew from the leader",
        };
        ctx.learn(&RELEASED, &true)?;
        let took = began.elapsed().as_secs_f64();
        ctx.proof(
            true,
            &format!("{held} streams from {leader}, less than 16 kB behind, without delay"),
        )?;
        Ok(StepResult::Done(format!(
            "{held} follows {leader} again after {took:.1} s{copied}"
        )))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Err(StepError::Stop(
            "a member that was let go has replayed what it held back: nothing leads back. Retry the release.".to_owned(),
        ))
    }
}

impl GiveBackWal {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }
}

#[async_trait]
impl Step for GiveBackWal {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        keep_wal::giving_back(&self.job, facts)
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        keep_wal::put_back(ctx, &self.job).await
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl Clean {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }
}

#[async_trait]
impl Step for Clean {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        Ok(if self.job.has_copy(ctx).await? {
            Probe::NotApplied
        } else {
            Probe::Applied
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.job.forget_copy().into_iter().collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        send(ctx, &self.job.forget_copy()?).await?;
        Ok(StepResult::Done(
            "nothing of this run is left on the hosts".to_owned(),
        ))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}
