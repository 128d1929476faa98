//! Calls of `greenlight`: how they go, how they end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use greenlight::runbook::CheckReport;

pub const DONE: Option<i32> = Some(0);
pub const REFUSED: Option<i32> = Some(2);
pub const PARKED: Option<i32> = Some(3);
pub const ROLLED_BACK: Option<i32> = Some(4);
pub const STUCK: Option<i32> = Some(5);
pub const KILLED: Option<i32> = None;

/// The program under test, where it is not the one just built.
pub static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// The program under test.
pub fn program() -> &'static Path {
    PROGRAM.get_or_init(|| env!("CARGO_BIN_EXE_greenlight").into())
}

/// Calls for one profile, whose runs are in a folder of their own.
pub struct Calls {
    /// The folder of the runs.
    pub runs: PathBuf,
    /// The profile.
    pub profile: PathBuf,
}

impl Calls {
    /// `greenlight ARGS --headless`, with these gates confirmed and this fault.
    pub fn command(&self, args: &[&str], confirmed: &[&str], fault: Option<&str>) -> Command {
        let mut command = self.with_answers(args, confirmed);
        command.arg("--headless");
        if let Some(fault) = fault {
            command.env("GREENLIGHT_FAULT", fault);
        }
        command
    }

    /// The same, to its end.
    pub async fn call(&self, args: &[&str], confirmed: &[&str], fault: Option<&str>) -> Ended {
        Ended::by(self.command(args, confirmed, fault)).await
    }

    /// A new run.
    pub async fn run(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        let profile = self.profile.to_str().expect("path");
        self.call(&["run", profile], confirmed, fault).await
    }

    /// The newest run, taken up.
    pub async fn resume(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.call(&["resume", &self.newest_run()], confirmed, fault)
            .await
    }

    /// The newest run, rolled back.
    pub async fn roll_back(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.call(&["rollback", &self.newest_run()], confirmed, fault)
            .await
    }

    /// `greenlight panic` on the newest run.
    pub async fn panic(&self, phrase: &str) -> Ended {
        Ended::by(self.with_answers(&["panic", &self.newest_run()], &[phrase])).await
    }

    /// What the pre-flight says.
    pub fn check(&self) -> CheckReport {
        let output = Command::new(program())
            .args(["check", "--json"])
            .arg(&self.profile)
            .output()
            .expect("greenlight");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// True once a run has a journal.
    pub fn began(&self) -> bool {
        all_runs(&self.runs).next().is_some()
    }

    /// The run that was begun last.
    pub fn newest_run(&self) -> String {
        newest_run(&self.runs)
    }

    /// The journal of the newest run; empty before it has one.
    pub fn journal(&self) -> String {
        if !self.began() {
            return String::new();
        }
        let path = self.runs.join(self.newest_run()).join("journal.jsonl");
        std::fs::read_to_string(path).expect("journal")
    }

    fn with_answers(&self, args: &[&str], confirmed: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .args(confirmed.iter().flat_map(|given| ["--confirm", given]))
            .env("GREENLIGHT_RUNS", &self.runs)
            .env_remove("GREENLIGHT_FAULT")
            .stdin(Stdio::null());
        command
    }
}

/// How a call of `greenlight` ended; no code when it was killed.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Ended {
    /// Waits for the end of a call, which ends with the test at the latest.
    pub async fn by(command: Command) -> Self {
        let mut command = tokio::process::Command::from(command);
        let output = command.kill_on_drop(true).output().await;
        Self::of(&output.expect("greenlight"))
    }

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
    let newest = all_runs(runs).max_by_key(|run| {
        let written = run.join("plan.json").metadata();
        written.and_then(|m| m.modified()).expect("time")
    });
    let newest = newest.expect("a run");
    let name = newest.file_name().and_then(|name| name.to_str());
    name.expect("id").to_owned()
}

fn all_runs(runs: &Path) -> impl Iterator<Item = PathBuf> {
    let runs = std::fs::read_dir(runs).into_iter().flatten();
    let folders = runs.flatten().map(|entry| entry.path());
    folders.filter(|folder| folder.join("journal.jsonl").is_file())
}
