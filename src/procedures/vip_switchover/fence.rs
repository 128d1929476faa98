//! Where the old host cannot be reached: nothing is promoted before the operator has had it fenced.
//!
//! The step is part of a run only while that is so: what is out of reach may be alive, and serve.

use std::sync::Arc;

use async_trait::async_trait;

use super::job::{FENCED, VipJob};
use super::server::{Found, send};
use crate::domain::Node;
use crate::runbook::{Action, Context, Facts, Probe, Step, StepError, StepInfo, StepResult};

/// Makes sure that a host which cannot be reached is dead.
pub struct Fence {
    job: Arc<VipJob>,
    node: Node,
    info: StepInfo,
}

impl Fence {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, node: Node, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            node,
            info,
        }
    }

    fn action(&self) -> Option<Action> {
        let hook = self.job.profile.hooks.fence.as_ref();
        self.job.hook_action(hook, &self.node)
    }
}

#[async_trait]
impl Step for Fence {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let fenced = ctx.facts().get(&FENCED.of(self.node.as_str())) == Some(true);
        let found = self.job.look(&ctx.world, &self.node).await?;
        Ok(match found {
            Found::OutOfReach(_) if fenced => Probe::Applied,
            Found::OutOfReach(_) => Probe::NotApplied,
            found => Probe::Unknown(format!(
                "{} can be reached again: it is {}. It is not fenced; park the run and resume it.",
                self.job.told(&self.node),
                found.words()
            )),
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.action().into_iter().collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let told = self.job.told(&self.node);
        let Some(action) = self.action() else {
            return Err(StepError::Stop(format!(
                "the profile names no [hooks.fence], and {told} is not taken for dead on somebody's word. Nothing was \
                 promoted. Bring its host back, or begin anew with a profile that has the hook."
            )));
        };
        send(ctx, &action).await?;
        ctx.proof(true, &format!("the fencing hook says that {told} is dead"))?;
        ctx.learn(&FENCED.of(self.node.as_str()), &true)?;
        Ok(StepResult::Warning(format!(
            "{told} is fenced; commits that the other side had not received are lost once it is promoted"
        )))
    }

    /// What the hook did is for whoever runs the host to take back.
    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        ctx.forget(&FENCED.of(self.node.as_str()))
    }
}
