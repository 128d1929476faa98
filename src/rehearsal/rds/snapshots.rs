//! Snapshots: taken, upgraded, listed, deleted.

use std::sync::Arc;

use jiff::Timestamp;

use super::describe;
use super::servers;
use super::wire::{ApiError, Params, Xml};
use super::world::{Kept, World};
use crate::ports::{Instance, Snapshot, Tags};
use crate::rehearsal::RehearsalError;

const KIND: &str = "db-snapshot";

type Answer = Result<Xml, ApiError>;

/// `CreateDBSnapshot`.
pub fn create(world: &Arc<World>, params: &Params) -> Answer {
    let identifier = params.identifier("DBSnapshotIdentifier")?;
    let instance = params.identifier("DBInstanceIdentifier")?;
    begin(world, &instance, &identifier, params.tags())?;
    let work = take(Arc::clone(world), instance, identifier.clone());
    world.spawn(async move {
        let _ = work.await;
    });
    one(world, &identifier)
}

/// Enters a new snapshot into the world, in `creating`.
pub fn begin(world: &World, instance: &str, identifier: &str, tags: Tags) -> Result<(), ApiError> {
    let mut state = world.state();
    let told = state.available(instance)?.told.clone();
    if state.snapshots.contains_key(identifier) {
        return Err(ApiError::new(
            "DBSnapshotAlreadyExists",
            format!(
                "Cannot create the snapshot because a snapshot with the identifier {identifier} already exists."
            ),
        ));
    }
    let snapshot = Snapshot {
        identifier: identifier.to_owned(),
        instance: instance.to_owned(),
        status: "creating".to_owned(),
        engine_version: told.engine_version.clone(),
        percent: 0,
        created_at: Some(Timestamp::now()),
        encrypted: told.encrypted,
        kms_key: told.kms_key.clone(),
        tags,
    };
    let kept = Kept {
        told: snapshot,
        instance: told,
    };
    state.snapshots.insert(identifier.to_owned(), kept);
    drop(state);
    world.tell(instance, |i| "backing-up".clone_into(&mut i.status));
    Ok(())
}

/// Takes the frozen copy and goes through the states; true when all went well.
pub async fn take(world: Arc<World>, instance: String, identifier: String) -> bool {
    world.event("db-instance", &instance, "Backing up DB instance");
    world.pause().await;
    let copied = copy(&world, &instance, &identifier).await;
    if copied.is_ok() {
        for percent in [40, 80] {
            world.tell_snapshot(&identifier, |s| s.percent = percent);
            world.pause().await;
        }
    }
    world.tell_snapshot(&identifier, |s| {
        let status = if copied.is_ok() {
            "available"
        } else {
            "failed"
        };
        status.clone_into(&mut s.status);
        s.percent = if copied.is_ok() { 100 } else { 0 };
    });
    world.tell(&instance, |i| "available".clone_into(&mut i.status));
    let message = match &copied {
        Ok(()) => "Manual snapshot created".to_owned(),
        Err(error) => format!("The snapshot failed: {error}"),
    };
    world.event(KIND, &identifier, message);
    copied.is_ok()
}

async fn copy(world: &World, instance: &str, identifier: &str) -> Result<(), RehearsalError> {
    let cluster = world
        .state()
        .instances
        .get(instance)
        .map(|s| Arc::clone(&s.cluster));
    let Some(cluster) = cluster else {
        return Err(RehearsalError::Unusable("the instance is gone".to_owned()));
    };
    let cluster = cluster.lock().await;
    let Some(cluster) = cluster.as_ref() else {
        return Err(RehearsalError::Unusable(
            "the instance has no server".to_owned(),
        ));
    };
    world.tell_snapshot(identifier, |s| s.created_at = Some(Timestamp::now()));
    let dir = world.snapshot_dir(identifier);
    servers::remove(&dir);
    servers::frozen_copy(cluster, &dir).await
}

