//! The data compare within a run: what it may use, what it leaves behind as facts, how a step looks on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Job;
use crate::domain::{Node, Place};
use crate::inspect::{CompareOptions, CompareWatcher, Comparison, TableComparison};
use crate::runbook::{Context, FactKey};

/// What the latest compare of a database found.
pub const COMPARED: FactKey<Comparison> = FactKey::new(Comparison::FACT);

/// What the profile allows a compare of all data.
#[must_use]
pub fn options(job: &Job) -> CompareOptions {
    let profile = &job.profile;
    CompareOptions {
        schemas: profile.schemas.clone(),
        own_schema: job.schema().to_owned(),
        sessions: profile.compare.sessions,
        limit: profile.compare.limit,
        ..CompareOptions::default()
    }
}

/// What may be spent of the write pause: no wait is longer than the whole.
#[must_use]
pub fn options_in_pause(job: &Job, limit: Duration) -> CompareOptions {
    CompareOptions {
        limit,
        statement_limit: limit,
        most_rows: 10,
        ..options(job)
    }
}

/// A database on both sides.
#[must_use]
pub fn places(database: &str) -> (Place, Place) {
    (
        Place::new(Node::blue(), database),
        Place::new(Node::green(), database),
    )
}

/// Shows a compare as the step's progress and log, and keeps what is done, for a limit may end it early.
pub struct Watching<'a> {
    ctx: &'a Context,
    database: &'a str,
    done: Mutex<Vec<TableComparison>>,
}

impl<'a> Watching<'a> {
    /// A compare of `database` by the step of `ctx`.
    #[must_use]
    pub fn new(ctx: &'a Context, database: &'a str) -> Self {
        Self {
            ctx,
            database,
            done: Mutex::default(),
        }
    }

    /// The tables compared so far.
    #[must_use]
    pub fn done(self) -> Vec<TableComparison> {
        self.done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl CompareWatcher for Watching<'_> {
    fn stopped(&self) -> bool {
        self.ctx.is_cancelled()
    }

    fn progress(&self, text: &str, share: Option<f64>) {
        self.ctx
            .progress(&format!("{}: {text}", self.database), share);
    }

    fn table(&self, table: &TableComparison) {
        self.ctx.log(&format!("{} {}", self.database, table.line()));
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.push(table.clone());
    }
}
