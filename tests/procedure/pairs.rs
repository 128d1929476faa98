use crate::support::{BLUE, GREEN, Lab, ROLL_BACK, ROLLED_BACK};

/// Another pair of versions than the usual 15 and 17: there and back.
#[tokio::test]
async fn from_16_to_18_and_back() {
    let lab = Lab::up_with(2, &["--from", "16", "--to", "18"]).await;
    let version = "SELECT current_setting('server_version_num')::int / 10000";
    assert_eq!(lab.ask(BLUE, "shop", version).await, ["16"]);
    let before = lab.logins(BLUE).await;
    lab.cut_over().await;
    assert_eq!(lab.ask(GREEN, "shop", version).await, ["18"]);
    assert_eq!(lab.logins(GREEN).await, before);
    lab.assert_nothing_lost().await;
    lab.roll_back(&[ROLL_BACK], None).await.with(ROLLED_BACK);
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    assert_eq!(lab.left_over(BLUE).await, [""; 0]);
    lab.assert_nothing_lost().await;
}
