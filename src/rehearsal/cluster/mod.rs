//! One disposable PostgreSQL server on loopback: made, started, stopped, frozen, removed.

mod builder;
mod frozen;
mod statement;

pub use builder::ClusterBuilder;
pub(super) use builder::write_private;
pub use frozen::Frozen;
pub use statement::Console;

use std::fmt::Write as _;
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use super::guardian::Guardian;
use super::process::{self, RunAs};
use super::run::tail;
use super::{Install, RehearsalError};
use crate::domain::PgVersion;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Sessions are ended, all is written: a clean shutdown.
    Fast,
    /// At once, as in a crash: the next start goes through recovery.
    Immediate,
}

/// A server with a data folder of its own. Dropped, or left behind by a process that died, it is stopped; the folder
/// that was made for it is removed, one that was given to it stays.
#[derive(Debug)]
pub struct Cluster {
    with: ClusterBuilder,
    dir: PathBuf,
    temporary: Option<TempDir>,
    port: u16,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    _guardian: Guardian,
}

impl Cluster {
    /// A server with the usual settings in a temporary folder: what most tests want.
    pub async fn start(install: &Install) -> Result<Self, RehearsalError> {
        Self::builder(install).start().await
    }

    /// A server to be described further.
    #[must_use]
    pub fn builder(install: &Install) -> ClusterBuilder {
        ClusterBuilder::new(install)
    }

    /// Starts the server on a free port chosen by the system (the one it had, when that is still free).
    pub async fn start_again(&mut self) -> Result<(), RehearsalError> {
        self.write_settings()?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let port = free_port(if attempts == 1 { self.port } else { 0 })?;
            match self.launch(port).await {
                Ok(running) => {
                    self.port = port;
                    self.running = Some(running);
                    return Ok(());
                }
                // Another process took the port between our look and the server's.
                Err(_) if attempts < 5 && self.log_tail().contains("could not bind") => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn launch(&self, port: u16) -> Result<Running, RehearsalError> {
        let log = self.stderr_path();
        let out = File::create(&log).map_err(RehearsalError::io("create", &log))?;
        let err = out.try_clone().map_err(RehearsalError::io("open", &log))?;
        let mut postgres = Command::new(self.install().tool("postgres"));
        postgres
            .arg("-D")
            .arg(self.data_dir())
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k"])
            .arg(self.socket_dir())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // Ctrl-C in the terminal is for us alone.
            .process_group(0);
        RunAs::detect().apply(&mut postgres);
        let child = postgres
            .spawn()
            .map_err(|e| RehearsalError::command("starting postgres", e.to_string()))?;
        let guardian = Guardian::watch(child.id(), self.temporary.as_ref().map(TempDir::path))?;
        let mut running = Running {
            child,
            _guardian: guardian,
        };
        let until = Instant::now() + START_LIMIT;
        while !self.is_ready(running.child.id()) {
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(self.problem(&format!("did not start ({status})")));
            }
            if Instant::now() > until {
                return Err(self.problem(&format!("was not ready within {START_LIMIT:?}")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(running)
    }

    /// `postmaster.pid` holds the id in its first line and, in the eighth, whether connections are taken.
    fn is_ready(&self, pid: u32) -> bool {
        let text = std::fs::read_to_string(self.data_dir().join("postmaster.pid"));
        text.is_ok_and(|text| {
            let mut lines = text.lines();
            lines
                .next()
                .is_some_and(|first| first.trim() == pid.to_string())
                && lines.nth(6).is_some_and(|status| status.trim() == "ready")
        })
    }

    fn write_settings(&self) -> Result<(), RehearsalError> {
        let mut text = String::new();
        for (name, value) in &self.with.settings {
            let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        }
        let conf = self.data_dir().join("greenlight.conf");
        std::fs::write(&conf, text).map_err(RehearsalError::io("write", &conf))
    }

    /// Stops the server and waits until it is gone.
    pub async fn stop(&mut self, mode: StopMode) -> Result<(), RehearsalError> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let pid = running.child.id();
        process::signal(pid, mode.signal());
        let until = Instant::now() + STOP_LIMIT;
        while matches!(running.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                // Dropping it ends it by force.
                drop(running);
                return Err(self.problem(&format!(
                    "did not stop within {STOP_LIMIT:?} and was killed"
                )));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Stops and starts; the port stays when it can.
    pub async fn restart(&mut self, mode: StopMode) -> Result<(), RehearsalError> {
        self.stop(mode).await?;
        self.start_again().await
    }

    /// Adds or changes a setting; it takes effect with the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.with.settings.insert(name.to_owned(), value.to_owned());
    }

    /// The installation it runs on.
    #[must_use]
    pub fn install(&self) -> &Install {
        &self.with.install
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> PgVersion {
        self.with.install.version
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.with.name
    }

    /// Its superuser.
    #[must_use]
    pub fn superuser(&self) -> &str {
        &self.with.superuser
    }

    /// The folder that holds all of it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its data folder.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The folder of its socket.
    #[must_use]
    pub fn socket_dir(&self) -> PathBuf {
        self.dir.join("sock")
    }

    /// Its TCP port on 127.0.0.1; 0 before the first start.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster's process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// The URL by which the superuser connects to `database` over TCP, password and all.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        super::url::url(
            self.superuser(),
            self.with.password.as_ref(),
            ("127.0.0.1", self.port),
            database,
        )
    }

    /// The URL by which the superuser connects to the database `postgres`.
    #[must_use]
    pub fn superuser_url(&self) -> String {
        self.url("postgres")
    }

    /// The file that takes the server's standard error; with a logging collector only its first lines are there.
    #[must_use]
    pub fn stderr_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let mut text = std::fs::read_to_string(self.stderr_path()).unwrap_or_default();
        if let Some(dir) = self.with.settings.get("log_directory") {
            let newest = std::fs::read_dir(self.data_dir().join(dir))
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .max();
            text += &newest
                .and_then(|p| std::fs::read_to_string(p).ok())
                .unwrap_or_default();
        }
        tail(&text, 20)
    }

    pub(super) fn problem(&self, problem: &str) -> RehearsalError {
        RehearsalError::Server {
            server: self.with.name.clone(),
            problem: problem.to_owned(),
            log: self.log_tail(),
        }
    }
}

impl StopMode {
    fn signal(self) -> Signal {
        match self {
            Self::Fast => Signal::INT,
            Self::Immediate => Signal::QUIT,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.child.id();
        if matches!(self.child.try_wait(), Ok(None)) {
            process::signal(pid, Signal::QUIT);
            process::signal(pid, Signal::CONT);
            if !process::wait_blocking(&mut self.child, Duration::from_secs(5)) {
                for child in process::children_of(pid) {
                    process::signal(child, Signal::KILL);
                }
                process::signal(pid, Signal::KILL);
                let _ = self.child.wait();
            }
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on: `preferred` when that is so, else one the system chooses.
fn free_port(preferred: u16) -> Result<u16, RehearsalError> {
    TcpListener::bind(("127.0.0.1", preferred))
        .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| RehearsalError::command("choosing a free port on 127.0.0.1", e.to_string()))
}
