use greenlight::event::Outcome;
use greenlight::journal::{OpenRun, Runs};
use greenlight::runbook::{Facts, Plan};

use crate::world::{Operator, Things, run, runbook};

const ALL: [&str; 6] = ["one.a", "one.b", "three.a", "three.b", "two.a", "two.b"];

fn begin(things: &Things) -> (tempfile::TempDir, Runs, OpenRun) {
    let dir = tempfile::tempdir().unwrap();
    let runs = Runs::locate(Some(&dir.path().join("runs"))).unwrap();
    let plan = Plan::of(&runbook(things), &Facts::default());
    let open = runs.create("profile", &plan).unwrap();
    (dir, runs, open)
}

#[tokio::test]
async fn a_run_is_done_and_its_end_is_told_last() {
    let things = Things::default();
    let (_dir, _runs, open) = begin(&things);
    let driven = run(&things, open, Operator::Confirms, None).await;
    assert_eq!(driven.outcome, Outcome::Done);
    assert_eq!(things.all(), ALL);
    assert_eq!(things.unannounced(), [""; 0]);
    let last = serde_json::to_value(driven.events.last().unwrap()).unwrap();
    assert_eq!(last["event"], "ended");
    assert_eq!(last["outcome"], "done");
}

#[tokio::test]
async fn going_back_takes_everything_back() {
    let things = Things::default();
    let (_dir, _runs, open) = begin(&things);
    let driven = run(&things, open, Operator::GoesBackAt("three"), None).await;
    assert_eq!(driven.outcome, Outcome::RolledBack);
    assert!(things.all().is_empty());
}

/// The journal lost at every record in turn stands for a crash there: nothing after it happens in that process.
#[tokio::test]
async fn a_run_lost_at_any_record_goes_on_or_back() {
    for operator in [Operator::Confirms, Operator::GoesBackAt("three")] {
        let mut interrupted = 0;
        for record in 1.. {
            let things = Things::default();
            let (_dir, runs, open) = begin(&things);
            let id = open.id.clone();
            let fault = format!("fail-record:{record}");
            let first = run(&things, open, operator, Some(&fault)).await;
            if first.outcome != Outcome::Parked {
                break;
            }
            interrupted += 1;
            let second = run(&things, runs.open(&id).unwrap(), operator, None).await;
            assert_eq!(things.unannounced(), [""; 0], "record {record}");
            match operator {
                Operator::Confirms => {
                    assert_eq!(second.outcome, Outcome::Done, "record {record}");
                    assert_eq!(things.all(), ALL, "record {record}");
                }
                Operator::GoesBackAt(_) => {
                    assert_eq!(second.outcome, Outcome::RolledBack, "record {record}");
                    assert!(
                        things.all().is_empty(),
                        "record {record}: {:?}",
                        things.all()
                    );
                }
            }
        }
        assert!(interrupted > 30, "only {interrupted} records");
    }
}

#[tokio::test]
async fn an_action_that_fails_is_completed_or_undone_object_by_object() {
    for kind in ["fail", "hang", "cut"] {
        for action in 1..=6 {
            let things = Things::default();
            let (_dir, runs, open) = begin(&things);
            let id = open.id.clone();
            let fault = format!("{kind}:{action}");
            let first = run(&things, open, Operator::Confirms, Some(&fault)).await;
            // A lost answer to the last part of a step is found to have taken effect.
            let found = kind == "cut" && action % 2 == 0;
            let expected = if found {
                Outcome::Done
            } else {
                Outcome::Parked
            };
            assert_eq!(first.outcome, expected, "{fault}");
            let second = run(&things, runs.open(&id).unwrap(), Operator::Confirms, None).await;
            assert_eq!(second.outcome, Outcome::Done, "{fault}");
            assert_eq!(things.all(), ALL, "{fault}");
        }
    }
}
