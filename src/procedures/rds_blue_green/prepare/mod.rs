//! Phase 2, prepare BLUE: everything here exists before the snapshot, so GREEN is born with it.

mod publication;
mod role;
mod slot;
mod tables;

pub use publication::Publication;
pub use role::Role;
pub use slot::Slots;
pub use tables::Tables;

use crate::runbook::Probe;

/// What a count of databases that have something says about a step that gives it to all of them.
pub(super) fn presence(have: usize, of: usize, what: &str) -> Probe {
    match have {
        0 => Probe::NotApplied,
        have if have == of => Probe::Applied,
        have => Probe::Partial(format!("{have} of {of} databases have {what}")),
    }
}
