//! Restoring instances from snapshots, and deleting them.

use std::sync::Arc;

use jiff::Timestamp;

use super::instances::one;
use super::snapshots;
use super::wire::{ApiError, Params, Xml};
use super::world::{Served, World};
use super::{catalog, describe, groups, servers};
use crate::ports::Instance;
use crate::rehearsal::{Cluster, RehearsalError, StopMode};

const KIND: &str = "db-instance";

/// `RestoreDBInstanceFromDBSnapshot`. The port asked for is taken only when it is free: everything is on one machine.
pub fn restore(world: &Arc<World>, params: &Params) -> Result<Xml, ApiError> {
    let identifier = params.identifier("DBInstanceIdentifier")?;
    let snapshot = params.identifier("DBSnapshotIdentifier")?;
    let port = params.number::<u16>("Port")?.unwrap_or(0);
    let told = requested(world, params, &identifier, &snapshot)?;
    {
        let mut state = world.state();
        if state.instances.contains_key(&identifier) {
            return Err(ApiError::new(
                "DBInstanceAlreadyExists",
                "DB instance already exists",
            ));
        }
        let told = Instance {
            resource_id: state.resource_id(),
            ..told
        };
        let served = Served {
            told,
            cluster: Arc::default(),
        };
        state.instances.insert(identifier.clone(), served);
    }
    let shown = one(world, &identifier);
    let again = Arc::clone(world);
    world.spawn(async move {
        let world = again;
        world.pause().await;
        match start(&world, &identifier, &snapshot, port).await {
            Ok(endpoint) => {
                world.tell(&identifier, |i| {
                    i.endpoint = Some(endpoint);
                    "backing-up".clone_into(&mut i.status);
                });
                world.event(
                    KIND,
                    &identifier,
                    format!("Restored from snapshot {snapshot}"),
                );
                world.pause().await;
                world.tell(&identifier, |i| "available".clone_into(&mut i.status));
            }
            Err(error) => {
                world.tell(&identifier, |i| "failed".clone_into(&mut i.status));
                world.event(KIND, &identifier, format!("The restore failed: {error}"));
            }
        }
    });
    shown
}

/// The instance as the request wants it; what it is silent about gets RDS's defaults, not the source's settings.
fn requested(
    world: &World,
    params: &Params,
    identifier: &str,
    snapshot: &str,
) -> Result<Instance, ApiError> {
    let source = snapshots::heritage(world.state().available_snapshot(snapshot)?);
    let version = source.engine_version.clone();
    let group = match params.opt("DBParameterGroupName") {
        Some(group) => group.to_owned(),
        None => format!("default.{}", groups::family(&version)),
    };
    world.check_group(&group, &version)?;
    let class = params
        .opt("DBInstanceClass")
        .unwrap_or(&source.class)
        .to_owned();
    catalog::check_class(&class)?;
    let security_groups = params.list("VpcSecurityGroupIds");
    let tags = params.tags();
    Ok(Instance {
        identifier: identifier.to_owned(),
        status: "creating".to_owned(),
        engine: "postgres".to_owned(),
        class,
        arn: describe::instance_arn(identifier),
        parameter_group: group,
        parameter_apply_status: "in-sync".to_owned(),
        subnet_group: params
            .opt("DBSubnetGroupName")
            .unwrap_or("default")
            .to_owned(),
        security_groups: if security_groups.is_empty() {
            vec!["sg-default".to_owned()]
        } else {
            security_groups
        },
        multi_az: params.flag("MultiAZ").unwrap_or(false),
        iam_auth: params
            .flag("EnableIAMDatabaseAuthentication")
            .unwrap_or(false),
        public: params.flag("PubliclyAccessible").unwrap_or(true),
        storage_type: params.opt("StorageType").unwrap_or("gp3").to_owned(),
        iops: params.number("Iops")?,
        deletion_protection: params.flag("DeletionProtection").unwrap_or(false),
        auto_minor_upgrade: params.flag("AutoMinorVersionUpgrade").unwrap_or(true),
        log_exports: params.list("EnableCloudwatchLogsExports"),
        ca_certificate: params
            .opt("CACertificateIdentifier")
            .unwrap_or("rds-ca-lab")
            .to_owned(),
        tags: if tags.is_empty() {
            source.tags.clone()
        } else {
            tags
        },
        created_at: Some(Timestamp::now()),
        endpoint: None,
        managed_master_secret: false,
        max_allocated_gib: None,
        read_replicas: Vec::new(),
        replica_of: None,
        pending_changes: Vec::new(),
        resource_id: String::new(),
        ..source
    })
}

