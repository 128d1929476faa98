//! Roll backs in which something stands in the way.

use std::time::Duration;

use serde_json::json;

use crate::under_way::UnderWay;

use super::support::{DONE, Guard, OLD_LEADER, PARKED, RECOVER, ROLLED_BACK};

/// Longer than one of Patroni's rounds.
const ROUND: Duration = Duration::from_secs(3);

/// Without `pg_rewind` Patroni runs what diverged as a replica that gets nothing: its data is made anew.
#[tokio::test(flavor = "multi_thread")]
async fn members_that_cannot_be_rewound_are_made_anew() {
    let guard = Guard::up(&["--load", "2"]);
    guard.deploy("bad").await;
    guard.patch(&json!({"postgresql": {"use_pg_rewind": false}}));
    let rolled_back = guard.roll_back().await.with(ROLLED_BACK);
    for member in ["pg2", "pg1"] {
        let anew = format!("{member}'s data is made anew");
        let said = &rolled_back.said;
        assert!(said.contains(&format!("{member} streams after")), "{said}");
        assert!(
            said.contains(&anew) || said.contains(", made anew"),
            "{said}"
        );
    }
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}

/// Two members take writes: the roll back stops before it touches anything, and goes on once there is one.
#[tokio::test(flavor = "multi_thread")]
async fn two_leaders() {
    let guard = Guard::up(&["--load", "2"]);
    guard.deploy("bad").await;
    guard.pause(true);
    // Patroni may be in the middle of having it follow, which restarts it as a standby: then once more.
    loop {
        let promoted = "SELECT NOT pg_is_in_recovery() OR pg_promote()";
        guard.servers.until("pg2", promoted, "t").await;
        tokio::time::sleep(ROUND).await;
        if guard.servers.takes_writes("pg2").await {
            break;
        }
    }
    guard
        .roll_back()
        .await
        .with(PARKED)
        .saying("pg1 and pg2 both take writes: two leaders");
    guard.is_held().await;
    guard.pause(false);
    // Patroni demotes it by itself: a copy asked for in the middle of that may be started over by the demotion.
    let standby = "SELECT pg_is_in_recovery()";
    guard.servers.until("pg2", standby, "t").await;
    let (status, answer) = guard.rest(
        "pg2",
        "POST",
        "/reinitialize",
        Some(&json!({"force": true})),
    );
    assert_eq!(status, 200, "{answer}");
    guard.streams("pg2", "pg1").await;
    guard.roll_back().await.with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}

/// In maintenance mode Patroni neither stops a server nor starts one: nothing is begun in it, neither the recovery nor,
/// where it came later, the switch; where it came later still, the wait for a member says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_in_maintenance_mode_is_not_rolled_back() {
    let guard = Guard::up(&["--load", "2"]);
    guard.deploy("bad").await;
    let refused =
        "in maintenance mode (pause), in which Patroni neither stops a server nor starts one";
    guard.pause(true);
    guard.roll_back().await.with(PARKED).saying(refused);
    guard.is_held().await;
    guard.pause(false);
    let looked = guard.calls().roll_back(&[RECOVER], None).await;
    looked.with(PARKED).saying("pg3 stands at predeploy_");
    guard.pause(true);
    let leader = guard
        .servers
        .ask("pg1", "SELECT pg_postmaster_start_time()")
        .await;
    guard.roll_back().await.with(PARKED).saying(refused);
    guard
        .servers
        .until("pg1", "SELECT pg_postmaster_start_time()", &leader)
        .await;
    guard.pause(false);
    let answers = [RECOVER, &guard.switch()];
    guard.calls().roll_back(&answers, None).await.with(PARKED);
    let pause = |paused| {
        let change = json!({ "pause": paused });
        let (status, answer) = guard.rest("pg3", "PATCH", "/config", Some(&change));
        assert_eq!(status, 200, "{answer}");
    };
    pause(Some(true));
    let back = ["rollback", &guard.newest_run()];
    let mut rollback = UnderWay::start(guard.calls().command(&back, &[OLD_LEADER], None));
    let told = "in maintenance mode (pause) Patroni does not start pg1";
    rollback.says(told).await;
    pause(None);
    rollback.ended().await.with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}

/// Where a Patroni goes and leaves its server behind, as one does that was only starting it, the server is stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_its_patroni_left_behind_is_stopped() {
    let guard = Guard::up(&["--load", "2"]);
    // Its own words would name themselves.
    let script = guard.place.dir().join("leave.sh");
    let leave = format!("pkill -KILL -f {}", guard.said_of("pg2", "yaml"));
    std::fs::write(&script, leave).expect("script");
    let mut table = guard.table();
    table["nodes"]["pg2"]["stop"] = toml::Value::from(vec!["sh", script.to_str().expect("path")]);
    guard.write_profile(&table);
    guard.deploy("bad").await;
    let rolled_back = guard.roll_back().await.with(ROLLED_BACK);
    let data = guard.said_of("pg2", "data");
    rolled_back.saying(&format!("pg_ctl -D {data} -w"));
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}

/// Patroni has given the setting back, and a server goes on with what was raised: it is reloaded, and named if that is not
/// enough. The release is through all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_let_go_of_what_was_raised_is_named() {
    let guard = Guard::up(&["--load", "2"]);
    guard.deploy("good").await;
    guard.set("pg2", "SET wal_keep_size = '1024MB'").await;
    guard
        .release()
        .await
        .with(DONE)
        .saying("pg2 ← POST /reload")
        .saying("the servers of pg2 have not read it");
}
