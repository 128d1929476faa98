//! Instances: described, changed, upgraded in place, restarted.

use std::sync::Arc;

use super::wire::{ApiError, Params, Xml};
use super::world::World;
use super::{describe, groups, restore, servers};
use crate::rehearsal::{Cluster, RehearsalError, StopMode};

const KIND: &str = "db-instance";

/// `DescribeDBInstances`.
pub fn describe(world: &World, params: &Params) -> Result<Xml, ApiError> {
    let state = world.state();
    let wanted = params
        .opt("DBInstanceIdentifier")
        .map(str::to_ascii_lowercase);
    if let Some(identifier) = &wanted {
        state.instance(identifier)?;
    }
    let shown = state.instances.values().filter(|served| {
        wanted
            .as_ref()
            .is_none_or(|id| *id == served.told.identifier)
    });
    let mut xml = Xml::default();
    xml.list("DBInstances", "DBInstance", shown, |xml, served| {
        describe::instance(xml, &served.told);
    });
    Ok(xml)
}

/// One instance, as most actions answer.
pub fn one(world: &World, identifier: &str) -> Result<Xml, ApiError> {
    let state = world.state();
    let served = state.instance(identifier)?;
    let mut xml = Xml::default();
    xml.element("DBInstance", |xml| describe::instance(xml, &served.told));
    Ok(xml)
}

/// `ModifyDBInstance`: an upgrade in place, a parameter group, retention, deletion protection.
pub fn modify(world: &Arc<World>, params: &Params) -> Result<Xml, ApiError> {
    let identifier = params.identifier("DBInstanceIdentifier")?;
    let told = world.state().available(&identifier)?.told.clone();
    let target = params
        .opt("EngineVersion")
        .filter(|v| *v != told.engine_version);
    let group = params.opt("DBParameterGroupName").map(str::to_owned);
    if let Some(target) = target {
        world.check_upgrade(&told.engine_version, target)?;
        if params.flag("AllowMajorVersionUpgrade") != Some(true) {
            return Err(ApiError::combination(
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
            ));
        }
    }
    if let Some(group) = &group {
        world.check_group(group, target.unwrap_or(&told.engine_version))?;
    }
    let retention = params.number("BackupRetentionPeriod")?;
    let protection = params.flag("DeletionProtection");
    let at_once = params.flag("ApplyImmediately") == Some(true);
    world.tell(&identifier, |i| {
        i.deletion_protection = protection.unwrap_or(i.deletion_protection);
        i.backup_retention_days = retention.unwrap_or(i.backup_retention_days);
        if target.is_some() && !at_once {
            i.pending_changes = vec!["EngineVersion".to_owned()];
        }
    });
    match target.filter(|_| at_once) {
        Some(target) => {
            let group = group.unwrap_or_else(|| format!("default.{}", groups::family(target)));
            begin_upgrade(world, &identifier, target, group);
        }
        None => world.tell(&identifier, |i| {
            if let Some(group) = group.filter(|group| *group != i.parameter_group) {
                i.parameter_group = group;
                // Static parameters wait for a restart.
                "pending-reboot".clone_into(&mut i.parameter_apply_status);
            }
        }),
    }
    one(world, &identifier)
}

fn begin_upgrade(world: &Arc<World>, identifier: &str, target: &str, group: String) {
    let (again, identifier, target) = (Arc::clone(world), identifier.to_owned(), target.to_owned());
    world.spawn(async move {
        let world = again;
        world.pause().await;
        world.tell(&identifier, |i| "upgrading".clone_into(&mut i.status));
        world.pause().await;
        let upgraded = upgrade(&world, &identifier, &target, &group).await;
        let message = match &upgraded {
            Ok(()) => format!("Finished upgrading the DB engine version to {target}"),
            Err(error) => {
                let report = world
                    .instance_dir(&identifier)
                    .join("log/error/pg_upgrade_precheck.log");
                let _ = std::fs::write(report, format!("{error}\n"));
                format!("Database instance is in a state that cannot be upgraded: {error}")
            }
        };
        world.event(KIND, &identifier, message);
        world.tell(&identifier, |i| {
            "available".clone_into(&mut i.status);
            if upgraded.is_ok() {
                i.engine_version = target;
                i.parameter_group = group;
            }
        });
    });
}

