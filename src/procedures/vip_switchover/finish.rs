//! The ends of a run: pools told, and no slot left that keeps WAL for nobody.

use std::sync::Arc;

use async_trait::async_trait;

use super::job::{SLOT_BEFORE, VipJob, other};
use super::prepare::drop_slot;
use super::server::send;
use crate::domain::{Node, Sql};
use crate::runbook::{
    Action, Context, FactKey, Facts, Probe, Step, StepError, StepInfo, StepResult,
};

/// Set once the pools have been told of a side.
const TOLD: FactKey<bool> = FactKey::new("pools_told");

/// Has pools reconnect: their idle sessions are to a server that is gone.
pub struct Reconnect {
    tell: Action,
    to: Node,
    info: StepInfo,
}

impl Reconnect {
    /// The step; `None` where the profile names no hook.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, to: Node, info: StepInfo) -> Option<Self> {
        let tell = job.hook_action(job.profile.hooks.reconnect.as_ref(), &to)?;
        Some(Self { tell, to, info })
    }
}

#[async_trait]
impl Step for Reconnect {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let told = ctx.facts().get(&TOLD.of(self.to.as_str())) == Some(true);
        Ok(if told {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        vec![self.tell.clone()]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        if let Err(error) = send(ctx, &self.tell).await {
            if matches!(error, StepError::Cancelled | StepError::Journal(_)) {
                return Err(error);
            }
            return Ok(StepResult::Warning(format!(
                "the pools may not have been told: {error}"
            )));
        }
        ctx.learn(&TOLD.of(self.to.as_str()), &true)?;
        Ok(StepResult::Done("pools told to reconnect".to_owned()))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        ctx.forget(&TOLD.of(self.to.as_str()))
    }
}

/// Drops, on a side that follows now, the slots by which it was followed.
pub struct DropOldSlots {
    job: Arc<VipJob>,
    node: Node,
    info: StepInfo,
}

impl DropOldSlots {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, node: Node, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            node,
            info,
        }
    }

    /// Ours, and the one the other side named when the run began.
    fn names(&self, facts: &Facts) -> Vec<String> {
        let follower = other(&self.node);
        let before = facts
            .get(&SLOT_BEFORE.of(follower.as_str()))
            .filter(|slot| !slot.is_empty());
        let mut names = vec![self.job.slot(&follower)];
        names.extend(before);
        names.dedup();
        names
    }

    async fn there(&self, ctx: &Context) -> Result<Vec<String>, StepError> {
        let sql = Sql::new(
            "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT active AND slot_name = ANY ({slots})",
        );
        let sql = sql.literals("slots", &self.names(&ctx.facts()));
        let rows = ctx.read(&self.job.place(&self.node), &sql).await?;
        rows.iter().map(|row| Ok(row.get("slot_name")?)).collect()
    }
}

#[async_trait]
impl Step for DropOldSlots {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        Ok(if self.there(ctx).await?.is_empty() {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let names = self.names(facts);
        names
            .iter()
            .map(|slot| drop_slot(&self.job, &self.node, slot))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let there = self.there(ctx).await?;
        for slot in &there {
            ctx.send(&drop_slot(&self.job, &self.node, slot)).await?;
        }
        Ok(StepResult::Done(format!(
            "no slot on {} keeps WAL for nobody",
            self.job.told(&self.node)
        )))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Err(StepError::Stop(
            "the slots are gone; the next run makes its own".to_owned(),
        ))
    }
}
