//! `patroni-guard` on real Patroni and etcd: released, rolled back, given back, and what the hold outlasts.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use greenlight::commands::headless::{Answers, Printing};
use greenlight::commands::run::take_up;
use greenlight::event::{Event, Intent, Outcome, What};
use greenlight::journal::Runs;
use greenlight::runbook::StepId;

use crate::place::Place;

const GUARD: &str = "patroni-guard";

struct Guard {
    place: Place,
    runs: tempfile::TempDir,
}

impl Guard {
    fn up(args: &[&str]) -> Self {
        let place = Place::new();
        place.up(&[&[GUARD], args].concat());
        Self {
            place,
            runs: tempfile::tempdir().expect("runs"),
        }
    }

    fn greenlight(&self, args: &[&str], fault: Option<&str>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenlight"));
        command.args(args).env("GREENLIGHT_RUNS", self.runs.path());
        if let Some(fault) = fault {
            command.env("GREENLIGHT_FAULT", fault);
        }
        command.output().expect("greenlight")
    }

    /// Begins a run that ends parked at the release; the run's id. `deployment` is the lab's own, good or bad.
    fn deploy(&self, deployment: &str) -> String {
        let (profile, dir) = (self.profile(), self.place.dir());
        let output = self.greenlight(
            &[
                "run",
                profile.to_str().unwrap(),
                "--headless",
                "--confirm",
                "deploy.window=x",
                "--deploy-command",
                env!("CARGO_BIN_EXE_greenlight"),
                "lab",
                "deploy",
                deployment,
                "--dir",
                dir.to_str().unwrap(),
            ],
            None,
        );
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        self.run()
    }

    fn run(&self) -> String {
        let entries = std::fs::read_dir(self.runs.path()).expect("runs").flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.max().expect("a run")
    }

    fn profile(&self) -> PathBuf {
        self.place.dir().join("profile.toml")
    }

    fn file(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.profile()).expect("profile");
        let table: toml::Table = text.parse().expect("TOML");
        table["nodes"]["pg3"]["yaml"].as_str().expect("yaml").into()
    }

    fn roll_back(&self, run: &str) -> Output {
        let phrase = format!("rollback.switch=roll back to predeploy_{run}");
        self.greenlight(
            &[
                "rollback",
                run,
                "--headless",
                "--confirm",
                "rollback.recover=x",
                "--confirm",
                &phrase,
                "--confirm",
                "rollback.old-leader=x",
            ],
            None,
        )
    }

    fn node(&self, args: &[&str]) {
        let output = self.place.greenlight(&[&["node"], args].concat());
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    /// Nothing of a run is left beside the file, and the file is what it was.
    fn is_clean(&self, before: &[u8]) {
        let file = self.file();
        assert_eq!(std::fs::read(&file).expect("file"), before, "byte for byte");
        let beside = std::fs::read_dir(file.parent().unwrap())
            .expect("folder")
            .flatten();
        let left: Vec<_> = beside
            .map(|entry| entry.file_name().into_string().unwrap())
            .filter(|name| name.contains("greenlight"))
            .collect();
        assert_eq!(left, [""; 0]);
    }

    /// No secret of the member's file is in anything the run wrote.
    fn keeps_secrets(&self, run: &str, file: &[u8]) {
        let text = String::from_utf8(file.to_vec()).expect("UTF-8");
        let secrets = text.lines().filter_map(|line| line.split_once("password:"));
        let secrets: Vec<_> = secrets
            .map(|(_, rest)| {
                rest.trim_matches(|c: char| c.is_whitespace() || "'\"{},".contains(c))
                    .to_owned()
            })
            .filter(|secret| secret.len() > 5)
            .collect();
        let folder = self.runs.path().join(run);
        for entry in std::fs::read_dir(folder).expect("run").flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            for secret in &secrets {
                assert!(
                    !text.contains(secret),
                    "{secret} in {}",
                    entry.path().display()
                );
            }
        }
    }

    fn rows_are_as_at_the_point(&self) {
        let audit = self.place.audit();
        assert_eq!(
            (&audit["lost"], &audit["duplicated"]),
            (&0.into(), &0.into()),
            "{audit}"
        );
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn succeeds(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}\n{output:?}",
        said(output)
    );
}

#[test]
fn a_good_deployment_is_released() {
    let guard = Guard::up(&["--load", "2"]);
    let before = std::fs::read(guard.file()).expect("file");
    let run = guard.deploy("good");
    assert_ne!(
        std::fs::read(guard.file()).expect("file"),
        before,
        "it is held"
    );
    let output = guard.greenlight(
        &[
            "resume",
            &run,
            "--headless",
            "--confirm",
            "release.member=release pg3",
        ],
        None,
    );
    succeeds(&output, 0);
    guard.is_clean(&before);
    guard.keeps_secrets(&run, &before);
    guard.rows_are_as_at_the_point();
    let again = guard.greenlight(&["rollback", &run, "--headless"], None);
    assert!(
        said(&again).contains("ended the way back"),
        "{}",
        said(&again)
    );
}

