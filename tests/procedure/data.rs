use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED};

/// Rows that somebody has changed on GREEN stop the run before the cutover; those that come later stop the pause, where
/// the profile gives time to look; and after the cutover every row is compared again.
#[tokio::test]
async fn damage_on_green_is_found_before_within_and_after_the_pause() {
    let lab = Lab::up(2).await;
    lab.add_to_profile("[compare]\nin_pause = \"2s\"");
    lab.run(&["build.snapshot=x"]).await.with(PARKED);
    lab.ask(
        GREEN,
        "shop",
        "UPDATE shop.voucher SET worth = -1 WHERE code = (SELECT min(code) FROM shop.voucher)",
    )
    .await;
    lab.ask(
        GREEN,
        "shop",
        "INSERT INTO audit_load.loose VALUES (-1, -1)",
    )
    .await;
    let stopped = lab.resume(&["catch-up.enable=x"], None).await.with(PARKED);
    let stopped = stopped
        .saying("catch-up.compare  ✘ failed")
        .saying("differs in worth")
        .saying(r#"{"seq":-1,"writer":-1} is missing on BLUE"#)
        .saying("BLUE is in service");
    assert!(
        !stopped.said.contains("audit_load.once {"),
        "{}",
        stopped.said
    );

    let right = lab
        .ask(
            BLUE,
            "shop",
            "SELECT worth FROM shop.voucher ORDER BY code LIMIT 1",
        )
        .await;
    lab.ask(
        GREEN,
        "shop",
        &format!(
            "UPDATE shop.voucher SET worth = {} WHERE worth = -1",
            right[0]
        ),
    )
    .await;
    lab.ask(
        GREEN,
        "shop",
        "DELETE FROM audit_load.loose WHERE writer = -1",
    )
    .await;
    let parked = lab.resume(&[], None).await.with(PARKED);
    parked
        .saying("all equal")
        .saying("cutover.switch  waits for the phrase");

    lab.ask(
        GREEN,
        "shop",
        "INSERT INTO audit_load.once VALUES (-1, -1, 'late')",
    )
    .await;
    let given_back = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    given_back
        .saying("both sides standing still")
        .saying("BLUE was given back");
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
    lab.ask(
        GREEN,
        "shop",
        "DELETE FROM audit_load.once WHERE writer = -1",
    )
    .await;
    let over = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    over.saying("are equal, both sides standing still")
        .saying("finish.unlink  waits for the phrase");
    let after = lab.fact("compare[shop]").expect("a fact");
    assert_eq!(after["equal"], true, "{after}");
    lab.assert_nothing_lost().await;
}
