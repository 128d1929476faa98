//! The procedures: each folder reads from top to bottom like the runbook it is. What several of them need stands
//! beside them: `job` (the names of a run), `compare` (the data compare), `link` (a logical replication link), `switch` (the write pause).

pub mod compare;
pub mod job;
pub mod link;
pub mod rds_blue_green;
pub mod switch;

use std::sync::Arc;

pub use job::Job;
use rds_blue_green::build::Way;

use crate::inspect::InspectError;
use crate::runbook::{Runbook, StepError};

/// The runbook of the job's profile.
#[must_use]
pub fn runbook(job: &Arc<Job>, way: Way) -> Runbook {
    // `profile::load` knows one procedure so far and refuses every other name.
    rds_blue_green::runbook(job, way)
}

/// An inspection that failed, as a step's error: a lost connection stays one.
fn unread(error: InspectError) -> StepError {
    match error {
        InspectError::Database { error, .. } => StepError::Database(*error),
        other => StepError::Stop(other.to_string()),
    }
}
