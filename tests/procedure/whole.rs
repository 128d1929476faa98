use crate::support::{BLUE, DONE, FINISH, GREEN, Lab, ROLL_BACK, ROLLED_BACK};

#[tokio::test]
async fn forward_and_back_again() {
    let lab = Lab::up(3).await;
    // A role that is fenced but could not log in anyway must not be able to afterwards.
    lab.ask(BLUE, "shop", "ALTER ROLE \"App-Three\" NOLOGIN")
        .await;
    there_and_back(&lab, async || {}).await;
}

/// A whole run, `at_green` while GREEN is in service.
pub async fn there_and_back(lab: &Lab, at_green: impl AsyncFnOnce()) {
    let before = lab.logins(BLUE).await;
    lab.cut_over().await;
    at_green().await;
    assert!(!lab.is_open(BLUE).await);
    assert_eq!(lab.logins(GREEN).await, before);
    lab.assert_nothing_lost().await;

    lab.roll_back(&[ROLL_BACK], None).await.with(ROLLED_BACK);
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    assert_eq!(lab.left_over(BLUE).await, [""; 0]);
    lab.assert_nothing_lost().await;
}

#[tokio::test]
async fn forward_and_finished() {
    let lab = Lab::up(3).await;
    lab.cut_over().await;
    lab.resume(&[FINISH], None).await.with(DONE);
    assert_eq!(lab.left_over(BLUE).await, [""; 0]);
    assert_eq!(lab.left_over(GREEN).await, [""; 0]);
    assert!(!lab.is_open(BLUE).await);
    assert!(lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;
    let report = lab.roll_back(&[ROLL_BACK], None).await;
    assert_ne!(report.code, ROLLED_BACK, "{}", report.said);
    assert!(lab.is_open(GREEN).await && !lab.is_open(BLUE).await);
}
