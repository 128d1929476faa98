//! Each check fails when what it asks about is wrong.

use super::support::{A, B, Vip};

#[tokio::test]
async fn what_is_wrong_on_a_server_is_found() {
    let Some(lab) = Vip::up(0) else { return };
    let sound = lab.check();
    let blocked: Vec<_> = sound
        .iter()
        .filter(|(_, verdict)| *verdict == "block")
        .collect();
    assert!(blocked.is_empty(), "{blocked:?}");
    let reload = "SELECT pg_reload_conf()";
    for (id, verdict, node, make, mend) in [
        (
            "replay-not-paused",
            "block",
            B,
            "SELECT pg_wal_replay_pause()",
            "SELECT pg_wal_replay_resume()",
        ),
        (
            "replay-not-delayed",
            "block",
            B,
            "ALTER SYSTEM SET recovery_min_apply_delay = '1h'",
            "ALTER SYSTEM RESET recovery_min_apply_delay",
        ),
        (
            "no-synchronous-standby",
            "block",
            B,
            "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
            "ALTER SYSTEM RESET synchronous_standby_names",
        ),
        (
            "slots-sound",
            "warn",
            A,
            "SELECT pg_create_physical_replication_slot('forgotten', true)",
            "SELECT pg_drop_replication_slot('forgotten')",
        ),
        (
            "replication-role",
            "block",
            A,
            "ALTER ROLE greenlight_replication NOREPLICATION",
            "ALTER ROLE greenlight_replication REPLICATION",
        ),
    ] {
        lab.ask(node, make).await;
        lab.ask(node, reload).await;
        // Settings are read a moment later.
        let mut found = lab.check();
        for _ in 0..20 {
            if found[id] == verdict {
                break;
            }
            found = lab.check();
        }
        assert_eq!(found[id], verdict, "{id}: {found:?}");
        lab.ask(node, mend).await;
        lab.ask(node, reload).await;
    }
    let patroni = lab.connect(A, "&application_name=Patroni").await;
    assert_eq!(lab.check()["no-cluster-manager"], "block");
    drop(patroni);
    let long = lab.connect(A, "").await.expect("a session");
    long.batch_execute("BEGIN; SELECT txid_current()")
        .await
        .expect("a transaction");
    let before = lab.profile_text();
    lab.add_to_profile("[budgets]\nlongest_transaction = \"1ms\"");
    assert_eq!(lab.check()["long-transactions"], "block");
    lab.write_profile(&before);
    lab.ask(B, "SELECT pg_wal_replay_pause()").await;
    lab.ask(
        A,
        "CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 40000)",
    )
    .await;
    assert_eq!(lab.check()["standby-close"], "block");
    lab.ask(B, "SELECT pg_wal_replay_resume()").await;
}

#[tokio::test]
async fn what_is_wrong_on_a_host_is_found() {
    let Some(lab) = Vip::up(0) else { return };
    let before = lab.profile_text();
    lab.edit_profile("servers/pg-a/bin", "servers/pg-a/nowhere");
    let found = lab.check();
    assert_eq!(
        (&*found["commands-allowed"], &*found["data-directory"]),
        ("block", "block")
    );
    lab.write_profile(&before);
    let profile = greenlight::profile::load(&lab.profile()).expect("profile");
    let profile = profile.vip_switchover().expect("one");
    let address = format!("{}/{}", profile.address.host, profile.address.prefix);
    let (add, del) = (
        ["ip", "addr", "add", &address, "dev", "eth0"],
        ["ip", "addr", "del", &address, "dev", "eth0"],
    );
    lab.on_host(B, false, &add);
    let found = lab.check();
    assert_eq!(found["address-owner"], "block", "on both");
    lab.on_host(A, false, &del);
    assert_eq!(
        lab.check()["address-owner"],
        "block",
        "on the standby alone"
    );
    lab.on_host(B, false, &del);
    let found = lab.check();
    assert_eq!(
        (&*found["address-owner"], &*found["address-elsewhere"]),
        ("block", "block"),
        "on neither"
    );
    lab.on_host(A, false, &add);
    assert_eq!(lab.check()["address-owner"], "pass");
    assert_eq!(lab.check()["fencing-hook"], "warn");
}
