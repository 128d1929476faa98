//! Processes by id, as `/proc` shows them.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal; a process that is gone already is no error.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = as_pid(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// When the process started, in the kernel's ticks since boot: with the id, this names a process for good.
pub fn start_ticks(pid: u32) -> Option<u64> {
    let fields = stat_fields(pid).filter(|f| f.first().is_some_and(|state| state != "Z"))?;
    fields.get(19)?.parse().ok()
}

/// True while the process lives and works in this folder, as a postmaster does in its data folder.
pub fn runs_in(pid: u32, dir: &Path) -> bool {
    let zombie = stat_fields(pid).is_none_or(|f| f.first().is_some_and(|state| state == "Z"));
    !zombie && std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir)
}

/// True while the process lives and works in this folder or in one below it.
pub fn works_below(pid: u32, dir: &Path) -> bool {
    let zombie = stat_fields(pid).is_none_or(|f| f.first().is_some_and(|state| state == "Z"));
    !zombie && std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
}

/// True when the process is one of a PostgreSQL server.
pub fn is_postgres(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "postgres")
}

/// The ids of the processes whose parent is `pid`.
pub fn children_of(pid: u32) -> Vec<u32> {
    let parent = pid.to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| stat_fields(pid).is_some_and(|f| f.get(1) == Some(&parent)))
        .collect()
}

/// True when the process is stopped by a signal, or gone.
pub fn is_stopped(pid: u32) -> bool {
    stat_fields(pid).is_none_or(|f| matches!(f.first().map(String::as_str), Some("T" | "Z")))
}

/// The fields of `/proc/PID/stat` from the state on (the name before it may hold spaces and parentheses).
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// Waits, without the runtime, for a child to end; true when it did within the limit.
pub fn wait_blocking(child: &mut Child, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn as_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

/// The user that servers run as: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunAs(Option<(u32, u32)>);

impl RunAs {
    /// The present user; as root, `postgres` where there is one, else `nobody`.
    pub fn detect() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = |name: &str| {
            let line = users.lines().find(|l| l.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        Self(Some(
            ids("postgres")
                .or_else(|| ids("nobody"))
                .unwrap_or((65_534, 65_534)),
        ))
    }

    /// Makes a command run as this user; the standard library clears the groups along with it.
    pub fn apply(self, command: &mut std::process::Command) {
        use std::os::unix::process::CommandExt as _;
        if let Self(Some((uid, gid))) = self {
            command.uid(uid).gid(gid);
        }
    }

    /// The words before a command that this user is to run; none when that is who runs them anyway.
    pub fn words(self) -> Vec<String> {
        let Self(Some((uid, gid))) = self else {
            return Vec::new();
        };
        vec![
            "setpriv".to_owned(),
            format!("--reuid={uid}"),
            format!("--regid={gid}"),
            "--clear-groups".to_owned(),
            "--reset-env".to_owned(),
            "--".to_owned(),
        ]
    }

    /// Gives a file or folder to this user.
    pub fn own(self, path: &Path) -> std::io::Result<()> {
        match self {
            Self(Some((uid, gid))) => std::os::unix::fs::chown(path, Some(uid), Some(gid)),
            Self(None) => Ok(()),
        }
    }

    /// The first folder on the way to `path` that this user may not pass through.
    pub fn closed_ancestor(self, path: &Path) -> Option<PathBuf> {
        use std::os::unix::fs::MetadataExt as _;
        let Self(Some((uid, gid))) = self else {
            return None;
        };
        let closed = |dir: &Path| {
            std::fs::metadata(dir).is_ok_and(|meta| {
                let bit = match () {
                    () if meta.uid() == uid => 0o100,
                    () if meta.gid() == gid => 0o010,
                    () => 0o001,
                };
                meta.mode() & bit == 0
            })
        };
        path.ancestors()
            .skip(1)
            .find(|dir| closed(dir))
            .map(Path::to_owned)
    }
}

/// Asks a process to end, and ends it when it does not within the limit; `lives` says whether it is still the same one.
pub async fn end_process(pid: u32, limit: Duration, lives: impl Fn() -> bool) {
    signal(pid, Signal::TERM);
    let begun = Instant::now();
    while lives() && begun.elapsed() < 2 * limit {
        if begun.elapsed() > limit {
            signal(pid, Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
