//! The audited write load: writers that remember what was acknowledged, and the audit that looks for it.
//!
//! The writers share a pool that takes their server from the endpoint file, as an application takes it from DNS; they write numbered
//! transactions and notes every acknowledgement in a file of its own. A number is never used twice, so a row that is
//! there twice was applied twice.

mod audit;
mod pool;
mod record;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use audit::{Audit, audit};
pub(super) use record::now;

use super::RehearsalError;
use super::lab::files;

/// How a load is run.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The lab's folder: the endpoint file is read there, the records are written to `load/`.
    pub dir: PathBuf,
    /// How many writers.
    pub writers: usize,
    /// The databases, to which writers are dealt in turn.
    pub databases: Vec<String>,
    /// What a writer waits between two transactions; zero for as many as the machine gives.
    pub pause: Duration,
}

/// A running load. Dropped, its writers end where they stand.
#[derive(Debug)]
pub struct Load {
    dir: PathBuf,
    end: CancellationToken,
    writers: JoinSet<Result<(), RehearsalError>>,
}

impl Load {
    /// Starts the writers; they keep writing until the load is stopped, whatever happens to the servers.
    pub fn start(options: &LoadOptions) -> Result<Self, RehearsalError> {
        let folder = files::load(&options.dir);
        std::fs::create_dir_all(&folder).map_err(RehearsalError::io("create", &folder))?;
        let end = CancellationToken::new();
        let pool = Arc::new(pool::Pool::new(options.dir.clone()));
        let mut writers = JoinSet::new();
        for (number, database) in (0..options.writers).zip(options.databases.iter().cycle()) {
            let writer = writer::Writer::new(&options.dir, &pool, number, database, options.pause)?;
            writers.spawn(writer.run(end.clone()));
        }
        Ok(Self {
            dir: options.dir.clone(),
            end,
            writers,
        })
    }

    /// Lets each writer finish what it is at, and stops.
    pub async fn stop(mut self) -> Result<(), RehearsalError> {
        self.end.cancel();
        while let Some(ended) = self.writers.join_next().await {
            ended.map_err(|e| RehearsalError::command("a writer of the load", e.to_string()))??;
        }
        Ok(())
    }

    /// The lab's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}
