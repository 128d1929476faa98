//! A folder of the cache while it is being made: by one process at a time, seen by others only when it is whole.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use tempfile::TempDir;

use super::RehearsalError;

/// A folder in the making. Dropped before it is done, nothing of it stays.
#[derive(Debug)]
pub struct Making {
    home: PathBuf,
    work: TempDir,
    _held: File,
}

impl Making {
    /// Begins to make the folder `home`; `None` when it is there already, perhaps because another process has just
    /// made it.
    pub async fn begin(home: &Path) -> Result<Option<Self>, RehearsalError> {
        if home.is_dir() {
            return Ok(None);
        }
        let cache = home.parent().unwrap_or(home);
        std::fs::create_dir_all(cache).map_err(RehearsalError::io("create", cache))?;
        let lock = cache.join(".lock");
        let lock = File::create(&lock).map_err(RehearsalError::io("create", &lock))?;
        let wait = move || rustix::fs::flock(&lock, FlockOperation::LockExclusive).map(|()| lock);
        let held = tokio::task::spawn_blocking(wait)
            .await
            .map_err(|e| RehearsalError::command("locking the cache", e.to_string()))?
            .map_err(|e| RehearsalError::io("lock", cache)(e.into()))?;
        if home.is_dir() {
            return Ok(None);
        }
        let work = tempfile::Builder::new()
            .prefix(".fetch-")
            .tempdir_in(cache)
            .map_err(RehearsalError::io("create a folder in", cache))?;
        Ok(Some(Self {
            home: home.to_owned(),
            work,
            _held: held,
        }))
    }

    /// Where to work; it goes in the end.
    #[must_use]
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// `made`, a folder below the place of work, is what was wanted.
    pub fn done(self, made: &Path) -> Result<(), RehearsalError> {
        std::fs::rename(made, &self.home).map_err(RehearsalError::io("create", &self.home))
    }
}
