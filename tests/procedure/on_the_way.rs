use std::time::Duration;

use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED, REFUSED};

/// What people and applications do to a run that is under way, one after the other.
#[tokio::test]
async fn what_comes_between_is_noticed() {
    let lab = Lab::up(2).await;
    let parked = lab.run(&["build.snapshot=x"]).await.with(PARKED);
    parked.saying("catch-up.enable  waits for Enter");
    a_second_operator_is_turned_away(&lab).await;
    a_conflict_is_told_with_its_row(&lab).await;
    a_conflict_keeps_the_gate_shut(&lab).await;
    a_table_that_only_blue_has_keeps_the_gate_shut(&lab).await;
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

/// The link of one database stops itself at a row while the other's is still behind: the guardrail tells the row, and so
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
        .saying("catch-up.wait  ✘ failed: GREEN · billing: the subscription has stopped itself")
        .saying("(number)=(on-both)");

    let mend = "DELETE FROM billing.invoice WHERE number = 'on-both'; ALTER SUBSCRIPTION greenlight ENABLE";
    lab.ask(GREEN, "billing", mend).await;
    let parked = lab.resume(&[], None).await.with(PARKED);
    parked
        .saying("Changes that could not be applied at first: GREEN · billing: 1")
        .saying("cutover.switch  waits for the phrase");
}

/// The same at the gate: no pause begins while it stands, and what was mended before does not keep the gate shut.
async fn a_conflict_keeps_the_gate_shut(lab: &Lab) {
    let row = "INSERT INTO shop.voucher VALUES ('written-on-both', 1)";
    lab.ask(GREEN, "shop", row).await;
    lab.ask(BLUE, "shop", row).await;
    let enabled = "SELECT subenabled FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
        WHERE d.datname = 'shop'";
    while lab.ask(GREEN, "shop", enabled).await != ["f"] {
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
