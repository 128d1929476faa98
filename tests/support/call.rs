//! Calls of `greenlight`: how they end, and the runs they leave.

use std::path::Path;
use std::process::Output;

/// How a call of `greenlight` ended; no code when it was killed.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Ended {
    /// What it said is its standard output, then its standard error.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            said: text(&output.stdout) + &text(&output.stderr),
        }
    }

    #[track_caller]
    pub fn with(self, code: Option<i32>) -> Self {
        assert_eq!(self.code, code, "{}", self.said);
        self
    }

    #[track_caller]
    pub fn saying(self, words: &str) -> Self {
        assert!(self.said.contains(words), "no {words:?} in:\n{}", self.said);
        self
    }
}

/// The run in this folder that was begun last.
pub fn newest_run(runs: &Path) -> String {
    let newest = std::fs::read_dir(runs)
        .expect("runs")
        .flatten()
        .filter(|entry| entry.path().join("journal.jsonl").is_file())
        .max_by_key(|entry| {
            let written = entry.path().join("plan.json").metadata();
            written.and_then(|m| m.modified()).expect("time")
        });
    let newest = newest.expect("a run").file_name();
    newest.into_string().expect("id")
}