#[test]
fn a_bad_deployment_is_rolled_back_on_all_members() {
    let guard = Guard::up(&["--load", "2"]);
    rolled_back(&guard);
}

#[test]
fn with_patroni_4_as_well() {
    let guard = Guard::up(&["--load", "2", "--patroni", "4"]);
    rolled_back(&guard);
}

fn rolled_back(guard: &Guard) {
    let before = std::fs::read(guard.file()).expect("file");
    let run = guard.deploy("bad");
    let output = guard.roll_back(&run);
    succeeds(&output, 4);
    guard.is_clean(&before);
    guard.keeps_secrets(&run, &before);
    guard.rows_are_as_at_the_point();
    assert!(
        said(&output).contains("history names the restore point"),
        "{}",
        said(&output)
    );
}

/// What an operator does on the screen: looks, says no, and says yes later.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_go_gives_everything_back_and_can_be_thought_over() {
    let guard = Guard::up(&["--load", "2"]);
    let before = std::fs::read(guard.file()).expect("file");
    let run = guard.deploy("bad");
    let runs = Runs::locate(Some(guard.runs.path())).expect("runs");
    let mut answers = Answers::default();
    answers
        .given
        .insert("rollback.recover".to_owned(), "x".to_owned());
    let at = |step: &str, intents: [Intent; 1]| (step.to_owned(), intents.into_iter().collect());
    answers
        .instead
        .extend([at("rollback.switch", [Intent::UndoLast])]);
    let ready = take_up(&runs, &run, Some(Intent::GoBack))
        .await
        .unwrap_or_else(|_| panic!("taken up"));
    let mut undone = Vec::new();
    let outcome = ready
        .headless(answers, Printing::Silent, |event: &Event| {
            if let What::State { state } = &event.what
                && format!("{state:?}").starts_with("Undone")
            {
                undone.extend(event.step.clone());
            }
        })
        .await;
    assert_eq!(outcome, Outcome::Parked);
    assert_eq!(undone, [StepId::new("rollback.recover")]);
    assert_ne!(
        std::fs::read(guard.file()).expect("file"),
        before,
        "it is held again"
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    let output = guard.roll_back(&run);
    succeeds(&output, 4);
    guard.is_clean(&before);
    guard.rows_are_as_at_the_point();
}

/// A crash of the server, a restart of Patroni and a failover: the member is still held, and the roll back asks once
/// because another member leads.
#[test]
fn the_hold_outlasts_a_restart_and_a_failover() {
    let guard = Guard::up(&["--load", "2"]);
    let run = guard.deploy("good");
    guard.node(&["stop", "pg3"]);
    guard.node(&["start", "pg3"]);
    guard.node(&["stop", "pg1"]);
    std::thread::sleep(Duration::from_secs(8));
    guard.node(&["start", "pg1"]);
    std::thread::sleep(Duration::from_secs(12));
    let output = guard.roll_back(&run);
    succeeds(&output, 3);
    assert!(
        said(&output).contains("there was a failover"),
        "{}",
        said(&output)
    );
    succeeds(&guard.roll_back(&run), 4);
    guard.rows_are_as_at_the_point();
}

/// Killed before and after actions that matter, the run is taken up and comes to its end.
#[test]
fn a_killed_roll_back_is_taken_up() {
    let guard = Guard::up(&["--load", "2"]);
    let run = guard.deploy("bad");
    let phrase = format!("rollback.switch=roll back to predeploy_{run}");
    let all = [
        "--headless",
        "--confirm",
        "rollback.recover=x",
        "--confirm",
        &phrase,
        "--confirm",
        "rollback.old-leader=x",
    ];
    let mut args = vec!["rollback", run.as_str()];
    args.extend(all);
    let mut killed = 0;
    // While it recovers; with the leader stopped; once promoted; on its way under Patroni.
    for action in [4, 7, 5, 4] {
        let output = guard.greenlight(&args, Some(&format!("kill-after:{action}")));
        match output.status.code() {
            None => killed += 1,
            other => panic!("{other:?} after action {action}: {}", said(&output)),
        }
        args = vec!["resume", run.as_str()];
        args.extend(all);
    }
    assert_eq!(killed, 4);
    succeeds(&guard.greenlight(&args, None), 4);
    guard.rows_are_as_at_the_point();
}
