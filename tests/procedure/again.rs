use std::time::Duration;

use crate::proxy::Proxy;
use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED, TO_THE_CUTOVER};
use crate::trouble::port_in;

/// What must be tried again, taken over or come back, without anybody's doing.
#[tokio::test]
async fn what_was_broken_off_comes_back_by_itself() {
    let lab = Lab::up(2).await;
    let line = a_line_to_blue(&lab).await;
    let before = lab.logins(BLUE).await;
    lab.run(&TO_THE_CUTOVER).await.with(PARKED);
    the_lock_of_a_dead_process_is_taken_over(&lab, &line).await;
    a_link_outlives_its_connection(&lab, GREEN, BLUE).await;
    giving_back_is_tried_again(&lab).await;
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;
    lab.resume(&[CUT_OVER], None).await.with(PARKED);
    a_link_outlives_its_connection(&lab, BLUE, GREEN).await;
}

/// The tool goes to BLUE by a line of its own, GREEN does not.
async fn a_line_to_blue(lab: &Lab) -> Proxy {
    let pid_file = lab.dir().join("rds/i/shop-blue/data/postmaster.pid");
    let port = port_in(&pid_file).expect("BLUE is there");
    let line = Proxy::start(move || Some(port)).await;
    let at =
        |prefix: &str, port: u16| format!("{prefix}host = \"127.0.0.1\"\n{prefix}port = {port}");
    lab.edit_profile("[blue]", &format!("[blue]\n{}", at("", line.port)));
    let of_green = format!("[replication]\n{}", at("blue_", port));
    lab.edit_profile("[replication]", &of_green);
    line
}

/// BLUE has lost sight of a killed process and keeps its sessions; a run that is taken up at once does not wait for it.
async fn the_lock_of_a_dead_process_is_taken_over(lab: &Lab, line: &Proxy) {
    let holder =
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2";
    let mut dead = lab.resuming(&[CUT_OVER], Some("hang:1"));
    while lab.ask(BLUE, "shop", holder).await.is_empty() {
        assert!(dead.try_wait().expect("status").is_none(), "it ended");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let held_by = lab.ask(BLUE, "shop", holder).await;
    line.strand();
    dead.kill().await.expect("killed");
    assert_eq!(lab.ask(BLUE, "shop", holder).await, held_by);
    let taken_up = lab.resume(&[], None).await.with(PARKED);
    taken_up.saying("cutover.switch  waits for the phrase");
    assert_ne!(lab.ask(BLUE, "shop", holder).await, held_by);
}

/// To PostgreSQL a connection that is lost is an error of apply; it must not stop the link for good.
async fn a_link_outlives_its_connection(lab: &Lab, subscriber: &str, publisher: &str) {
    let workers = "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_subscription \
        WHERE pid IS NOT NULL AND relid IS NULL HAVING count(*) = 2";
    lab.until(
        subscriber,
        "shop",
        &format!("SELECT count(*) FROM ({workers}) AS w"),
        "1",
    )
    .await;
    let before = lab.ask(subscriber, "shop", workers).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_replication";
    assert!(lab.ask(publisher, "shop", end).await.len() >= 2);
    let other = format!(
        "SELECT count(*) FROM ({workers}) AS w(pids) WHERE pids <> '{}'",
        before[0]
    );
    lab.until(subscriber, "shop", &other, "1").await;
    let stopped = "SELECT subname FROM pg_subscription WHERE NOT subenabled OR subdisableonerr";
    assert_eq!(lab.ask(subscriber, "shop", stopped).await, [""; 0]);
}

/// Ending the sessions is not answered, so the pause is taken back; nor is the first attempt to give LOGIN back.
async fn giving_back_is_tried_again(lab: &Lab) {
    let ended = lab.resume(&[CUT_OVER], Some("timeout:3-4")).await;
    ended
        .with(PARKED)
        .saying("BLUE · shop does not answer yet")
        .saying("BLUE was given back");
}
