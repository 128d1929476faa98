use std::sync::Arc;

use async_trait::async_trait;

use super::job::{DEPLOY_COMMAND, Job};
use super::sight::relied_on;
use crate::checks::{CheckContext, Moment};
use crate::procedures::checks;
use crate::runbook::{Context, Reading, Risk, StepError, StepInfo, StepResult, Undo};

/// The pre-flight checks, and who leads.
pub struct Checks {
    job: Arc<Job>,
    info: StepInfo,
}

impl Checks {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let why =
            "What would lose data, fail later or undo the hold is found now. Nothing is changed.";
        let info = StepInfo::new("preflight.checks", "Ask the pre-flight checks", why);
        Self {
            job: Arc::clone(job),
            info: info
                .risk(Risk::ReadOnly)
                .undo(Undo::Reversible, super::FREE),
        }
    }
}

#[async_trait]
impl Reading for Checks {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn read(&self, ctx: &Context) -> Result<StepResult, StepError> {
        if let Some(argv) = &self.job.deploy {
            // A run that is taken up is not told again.
            ctx.learn(&DEPLOY_COMMAND, argv)?;
        }
        relied_on(ctx, &self.job).await?;
        let facts = ctx.facts();
        let asked = CheckContext {
            run_dir: self.job.dir.as_deref(),
            ..CheckContext::of_step(ctx, self.job.profile.as_ref(), &facts, Moment::Preflight)
        };
        checks::ask(ctx, &asked).await
    }
}
