//! Whole runs: released, rolled back, given back, taken up after a kill.

use greenlight::commands::headless::{Answers, Printing};
use greenlight::commands::run::take_up;
use greenlight::event::{Event, Intent, Outcome, What};
use greenlight::runbook::StepId;

use super::support::{DONE, Guard, KILLED, OLD_LEADER, RECOVER, ROLLED_BACK};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_deployment_is_released() {
    let guard = Guard::up(&["--load", "2"]);
    let before = guard.held_file();
    guard.deploy("good").await;
    assert_ne!(guard.held_file(), before, "it is held");
    guard.release().await.with(DONE);
    guard.is_clean(&before);
    guard.keeps_secrets(&before);
    guard.place.assert_nothing_lost();
    guard
        .calls()
        .roll_back(&[], None)
        .await
        .saying("ended the way back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_deployment_is_rolled_back_on_all_members() {
    rolled_back(&Guard::up(&["--load", "2"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_patroni_4_as_well() {
    rolled_back(&Guard::up(&["--load", "2", "--patroni", "4"])).await;
}

async fn rolled_back(guard: &Guard) {
    let before = guard.held_file();
    guard.deploy("bad").await;
    guard
        .roll_back()
        .await
        .with(ROLLED_BACK)
        .saying("history names the restore point");
    // Asked before there is a table of this test's own.
    let audit = guard.place.audit();
    assert!(
        audit["faults"].is_null(),
        "the tables are not as they were: {audit}"
    );
    guard.all_follow("pg3").await;
    guard.is_clean(&before);
    guard.keeps_secrets(&before);
    guard.place.assert_nothing_lost();
}

/// What an operator does on the screen: looks, says no, and says yes later.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_go_gives_everything_back_and_can_be_thought_over() {
    let guard = Guard::up(&["--load", "2"]);
    let before = guard.held_file();
    guard.deploy("bad").await;
    let runs = guard.runs();
    let mut answers = Answers::default();
    answers
        .given
        .insert("rollback.recover".to_owned(), "x".to_owned());
    let at = |step: &str, intents: [Intent; 1]| (step.to_owned(), intents.into_iter().collect());
    answers
        .instead
        .extend([at("rollback.switch", [Intent::UndoLast])]);
    let ready = take_up(&runs, &guard.newest_run(), Some(Intent::GoBack))
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
    guard.is_held_again().await;
    guard.roll_back().await.with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.is_clean(&before);
    guard.place.assert_nothing_lost();
}

/// Killed before and after actions that matter, the run is taken up and comes to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_roll_back_is_taken_up() {
    let guard = Guard::up(&["--load", "2"]);
    guard.deploy("bad").await;
    let calls = guard.calls();
    let answers = [RECOVER, &guard.switch(), OLD_LEADER];
    // While it recovers; with the leader stopped; once promoted; on its way under Patroni.
    let first = calls.roll_back(&answers, Some("kill-after:4")).await;
    first.with(KILLED);
    for fault in ["kill-after:7", "kill-after:5", "kill-after:4"] {
        calls.resume(&answers, Some(fault)).await.with(KILLED);
    }
    calls.resume(&answers, None).await.with(ROLLED_BACK);
    guard.place.assert_nothing_lost();
}
