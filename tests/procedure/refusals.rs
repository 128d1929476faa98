use crate::support::{BLUE, Lab, PARKED, REFUSED, TO_THE_CUTOVER};

/// What must be refused before anything is changed, and leaves nothing behind.
#[tokio::test]
async fn nothing_is_changed_where_the_servers_are_not_ready() {
    let lab = Lab::up(1).await;

    let passfile = lab.dir().join("passfile");
    let right = std::fs::read_to_string(&passfile).expect("passfile");
    let wrong: String = right
        .lines()
        .map(|line| line.rsplit_once(':').expect("password").0.to_owned() + ":a-wrong-one\n")
        .collect();
    std::fs::write(&passfile, wrong).expect("passfile");
    let refused = lab.run(&TO_THE_CUTOVER).await.with(REFUSED).saying("BLUE");
    assert!(!refused.said.contains("a-wrong-one"), "{}", refused.said);
    std::fs::write(&passfile, &right).expect("passfile");

    let foreign = "CREATE PUBLICATION greenlight FOR TABLE billing.invoice; \
        COMMENT ON PUBLICATION greenlight IS 'greenlight run 0a1b2c'; SELECT lo_create(0)";
    lab.ask(BLUE, "billing", foreign).await;
    lab.ask(BLUE, "shop", "CREATE SCHEMA greenlight").await;
    lab.ask(BLUE, "shop", "CREATE TABLE shop.keyless (x int)")
        .await;
    let refused = lab
        .run(&TO_THE_CUTOVER)
        .await
        .with(PARKED)
        .saying("preflight.checks  ✘ failed");
    refused
        .saying("keyless")
        .saying("publication greenlight (greenlight run 0a1b2c)")
        .saying("schema greenlight (it carries no comment)")
        .saying("large-objects on BLUE · billing");
    let theirs = ["schema greenlight", "publication greenlight"];
    assert_eq!(lab.left_over(BLUE).await, theirs);

    lab.ask(
        BLUE,
        "shop",
        "DROP TABLE shop.keyless; DROP SCHEMA greenlight",
    )
    .await;
    lab.ask(BLUE, "billing", "DROP PUBLICATION greenlight")
        .await;
    lab.add_to_profile("[checks]\nacknowledge = [\"large-objects\"]");
    let ended = lab.run(&[]).await.with(PARKED);
    let ended = ended
        .saying("acknowledged in the profile: large-objects")
        .saying("build.snapshot  waits for Enter");

    for secret in lab.secrets() {
        assert!(!ended.said.contains(&secret), "a secret was printed");
        for file in crate::secrets::files_in(&lab.runs()) {
            let text = std::fs::read(&file).expect("a file");
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains(&secret), "{}", file.display());
        }
    }
}
