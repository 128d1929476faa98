//! Phase 1, and the rounds of checks after it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::checks::{CheckContext, Moment};
use crate::domain::Node;
use crate::procedures::job::{HOST, PORT};
use crate::procedures::{Job, checks};
use crate::runbook::{Context, Reading, Risk, StepError, StepInfo, StepResult};

/// A round of checks; one that blocks stops the run.
pub struct Checks {
    job: Arc<Job>,
    moment: Moment,
    info: StepInfo,
}

impl Checks {
    /// The checks that need nothing but BLUE.
    #[must_use]
    pub fn preflight(job: &Arc<Job>) -> Self {
        let why = "What would lose data or cause an outage later is found now. Nothing is changed.";
        Self::new(
            job,
            Moment::Preflight,
            StepInfo::new("preflight.checks", "Ask the pre-flight checks", why),
        )
    }

    /// The checks that look at GREEN before its link is enabled.
    #[must_use]
    pub fn green_built(job: &Arc<Job>) -> Self {
        let why = "GREEN was made from a snapshot and upgraded; what must hold before it may replicate is asked now.";
        Self::new(
            job,
            Moment::GreenBuilt,
            StepInfo::new("catch-up.checks", "Check GREEN", why),
        )
    }

    fn new(job: &Arc<Job>, moment: Moment, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            moment,
            info: info.risk(Risk::ReadOnly),
        }
    }
}

#[async_trait]
impl Reading for Checks {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn read(&self, ctx: &Context) -> Result<StepResult, StepError> {
        for node in [Node::blue(), Node::green()] {
            if let Some((host, port)) = ctx.world.databases.address(&node) {
                ctx.learn(&HOST.of(node.as_str()), &host)?;
                ctx.learn(&PORT.of(node.as_str()), &port)?;
            }
        }
        let facts = ctx.facts();
        let asked = CheckContext {
            replication_password: self.job.replication_password.as_ref(),
            run_dir: self.job.dir.as_deref(),
            ..CheckContext::of_step(ctx, self.job.profile.as_ref(), &facts, self.moment)
        };
        checks::ask(ctx, &asked).await
    }
}
