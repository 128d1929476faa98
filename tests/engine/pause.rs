use greenlight::event::{Outcome, StepState, What};
use greenlight::journal::Runs;
use greenlight::runbook::{Facts, Plan};

use crate::world::{Driven, Operator, Things, in_two_parts, pause, run_book};

struct Kept {
    _dir: tempfile::TempDir,
    runs: Runs,
    id: String,
    things: Things,
}

async fn begun(things: Things, fault: Option<&str>) -> (Kept, Driven) {
    let dir = tempfile::tempdir().unwrap();
    let runs = Runs::locate(Some(&dir.path().join("runs"))).unwrap();
    let plan = Plan::of(&pause(&things), &Facts::default());
    let open = runs.create("profile", &plan).unwrap();
    let id = open.id.clone();
    let driven = run_book(pause(&things), &things, open, Operator::Confirms, fault).await;
    let kept = Kept {
        _dir: dir,
        runs,
        id,
        things,
    };
    (kept, driven)
}

impl Kept {
    /// Another process goes on to the end.
    async fn goes_on(&self) {
        let open = self.runs.open(&self.id).unwrap();
        let book = pause(&self.things);
        let driven = run_book(book, &self.things, open, Operator::Confirms, None).await;
        assert_eq!(driven.outcome, Outcome::Done);
        assert!(self.things.has("settled"));
    }
}

/// The disk is full from this record on: applications are let in again all the same, on the side where the point of no
/// return says; nothing else is sent.
#[tokio::test]
async fn a_pause_whose_journal_breaks_is_taken_back() {
    let mut unannounced = 0;
    for record in 1.. {
        let fault = format!("fail-record:{record}");
        let (kept, driven) = begun(Things::default(), Some(&fault)).await;
        if driven.outcome == Outcome::Done {
            break;
        }
        assert_eq!(driven.outcome, Outcome::Parked, "{fault}");
        let things = &kept.things;
        assert!(
            things.has("settled") || !things.has("fence"),
            "{fault}: still shut: {:?}",
            things.all()
        );
        for sent in things.unannounced() {
            assert!(
                ["open fence", "make settled"].contains(&sent.as_str()),
                "{fault}: {sent}"
            );
            unannounced += 1;
        }
        let last = driven.events.last().map(|event| &event.what);
        assert!(
            matches!(last, Some(What::Ended { .. })),
            "{fault}: {last:?}"
        );
        kept.goes_on().await;
    }
    assert!(unannounced >= 4, "only {unannounced} pauses were broken");
}

/// A fault of the tool itself in the middle of the pause.
#[tokio::test]
async fn a_pause_whose_task_panics_is_taken_back() {
    let things = Things::default();
    things.put("a fault of the tool");
    let (kept, driven) = begun(things, None).await;
    assert_eq!(driven.outcome, Outcome::Parked);
    assert!(!kept.things.has("fence"));
    assert_eq!(kept.things.unannounced(), [""; 0]);
    let told = driven.events.iter().any(|event| {
        matches!(&event.what, What::State { state: StepState::Failed { error, .. } }
            if error.contains("a fault of Greenlight") && error.contains("on purpose"))
    });
    assert!(told);
    kept.things.take("a fault of the tool");
    kept.goes_on().await;
}

/// Cut short beyond the point of no return it goes on in the next process, which finds nobody to ask; cut short before it
/// the phrase is asked for again.
#[tokio::test]
async fn what_was_confirmed_is_asked_for_again_only_before_the_point_of_no_return() {
    for crosses in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let runs = Runs::locate(Some(&dir.path().join("runs"))).unwrap();
        let things = Things::default();
        let book = || in_two_parts(&things, crosses);
        let plan = Plan::of(&book(), &Facts::default());
        let open = runs.create("profile", &plan).unwrap();
        let id = open.id.clone();
        let half = run_book(book(), &things, open, Operator::Confirms, Some("fail:2")).await;
        assert_eq!(half.outcome, Outcome::Parked);
        assert!(things.has("three.a") && !things.has("three.b"));
        let open = runs.open(&id).unwrap();
        let operator = Operator::GoesBackAt("three");
        let next = run_book(book(), &things, open, operator, None).await;
        let asked = next
            .events
            .iter()
            .any(|event| matches!(event.what, What::Gate { .. }));
        let ended = (next.outcome, things.has("three.b"), asked);
        if crosses {
            assert_eq!(ended, (Outcome::Done, true, false));
        } else {
            assert_eq!(ended, (Outcome::RolledBack, false, true));
        }
    }
}