/// Copies the snapshot and starts a server on the copy. Its workers run as they would on RDS: a subscription that came
/// along enabled connects, which is for the procedure to see to.
async fn start(
    world: &World,
    identifier: &str,
    snapshot: &str,
    port: u16,
) -> Result<(String, u16), RehearsalError> {
    let gone = || RehearsalError::Unusable("the instance is gone".to_owned());
    let (told, slot) = {
        let state = world.state();
        let served = state.instances.get(identifier).ok_or_else(gone)?;
        (served.told.clone(), Arc::clone(&served.cluster))
    };
    let install = world
        .install(&told.engine_version)
        .ok_or_else(|| RehearsalError::Unusable("the version is not offered".to_owned()))?;
    let dir = world.instance_dir(identifier);
    servers::remove(&dir);
    servers::copy_all(&world.snapshot_dir(snapshot), &dir).await?;
    let mut held = slot.lock().await;
    let cluster = servers::builder(world, install, &dir, identifier, &told.parameter_group)
        .port(port)
        .start()
        .await?;
    Ok(endpoint(held.insert(cluster)))
}

/// Where a server is reached.
pub fn endpoint(cluster: &Cluster) -> (String, u16) {
    ("127.0.0.1".to_owned(), cluster.port())
}

/// `DeleteDBInstance`.
pub fn delete(world: &Arc<World>, params: &Params) -> Result<Xml, ApiError> {
    let identifier = params.identifier("DBInstanceIdentifier")?;
    let told = world.state().instance(&identifier)?.told.clone();
    if told.deletion_protection {
        return Err(ApiError::combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        ));
    }
    if told.status == "deleting" {
        return Err(ApiError::new(
            "InvalidDBInstanceState",
            format!("Instance {identifier} is already being deleted."),
        ));
    }
    let final_snapshot = match (
        params.flag("SkipFinalSnapshot"),
        params.opt("FinalDBSnapshotIdentifier"),
    ) {
        (Some(true), None) => None,
        (Some(true), Some(_)) => {
            return Err(ApiError::combination(
                "FinalDBSnapshotIdentifier can not be specified when SkipFinalSnapshot is true.",
            ));
        }
        (_, Some(_)) => {
            let snapshot = params.identifier("FinalDBSnapshotIdentifier")?;
            snapshots::begin(world, &identifier, &snapshot, told.tags)?;
            Some(snapshot)
        }
        (_, None) => {
            return Err(ApiError::combination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            ));
        }
    };
    world.tell(&identifier, |i| "deleting".clone_into(&mut i.status));
    let shown = one(world, &identifier);
    let again = Arc::clone(world);
    world.spawn(async move {
        let world = again;
        if let Some(snapshot) = final_snapshot {
            let taken = snapshots::take(Arc::clone(&world), identifier.clone(), snapshot).await;
            if !taken {
                return;
            }
            world.tell(&identifier, |i| "deleting".clone_into(&mut i.status));
        }
        world.pause().await;
        let slot = world
            .state()
            .instances
            .get(&identifier)
            .map(|s| Arc::clone(&s.cluster));
        if let Some(slot) = slot
            && let Some(mut cluster) = slot.lock().await.take()
        {
            // What cannot be stopped cleanly ends with its drop.
            let _ = cluster.stop(StopMode::Fast).await;
        }
        servers::remove(&world.instance_dir(&identifier));
        world.state().instances.remove(&identifier);
        world.event(KIND, &identifier, "DB instance deleted");
    });
    shown
}
