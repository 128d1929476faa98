//! A stand-in for RDS: the query protocol over HTTP on loopback, with real PostgreSQL servers behind it.
//!
//! The official AWS command line and SDKs work against it unchanged. What it does not imitate: the master user is a real
//! superuser; `rds_superuser`, `rds_replication` and other roles of RDS do not exist; requests are not authenticated; an
//! instance gets the port asked for only when that is free, since everything shares one machine.

mod catalog;
mod describe;
mod groups;
mod instances;
mod logs;
mod restore;
mod servers;
mod snapshots;
mod wire;
mod world;

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Form, Router};
use jiff::Timestamp;
use tokio::net::TcpListener;

use super::{Cluster, ClusterBuilder, Install, RehearsalError};
use crate::ports::Instance;
pub use wire::ApiError;
use wire::{Params, Xml};
pub use world::Settings;
use world::{Served, World};

/// A running stand-in. Dropped, it stops answering, and its servers end.
#[derive(Debug)]
pub struct StandIn {
    world: Arc<World>,
    port: u16,
}

impl StandIn {
    /// Starts to answer on a free port.
    pub async fn start(settings: Settings) -> Result<Self, RehearsalError> {
        let unable =
            |e: std::io::Error| RehearsalError::command("starting the RDS stand-in", e.to_string());
        for dir in ["i", "s"].map(|part| settings.dir.join(part)) {
            std::fs::create_dir_all(&dir).map_err(RehearsalError::io("create", &dir))?;
        }
        let world = Arc::new(World::new(settings));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(unable)?;
        let port = listener.local_addr().map_err(unable)?.port();
        let router = Router::new()
            .route("/", post(respond))
            .with_state(Arc::clone(&world));
        let serving = axum::serve(listener, router);
        world.spawn(async move {
            let _ = serving.await;
        });
        Ok(Self { world, port })
    }

    /// The URL to give as `--endpoint-url`.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How a server of this version must be set up to become the instance `identifier`; its data and logs go to the
    /// instance's folder.
    pub fn instance_builder(
        &self,
        identifier: &str,
        install: &Install,
    ) -> Result<ClusterBuilder, RehearsalError> {
        let dir = self.world.instance_dir(identifier);
        servers::make_folders(&dir)?;
        let group = group(install);
        Ok(servers::builder(
            &self.world,
            install,
            &dir,
            identifier,
            &group,
        ))
    }

    /// Takes over a running server as the instance `identifier`.
    pub fn adopt(&self, identifier: &str, cluster: Cluster) {
        let group = group(cluster.install());
        let mut state = self.world.state();
        let told = Instance {
            identifier: identifier.to_owned(),
            status: "available".to_owned(),
            engine: "postgres".to_owned(),
            engine_version: cluster.version().to_string(),
            class: "db.m7g.large".to_owned(),
            endpoint: Some(restore::endpoint(&cluster)),
            arn: describe::instance_arn(identifier),
            resource_id: state.resource_id(),
            parameter_group: group,
            parameter_apply_status: "in-sync".to_owned(),
            subnet_group: "lab-subnets".to_owned(),
            security_groups: vec!["sg-lab".to_owned()],
            storage_type: "gp3".to_owned(),
            allocated_gib: 20,
            ca_certificate: "rds-ca-lab".to_owned(),
            backup_retention_days: 7,
            backup_window: "03:00-03:30".to_owned(),
            maintenance_window: "sun:04:00-sun:04:30".to_owned(),
            master_user: cluster.superuser().to_owned(),
            created_at: Some(Timestamp::now()),
            ..Instance::default()
        };
        let served = Served {
            told,
            cluster: Arc::new(tokio::sync::Mutex::new(Some(cluster))),
        };
        state.instances.insert(identifier.to_owned(), served);
    }

    /// Makes the next call of an action fail; several for one action are used up in order.
    pub fn plan_error(&self, action: &str, error: ApiError) {
        let mut state = self.world.state();
        state
            .planned_errors
            .entry(action.to_owned())
            .or_default()
            .push(error);
    }

    /// What is told of an instance.
    #[must_use]
    pub fn instance(&self, identifier: &str) -> Option<Instance> {
        self.world
            .state()
            .instances
            .get(identifier)
            .map(|served| served.told.clone())
    }

    /// The folder of an instance, its logs in `log/error`.
    #[must_use]
    pub fn instance_dir(&self, identifier: &str) -> std::path::PathBuf {
        self.world.instance_dir(identifier)
    }

    /// Ends all work and stops all servers.
    pub async fn stop(self) {
        self.world.end.cancel();
        self.world.work.close();
        self.world.work.wait().await;
        self.clear();
    }

    fn clear(&self) {
        let mut state = self.world.state();
        state.instances.clear();
        state.snapshots.clear();
        drop(state);
        for part in ["i", "s"] {
            servers::remove(Path::new(&self.world.settings.dir.join(part)));
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.world.end.cancel();
        self.clear();
    }
}

/// The parameter group of a source instance: the one with logical replication.
fn group(install: &Install) -> String {
    format!("lab-{}", groups::family(&install.version.to_string()))
}

async fn respond(
    State(world): State<Arc<World>>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    let params = Params::new(pairs);
    let action = params.opt("Action").unwrap_or_default().to_owned();
    if let Some(error) = planned_error(&world, &action) {
        return error.into_response();
    }
    match dispatch(&world, &action, &params) {
        Ok(xml) => wire::answer(&action, &xml),
        Err(error) => error.into_response(),
    }
}

fn planned_error(world: &World, action: &str) -> Option<ApiError> {
    let mut state = world.state();
    let planned = state.planned_errors.get_mut(action)?;
    (!planned.is_empty()).then(|| planned.remove(0))
}

fn dispatch(world: &Arc<World>, action: &str, params: &Params) -> Result<Xml, ApiError> {
    match action {
        "GetCallerIdentity" => Ok(catalog::caller()),
        "DescribeDBInstances" => instances::describe(world, params),
        "ModifyDBInstance" => instances::modify(world, params),
        "RebootDBInstance" => instances::reboot(world, params),
        "RestoreDBInstanceFromDBSnapshot" => restore::restore(world, params),
        "DeleteDBInstance" => restore::delete(world, params),
        "CreateDBSnapshot" => snapshots::create(world, params),
        "ModifyDBSnapshot" => snapshots::modify(world, params),
        "DescribeDBSnapshots" => snapshots::describe(world, params),
        "DeleteDBSnapshot" => snapshots::delete(world, params),
        "DescribeDBLogFiles" => logs::list(world, params),
        "DownloadDBLogFilePortion" => logs::portion(world, params),
        "DescribeDBEngineVersions" => Ok(catalog::engine_versions(world, params)),
        "DescribeOrderableDBInstanceOptions" => catalog::orderable(world, params),
        "DescribeDBParameterGroups" => catalog::parameter_groups(world, params),
        "DescribeDBParameters" => catalog::parameters(world, params),
        "DescribeEvents" => Ok(catalog::events(world, params)),
        "DescribePendingMaintenanceActions" => Ok(catalog::nothing("PendingMaintenanceActions")),
        "DescribeDBProxies" => Ok(catalog::nothing("DBProxies")),
        "ListTagsForResource" | "AddTagsToResource" | "RemoveTagsFromResource" => {
            catalog::tags(world, params)
        }
        other => Err(ApiError::new(
            "InvalidAction",
            format!("Could not find operation {other} for version 2014-10-31"),
        )),
    }
}
