//! Phase 1: who is who is written down, then the checks are asked.

use std::sync::Arc;

use async_trait::async_trait;

use super::job::{BLUE_IS, SLOT_BEFORE, SYSTEM, TIMELINE, VipJob};
use super::server::Found;
use crate::checks::{CheckContext, Moment};
use crate::domain::{Node, Sql};
use crate::procedures::checks;
use crate::runbook::{Context, Reading, Risk, StepError, StepInfo, StepResult};

/// The pre-flight.
pub struct Preflight {
    job: Arc<VipJob>,
    info: StepInfo,
}

impl Preflight {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<VipJob>) -> Self {
        let why = "What would lose data or cause an outage later is found now. Which server is the primary is asked, and \
                   written down: it stays BLUE for all of the run. Nothing is changed.";
        Self {
            job: Arc::clone(job),
            info: StepInfo::new("preflight.checks", "Ask the pre-flight checks", why)
                .risk(Risk::ReadOnly),
        }
    }

    async fn remember(&self, ctx: &Context) -> Result<(), StepError> {
        let (blue, green) = (Node::blue(), Node::green());
        let found = self.job.look(&ctx.world, &blue).await?;
        let state = match found {
            Found::Serving(state) if !state.standby => state,
            found => {
                return Err(StepError::Stop(format!(
                    "{} was the primary and is {} now. Nothing was changed: begin a new run.",
                    self.job.told(&blue),
                    found.words()
                )));
            }
        };
        ctx.learn(&BLUE_IS, &self.job.blue)?;
        ctx.learn(&SYSTEM, &state.system)?;
        ctx.learn(&TIMELINE.of(blue.as_str()), &state.timeline)?;
        let slot = Sql::new("SELECT current_setting('primary_slot_name') AS slot");
        let rows = ctx.read(&self.job.place(&green), &slot).await?;
        ctx.learn(
            &SLOT_BEFORE.of(green.as_str()),
            &rows.one()?.get::<String>("slot")?,
        )
    }
}

#[async_trait]
impl Reading for Preflight {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn read(&self, ctx: &Context) -> Result<StepResult, StepError> {
        self.remember(ctx).await?;
        let facts = ctx.facts();
        let asked = CheckContext {
            run_dir: self.job.dir.as_deref(),
            ..CheckContext::of_step(ctx, self.job.profile.as_ref(), &facts, Moment::Preflight)
        };
        checks::ask(ctx, &asked).await
    }
}
