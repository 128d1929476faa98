//! Roll backs in which something stands in the way.

use serde_json::json;

use super::support::{DONE, Guard, PARKED, ROLLED_BACK};

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
    guard.servers.ask("pg2", "SELECT pg_promote()").await;
    guard
        .roll_back()
        .await
        .with(PARKED)
        .saying("pg1 and pg2 both take writes: two leaders");
    guard.is_held().await;
    guard.pause(false);
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
