//! What the hold outlasts: the member stays before its restore point, and the run goes on.

use super::support::{DONE, Guard, PARKED, ROLLED_BACK};

/// The server killed, then the whole host, then a restart as an operator does it.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_and_of_its_host_and_a_restart() {
    let guard = Guard::up(&["--load", "2"]);
    let before = guard.held_file();
    guard.deploy("good").await;
    guard.kill_server("pg3").await;
    guard.is_held().await;
    guard.node(&["crash", "pg3"]);
    guard.node(&["start", "pg3"]);
    guard.is_held().await;
    guard.node(&["stop", "pg3"]);
    guard.node(&["start", "pg3"]);
    guard.is_held().await;
    guard.release().await.with(DONE);
    guard.is_clean(&before);
    guard.place.assert_nothing_lost();
}

/// A crash does not take the roll back away either.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_a_roll_back() {
    let guard = Guard::up(&["--load", "2"]);
    guard.deploy("bad").await;
    guard.kill_server("pg3").await;
    guard.is_held().await;
    guard.roll_back().await.with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}

/// Another member leads: the roll back asks once, then goes on with it. The held one, which has not heard of the new
/// timeline, must not begin another of the same number.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_of_the_leader() {
    let guard = Guard::up(&["--load", "2"]);
    guard.deploy("good").await;
    guard.node(&["stop", "pg1"]);
    assert_eq!(guard.leader().await, "pg2", "pg3 must not");
    guard.is_held().await;
    guard.node(&["start", "pg1"]);
    guard.streams("pg1", "pg2").await;
    guard
        .roll_back()
        .await
        .with(PARKED)
        .saying("pg2 leads on timeline 2")
        .saying("there was a failover");
    guard.is_held().await;
    guard.roll_back().await.with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}

/// Without the DCS the leader steps down; with it again, somebody leads on a new timeline.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_etcd() {
    let guard = Guard::up(&["--load", "2"]);
    let before = guard.held_file();
    guard.deploy("good").await;
    guard.node(&["stop", "etcd"]);
    for member in ["pg1", "pg2", "pg3"] {
        guard
            .servers
            .until(member, "SELECT pg_is_in_recovery()", "t")
            .await;
    }
    // The leader's key is gone by now: it was longer than the ttl.
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    guard.node(&["start", "etcd"]);
    let leader = guard.leader().await;
    assert_ne!(leader, "pg3");
    guard.is_held().await;
    guard.place.assert_nothing_lost();
    guard
        .release()
        .await
        .with(PARKED)
        .saying("there was a failover");
    guard.is_held().await;
    guard.release().await.with(DONE);
    guard.is_clean(&before);
    guard.place.assert_nothing_lost();
}
