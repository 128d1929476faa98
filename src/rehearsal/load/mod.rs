//! The audited write load: writers that remember what was acknowledged, and the audit that looks for it.
//!
//! The writers share a pool that takes their server from the endpoint file, as an application takes it from DNS; they write numbered
//! transactions and notes every acknowledgement in a file of its own. A number is never used twice, so a row that is
//! there twice was applied twice.

mod audit;
mod pool;
mod record;
mod writer;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use audit::{Audit, audit};
pub(super) use audit::{audit_but, is_over};
pub(super) use record::now;

use super::RehearsalError;
use super::lab::{DATABASES, files};

/// What a writer of a rehearsal waits between two transactions: two cores have something left for what is rehearsed.
pub const PAUSE: Duration = Duration::from_millis(2);

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
    /// How long one writer waits between two knocks while nobody gets in: at first, and at most.
    pub knock: RangeInclusive<Duration>,
    /// The network namespace that the writers live in, by its path; `None` for that of this process.
    pub namespace: Option<PathBuf>,
}

impl LoadOptions {
    /// The usual load of the lab in `dir`.
    #[must_use]
    pub fn usual(dir: &Path, writers: usize, pause: Duration) -> Self {
        Self {
            dir: dir.to_owned(),
            writers,
            databases: DATABASES.map(str::to_owned).to_vec(),
            pause,
            knock: Duration::from_millis(10)..=Duration::from_millis(100),
            namespace: None,
        }
    }
}

/// A running load. Dropped, its writers end where they stand.
#[derive(Debug)]
pub struct Load {
    dir: PathBuf,
    end: CancellationToken,
    give_up: CancellationToken,
    writers: Option<JoinHandle<Result<(), RehearsalError>>>,
}

impl Load {
    /// Starts the writers; they keep writing until the load is stopped, whatever happens to the servers.
    pub fn start(options: LoadOptions) -> Result<Self, RehearsalError> {
        let folder = files::load(&options.dir);
        std::fs::create_dir_all(&folder).map_err(RehearsalError::io("create", &folder))?;
        let (end, give_up) = (CancellationToken::new(), CancellationToken::new());
        let dir = options.dir.clone();
        let failed =
            |e: std::io::Error| RehearsalError::command("starting the load", e.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let tokens = (end.clone(), give_up.clone());
        let (tell, entered) = std::sync::mpsc::channel();
        // A thread of its own: a namespace is entered by the thread, and the writers are other people's programs.
        let writers = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || {
                let _ = tell.send(options.namespace.as_deref().map_or(Ok(()), enter));
                let (end, give_up) = tokens;
                let all = give_up.run_until_cancelled(write(&options, end));
                runtime.block_on(all).unwrap_or(Ok(()))
            })
            .map_err(failed)?;
        let load = Self {
            dir,
            end,
            give_up,
            writers: Some(writers),
        };
        entered.recv().unwrap_or(Ok(()))?;
        Ok(load)
    }

    /// Lets each writer finish what it is at, and stops.
    pub async fn stop(mut self) -> Result<(), RehearsalError> {
        self.end.cancel();
        let Some(writers) = self.writers.take() else {
            return Ok(());
        };
        tokio::task::spawn_blocking(move || writers.join())
            .await
            .map_err(|e| RehearsalError::command("the load", e.to_string()))?
            .unwrap_or_else(|_| Err(RehearsalError::command("the load", "its thread panicked")))
    }

    /// The lab's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.give_up.cancel();
        if let Some(writers) = self.writers.take() {
            let _ = writers.join();
        }
    }
}

fn enter(namespace: &Path) -> Result<(), RehearsalError> {
    use std::os::fd::AsFd as _;
    let file = std::fs::File::open(namespace).map_err(RehearsalError::io("open", namespace))?;
    let network = Some(rustix::thread::LinkNameSpaceType::Network);
    rustix::thread::move_into_link_name_space(file.as_fd(), network)
        .map_err(|e| RehearsalError::io("enter", namespace)(e.into()))
}

async fn write(options: &LoadOptions, end: CancellationToken) -> Result<(), RehearsalError> {
    let pool = Arc::new(pool::Pool::new(options.dir.clone(), options.knock.clone()));
    let mut writers = JoinSet::new();
    for (number, database) in (0..options.writers).zip(options.databases.iter().cycle()) {
        let writer = writer::Writer::new(&options.dir, &pool, number, database, options.pause)?;
        writers.spawn(writer.run(end.clone()));
    }
    while let Some(ended) = writers.join_next().await {
        ended.map_err(|e| RehearsalError::command("a writer of the load", e.to_string()))??;
    }
    Ok(())
}
