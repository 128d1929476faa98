//! `greenlight rehearse`: the whole procedure on disposable servers under an audited load.

use std::collections::{BTreeMap, VecDeque};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::headless::{Answers, Printing};
use super::run::{Ready, begin};
use super::{Ended, Failure, print, print_json, say};
use crate::cli::RehearseArgs;
use crate::event::{Event, Intent, Outcome, StepState, What};
use crate::journal::Runs;
use crate::profile::{self, Profile};
use crate::rehearsal::load::PAUSE;
use crate::rehearsal::{Audit, Disposable, LabOptions, Load, has_lab, lab_up};
use crate::runbook::{CanarySeen, PauseEvent, StepResult, Verdict};

/// What is expected of a procedure's rehearsal.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// The step whose gate is where a rollback is chosen.
    fork: &'static str,
    /// How often writers are cut off on the way forward.
    forward: usize,
}

/// Every way back cuts writers off once more.
fn course(procedure: &str) -> Course {
    let (fork, forward) = match procedure {
        "patroni-guard" => ("release.member", 0),
        "vip-switchover" => ("finish.close", 1),
        _ => ("finish.unlink", 1),
    };
    Course { fork, forward }
}

/// How long the gate's checks may refuse before a rehearsal counts as failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// `greenlight rehearse [PROCEDURE]`
pub async fn run(args: &RehearseArgs) -> Ended {
    has_lab(&args.procedure)?;
    let dir = fresh_dir()?;
    let mut options = LabOptions::new(&dir)?;
    options.pg_bin.clone_from(&args.pg_bin);
    options.patroni = args.patroni;
    options.loopback = args.loopback;
    let lab = tokio::select! {
        lab = lab_up(&args.procedure, &options, &say) => lab?,
        _ = tokio::signal::ctrl_c() => {
            // Giving `up` up takes down what it had started.
            return Err(Failure::new("the rehearsal was given up; nothing of it is left"));
        }
    };
    let load = lab.load(args.load, PAUSE)?;
    let ended = rehearse(args, lab.as_ref(), load).await;
    say("taking the lab down");
    lab.down().await?;
    ended
}

/// A folder that the servers' user can reach: the lab closes what is private in it.
fn fresh_dir() -> Result<PathBuf, Failure> {
    for attempt in 0..100 {
        let dir = std::env::temp_dir().join(format!("greenlight-{}-{attempt}", std::process::id()));
        match DirBuilder::new().mode(0o755).create(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(Failure::new(format!(
                    "cannot create {}: {error}",
                    dir.display()
                )));
            }
        }
    }
    Err(Failure::new("no folder for the lab could be made"))
}

async fn rehearse(args: &RehearseArgs, lab: &dyn Disposable, load: Load) -> Ended {
    let dir = lab.dir();
    let mut profile = profile::load(&dir.join("profile.toml"))?;
    if let Some(argv) = lab.deployment(!args.rollback) {
        let none = || Failure::new("this procedure guards no deployment");
        profile = profile.deploying(argv).ok_or_else(none)?;
    }
    let has_canary = matches!(&profile, Profile::BlueGreen(profile) if profile.canary.is_some());
    let runs = Runs::locate(Some(&dir.join("runs")))?;
    let ready = begin(profile, &runs, false).await?;
    if !args.auto {
        let outcome = ready.on_disposable_servers().on_screen(args.theme).await?;
        load.stop().await?;
        let audit = lab.audit().await?;
        say(match outcome {
            Outcome::Done => "the rehearsal is done",
            Outcome::RolledBack => "the rehearsal is rolled back",
            Outcome::Parked => {
                "the rehearsal was left early; its servers go now, and its run with them"
            }
            Outcome::Stuck => {
                "the rehearsal ended where a human would have to look; its servers go now"
            }
        });
        print(&told(&audit))?;
        return Ok(ExitCode::from(outcome.exit_code()));
    }
    let summary = alone(ready, args, lab, load, has_canary).await?;
    let clean = summary.verdict == "clean";
    if args.json {
        print_json(&summary)?;
    } else {
        let why: Vec<_> = summary.why.iter().map(|why| format!("  {why}\n")).collect();
        print(&format!("verdict: {}\n{}", summary.verdict, why.concat()))?;
    }
    Ok(ExitCode::from(u8::from(!clean)))
}

