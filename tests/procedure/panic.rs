//! `greenlight panic` from a second terminal.

use crate::support::{
    BLUE, CUT_OVER, GREEN, Lab, PARKED, REFUSED, ROLL_BACK, ROLLED_BACK, TO_THE_CUTOVER,
};

#[tokio::test]
async fn panic_gives_back_and_rolls_back() {
    let lab = Lab::up(3).await;
    lab.run(&TO_THE_CUTOVER).await.with(PARKED);
    let before = lab.logins(BLUE).await;
    let (_, phrase) = ROLL_BACK.split_once('=').expect("a phrase");

    let wrong = lab.panic("no").await.with(REFUSED);
    wrong.saying("Nothing was changed");
    let idle = lab.panic(phrase).await.with(PARKED);
    idle.saying("nothing was switched");

    // In the pause, which cannot end by itself: GREEN's fence row is held.
    let holder = lab.connect(GREEN, "shop").await;
    let hold = "BEGIN; SELECT 1 FROM greenlight.fence FOR UPDATE";
    holder.batch_execute(hold).await.expect("lock");
    let mut run = lab.start_resuming(&[CUT_OVER], None);
    run.says("UPDATE \"greenlight\".\"fence\"").await;
    lab.panic(phrase)
        .await
        .with(PARKED)
        .saying("stopping process");
    run.ended().await.with(PARKED).saying("BLUE was given back");
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    holder.batch_execute("ROLLBACK").await.expect("free");
    lab.assert_nothing_lost().await;

    // Beyond the point of no return: the rollback, its gate answered by the phrase.
    lab.resume(&[CUT_OVER], None).await.with(PARKED);
    assert!(lab.is_open(GREEN).await && !lab.is_open(BLUE).await);
    lab.panic(phrase).await.with(ROLLED_BACK);
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;
}
