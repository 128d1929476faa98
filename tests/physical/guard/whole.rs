//! Whole runs: released, rolled back, given back, taken up after a kill.

use greenlight::commands::headless::{Answers, Printing};
use greenlight::commands::run::take_up;
use greenlight::event::{Event, Intent, Outcome, What};
use greenlight::runbook::StepId;

use super::support::{DONE, Guard, ROLLED_BACK, ended};

#[test]
fn a_good_deployment_is_released() {
    let guard = Guard::up(&["--load", "2"]);
    let before = std::fs::read(guard.file("pg3")).expect("file");
    let run = guard.deploy("good");
    let file = std::fs::read(guard.file("pg3")).expect("file");
    assert_ne!(file, before, "it is held");
    guard.release(&run).with(DONE);
    guard.is_clean(&before);
    guard.keeps_secrets(&run, &before);
    guard.lost_nothing();
    guard
        .call(&["rollback", &run, "--headless"], &[])
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
    let before = std::fs::read(guard.file("pg3")).expect("file");
    let run = guard.deploy("bad");
    guard
        .roll_back(&run)
        .with(ROLLED_BACK)
        .saying("history names the restore point");
    guard.all_follow("pg3").await;
    guard.is_clean(&before);
    guard.keeps_secrets(&run, &before);
    guard.lost_nothing();
}

/// What an operator does on the screen: looks, says no, and says yes later.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_go_gives_everything_back_and_can_be_thought_over() {
    let guard = Guard::up(&["--load", "2"]);
    let before = std::fs::read(guard.file("pg3")).expect("file");
    let run = guard.deploy("bad");
    let runs = guard.runs();
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
    guard.is_held_again(&run).await;
    guard.roll_back(&run).with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.is_clean(&before);
    guard.lost_nothing();
}

/// Killed before and after actions that matter, the run is taken up and comes to its end.
#[test]
fn a_killed_roll_back_is_taken_up() {
    let guard = Guard::up(&["--load", "2"]);
    let run = guard.deploy("bad");
    let answers = Guard::answers(&run);
    let answers: Vec<_> = answers.iter().map(String::as_str).collect();
    let mut verb = "rollback";
    // While it recovers; with the leader stopped; once promoted; on its way under Patroni.
    for action in [4, 7, 5, 4] {
        let mut command = guard.command(&[verb, &run, "--headless"], &answers);
        command.env("GREENLIGHT_FAULT", format!("kill-after:{action}"));
        ended(command).with(None);
        verb = "resume";
    }
    guard
        .call(&[verb, &run, "--headless"], &answers)
        .with(ROLLED_BACK);
    guard.lost_nothing();
}