/// `ModifyDBSnapshot`: upgrades a snapshot.
pub fn modify(world: &Arc<World>, params: &Params) -> Answer {
    let identifier = params.identifier("DBSnapshotIdentifier")?;
    let target = params.required("EngineVersion")?.to_owned();
    let kept = world.state().available_snapshot(&identifier)?.clone();
    world.check_upgrade(&kept.told.engine_version, &target)?;
    // The answer, and for a moment every description, still shows the old `available`: an early poll sees it.
    let shown = one(world, &identifier);
    let again = Arc::clone(world);
    world.spawn(async move {
        let world = again;
        world.pause().await;
        world.tell_snapshot(&identifier, |s| "upgrading".clone_into(&mut s.status));
        world.pause().await;
        let upgraded = upgrade(&world, &identifier, &kept, &target).await;
        // A snapshot whose upgrade failed is as it was, old version and all; only an event tells.
        world.tell_snapshot(&identifier, |s| {
            "available".clone_into(&mut s.status);
            if upgraded.is_ok() {
                target.clone_into(&mut s.engine_version);
            }
        });
        let message = match upgraded {
            Ok(()) => format!("DB snapshot upgraded to {target}"),
            Err(error) => format!(
                "The upgrade of the DB snapshot to {target} failed and was taken back: {error}"
            ),
        };
        world.event(KIND, &identifier, message);
    });
    shown
}

async fn upgrade(
    world: &World,
    identifier: &str,
    kept: &Kept,
    target: &str,
) -> Result<(), RehearsalError> {
    let (Some(from), Some(to)) = (
        world.install(&kept.told.engine_version),
        world.install(target),
    ) else {
        return Err(RehearsalError::Unusable(
            "the version is not offered".to_owned(),
        ));
    };
    let home = world.snapshot_dir(identifier);
    let work = world.snapshot_dir(&format!("{identifier}.upgrade"));
    servers::remove(&work);
    let group = &kept.instance.parameter_group;
    let result = async {
        servers::copy_all(&home, &work).await?;
        servers::recover(servers::builder(world, from, &work, identifier, group)).await?;
        servers::upgrade(world, &work, from, to, group).await
    }
    .await;
    if result.is_ok() {
        servers::remove(&home);
        std::fs::rename(&work, &home).map_err(RehearsalError::io("replace", &home))?;
    }
    servers::remove(&work);
    result
}

/// `DescribeDBSnapshots`.
pub fn describe(world: &World, params: &Params) -> Answer {
    let state = world.state();
    let snapshot = params
        .opt("DBSnapshotIdentifier")
        .map(str::to_ascii_lowercase);
    let instance = params
        .opt("DBInstanceIdentifier")
        .map(str::to_ascii_lowercase);
    if let Some(identifier) = &snapshot {
        state.snapshot(identifier)?;
    }
    let wanted = state.snapshots.values().filter(|kept| {
        snapshot.as_ref().is_none_or(|s| *s == kept.told.identifier)
            && instance.as_ref().is_none_or(|i| *i == kept.told.instance)
    });
    let mut xml = Xml::default();
    xml.list("DBSnapshots", "DBSnapshot", wanted, |xml, kept| {
        describe::snapshot(xml, &kept.told, &kept.instance);
    });
    Ok(xml)
}

/// `DeleteDBSnapshot`.
pub fn delete(world: &World, params: &Params) -> Answer {
    let identifier = params.identifier("DBSnapshotIdentifier")?;
    if world.state().snapshot(&identifier)?.told.status != "failed" {
        world.state().available_snapshot(&identifier)?;
    }
    world.tell_snapshot(&identifier, |s| "deleted".clone_into(&mut s.status));
    let xml = one(world, &identifier);
    world.state().snapshots.remove(&identifier);
    servers::remove(&world.snapshot_dir(&identifier));
    world.event(KIND, &identifier, "Deleted manual snapshot");
    xml
}

fn one(world: &World, identifier: &str) -> Answer {
    let state = world.state();
    let kept = state.snapshot(identifier)?;
    let mut xml = Xml::default();
    xml.element("DBSnapshot", |xml| {
        describe::snapshot(xml, &kept.told, &kept.instance);
    });
    Ok(xml)
}

/// What a restored instance takes over from the one the snapshot was taken of.
pub fn heritage(kept: &Kept) -> Instance {
    Instance {
        engine_version: kept.told.engine_version.clone(),
        tags: kept.told.tags.clone(),
        ..kept.instance.clone()
    }
}
