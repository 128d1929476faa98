use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED, REFUSED};

/// What people and applications do to a run that is under way, one after the other.
#[tokio::test]
async fn what_comes_between_is_noticed() {
    let lab = Lab::up(2).await;
    lab.add_to_profile("[budgets]\nlongest_transaction = \"2s\"");
    let parked = lab.run(&["build.snapshot=x"]).await.with(PARKED);
    parked.saying("catch-up.enable  waits for Enter");
    a_second_operator_is_turned_away(&lab).await;
    a_conflict_is_told_with_its_row(&lab).await;
    a_conflict_keeps_the_gate_shut(&lab).await;
    a_table_that_only_blue_has_keeps_the_gate_shut(&lab).await;
    a_column_that_only_blue_has_keeps_the_gate_shut(&lab).await;
    a_long_transaction_keeps_the_gate_shut(&lab).await;
    a_guardrail_takes_the_pause_back(&lab).await;
    whoever_becomes_an_application_does_not_get_past_the_fence(&lab).await;
}

async fn a_second_operator_is_turned_away(lab: &Lab) {
    let mut first = lab.resuming(&["catch-up.enable=x"], Some("hang:1"));
    let held =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2";
    while lab.ask(BLUE, "shop", held).await == ["0"] {
        assert!(first.try_wait().expect("status").is_none(), "it ended");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let id = lab.newest_run();
    let second = lab
        .run(&[])
        .await
        .with(REFUSED)
        .saying("another run works on shop-blue");
    second.saying(&id).saying("Nothing was changed");
    assert_eq!(lab.newest_run(), id);
    first.kill().await.expect("kill");
}

/// The link of one database stands still at a row while the other's is still behind: the guardrail tells the row, and so
/// does the step that waits. Mended, the run goes on.
async fn a_conflict_is_told_with_its_row(lab: &Lab) {
    let row = "INSERT INTO billing.invoice (number, amount, period) VALUES ('on-both', 1, '[2026-11-01,2026-11-02)')";
    let of_green = row.replace(
        "(number, amount, period) VALUES (",
        "(id, number, amount, period) OVERRIDING SYSTEM VALUE VALUES (0, ",
    );
    lab.ask(GREEN, "billing", &of_green).await;
    lab.ask(BLUE, "billing", row).await;
    let holder = lab.connect(GREEN, "shop").await;
    let hold = "BEGIN; LOCK TABLE shop.voucher";
    holder.batch_execute(hold).await.expect("lock");
    lab.ask(BLUE, "shop", "INSERT INTO shop.voucher VALUES ('late', 1)")
        .await;

    let mut run = lab.start_resuming(&["catch-up.enable=x"], None);
    let told = run.says("guardrail apply-errors").await;
    assert!(told.contains("(number)=(on-both)"), "{told}");
    holder.batch_execute("ROLLBACK").await.expect("free");
    run.ended()
        .await
        .with(PARKED)
        .saying("catch-up.wait  ✘ failed: GREEN · billing: the link is down")
        .saying("(number)=(on-both)");

    let mend = "DELETE FROM billing.invoice WHERE number = 'on-both'; ALTER SUBSCRIPTION greenlight ENABLE";
    lab.ask(GREEN, "billing", mend).await;
    let parked = lab.resume(&[], None).await.with(PARKED);
    parked
        .saying("Attempts to apply a change that failed: GREEN · billing: ")
        .saying("cutover.switch  waits for the phrase");
}

/// The same at the gate: no pause begins while it stands, and what was mended before does not keep the gate shut.
async fn a_conflict_keeps_the_gate_shut(lab: &Lab) {
    let row = "INSERT INTO shop.voucher VALUES ('written-on-both', 1)";
    lab.ask(GREEN, "shop", row).await;
    lab.ask(BLUE, "shop", row).await;
    let counted = "SELECT apply_error_count > 0 FROM pg_stat_subscription_stats JOIN pg_subscription s ON s.oid = subid \
        JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = 'shop'";
    while lab.ask(GREEN, "shop", counted).await != ["t"] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let shut = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    let shut = shut
        .saying("the gate stays shut")
        .saying("(code)=(written-on-both)");
    assert!(!shut.said.contains("write pause begins"), "{}", shut.said);
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
    let mend = "DELETE FROM shop.voucher WHERE code = 'written-on-both'; ALTER SUBSCRIPTION greenlight ENABLE";
    lab.ask(GREEN, "shop", mend).await;
}

async fn a_table_that_only_blue_has_keeps_the_gate_shut(lab: &Lab) {
    lab.ask(
        BLUE,
        "shop",
        "CREATE TABLE shop.just_made (id int PRIMARY KEY)",
    )
    .await;
    let shut = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    let shut = shut.saying("the gate stays shut").saying("just_made");
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
    assert!(!shut.said.contains("errors of apply, and"), "{}", shut.said);
    lab.ask(BLUE, "shop", "DROP TABLE shop.just_made").await;
}

async fn a_column_that_only_blue_has_keeps_the_gate_shut(lab: &Lab) {
    let add = "ALTER TABLE shop.product ADD COLUMN of_blue int";
    lab.ask(BLUE, "shop", add).await;
    let shut = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    shut.saying("the gate stays shut")
        .saying("schema-fingerprint")
        .saying("of_blue");
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
    let back = "ALTER TABLE shop.product DROP COLUMN of_blue";
    lab.ask(BLUE, "shop", back).await;
}

async fn a_long_transaction_keeps_the_gate_shut(lab: &Lab) {
    let long = lab.connect(BLUE, "billing").await;
    let begin = "BEGIN; UPDATE billing.invoice SET amount = amount WHERE id = 5001";
    long.batch_execute(begin).await.expect("begin");
    let old = "SELECT max(clock_timestamp() - xact_start) > '2.5 s' FROM pg_stat_activity WHERE backend_xid IS NOT NULL";
    lab.until(BLUE, "billing", old, "t").await;
    let shut = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    shut.saying("the gate stays shut")
        .saying("xid-holders on BLUE: 1 old write transaction");
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
}

/// In the pause GREEN is kept from applying the fence row; meanwhile the session that keeps other operators out dies.
async fn a_guardrail_takes_the_pause_back(lab: &Lab) {
    let before = lab.logins(BLUE).await;
    let holder = lab.connect(GREEN, "shop").await;
    let hold = "BEGIN; SELECT 1 FROM greenlight.fence FOR UPDATE";
    holder.batch_execute(hold).await.expect("lock");
    let mut run = lab.start_resuming(&[CUT_OVER], None);
    run.says("write pause begins").await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2";
    lab.ask(BLUE, "shop", end).await;
    run.ended()
        .await
        .with(PARKED)
        .saying("guardrail operator-lock")
        .saying("BLUE was given back");
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    holder.batch_execute("ROLLBACK").await.expect("free");
}

/// A login role that is no application by name, but may write as one, is told at the gate. One that may no longer log in
/// and works on in an old session is ended by the fence, while a fenced role connects again and again.
async fn whoever_becomes_an_application_does_not_get_past_the_fence(lab: &Lab) {
    let make = "CREATE ROLE roamer LOGIN NOINHERIT IN ROLE shop_app PASSWORD 'roams'";
    lab.ask(BLUE, "shop", make).await;
    let shut = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    shut.saying("the gate stays shut")
        .saying("roamer (0 sessions, may become shop_app)");

    let roamer = lab.log_in(BLUE, "shop", "roamer", "roams").await;
    let roaming = tokio::spawn(write_as_shop_app(roamer));
    lab.ask(BLUE, "shop", "ALTER ROLE roamer NOLOGIN").await;
    let password = lab.application_password();
    let report = lab.login_as(BLUE, "shop", "shop_report", &password);
    let reconnecting = tokio::spawn(keep_connecting(report));
    lab.resume(&[CUT_OVER], None)
        .await
        .with(PARKED)
        .saying("finish.unlink  waits for the phrase");
    assert!(lab.is_open(GREEN).await && !lab.is_open(BLUE).await);
    reconnecting.abort();
    let acknowledged = roaming.await.expect("it was ended");
    assert!(acknowledged > 0);
    let sql = "SELECT count(*) FROM shop.customer WHERE email LIKE 'roam-%'";
    let counts = [
        lab.ask(BLUE, "shop", sql).await,
        lab.ask(GREEN, "shop", sql).await,
    ];
    assert_eq!(counts[0], counts[1]);
    let there: u32 = counts[1][0].parse().expect("a count");
    // Its last one may have been committed without its hearing of it.
    assert!(
        there == acknowledged || there == acknowledged + 1,
        "{there} of {acknowledged}"
    );
    lab.assert_nothing_lost().await;
}

/// Writes until its session is ended; how many writes were acknowledged.
async fn write_as_shop_app(client: Client) -> u32 {
    client
        .batch_execute("SET ROLE shop_app")
        .await
        .expect("a member");
    let mut acknowledged = 0;
    loop {
        let row = format!(
            "INSERT INTO shop.customer (email, name) VALUES ('roam-{acknowledged}@x', 'r')"
        );
        if client.batch_execute(&row).await.is_err() {
            return acknowledged;
        }
        acknowledged += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Connects again whenever its session ends.
async fn keep_connecting(config: Config) {
    loop {
        if let Ok((client, connection)) = config.connect(NoTls).await {
            tokio::spawn(connection);
            while client.batch_execute("SELECT 1").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
