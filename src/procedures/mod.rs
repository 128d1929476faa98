//! The procedures: each folder reads from top to bottom like the runbook it is. What several of them need stands
//! beside them: `checks` (a round of checks), `job` (the names of a run), `compare` (the data compare), `link` (a logical replication link), `switch` (the write pause).

pub mod checks;
pub mod compare;
pub mod job;
pub mod link;
pub mod patroni_guard;
pub mod rds_blue_green;
pub mod switch;
pub mod vip_switchover;

pub use job::Job;
pub use vip_switchover::VipJob;

use crate::inspect::InspectError;
use crate::runbook::StepError;

/// An inspection that failed, as a step's error: a lost connection stays one.
fn unread(error: InspectError) -> StepError {
    match error {
        InspectError::Database { error, .. } => StepError::Database(*error),
        other => StepError::Stop(other.to_string()),
    }
}
