use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::hold::must_be_held;
use super::job::{Job, POINT, POINTS, Point, TIMELINE};
use super::sight::{Server, Sight, relied_on, server};
use crate::domain::{Lsn, Node, Sql};
use crate::runbook::{
    Action, Context, Facts, Probe, Progress, Reply, Step, StepError, StepInfo, StepResult,
};

/// A checkpoint writes everything out: on a busy server that takes its time.
const CHECKPOINT: Duration = Duration::from_secs(1800);

/// Checkpoints on the leader, then on the others: the place where `pg_rewind` begins is then close to the point.
pub struct Checkpoints {
    job: Arc<Job>,
    info: StepInfo,
}

/// Makes the restore point between two commits that the held member must not replay.
pub struct Mark {
    job: Arc<Job>,
    info: StepInfo,
}

impl Checkpoints {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    fn actions_for(&self, facts: &Facts) -> Vec<Action> {
        let leader = self.job.leader(facts);
        let members = [leader].into_iter().chain(self.job.others(facts));
        members
            .map(|member| checkpoint(&self.job, &member))
            .collect()
    }
}

/// A checkpoint on a member's server.
pub(super) fn checkpoint(job: &Job, member: &Node) -> Action {
    Action::sql(&job.server(member), Sql::new("CHECKPOINT")).within(CHECKPOINT)
}

#[async_trait]
impl Step for Checkpoints {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    /// Again does no harm.
    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        self.actions_for(facts)
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        relied_on(ctx, &self.job).await?;
        let sight = Sight::take(ctx, &self.job).await;
        let mut silent = Vec::new();
        for action in self.actions_for(&ctx.facts()) {
            let up = matches!(&action.target, crate::runbook::Target::Database(at) if sight.server(&at.node).is_some());
            if up {
                ctx.send(&action).await?;
            } else {
                silent.push(action.target.to_string());
            }
        }
        Ok(if silent.is_empty() {
            StepResult::Done("leader first, then the others".to_owned())
        } else {
            StepResult::Warning(format!(
                "{} did not answer: without it pg_rewind may not do there",
                silent.join(", ")
            ))
        })
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl Mark {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    fn barrier(&self, leader: &Node) -> Action {
        let sql = Sql::new(include_str!("../../../assets/sql/guard/barrier.sql"));
        Action::sql(&self.job.server(leader), sql)
    }

    fn restore_point(&self, leader: &Node, name: &str) -> Action {
        let sql = Sql::new(include_str!("../../../assets/sql/guard/restore_point.sql"))
            .literal("name", name);
        Action::sql(&self.job.server(leader), sql)
    }

    async fn commit(&self, ctx: &Context, leader: &Node) -> Result<u64, StepError> {
        match ctx.send(&self.barrier(leader)).await? {
            Reply::Rows(rows) => Ok(rows.one()?.get("xid")?),
            _ => Ok(0),
        }
    }
}

/// Where the held member stands towards the point.
pub(super) fn standing(held: &Server, point: Lsn) -> Result<(), String> {
    match (held.received, held.replayed) {
        (_, Some(replayed)) if replayed >= point => Err(format!(
            "it has replayed up to {replayed}, past the point {point}"
        )),
        (Some(received), _) if received >= point => Ok(()),
        (received, _) => Err(format!(
            "it has received up to {}, the point is {point}",
            received.map_or_else(|| "nothing".to_owned(), |lsn| lsn.to_string())
        )),
    }
}

#[async_trait]
impl Step for Mark {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let Some(point) = ctx.facts().get(&POINT) else {
            // A point whose answer was lost has a name that is not used again.
            return Ok(Probe::NotApplied);
        };
        let held = self.job.held();
        let seen = server(ctx.world.databases.as_ref(), &self.job.server(&held)).await?;
        Ok(match standing(&seen, point.lsn) {
            Ok(()) => Probe::Applied,
            Err(why) => Probe::Unknown(format!("{held}: {why}")),
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let leader = self.job.leader(facts);
        let name = self.job.point_name(facts.get(&POINTS).unwrap_or(0) + 1);
        vec![
            self.barrier(&leader),
            self.restore_point(&leader, &name),
            self.barrier(&leader),
        ]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let (job, held) = (&self.job, self.job.held());
        let leader = relied_on(ctx, job).await?;
        must_be_held(ctx, job).await?;
        let attempt = ctx.facts().get(&POINTS).unwrap_or(0) + 1;
        ctx.learn(&POINTS, &attempt)?;
        let name = job.point_name(attempt);
        // The delay holds commits only: without one before the point an idle cluster's replica replays past it.
        self.commit(ctx, &leader).await?;
        let made = match ctx.send(&self.restore_point(&leader, &name)).await? {
            Reply::Rows(rows) => rows.one()?.get("lsn")?,
            _ => Lsn::default(),
        };
        // And one behind it: a member that stood at the point and goes back to the hold stops there.
        let next_xid = self.commit(ctx, &leader).await?;
        let point = Point {
            name,
            lsn: made,
            timeline: ctx.known(&TIMELINE)?,
            next_xid,
            at: Timestamp::now(),
        };
        let what = format!("{held} to receive the restore point");
        let limit = job.profile.budgets.hold;
        ctx.wait_for(&what, Duration::from_millis(100), limit, || async {
            let seen = server(ctx.world.databases.as_ref(), &job.server(&held)).await?;
            match standing(&seen, point.lsn) {
                Ok(()) => Ok(Ok(())),
                Err(why) if seen.replayed.is_some_and(|at| at >= point.lsn) => Err(StepError::Stop(format!(
                    "{held}: {why}: it is not held. Do not begin the deployment; take the run back."
                ))),
                Err(why) => Ok(Err(Progress::seen(format!("{held}: {why}")))),
            }
        })
        .await?;
        must_be_held(ctx, job).await?;
        ctx.learn(&POINT, &point)?;
        let text = format!(
            "{held} has {} at {} and stops before it",
            point.name, point.lsn
        );
        ctx.proof(true, &text)?;
        Ok(StepResult::Done(text))
    }

    /// A restore point is a name in the log: it stays, and means nothing any more.
    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        ctx.forget(&POINT)
    }
}
