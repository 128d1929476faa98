//! What a sweep has done, in a file that the next call goes on from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cases::Unit;

/// A unit that was run, and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Done {
    pub kind: String,
    pub leg: String,
    pub commit: String,
    pub on: String,
    pub unit: Option<Unit>,
    pub error: Option<String>,
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
    pub fn has(&self, kind: &str, leg: &str) -> bool {
        let key = (kind.to_owned(), leg.to_owned());
        self.done()
            .get(&key)
            .is_some_and(|done| done.unit.is_some())
    }

    /// Whether nothing that was run failed the last time.
    pub fn all_held(&self) -> bool {
        self.done().values().all(|done| done.error.is_none())
    }

    /// What was done so far; of what was done twice, the last.
    fn done(&self) -> BTreeMap<(String, String), Done> {
        let text = std::fs::read_to_string(self.0.join("done.jsonl")).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .map(|done: Done| ((done.kind.clone(), done.leg.clone()), done))
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
    pub fn table(&self, kinds: &[&str], legs: &[&str]) -> String {
        let done = self.done();
        let mut table = format!(
            "| fault | {} |\n|---|{}\n",
            legs.join(" | "),
            "---|".repeat(legs.len())
        );
        for kind in kinds {
            let cell = |leg: &&str| match done.get(&((*kind).to_owned(), (*leg).to_owned())) {
                None => "not run".to_owned(),
                Some(Done {
                    unit: Some(unit), ..
                }) => format!(
                    "{} actions, {} processes, {} s",
                    unit.cases.len(),
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