/// Upgrades a server in place. When it cannot be done, the server is started again at its old version.
async fn upgrade(
    world: &World,
    identifier: &str,
    target: &str,
    group: &str,
) -> Result<(), RehearsalError> {
    let slot = world
        .state()
        .instances
        .get(identifier)
        .map(|s| Arc::clone(&s.cluster));
    let new = world.install(target);
    let (Some(slot), Some(new)) = (slot, new) else {
        return Err(RehearsalError::Unusable(
            "the instance or version is gone".to_owned(),
        ));
    };
    let mut held = slot.lock().await;
    let Some(cluster) = held.as_mut() else {
        return Err(RehearsalError::Unusable(
            "the instance has no server".to_owned(),
        ));
    };
    refuse_slots(cluster).await?;
    cluster.stop(StopMode::Fast).await?;
    let old = cluster.install().clone();
    let result = servers::upgrade(world, cluster.dir(), &old, new, group).await;
    if result.is_err() {
        cluster.start_again().await?;
        return result;
    }
    let (dir, port) = (cluster.dir().to_owned(), cluster.port());
    let upgraded = servers::builder(world, new, &dir, identifier, group)
        .port(port)
        .start()
        .await?;
    let cluster = held.insert(upgraded);
    let endpoint = restore::endpoint(cluster);
    world.tell(identifier, |i| i.endpoint = Some(endpoint));
    Ok(())
}

/// RDS refuses a major upgrade while there are logical slots or prepared transactions.
async fn refuse_slots(cluster: &Cluster) -> Result<(), RehearsalError> {
    let blocked = cluster
        .value(
            "postgres",
            "SELECT string_agg(what, ', ') FROM (\
             SELECT 'logical replication slot ' || slot_name AS what FROM pg_replication_slots WHERE slot_type = 'logical' \
             UNION ALL SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts) AS blocking",
        )
        .await?;
    if blocked.is_empty() {
        return Ok(());
    }
    Err(RehearsalError::Unusable(format!(
        "the instance could not be upgraded because of: {blocked}. Drop them and try the upgrade again"
    )))
}

/// `RebootDBInstance`: the parameter group's static values take effect.
pub fn reboot(world: &Arc<World>, params: &Params) -> Result<Xml, ApiError> {
    let identifier = params.identifier("DBInstanceIdentifier")?;
    let served = world.state().available(&identifier)?.clone();
    world.tell(&identifier, |i| "rebooting".clone_into(&mut i.status));
    let again = Arc::clone(world);
    world.spawn(async move {
        let (world, identifier) = (again, &served.told.identifier);
        world.pause().await;
        let mut held = served.cluster.lock().await;
        let restarted = match held.as_mut() {
            Some(cluster) => {
                let group = &served.told.parameter_group;
                for (name, value) in groups::settings(&world.settings.installs, group) {
                    cluster.set(&name, &value);
                }
                cluster.restart(StopMode::Fast).await
            }
            None => Ok(()),
        };
        let endpoint = held.as_ref().map(restore::endpoint);
        world.tell(identifier, |i| {
            i.endpoint = endpoint;
            "in-sync".clone_into(&mut i.parameter_apply_status);
            let status = if restarted.is_ok() {
                "available"
            } else {
                "incompatible-parameters"
            };
            status.clone_into(&mut i.status);
        });
        let message = match restarted {
            Ok(()) => "DB instance restarted".to_owned(),
            Err(error) => format!("The restart failed: {error}"),
        };
        world.event(KIND, identifier, message);
    });
    one(world, &params.identifier("DBInstanceIdentifier")?)
}
