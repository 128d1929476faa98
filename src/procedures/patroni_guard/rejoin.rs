use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use super::follow::{By, follows};
use super::hands::send;
use super::job::{BACKED_UP, Job};
use crate::domain::Node;
use crate::runbook::{Action, Context, Facts, Probe, Reply, Step, StepError, StepInfo, StepResult};

/// Who comes back to the promoted member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Those that followed the old leader.
    Others,
    /// The old leader: it has the only copy of what came after the point.
    OldLeader,
}

/// Starts members again behind the new leader, by `pg_rewind` or anew.
pub struct Rejoin {
    job: Arc<Job>,
    who: Who,
    info: StepInfo,
}

impl Rejoin {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, who: Who, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            who,
            info,
        }
    }

    fn members(&self, facts: &Facts) -> Vec<Node> {
        match self.who {
            Who::Others => self.job.others(facts),
            Who::OldLeader => vec![self.job.leader(facts)],
        }
    }

    fn backup(&self, member: &Node) -> Option<Action> {
        let hook = self.job.profile.hooks.backup.as_ref()?;
        let node = &self.job.section(member).ok()?.server;
        let data = node.data.display().to_string();
        let filled = |word: &String| {
            word.replace("{host}", &node.address)
                .replace("{data}", &data)
        };
        let argv: Vec<_> = hook.argv.iter().map(filled).collect();
        Some(Action::command(&argv, Vec::new(), hook.limit))
    }

    /// Before its Patroni runs: afterwards what it alone has is rewound away.
    async fn back_up(&self, ctx: &Context, member: &Node) -> Result<(), StepError> {
        if self.who == Who::Others || ctx.facts().get(&BACKED_UP).is_some() {
            return Ok(());
        }
        let Some(action) = self.backup(member) else {
            return Ok(());
        };
        if let Reply::Command(told) = ctx.send(&action).await?
            && told.code != Some(0)
        {
            return Err(StepError::Stop(format!(
                "the backup of {member} ended with {:?}; {member} was not started, its data is as the old leader left it. \
                 Mend hooks.backup's command, then retry.",
                told.code
            )));
        }
        ctx.learn(&BACKED_UP, &true)
    }

    async fn bring_back(
        &self,
        ctx: &Context,
        leader: &Node,
        member: &Node,
    ) -> Result<String, StepError> {
        let job = &self.job;
        let began = Instant::now();
        if !job.patroni_runs(ctx, member).await? {
            self.back_up(ctx, member).await?;
            send(ctx, &job.start(member)?).await?;
        }
        if let Some(action) = job.autostart(member, true)? {
            send(ctx, &action).await?;
        }
        let by = follows(ctx, job, leader, member, job.profile.budgets.rejoin).await?;
        let how = match by {
            By::Itself => "",
            By::Reinit => ", made anew",
        };
        Ok(format!(
            "{member} streams after {:.1} s{how}",
            began.elapsed().as_secs_f64()
        ))
    }
}

#[async_trait]
impl Step for Rejoin {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    /// Started again, a member that runs is left alone; whether it follows is asked anew.
    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let members = self.members(facts);
        let action = |member: &Node| {
            let backup = self.backup(member).filter(|_| self.who == Who::OldLeader);
            backup.into_iter().chain(self.job.start(member).ok())
        };
        members.iter().flat_map(action).collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let leader = self.job.held();
        let members = self.members(&ctx.facts());
        let back = members
            .iter()
            .map(|member| self.bring_back(ctx, &leader, member));
        let told = futures_util::future::try_join_all(back).await?;
        ctx.proof(
            true,
            &format!("{}, on {leader}'s timeline", told.join("; ")),
        )?;
        Ok(StepResult::Done(told.join("; ")))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Err(StepError::Stop(
            "a member that follows the new leader stays. Go on with the roll back.".to_owned(),
        ))
    }
}
