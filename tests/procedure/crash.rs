use crate::support::{
    BLUE, CUT_OVER, FENCED, GREEN, KILLED, Lab, PARKED, ROLL_BACK, ROLLED_BACK, TO_THE_CUTOVER,
};

/// Killed before or after so many actions, one process after the other, on the way to the cutover.
const ON_THE_WAY: [&str; 8] = [
    "kill-record:9",
    "kill-before:3",
    "kill-after:4",
    "kill-after:5",
    "kill-before:8",
    "kill-after:5",
    "kill-record:60",
    "kill-before:4",
];
/// Within the pause: fence, sessions, fence rows, sequences, links, in this order; all before anything is opened.
const IN_THE_PAUSE: [&str; 5] = [
    "kill-after:1",
    "kill-before:3",
    "kill-after:4",
    "kill-after:5",
    "kill-before:8",
];
/// From the opening on.
const BEYOND: [&str; 4] = [
    "kill-after:9",
    "kill-after:2",
    "kill-before:5",
    "kill-after:4",
];

async fn assert_one_side(lab: &Lab) {
    let (blue, green) = (lab.logins(BLUE).await, lab.logins(GREEN).await);
    let both: Vec<_> = FENCED
        .iter()
        .filter(|&&role| blue.contains(role) && green.contains(role))
        .collect();
    assert!(both.is_empty(), "may log in on both sides: {both:?}");
}

#[tokio::test]
async fn killed_again_and_again() {
    let lab = Lab::up(2).await;
    to_the_cutover(&lab).await;
    for fault in IN_THE_PAUSE {
        lab.resume(&[CUT_OVER], Some(fault)).await.with(KILLED);
        assert_one_side(&lab).await;
        assert!(!lab.is_open(GREEN).await, "{fault}");
        // Taken up again without a confirmation, the run gives BLUE back and waits.
        lab.resume(&[], None)
            .await
            .with(PARKED)
            .saying("cutover.switch  waits for the phrase");
        assert!(lab.is_open(BLUE).await, "{fault}");
        assert!(!lab.is_open(GREEN).await, "{fault}");
        lab.assert_nothing_lost().await;
    }
    let mut ended = None;
    for fault in BEYOND {
        let killed = lab.resume(&[CUT_OVER], Some(fault)).await;
        assert_one_side(&lab).await;
        if killed.code == PARKED {
            ended = Some(killed);
            break;
        }
        killed.with(KILLED);
    }
    let ended = match ended {
        Some(ended) => ended,
        None => lab.resume(&[CUT_OVER], None).await.with(PARKED),
    };
    ended.saying("finish.unlink  waits for the phrase");
    assert!(lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;
    back_again(&lab).await;
}

async fn to_the_cutover(lab: &Lab) {
    let faults = ON_THE_WAY;
    lab.run_with(&TO_THE_CUTOVER, Some("kill-after:2"))
        .await
        .with(KILLED);
    for fault in faults {
        let ended = lab.resume(&TO_THE_CUTOVER, Some(fault)).await;
        assert!(lab.is_open(BLUE).await);
        if ended.code == PARKED {
            ended.saying("cutover.switch  waits for the phrase");
            return;
        }
        ended.with(KILLED);
    }
    let ended = lab.resume(&TO_THE_CUTOVER, None).await;
    ended
        .with(PARKED)
        .saying("cutover.switch  waits for the phrase");
}

async fn back_again(lab: &Lab) {
    for fault in ["kill-sent:1", "kill-after:6"] {
        lab.roll_back(&[ROLL_BACK], Some(fault)).await.with(KILLED);
        assert_one_side(lab).await;
        assert!(!lab.is_open(BLUE).await, "{fault}");
        lab.resume(&[], None)
            .await
            .with(PARKED)
            .saying("rollback.switch  waits for the phrase");
        assert!(lab.is_open(GREEN).await, "{fault}");
        lab.assert_nothing_lost().await;
    }
    lab.roll_back(&[ROLL_BACK], Some("kill-after:9"))
        .await
        .with(KILLED);
    assert_one_side(lab).await;
    lab.resume(&[ROLL_BACK], Some("kill-after:4"))
        .await
        .with(KILLED);
    assert_one_side(lab).await;
    lab.resume(&[ROLL_BACK], None).await.with(ROLLED_BACK);
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
    assert_eq!(lab.left_over(BLUE).await, [""; 0]);
    lab.assert_nothing_lost().await;
}
