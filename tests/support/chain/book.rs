//! What a sweep has done, in a file that the next call goes on from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::chain::Unit;

/// A unit that was run, and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Done {
    #[serde(default = "first")]
    pub procedure: String,
    pub kind: String,
    pub leg: String,
    pub commit: String,
    pub on: String,
    pub unit: Option<Unit>,
    pub error: Option<String>,
}

/// The only one that had a sweep when nothing was written of it.
fn first() -> String {
    "rds-blue-green".to_owned()
}

/// What tells units apart: procedure, kind of fault, leg.
pub type Key = (String, String, String);

/// The key of a unit.
pub fn key(procedure: &str, kind: &str, leg: &str) -> Key {
    (procedure.to_owned(), kind.to_owned(), leg.to_owned())
}

/// The state file of a sweep.
pub struct Book(PathBuf);

impl Book {
    pub fn open() -> Self {
        let folder = std::env::var("GREENLIGHT_SWEEP_DIR").map_or_else(
            |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/fault-sweep"),
            PathBuf::from,
        );
        std::fs::create_dir_all(&folder).expect("folder");
        Self(folder)
    }

    /// Where the state file is.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Whether this leg held under this kind of fault before.
    pub fn has(&self, unit: &Key) -> bool {
        self.done()
            .get(unit)
            .is_some_and(|done| done.unit.is_some())
    }

    /// Whether any of these kinds was run.
    pub fn knows(&self, procedure: &str, kinds: &[&str]) -> bool {
        let done = self.done();
        let mut done = done.keys();
        done.any(|(of, kind, _)| of == procedure && kinds.contains(&kind.as_str()))
    }

    /// Whether nothing that was run failed the last time.
    pub fn all_held(&self) -> bool {
        self.done().values().all(|done| done.error.is_none())
    }

    /// What was done so far; of what was done twice, the last.
    fn done(&self) -> BTreeMap<Key, Done> {
        let text = std::fs::read_to_string(self.0.join("done.jsonl")).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .map(|done: Done| (key(&done.procedure, &done.kind, &done.leg), done))
            .collect()
    }

    pub fn add(&self, done: &Done) {
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.0.join("done.jsonl"))
            .expect("state file");
        let line = serde_json::to_string(done).expect("JSON");
        writeln!(file, "{line}").expect("state file");
    }

    /// The counts as a table, one row a kind.
    pub fn table(&self, procedure: &str, kinds: &[&str], legs: &[&str]) -> String {
        let done = self.done();
        let mut table = format!(
            "| {procedure} | {} |\n|---|{}\n",
            legs.join(" | "),
            "---|".repeat(legs.len())
        );
        for kind in kinds {
            let cell = |leg: &&str| match done.get(&key(procedure, kind, leg)) {
                None => "not run".to_owned(),
                Some(Done {
                    unit: Some(unit), ..
                }) => format!(
                    "{}{} actions, {} processes, {} s",
                    unit.cases.len(),
                    match unit.unstruck.len() {
                        0 => String::new(),
                        missed => format!(" of {}", unit.cases.len() + missed),
                    },
                    unit.processes,
                    unit.seconds
                ),
                Some(_) => "FAILED".to_owned(),
            };
            let cells: Vec<_> = legs.iter().map(cell).collect();
            let _ = writeln!(table, "| `{kind}` | {} |", cells.join(" | "));
        }
        table
    }
}
