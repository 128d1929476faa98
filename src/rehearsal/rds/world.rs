//! What the stand-in knows: instances with servers behind them, snapshots with files behind them, events.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::groups;
use super::wire::ApiError;
use crate::ports::{Instance, Snapshot};
use crate::rehearsal::{Cluster, Install};

/// Account, region and the like: made up, and recognisable as such.
pub const ACCOUNT: &str = "000000000000";
/// The region in ARNs.
pub const REGION: &str = "eu-lab-1";

/// How the stand-in is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it keeps data folders and logs.
    pub dir: PathBuf,
    /// The PostgreSQL versions it offers, one installation each.
    pub installs: Vec<Install>,
    /// The master user of every instance.
    pub master: String,
    /// Its password.
    pub password: SecretString,
    /// How long each passing state stands at least, so that it can be seen.
    pub pace: Duration,
    /// At most so many bytes of a log in one portion (1 MB on RDS).
    pub log_portion: usize,
    /// Certificate and key for the servers' TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// The stand-in's world, shared by requests and by the work under way.
#[derive(Debug)]
pub struct World {
    /// How it is set up.
    pub settings: Settings,
    /// Work under way.
    pub work: TaskTracker,
    /// Says that all work is to end.
    pub end: CancellationToken,
    state: Mutex<State>,
}

/// What changes.
#[derive(Debug, Default)]
pub struct State {
    /// Instances by identifier.
    pub instances: BTreeMap<String, Served>,
    /// Snapshots by identifier.
    pub snapshots: BTreeMap<String, Kept>,
    /// What happened, oldest first.
    pub events: Vec<Happening>,
    /// Errors to answer instead of doing what is asked, by action.
    pub planned_errors: BTreeMap<String, Vec<ApiError>>,
    counter: u64,
}

/// An instance and its server.
#[derive(Debug, Clone)]
pub struct Served {
    /// What is told of it.
    pub told: Instance,
    /// The server; empty while it is being made.
    pub cluster: Arc<tokio::sync::Mutex<Option<Cluster>>>,
}

/// A snapshot and its files.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What is told of it.
    pub told: Snapshot,
    /// The instance as it was.
    pub instance: Instance,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// Instance or snapshot.
    pub source: String,
    /// `db-instance` or `db-snapshot`.
    pub kind: &'static str,
    /// What.
    pub message: String,
}

impl World {
    /// An empty world.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            work: TaskTracker::new(),
            end: CancellationToken::new(),
            state: Mutex::default(),
        }
    }

    /// The state, for a moment; never held across an await.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does work beside the request that asked for it; it ends with the stand-in.
    pub fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.work.spawn(async move {
            let _ = end.run_until_cancelled(work).await;
        });
    }

    /// Lets a passing state stand for a while.
    pub async fn pause(&self) {
        tokio::time::sleep(self.settings.pace).await;
    }

    /// The folder of an instance.
    pub fn instance_dir(&self, identifier: &str) -> PathBuf {
        self.settings.dir.join("i").join(identifier)
    }

    /// The folder of a snapshot.
    pub fn snapshot_dir(&self, identifier: &str) -> PathBuf {
        self.settings.dir.join("s").join(identifier)
    }

    /// The installation of an engine version.
    pub fn install(&self, version: &str) -> Option<&Install> {
        self.settings
            .installs
            .iter()
            .find(|install| install.version.to_string() == version)
    }

    /// Changes what is told of an instance, when it is still there.
    pub fn tell(&self, identifier: &str, change: impl FnOnce(&mut Instance)) {
        if let Some(served) = self.state().instances.get_mut(identifier) {
            change(&mut served.told);
        }
    }

    /// Changes what is told of a snapshot, when it is still there.
    pub fn tell_snapshot(&self, identifier: &str, change: impl FnOnce(&mut Snapshot)) {
        if let Some(kept) = self.state().snapshots.get_mut(identifier) {
            change(&mut kept.told);
        }
    }

    /// Records an event.
    pub fn event(&self, kind: &'static str, source: &str, message: impl Into<String>) {
        self.state().events.push(Happening {
            at: Timestamp::now(),
            source: source.to_owned(),
            kind,
            message: message.into(),
        });
    }

    /// Checks that a version can be reached from another, as RDS's valid upgrade targets say.
    pub fn check_upgrade(&self, from: &str, to: &str) -> Result<(), ApiError> {
        let ok = self
            .install(from)
            .zip(self.install(to))
            .is_some_and(|(old, new)| {
                new.version > old.version && new.can_upgrade() && old.can_upgrade()
            });
        ok.then_some(()).ok_or_else(|| {
            ApiError::combination(format!("Cannot upgrade postgres from {from} to {to}"))
        })
    }

    /// Checks that a parameter group exists and is of the version's family.
    pub fn check_group(&self, group: &str, version: &str) -> Result<(), ApiError> {
        let found = groups::all(&self.settings.installs)
            .into_iter()
            .find(|g| g.name == group)
            .ok_or_else(|| not_found_group(group))?;
        let family = groups::family(version);
        if found.family == family {
            return Ok(());
        }
        Err(ApiError::combination(format!(
            "The parameter group {group} with DBParameterGroupFamily {} can't be used for this instance. Use a parameter \
             group with DBParameterGroupFamily {family}.",
            found.family
        )))
    }
}

/// No such parameter group.
pub fn not_found_group(name: &str) -> ApiError {
    ApiError::new(
        "DBParameterGroupNotFound",
        format!("DBParameterGroup {name} not found."),
    )
}

impl State {
    /// The instance, which must exist.
    pub fn instance(&self, identifier: &str) -> Result<&Served, ApiError> {
        self.instances.get(identifier).ok_or_else(|| {
            ApiError::new(
                "DBInstanceNotFound",
                format!("DBInstance {identifier} not found."),
            )
        })
    }

    /// The instance, which must exist and be available.
    pub fn available(&self, identifier: &str) -> Result<&Served, ApiError> {
        let served = self.instance(identifier)?;
        if served.told.status == "available" {
            return Ok(served);
        }
        Err(ApiError::new(
            "InvalidDBInstanceState",
            format!(
                "Database instance {identifier} is not in available state (it is {}).",
                served.told.status
            ),
        ))
    }

    /// The snapshot, which must exist.
    pub fn snapshot(&self, identifier: &str) -> Result<&Kept, ApiError> {
        self.snapshots.get(identifier).ok_or_else(|| {
            ApiError::new(
                "DBSnapshotNotFound",
                format!("DBSnapshot {identifier} not found."),
            )
        })
    }

    /// The snapshot, which must exist and be available.
    pub fn available_snapshot(&self, identifier: &str) -> Result<&Kept, ApiError> {
        let kept = self.snapshot(identifier)?;
        if kept.told.status == "available" {
            return Ok(kept);
        }
        Err(ApiError::new(
            "InvalidDBSnapshotState",
            format!(
                "Cannot use the snapshot because it is not in the available state: {identifier} is {}.",
                kept.told.status
            ),
        ))
    }

    /// A resource id such as AWS makes: a new one for every instance.
    pub fn resource_id(&mut self) -> String {
        self.counter += 1;
        format!("db-LAB{:023}", self.counter)
    }
}
