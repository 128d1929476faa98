use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::ours::{made_by, not_ours, snapshot_name};
use super::upgrade::wait_for_upgrade;
use super::wait::Described;
use crate::ports::Snapshot;
use crate::procedures::Job;
use crate::profile::BlueGreen;
use crate::runbook::{
    Action, Context, Facts, Probe, RdsCall, Reply, Step, StepError, StepInfo, StepResult,
};

/// `build.upgrade-snapshot`.
pub(super) struct UpgradeSnapshot {
    profile: Arc<BlueGreen>,
    run: String,
    info: StepInfo,
}

impl UpgradeSnapshot {
    pub(super) fn new(job: &Job) -> Self {
        let target = &job.profile.green.engine_version;
        let info = StepInfo::new(
            "build.upgrade-snapshot",
            &format!("Upgrade the snapshot to PostgreSQL {target}"),
            "RDS recovers the snapshot, which writes the \"redo done\" line we need, and runs pg_upgrade on it. A \
             failed upgrade is shown as available with the old version, so the version is what counts.",
        )
        .planned(Duration::from_secs(900));
        Self {
            profile: Arc::clone(&job.profile),
            run: job.run.clone(),
            info,
        }
    }

    fn upgrade(&self, snapshot: &str) -> Action {
        Action::rds(RdsCall::UpgradeSnapshot {
            snapshot: snapshot.to_owned(),
            engine_version: self.profile.green.engine_version.clone(),
        })
    }

    fn is_through(&self, snapshot: &Snapshot) -> bool {
        snapshot.status == "available"
            && snapshot.engine_version == self.profile.green.engine_version
    }

    fn done(&self, name: &str) -> StepResult {
        let target = &self.profile.green.engine_version;
        StepResult::Done(format!("snapshot {name} is PostgreSQL {target}"))
    }
}

#[async_trait]
impl Step for UpgradeSnapshot {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let name = snapshot_name(&self.profile, &ctx.run);
        let Some(found) = super::wait::find::<Snapshot>(ctx, &name).await? else {
            return Ok(Probe::NotApplied);
        };
        Ok(match found.status.as_str() {
            _ if self.is_through(&found) => Probe::Applied,
            "available" => Probe::NotApplied,
            "upgrading" => Probe::Partial(found.progress().text),
            _ => Probe::Unknown(found.progress().text),
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        vec![self.upgrade(&snapshot_name(&self.profile, &self.run))]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let name = snapshot_name(&self.profile, &ctx.run);
        if ctx.is_dry_run() {
            ctx.send(&self.upgrade(&name)).await?;
            return Ok(StepResult::Skipped("a dry run upgrades nothing".to_owned()));
        }
        let found = ctx.rds()?.snapshot(&name).await?;
        if made_by(&found.tags) != Some(&ctx.run) {
            let why = not_ours("snapshot", &name, &found.tags, &ctx.run);
            return Err(StepError::Stop(why));
        }
        if self.is_through(&found) {
            return Ok(self.done(&name));
        }
        let mut begun = found.status != "available";
        if !begun && let Reply::Snapshot(now) = ctx.send(&self.upgrade(&name)).await? {
            begun = now.status != "available";
        }
        wait_for_upgrade::<Snapshot>(ctx, &self.profile, &name, begun).await?;
        Ok(self.done(&name))
    }

    /// A snapshot has no way back to its old version: undoing the step that took it deletes it.
    async fn undo(&self, _: &Context) -> Result<(), StepError> {
        Ok(())
    }
}