/// The run without an operator: the rehearsal confirms every gate itself.
async fn alone(
    ready: Ready,
    args: &RehearseArgs,
    lab: &dyn Disposable,
    load: Load,
    has_canary: bool,
) -> Result<Summary, Failure> {
    let mut answers = Answers {
        all: true,
        patience: PATIENCE,
        ..Answers::default()
    };
    let fork = course(&args.procedure).fork;
    if args.rollback {
        answers
            .instead
            .insert(fork.to_owned(), VecDeque::from([Intent::GoBack]));
    }
    let versions = ready.versions();
    let printing = if args.json {
        Printing::Silent
    } else {
        Printing::Lines
    };
    let mut seen = Seen {
        has_canary,
        ..Seen::default()
    };
    let outcome = ready
        .headless(answers, printing, |event| seen.take(event, args.json))
        .await;
    load.stop().await?;
    let audit = lab.audit().await?;
    if !args.json {
        print(&told(&audit))?;
    }
    Ok(Summary::of(
        &args.procedure,
        seen,
        &audit,
        outcome,
        args.rollback,
        versions,
    ))
}

fn told(audit: &Audit) -> String {
    let pauses: Vec<_> = audit
        .pauses_ms
        .iter()
        .map(|ms| format!("{ms} ms"))
        .collect();
    let faults: Vec<_> = audit
        .faults
        .iter()
        .map(|fault| format!("{fault}\n"))
        .collect();
    let taken_back = match audit.taken_back {
        0 => String::new(),
        rows => format!(" {rows} taken back by the roll back,"),
    };
    format!(
        "{} rows acknowledged, {} lost,{taken_back} {} duplicated; longest gap a writer saw around a switch: {}\n{}",
        audit.acknowledged,
        audit.lost,
        audit.duplicated,
        if pauses.is_empty() {
            "there was no switch".to_owned()
        } else {
            pauses.join(", ")
        },
        faults.concat(),
    )
}

/// What the rehearsal's end tells of the run.
#[derive(Default)]
struct Seen {
    steps: Vec<StepLine>,
    checks: BTreeMap<(String, String), Verdict>,
    failures: Vec<String>,
    /// The profile lets a canary go with every switch.
    has_canary: bool,
    canary: Vec<CanaryLine>,
    /// Switches whose end no canary has seen.
    unseen: Vec<String>,
}

#[derive(Serialize)]
struct CanaryLine {
    step: String,
    #[serde(flatten)]
    seen: CanarySeen,
}

#[derive(Serialize)]
struct StepLine {
    id: String,
    outcome: &'static str,
    seconds: f64,
}

impl Seen {
    fn take(&mut self, event: &Event, tell: bool) {
        let step = event
            .step
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        match &event.what {
            What::State {
                state: StepState::Running,
            } if tell => say(step.as_str()),
            What::State {
                state: StepState::Done { result, took_ms },
            } => {
                let outcome = match result {
                    StepResult::Done(_) => "done",
                    StepResult::Warning(_) => "warning",
                    StepResult::Skipped(_) => "skipped",
                    StepResult::TakenBack(why) => {
                        self.failures.push(format!("{step} was taken back: {why}"));
                        "taken-back"
                    }
                };
                self.steps.push(StepLine {
                    id: step,
                    outcome,
                    seconds: *took_ms as f64 / 1000.0,
                });
            }
            What::State {
                state: StepState::Failed { error, took_ms },
            } => {
                self.failures.push(format!("{step}: {error}"));
                self.steps.push(StepLine {
                    id: step,
                    outcome: "failed",
                    seconds: *took_ms as f64 / 1000.0,
                });
            }
            What::Pause {
                pause: PauseEvent::Canary { seen },
            } => {
                if seen.pause_us.is_some() {
                    self.unseen.retain(|one| *one != step);
                }
                if !seen.is_whole() {
                    self.failures.push(format!("{step}: {}", seen.words()));
                }
                self.canary.push(CanaryLine {
                    step,
                    seen: seen.clone(),
                });
            }
            What::Pause {
                pause:
                    PauseEvent::Ended {
                        taken_back: false, ..
                    },
            } if self.has_canary => self.unseen.push(step),
            What::GateRefused { reason } => say(&format!("{step}: not yet: {reason}")),
            What::Check { result } => {
                self.checks
                    .insert((result.id.clone(), result.node.clone()), result.verdict);
            }
            _ => {}
        }
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.checks.values().filter(|one| **one == verdict).count()
    }
}

