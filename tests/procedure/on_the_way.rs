use std::time::Duration;

use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED, REFUSED};

/// What people and applications do to a run that is under way, one after the other.
#[tokio::test]
async fn what_comes_between_is_noticed() {
    let lab = Lab::up(2).await;
    let parked = lab.run(&["build.snapshot=x"]).await.with(PARKED);
    parked.saying("catch-up.enable  waits for Enter");
    a_second_operator_is_turned_away(&lab).await;
    a_conflict_keeps_the_pause_from_beginning(&lab).await;
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

/// The link stops itself at the row; with that, no pause begins.
async fn a_conflict_keeps_the_pause_from_beginning(lab: &Lab) {
    let row = "INSERT INTO shop.voucher VALUES ('written-on-both', 1)";
    lab.ask(GREEN, "shop", row).await;
    lab.ask(BLUE, "shop", row).await;
    lab.resume(&["catch-up.enable=x"], None).await.with(PARKED);
    let enabled = "SELECT subenabled FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
        WHERE d.datname = 'shop'";
    while lab.ask(GREEN, "shop", enabled).await != ["f"] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let shut = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    assert!(!shut.said.contains("write pause begins"), "{}", shut.said);
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
    let mend = "DELETE FROM shop.voucher WHERE code = 'written-on-both'";
    lab.ask(GREEN, "shop", mend).await;
    lab.ask(GREEN, "shop", "ALTER SUBSCRIPTION greenlight ENABLE")
        .await;
    let parked = lab.resume(&[], None).await.with(PARKED);
    parked.saying("cutover.switch  waits for the phrase");
}

async fn a_table_that_only_blue_has_keeps_the_gate_shut(lab: &Lab) {
    lab.ask(
        BLUE,
        "shop",
        "CREATE TABLE shop.just_made (id int PRIMARY KEY)",
    )
    .await;
    let shut = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    shut.saying("the gate stays shut").saying("just_made");
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
    lab.ask(BLUE, "shop", "DROP TABLE shop.just_made").await;
}
