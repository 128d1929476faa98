//! What the hold outlasts: the member stays before its restore point, and the run goes on.

use super::support::{DONE, Guard, PARKED, ROLLED_BACK};

/// The server killed, then the whole host, then a restart as an operator does it.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_and_of_its_host_and_a_restart() {
    let guard = Guard::up(&["--load", "2"]);
    let before = std::fs::read(guard.file("pg3")).expect("file");
    let run = guard.deploy("good");
    guard.kill_server("pg3").await;
    guard.is_held(&run).await;
    guard.node(&["crash", "pg3"]);
    guard.node(&["start", "pg3"]);
    guard.is_held(&run).await;
    guard.node(&["stop", "pg3"]);
    guard.node(&["start", "pg3"]);
    guard.is_held(&run).await;
    guard.release(&run).with(DONE);
    guard.is_clean(&before);
    guard.writes_on().await;
}

/// A crash does not take the roll back away either.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_a_roll_back() {
    let guard = Guard::up(&["--load", "2"]);
    let run = guard.deploy("bad");
    guard.kill_server("pg3").await;
    guard.is_held(&run).await;
    guard.roll_back(&run).with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.lost_nothing();
}

/// Another member leads: the roll back asks once, then goes on with it. The held one, which has not heard of the new
/// timeline, must not begin another of the same number.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_of_the_leader() {
    let guard = Guard::up(&["--load", "2"]);
    let run = guard.deploy("good");
    guard.node(&["stop", "pg1"]);
    assert_eq!(guard.leader().await, "pg2", "pg3 must not");
    guard.is_held(&run).await;
    guard.node(&["start", "pg1"]);
    guard.streams("pg1", "pg2").await;
    guard
        .roll_back(&run)
        .with(PARKED)
        .saying("pg2 leads on timeline 2")
        .saying("there was a failover");
    guard.is_held(&run).await;
    guard.roll_back(&run).with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.lost_nothing();
}

/// Without the DCS the leader steps down; with it again, somebody leads on a new timeline.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_etcd() {
    let guard = Guard::up(&["--load", "2"]);
    let before = std::fs::read(guard.file("pg3")).expect("file");
    let run = guard.deploy("good");
    guard.node(&["stop", "etcd"]);
    for member in ["pg1", "pg2", "pg3"] {
        guard
            .ask_until(member, "SELECT pg_is_in_recovery()", "t")
            .await;
    }
    // The leader's key is gone by now: it was longer than the ttl.
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    guard.node(&["start", "etcd"]);
    let leader = guard.leader().await;
    assert_ne!(leader, "pg3");
    guard.is_held(&run).await;
    guard.writes_on().await;
    guard
        .release(&run)
        .with(PARKED)
        .saying("there was a failover");
    guard.is_held(&run).await;
    guard.release(&run).with(DONE);
    guard.is_clean(&before);
    guard.writes_on().await;
}
