//! The files of a lab's folder, and what stands in them.

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rehearsal::cluster::write_private;
use crate::rehearsal::load::now;
use crate::rehearsal::{RehearsalError, process};

/// How long after a switch a gap still counts as part of it.
const AROUND: Duration = Duration::from_secs(1);

/// What a lab says of itself, in `lab.json`. The file also marks the folder as a lab's, which may be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The process that owns the servers.
    pub pid: u32,
    /// When that process started: with the id, this names it for good.
    pub start_ticks: u64,
    /// Its network of namespaces, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Empty until the lab is up.
    pub up: Option<Up>,
}

/// A lab that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Up {
    /// The folder.
    pub dir: PathBuf,
    /// The profile for `greenlight run`.
    pub profile: PathBuf,
    /// Its servers at the start.
    pub nodes: Vec<LabNode>,
    /// The RDS stand-in, where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rds_endpoint: String,
}

/// A server of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabNode {
    /// `BLUE`.
    pub name: String,
    /// The URL of its superuser.
    pub url: String,
}

impl Card {
    /// The card of a lab that this process owns.
    #[must_use]
    pub fn mine() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start_ticks: process::start_ticks(pid).unwrap_or_default(),
            network: None,
            up: None,
        }
    }

    /// Reads the card of a lab; `None` when the folder is no lab's.
    #[must_use]
    pub fn read(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join("lab.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, dir: &Path) -> Result<(), RehearsalError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| RehearsalError::command("writing lab.json", e.to_string()))?;
        replace(&dir.join("lab.json"), &text)
    }

    /// True while the process that owns the lab lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        process::start_ticks(self.pid).is_some_and(|ticks| ticks == self.start_ticks)
    }
}

/// The folder of the load's records.
#[must_use]
pub fn load(dir: &Path) -> PathBuf {
    dir.join("load")
}

/// The folder of each server that runs in the folder itself: whatever works in there is the lab's.
#[must_use]
pub fn servers(dir: &Path) -> PathBuf {
    dir.join("servers")
}

/// The passfile of the lab.
#[must_use]
pub fn passfile(dir: &Path) -> PathBuf {
    dir.join("passfile")
}

/// The profile of the lab.
#[must_use]
pub fn profile(dir: &Path) -> PathBuf {
    dir.join("profile.toml")
}

/// The file that tells applications where to connect.
#[must_use]
pub fn endpoint(dir: &Path) -> PathBuf {
    dir.join("endpoint")
}

/// The URL an application should connect to.
pub fn read_endpoint(dir: &Path) -> Result<String, RehearsalError> {
    let path = endpoint(dir);
    let text = std::fs::read_to_string(&path).map_err(RehearsalError::io("read", &path))?;
    Ok(text.trim_end().to_owned())
}

/// Points applications at a URL: the file is replaced by rename, so that nobody reads half of it.
pub fn write_endpoint(dir: &Path, url: &str) -> Result<(), RehearsalError> {
    replace(&endpoint(dir), &format!("{url}\n"))
}

/// Points applications at another server, user and database unchanged, and notes when.
pub fn redirect(dir: &Path, host: &str, port: u16) -> Result<(), RehearsalError> {
    let url = read_endpoint(dir)?;
    let parts = url.split_once('@').and_then(|(user, rest)| {
        let (_, database) = rest.split_once('/')?;
        Some((user, database))
    });
    let Some((user, database)) = parts else {
        return Err(RehearsalError::Unusable(format!(
            "{} does not hold a URL of the lab",
            endpoint(dir).display()
        )));
    };
    note_switch(dir, Duration::ZERO)?;
    write_endpoint(dir, &format!("{user}@{host}:{port}/{database}"))
}

/// Notes that applications are being pointed elsewhere now; where that is only told afterwards, `since` says how long
/// before now the pause may have begun.
pub fn note_switch(dir: &Path, since: Duration) -> Result<(), RehearsalError> {
    let path = dir.join("switches");
    let mut switches = std::fs::File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(RehearsalError::io("open", &path))?;
    let (now, micros) = (now(), |time: Duration| {
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    });
    let (from, to) = (now.saturating_sub(micros(since)), now + micros(AROUND));
    writeln!(switches, "{from} {to}").map_err(RehearsalError::io("write", &path))
}

/// The times around each switch, in microseconds since 1970, in order: a gap that reaches into one of them is part of
/// that switch.
#[must_use]
pub fn read_switches(dir: &Path) -> Vec<Range<u64>> {
    let text = std::fs::read_to_string(dir.join("switches")).unwrap_or_default();
    let range = |line: &str| {
        let (from, to) = line.split_once(' ')?;
        Some(from.parse().ok()?..to.parse().ok()?)
    };
    text.lines().filter_map(range).collect()
}

fn replace(path: &Path, text: &str) -> Result<(), RehearsalError> {
    let new = path.with_extension("new");
    write_private(&new, text)?;
    std::fs::rename(&new, path).map_err(RehearsalError::io("replace", path))
}

#[cfg(test)]
mod tests {
    use super::{read_endpoint, read_switches, redirect, write_endpoint};

    #[test]
    fn a_redirect_keeps_user_and_database() {
        let dir = tempfile::tempdir().expect("scratch");
        write_endpoint(dir.path(), "postgresql://shop_app:p%40ss@127.0.0.1:1/shop").expect("write");
        redirect(dir.path(), "127.0.0.1", 2).expect("redirect");
        let url = read_endpoint(dir.path()).expect("read");
        assert_eq!(url, "postgresql://shop_app:p%40ss@127.0.0.1:2/shop");
        assert_eq!(read_switches(dir.path()).len(), 1);
    }
}
