use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::facts::{BLUE_INSTANCE, GREEN_HOST, GREEN_PORT, GREEN_RESOURCE};
use super::ours::{made_by, not_ours, snapshot_name};
use super::restore_request::restore_request;
use super::route::Way;
use super::wait::{Described, find, poll_every, until, until_gone};
use crate::domain::Node;
use crate::ports::{Instance, InstanceChange, RdsErrorKind};
use crate::procedures::Job;
use crate::profile::BlueGreen;
use crate::runbook::{
    Action, Context, Facts, Probe, RdsCall, Step, StepError, StepInfo, StepResult,
};

/// `build.restore`.
pub(super) struct RestoreGreen {
    profile: Arc<BlueGreen>,
    run: String,
    way: Way,
    info: StepInfo,
}

impl RestoreGreen {
    pub(super) fn new(job: &Job, way: Way) -> Self {
        let info = StepInfo::new(
            "build.restore",
            "Restore GREEN from the snapshot",
            "A new instance comes up beside BLUE, with BLUE's settings where the profile is silent: class, network, \
             storage, log exports. Nobody is sent to it; it is fenced before anything else.",
        )
        .planned(Duration::from_secs(900));
        Self {
            profile: Arc::clone(&job.profile),
            run: job.run.clone(),
            way,
            info,
        }
    }

    fn name(&self) -> &str {
        &self.profile.green.address.identifier
    }

    fn restore(&self, blue: &Instance) -> Action {
        let snapshot = snapshot_name(&self.profile, &self.run);
        let request = restore_request(&self.profile, self.way, blue, &snapshot, &self.run);
        let mut undo = Vec::new();
        if request.deletion_protection {
            undo.push(self.unprotect());
        }
        undo.push(self.delete());
        Action::rds(RdsCall::Restore(Box::new(request))).undone_by(undo)
    }

    fn unprotect(&self) -> Action {
        self.modify(InstanceChange {
            deletion_protection: Some(false),
            ..InstanceChange::default()
        })
    }

    fn delete(&self) -> Action {
        Action::rds(RdsCall::DeleteInstance {
            instance: self.name().to_owned(),
            final_snapshot: None,
        })
    }

    /// What BLUE has and a restore cannot be given.
    fn complete(&self, blue: &Instance) -> Option<Action> {
        let window = Some(blue.maintenance_window.clone()).filter(|window| !window.is_empty());
        let change = InstanceChange {
            max_allocated_gib: blue.max_allocated_gib,
            maintenance_window: window,
            ..InstanceChange::default()
        };
        (change != InstanceChange::default()).then(|| self.modify(change))
    }

    fn modify(&self, change: InstanceChange) -> Action {
        Action::rds(RdsCall::ModifyInstance {
            instance: self.name().to_owned(),
            change,
        })
    }

    /// Where the tool reaches GREEN: the profile's word, else RDS's.
    fn address(&self, green: &Instance) -> Option<(String, u16)> {
        let overrides = &self.profile.green.address;
        let (host, port) = green.endpoint.clone().unzip();
        Some((overrides.host.clone().or(host)?, overrides.port.or(port)?))
    }

    async fn available(&self, ctx: &Context, what: &str) -> Result<Instance, StepError> {
        let times = (poll_every(&self.profile), self.profile.budgets.restore);
        until::<Instance, _>(ctx, self.name(), what, times, |seen| {
            Ok(if seen.status == "available" && seen.endpoint.is_some() {
                Ok(seen)
            } else {
                Err(seen.progress())
            })
        })
        .await
    }

    /// The instance of GREEN's name when this run made it; refuses one of somebody else.
    async fn adopted(&self, ctx: &Context) -> Result<Option<Instance>, StepError> {
        match find::<Instance>(ctx, self.name()).await? {
            Some(found) if made_by(&found.tags) != Some(&ctx.run) => Err(StepError::Stop(
                not_ours("instance", self.name(), &found.tags, &ctx.run),
            )),
            found => Ok(found),
        }
    }

    async fn blue(&self, ctx: &Context) -> Result<Instance, StepError> {
        match ctx.facts().get(&BLUE_INSTANCE) {
            Some(blue) => Ok(blue),
            None => Ok(ctx.rds()?.instance(&self.profile.blue.identifier).await?),
        }
    }

