//! Programs that a lab starts and stops by name, as a system's service manager would.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::lab::files;
use super::process::{self, RunAs};
use super::{RehearsalError, inside};

const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A daemon in a folder of its own, where it works and logs.
#[derive(Debug, Clone)]
pub struct Daemon {
    dir: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Unit {
    argv: Vec<String>,
}

/// A process that cannot be taken for another.
#[derive(Serialize, Deserialize)]
struct Process {
    pid: u32,
    start_ticks: u64,
}

impl Daemon {
    /// The daemon of this name in the lab in `dir`.
    pub fn named(dir: &Path, name: &str) -> Result<Self, RehearsalError> {
        let daemon = Self::at(&files::servers(dir).join(name));
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric());
        if plain && daemon.unit().is_file() {
            return Ok(daemon);
        }
        Err(RehearsalError::Unusable(format!(
            "the lab in {} has nothing called {name:?}",
            dir.display()
        )))
    }

    /// Makes a daemon in this folder, which is the servers' user's then.
    pub fn make(dir: &Path, argv: &[String]) -> Result<Self, RehearsalError> {
        let daemon = Self::at(dir);
        let unit = Unit {
            argv: argv.to_vec(),
        };
        write_json(&daemon.unit(), &unit)?;
        let owned = RunAs::detect().own(dir);
        owned.map_err(RehearsalError::io("hand over", dir))?;
        Ok(daemon)
    }

    fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Starts it as the servers' user, unless it runs.
    pub fn start(&self) -> Result<(), RehearsalError> {
        if self.is_running() {
            return Ok(());
        }
        let unit: Unit = read_json(&self.unit())?;
        let open = |path: &Path| File::options().create(true).append(true).open(path);
        let log = self.log();
        let out = open(&log).map_err(RehearsalError::io("open", &log))?;
        let err = out.try_clone().map_err(RehearsalError::io("open", &log))?;
        let mut command = std::process::Command::new(&unit.argv[0]);
        command
            .args(&unit.argv[1..])
            .current_dir(&self.dir)
            .env("HOME", &self.dir)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // It belongs to the lab, not to whoever starts it.
            .process_group(0);
        RunAs::detect().apply(&mut command);
        // A child of the runtime is waited for when it ends.
        let child = tokio::process::Command::from(command)
            .spawn()
            .map_err(|e| {
                RehearsalError::command(&format!("starting {}", unit.argv[0]), e.to_string())
            })?;
        let pid = child.id().unwrap_or_default();
        let process = Process {
            pid,
            start_ticks: process::start_ticks(pid).unwrap_or_default(),
        };
        write_json(&self.dir.join("pid"), &process)
    }

    /// Has it stop and waits until it is gone, and all that it has started.
    pub async fn stop(&self) -> Result<(), RehearsalError> {
        let until = Instant::now() + STOP_LIMIT;
        if let Some(pid) = self.pid() {
            process::signal(pid, Signal::TERM);
        }
        while self.is_running() {
            if Instant::now() > until {
                return Err(RehearsalError::TimedOut {
                    what: format!("the stop of what runs in {}", self.dir.display()),
                    limit: STOP_LIMIT,
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// True while it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// Kills it, and with `all` whatever else works in its folder, as the loss of a host would.
    pub fn kill(&self, all: bool) {
        if let Some(pid) = self.pid() {
            process::signal(pid, Signal::KILL);
        }
        if all {
            for pid in inside::working_in(&self.dir) {
                process::signal(pid, Signal::KILL);
            }
        }
    }

    /// Whether it is to start with its host; here a note that nobody acts upon.
    pub fn enable(&self, enabled: bool) -> Result<(), RehearsalError> {
        let note = self.dir.join("disabled");
        let done = if enabled {
            std::fs::remove_file(&note)
        } else {
            File::create(&note).map(drop)
        };
        match done {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            done => done.map_err(RehearsalError::io("change", &note)),
        }
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.join("daemon.log")
    }

    fn pid(&self) -> Option<u32> {
        let process: Process = read_json(&self.dir.join("pid")).ok()?;
        let same = process::start_ticks(process.pid) == Some(process.start_ticks);
        same.then_some(process.pid)
    }

    fn unit(&self) -> PathBuf {
        self.dir.join("unit.json")
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RehearsalError> {
    let text = serde_json::to_string(value)
        .map_err(|e| RehearsalError::command("writing a daemon's file", e.to_string()))?;
    std::fs::write(path, text).map_err(RehearsalError::io("write", path))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, RehearsalError> {
    let text = std::fs::read(path).map_err(RehearsalError::io("read", path))?;
    serde_json::from_slice(&text)
        .map_err(|e| RehearsalError::command("reading a daemon's file", e.to_string()))
}
