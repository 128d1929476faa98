//! Looking at both sides and comparing: catalog diff, data compare, sequences, lag. Reads only, through the ports; what
//! is to be set on a server is handed back as a statement for the caller's step to send.

mod aside;
pub mod catalog;
pub mod compare;
pub mod conflict;
mod diff;
mod error;
pub mod lag;
pub mod sequences;

pub use aside::Aside;
pub use catalog::{DiffOptions, diff};
pub use compare::{CompareOptions, CompareWatcher, Comparer, Comparison, TableComparison, compare};
pub use conflict::{ApplyErrors, Standing};
pub use diff::{Counts, DiffClass, DiffVerdict, Difference, ObjectDiff};
pub use error::InspectError;
pub use lag::{Sampler, Watch, pause_forecast};
pub use sequences::{SequenceDifference, SequenceState};
