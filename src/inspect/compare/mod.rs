//! The data compare: which rows differ between two databases, found by hashes that the servers compute, without a lock.
//!
//! A table is hashed as a whole on both sides at once. One that differs is hashed by key ranges, a range that differs by
//! buckets, and only the rows of a bucket that differs travel. While a link replicates between the sides, the receiving
//! side is read only once it has applied all that the other showed before (`marker`), and a row counts as different only
//! when the sending side has not changed it meanwhile. Everything is read; the repair script is proposed, never run.

mod catalog;
mod chunks;
mod columns;
mod drill;
mod marker;
mod pool;
mod repair;
mod result;
mod run;
mod settle;
mod statements;

use std::time::Duration;

pub use repair::script;
pub use result::{Comparison, RowDifference, RowVerdict, SkippedTable, TableComparison};
pub use run::{Comparer, compare};

const PURPOSE: &str = "comparing the data";

/// What is compared, and what it may take.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// Schemas whose tables are compared; empty means all but the system's.
    pub schemas: Vec<String>,
    /// The tool's own schema, left out.
    pub own_schema: String,
    /// Only these tables, `schema.name` or `name`; empty means all.
    pub tables: Vec<String>,
    /// Compare what is written, not what is equal: 1.0 and 1.00, 0 and -0, 1 month and 30 days then differ.
    pub strict_text: bool,
    /// Sessions on each side.
    pub sessions: usize,
    /// Rows of a key range.
    pub chunk_rows: u64,
    /// A larger table is not read as a whole but by large key ranges, so that no statement holds its snapshot for
    /// long. Bytes.
    pub whole_table: u64,
    /// For one statement.
    pub statement_limit: Duration,
    /// For what one side has committed to be applied on the other.
    pub marker_limit: Duration,
    /// For all of it.
    pub limit: Duration,
    /// Rows listed of one table; the search in a table ends there.
    pub most_rows: usize,
    /// Keep what a repair script needs.
    pub repair: bool,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            schemas: Vec::new(),
            own_schema: "greenlight".to_owned(),
            tables: Vec::new(),
            strict_text: false,
            sessions: 4,
            chunk_rows: 20_000,
            whole_table: 8 << 30,
            statement_limit: Duration::from_secs(30 * 60),
            marker_limit: Duration::from_secs(120),
            limit: Duration::from_secs(24 * 3600),
            most_rows: 1_000,
            repair: false,
        }
    }
}

/// Who looks on.
pub trait CompareWatcher: Send + Sync {
    /// True once the compare shall end; what runs on the servers is cancelled then.
    fn stopped(&self) -> bool {
        false
    }
    /// What is being done, and the share done.
    fn progress(&self, _text: &str, _share: Option<f64>) {}
    /// A table is done.
    fn table(&self, _table: &TableComparison) {}
}

/// Nobody looks on.
impl CompareWatcher for () {}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Blue,
    Green,
}