    fn learn_address(&self, ctx: &Context, green: &Instance) -> Result<(), StepError> {
        let Some((host, port)) = self.address(green) else {
            return Err(StepError::Stop(format!(
                "RDS names no endpoint of {}; set host and port of GREEN in the profile",
                self.name()
            )));
        };
        ctx.world.databases.set_address(&Node::green(), &host, port);
        ctx.learn(&GREEN_HOST, &host)?;
        ctx.learn(&GREEN_PORT, &port)?;
        ctx.learn(&GREEN_RESOURCE, &green.resource_id)
    }

    fn result(&self, green: &Instance) -> StepResult {
        let seen = format!(
            "{} is available, PostgreSQL {}, parameter group {}",
            self.name(),
            green.engine_version,
            green.parameter_group
        );
        if green.parameter_apply_status == "pending-reboot" {
            return StepResult::Warning(format!(
                "{seen}; the group's static parameters wait for a reboot of GREEN"
            ));
        }
        StepResult::Done(seen)
    }
}

#[async_trait]
impl Step for RestoreGreen {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let Some(found) = find::<Instance>(ctx, self.name()).await? else {
            return Ok(Probe::NotApplied);
        };
        if made_by(&found.tags) != Some(&ctx.run) {
            let why = not_ours("instance", self.name(), &found.tags, &ctx.run);
            return Ok(Probe::Unknown(why));
        }
        let known = ctx.facts().get(&GREEN_HOST).is_some();
        Ok(if found.status == "available" && known {
            self.learn_address(ctx, &found)?;
            Probe::Applied
        } else {
            Probe::Partial(found.progress().text)
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let blue = facts.get(&BLUE_INSTANCE);
        let unknown = Instance {
            class: "{class_of_blue}".to_owned(),
            subnet_group: "{subnet_group_of_blue}".to_owned(),
            security_groups: vec!["{security_groups_of_blue}".to_owned()],
            ..Instance::default()
        };
        let blue = blue.unwrap_or(unknown);
        let mut actions = vec![self.restore(&blue)];
        actions.extend(self.complete(&blue));
        actions
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let blue = self.blue(ctx).await?;
        let restore = self.restore(&blue);
        if ctx.is_dry_run() {
            ctx.send(&restore).await?;
            return Ok(StepResult::Skipped("a dry run restores nothing".to_owned()));
        }
        if self.adopted(ctx).await?.is_none() {
            match ctx.send(&restore).await {
                // The first attempt may have come through with its answer lost on the way.
                Err(StepError::Rds(error)) if error.kind == RdsErrorKind::AlreadyExists => {
                    self.adopted(ctx).await?;
                }
                sent => {
                    sent?;
                }
            }
        }
        let mut green = self
            .available(ctx, &format!("instance {} to be available", self.name()))
            .await?;
        let target = &self.profile.green.engine_version;
        if self.way == Way::UpgradeSnapshot && green.engine_version != *target {
            return Err(StepError::Stop(format!(
                "GREEN ({}) came up as PostgreSQL {}, not {target}: the snapshot was not upgraded. BLUE is untouched. \
                 Undo this step and the upgrade of the snapshot, then do them again",
                self.name(),
                green.engine_version
            )));
        }
        let lacks = green.max_allocated_gib != blue.max_allocated_gib
            || green.maintenance_window != blue.maintenance_window;
        if lacks && let Some(complete) = self.complete(&blue) {
            ctx.send(&complete).await?;
            green = self
                .available(
                    ctx,
                    &format!("the settings of {} to be complete", self.name()),
                )
                .await?;
        }
        self.learn_address(ctx, &green)?;
        Ok(self.result(&green))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        if let Some(found) = find::<Instance>(ctx, self.name()).await? {
            if made_by(&found.tags) == Some(&ctx.run) {
                if found.status != "deleting" {
                    if found.deletion_protection {
                        ctx.send(&self.unprotect()).await?;
                    }
                    ctx.send(&self.delete()).await?;
                }
                if !ctx.is_dry_run() {
                    let times = (poll_every(&self.profile), self.profile.budgets.restore);
                    until_gone::<Instance>(ctx, self.name(), times).await?;
                }
            } else {
                ctx.log(&not_ours("instance", self.name(), &found.tags, &ctx.run));
            }
        }
        ctx.forget(&GREEN_RESOURCE)?;
        ctx.forget(&GREEN_PORT)?;
        ctx.forget(&GREEN_HOST)
    }
}
