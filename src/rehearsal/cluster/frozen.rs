use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Cluster;
use crate::rehearsal::{RehearsalError, process};

const FREEZE_LIMIT: Duration = Duration::from_secs(5);

/// While this lives, no process of the server runs.
#[derive(Debug)]
#[must_use = "the server goes on as soon as this is dropped"]
pub struct Frozen<'a> {
    cluster: &'a Cluster,
    stopped: Vec<u32>,
}

impl Cluster {
    /// Stops every process of the server where it stands, so that its files can be copied as a crash would leave them.
    pub async fn freeze(&self) -> Result<Frozen<'_>, RehearsalError> {
        let postmaster = self.pid().ok_or_else(|| self.problem("is not running"))?;
        let mut frozen = Frozen {
            cluster: self,
            stopped: vec![postmaster],
        };
        // The postmaster first: from then on there are no new children.
        process::signal(postmaster, Signal::STOP);
        let until = Instant::now() + FREEZE_LIMIT;
        frozen.wait_stopped(until).await?;
        frozen.stopped.extend(process::children_of(postmaster));
        for &child in &frozen.stopped[1..] {
            process::signal(child, Signal::STOP);
        }
        frozen.wait_stopped(until).await?;
        Ok(frozen)
    }
}

impl Frozen<'_> {
    async fn wait_stopped(&self, until: Instant) -> Result<(), RehearsalError> {
        while !self.stopped.iter().all(|&pid| process::is_stopped(pid)) {
            if Instant::now() > until {
                return Err(self.cluster.problem("could not be frozen"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        for &pid in self.stopped.iter().rev() {
            process::signal(pid, Signal::CONT);
        }
    }
}