/// The last line of `--json`: a contract.
#[derive(Serialize)]
struct Summary {
    procedure: String,
    verdict: &'static str,
    why: Vec<String>,
    write_pause_ms: Option<u64>,
    rollback_pause_ms: Option<u64>,
    rows_acknowledged: u64,
    rows_lost: u64,
    rows_duplicated: u64,
    /// Those that a roll back to a restore point takes back by intent.
    #[serde(skip_serializing_if = "is_zero")]
    rows_taken_back: u64,
    canary: Vec<CanaryLine>,
    steps: Vec<StepLine>,
    checks: Counts,
    versions: Versions,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct Counts {
    pass: usize,
    warn: usize,
    block: usize,
}

#[derive(Serialize)]
struct Versions {
    blue: String,
    green: String,
}

impl Summary {
    fn of(
        procedure: &str,
        seen: Seen,
        audit: &Audit,
        outcome: Outcome,
        rollback: bool,
        versions: (String, String),
    ) -> Self {
        let wanted = if rollback {
            Outcome::RolledBack
        } else {
            Outcome::Done
        };
        let forward = course(procedure).forward;
        let pauses = forward + usize::from(rollback);
        let mut why = seen.failures.clone();
        why.extend(audit.faults.iter().cloned());
        let unseen = seen.unseen.iter();
        why.extend(unseen.map(|step| {
            format!(
                "{step}: the canary brought no row through, so what an application saw is not known"
            )
        }));
        for (wrong, text) in [
            (
                outcome != wanted,
                format!("the run ended as {outcome:?} instead of {wanted:?}"),
            ),
            (
                audit.lost > 0,
                format!("{} acknowledged rows are lost", audit.lost),
            ),
            (
                audit.duplicated > 0,
                format!("{} rows are there twice", audit.duplicated),
            ),
            (
                audit.acknowledged == 0,
                "no row was acknowledged: the load did not run".to_owned(),
            ),
            (
                audit.pauses_ms.len() != pauses,
                format!("{} switches instead of {pauses}", audit.pauses_ms.len()),
            ),
        ] {
            if wrong {
                why.push(text);
            }
        }
        Self {
            procedure: procedure.to_owned(),
            verdict: if why.is_empty() { "clean" } else { "failed" },
            why,
            write_pause_ms: audit.pauses_ms.first().copied().filter(|_| forward > 0),
            rollback_pause_ms: audit.pauses_ms.get(forward).copied(),
            rows_acknowledged: audit.acknowledged,
            rows_lost: audit.lost,
            rows_duplicated: audit.duplicated,
            rows_taken_back: audit.taken_back,
            checks: Counts {
                pass: seen.count(Verdict::Pass),
                warn: seen.count(Verdict::Warn),
                block: seen.count(Verdict::Block),
            },
            canary: seen.canary,
            steps: seen.steps,
            versions: Versions {
                blue: versions.0,
                green: versions.1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::StepId;

    /// A rehearsal with a canary, after a switch and what the canary told of it.
    fn summary(told: Option<CanarySeen>) -> Summary {
        let ended = PauseEvent::Ended {
            took_us: 70_000,
            taken_back: false,
        };
        let told = told.map(|seen| PauseEvent::Canary { seen });
        let mut seen = Seen {
            has_canary: true,
            ..Seen::default()
        };
        for pause in [ended].into_iter().chain(told) {
            let event = Event {
                at: jiff::Timestamp::UNIX_EPOCH,
                step: Some(StepId::new("cutover.switch")),
                what: What::Pause { pause },
            };
            seen.take(&event, false);
        }
        let audit = Audit {
            acknowledged: 1,
            pauses_ms: vec![80],
            ..Audit::default()
        };
        let versions = ("15.18".to_owned(), "17.10".to_owned());
        Summary::of(
            "rds-blue-green",
            seen,
            &audit,
            Outcome::Done,
            false,
            versions,
        )
    }

    fn canary(pause_us: Option<u64>, lost: u64) -> CanarySeen {
        CanarySeen {
            pause_us,
            acknowledged: 12,
            lost: Some(lost),
            doubled: Some(0),
            in_doubt: 1,
        }
    }

    #[test]
    fn what_the_canary_saw_decides_with_the_rest() {
        let clean = serde_json::to_value(summary(Some(canary(Some(74_000), 0)))).unwrap();
        assert_eq!(clean["verdict"], "clean");
        let told = serde_json::json!([{
            "step": "cutover.switch", "pause_us": 74_000, "acknowledged": 12, "lost": 0, "doubled": 0, "in_doubt": 1,
        }]);
        assert_eq!(clean["canary"], told);
        for (told, why) in [
            (Some(canary(Some(74_000), 1)), "1 lost"),
            (Some(canary(None, 0)), "the canary brought no row through"),
            (None, "the canary brought no row through"),
        ] {
            let failed = summary(told);
            assert_eq!(failed.verdict, "failed");
            assert!(failed.why[0].contains(why), "{:?}", failed.why);
        }
    }
}
