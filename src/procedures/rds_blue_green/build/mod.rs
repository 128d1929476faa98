//! Building GREEN: snapshot, upgrade, restore, in either order. Changes nothing on BLUE but its probe rows; opens GREEN
//! to nobody (fencing it is the next step's business).

mod facts;
mod ours;
mod probes;
mod restore;
mod restore_request;
mod route;
mod snapshot;
#[cfg(test)]
mod testing;
mod upgrade;
mod upgrade_instance;
mod upgrade_snapshot;
mod wait;

pub use facts::*;
pub use ours::{RUN_TAG, snapshot_name};
pub use restore_request::restore_request;
pub use route::{BlueHolds, Way, choose};

use std::sync::Arc;

use crate::procedures::Job;
use crate::profile::BlueGreen;
use crate::runbook::Step;

/// `build.snapshot`: takes the snapshot, bracketed and with probe rows all the while.
#[must_use]
pub fn snapshot_step(job: &Job) -> Box<dyn Step> {
    Box::new(snapshot::TakeSnapshot::new(job))
}

/// `build.upgrade-snapshot`: takes the snapshot to the target version.
#[must_use]
pub fn upgrade_snapshot_step(job: &Job) -> Box<dyn Step> {
    Box::new(upgrade_snapshot::UpgradeSnapshot::new(job))
}

/// `build.restore`: makes GREEN of the snapshot; at BLUE's version where it is upgraded afterwards.
#[must_use]
pub fn restore_step(job: &Job, way: Way) -> Box<dyn Step> {
    Box::new(restore::RestoreGreen::new(job, way))
}

/// `build.upgrade-instance`: takes GREEN to the target version.
#[must_use]
pub fn upgrade_instance_step(profile: &Arc<BlueGreen>) -> Box<dyn Step> {
    Box::new(upgrade_instance::UpgradeInstance::new(profile))
}
