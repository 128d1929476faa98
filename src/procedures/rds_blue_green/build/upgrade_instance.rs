use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::ours::{made_by, not_ours};
use super::upgrade::wait_for_upgrade;
use super::wait::{Described, find};
use crate::ports::{Instance, InstanceChange};
use crate::profile::BlueGreen;
use crate::runbook::{
    Action, Context, Facts, Probe, RdsCall, Reply, Step, StepError, StepInfo, StepResult,
};

/// `build.upgrade-instance`.
pub(super) struct UpgradeInstance {
    profile: Arc<BlueGreen>,
    info: StepInfo,
}

impl UpgradeInstance {
    pub(super) fn new(profile: &Arc<BlueGreen>) -> Self {
        let target = &profile.green.engine_version;
        let info = StepInfo::new(
            "build.upgrade-instance",
            &format!("Upgrade GREEN to PostgreSQL {target}"),
            "GREEN was restored at BLUE's version, its start LSN is known and it holds neither slots nor prepared \
             transactions. A failed upgrade is shown as available with the old version, so the version is what counts.",
        )
        .planned(Duration::from_secs(900));
        Self {
            profile: Arc::clone(profile),
            info,
        }
    }

    fn name(&self) -> &str {
        &self.profile.green.address.identifier
    }

    fn upgrade(&self) -> Action {
        Action::rds(RdsCall::ModifyInstance {
            instance: self.name().to_owned(),
            change: InstanceChange {
                engine_version: Some(self.profile.green.engine_version.clone()),
                parameter_group: self.profile.green.parameter_group.clone(),
                ..InstanceChange::default()
            },
        })
    }

    fn is_through(&self, green: &Instance) -> bool {
        green.status == "available" && green.engine_version == self.profile.green.engine_version
    }

    fn done(&self) -> StepResult {
        let target = &self.profile.green.engine_version;
        StepResult::Done(format!("{} is PostgreSQL {target}", self.name()))
    }
}

#[async_trait]
impl Step for UpgradeInstance {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let Some(found) = find::<Instance>(ctx, self.name()).await? else {
            return Ok(Probe::NotApplied);
        };
        Ok(match found.status.as_str() {
            _ if self.is_through(&found) => Probe::Applied,
            "available" => Probe::NotApplied,
            "upgrading"
            | "modifying"
            | "backing-up"
            | "rebooting"
            | "configuring-enhanced-monitoring" => Probe::Partial(found.progress().text),
            _ => Probe::Unknown(found.progress().text),
        })
    }

    fn actions(&self, _: &Facts) -> Vec<Action> {
        vec![self.upgrade()]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        if ctx.is_dry_run() {
            ctx.send(&self.upgrade()).await?;
            return Ok(StepResult::Skipped("a dry run upgrades nothing".to_owned()));
        }
        let found = ctx.rds()?.instance(self.name()).await?;
        if made_by(&found.tags) != Some(&ctx.run) {
            let why = not_ours("instance", self.name(), &found.tags, &ctx.run);
            return Err(StepError::Stop(why));
        }
        if self.is_through(&found) {
            return Ok(self.done());
        }
        let mut begun = found.status != "available";
        if !begun && let Reply::Instance(now) = ctx.send(&self.upgrade()).await? {
            begun = now.status != "available";
        }
        wait_for_upgrade::<Instance>(ctx, &self.profile, self.name(), begun).await?;
        Ok(self.done())
    }

    /// An instance has no way back to its old version: undoing the restore deletes it.
    async fn undo(&self, _: &Context) -> Result<(), StepError> {
        Ok(())
    }
}
