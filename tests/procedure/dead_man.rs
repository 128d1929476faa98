//! The old side opens by itself when nobody is left to give it back, and never once the new side has opened.

use std::process::Command;
use std::time::Duration;

use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED, TO_THE_CUTOVER, UnderWay};

#[tokio::test]
async fn blue_opens_by_itself() {
    let lab = Lab::up(3).await;
    lab.add_to_profile("[budgets]\nwrite_pause = \"4s\"\ndrain = \"4s\"");
    lab.add_password("shop_app");
    let before = lab.logins(BLUE).await;
    lab.run(&TO_THE_CUTOVER).await.with(PARKED);
    let holder = lab.connect(GREEN, "shop").await;
    let hold = "BEGIN; SELECT 1 FROM greenlight.fence FOR UPDATE";

    unarmed_nothing_is_fenced(&lab).await;

    // Killed in the pause: only the server is left.
    holder.batch_execute(hold).await.expect("lock");
    let run = in_the_pause(&lab).await;
    send(&run, "KILL");
    opens(&lab).await;
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;
    holder.batch_execute("ROLLBACK").await.expect("free");

    // Cut off in the pause and back after BLUE has opened: GREEN must stay shut.
    holder.batch_execute(hold).await.expect("lock");
    let run = in_the_pause(&lab).await;
    send(&run, "STOP");
    holder.batch_execute("ROLLBACK").await.expect("free");
    opens(&lab).await;
    send(&run, "CONT");
    let ended = run.ended().await.with(PARKED).saying("taken back");
    assert!(
        !ended.said.contains("point of no return ══"),
        "{}",
        ended.said
    );
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;

    // Killed, and taken up again at once: what the dead process armed must not open BLUE behind GREEN's back.
    holder.batch_execute(hold).await.expect("lock");
    let run = in_the_pause(&lab).await;
    send(&run, "KILL");
    holder.batch_execute("ROLLBACK").await.expect("free");
    let done = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    done.saying("finish.unlink  waits for the phrase")
        .saying("shop_app tried to log in to BLUE and was refused");
    assert_eq!(armed(&lab).await, 0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(lab.is_open(GREEN).await && !lab.is_open(BLUE).await);
    lab.assert_nothing_lost().await;
}

/// Arming is the first thing a confirmed cutover sends.
async fn unarmed_nothing_is_fenced(lab: &Lab) {
    let refused = lab.resume(&[CUT_OVER], Some("fail:1")).await;
    let refused = refused.with(PARKED).saying("cannot be armed on BLUE");
    assert!(
        !refused.said.contains("write pause begins"),
        "{}",
        refused.said
    );
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
}

/// A cutover that waits in the drain.
async fn in_the_pause(lab: &Lab) -> UnderWay {
    let mut run = lab.start_resuming(&[CUT_OVER], None);
    run.says("BLUE opens by itself in").await;
    while lab.is_open(BLUE).await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(armed(lab).await, 1);
    run
}

fn send(run: &UnderWay, signal: &str) {
    let sent = Command::new("kill")
        .args(["-s", signal, &run.pid()])
        .status();
    assert!(sent.expect("kill").success());
}

async fn opens(lab: &Lab) {
    let opened = async {
        while !lab.is_open(BLUE).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let opened = tokio::time::timeout(Duration::from_secs(60), opened).await;
    opened.expect("BLUE stays shut");
}

async fn armed(lab: &Lab) -> usize {
    let sql =
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'greenlight:%:standing'";
    lab.ask(BLUE, "shop", sql).await.len()
}
