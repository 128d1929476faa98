//! Phase 4: what an upgrade leaves undone on GREEN, done while nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{Node, Place, Sql};
use crate::procedures::Job;
use crate::runbook::{
    Action, Context, FactKey, Facts, Probe, Step, StepError, StepInfo, StepResult,
};

const MAINTAINED: FactKey<bool> = FactKey::new("maintained");
const ANALYZE_LIMIT: Duration = Duration::from_secs(4 * 3600);

/// Extension updates and statistics.
pub struct Maintain {
    job: Arc<Job>,
    info: StepInfo,
}

impl Maintain {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "catch-up.maintain",
            "Update extensions, analyze GREEN",
            "An upgrade leaves extensions at their old version and, before 18, no statistics: without ANALYZE the first \
             minutes in service would run on guesses.",
        );
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    fn analyze(at: &Place) -> Action {
        Action::sql(at, Sql::new("ANALYZE")).within(ANALYZE_LIMIT)
    }

    async fn outdated(ctx: &Context, at: &Place) -> Result<Vec<String>, StepError> {
        let sql = Sql::new(
            "SELECT e.name FROM pg_available_extensions e \
             WHERE e.installed_version IS NOT NULL AND e.installed_version <> e.default_version ORDER BY 1",
        );
        ctx.read(at, &sql)
            .await?
            .iter()
            .map(|row| Ok(row.get("name")?))
            .collect()
    }
}

#[async_trait]
impl Step for Maintain {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let done = ctx.facts().get(&MAINTAINED) == Some(true);
        Ok(if done {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let update = |at: &Place| Action::sql(at, Sql::new("ALTER EXTENSION {outdated} UPDATE"));
        self.job
            .places(&Node::green())
            .iter()
            .flat_map(|at| [update(at), Self::analyze(at)])
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let mut left = Vec::new();
        for at in self.job.places(&Node::green()) {
            for extension in Self::outdated(ctx, &at).await? {
                let update =
                    Sql::new("ALTER EXTENSION {extension} UPDATE").ident("extension", &extension);
                if let Err(error) = ctx.send(&Action::sql(&at, update)).await {
                    if error.outcome_unknown()
                        || matches!(error, StepError::Cancelled | StepError::Journal(_))
                    {
                        return Err(error);
                    }
                    left.push(format!("{extension} in {}: {error}", at.database));
                }
            }
            ctx.progress(&format!("{at}: ANALYZE"), None);
            ctx.send(&Self::analyze(&at)).await?;
        }
        ctx.learn(&MAINTAINED, &true)?;
        Ok(if left.is_empty() {
            StepResult::Done("extensions at their newest version, statistics fresh".to_owned())
        } else {
            StepResult::Warning(format!(
                "statistics fresh; not updated: {}",
                left.join("; ")
            ))
        })
    }

    /// Statistics and newer extensions do no harm; GREEN goes away with the undo of its restore.
    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        ctx.forget(&MAINTAINED)
    }
}
