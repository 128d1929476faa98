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

    lab.ask(
        BLUE,
        "billing",
        "CREATE PUBLICATION greenlight FOR TABLE billing.invoice",
    )
    .await;
    lab.ask(BLUE, "shop", "CREATE TABLE shop.keyless (x int)")
        .await;
    let refused = lab
        .run(&TO_THE_CUTOVER)
        .await
        .with(PARKED)
        .saying("preflight.checks  ✘ failed");
    refused.saying("keyless");
    assert_eq!(lab.left_over(BLUE).await, ["publication greenlight"]);

    lab.ask(BLUE, "shop", "DROP TABLE shop.keyless").await;
    let ended = lab.run(&TO_THE_CUTOVER).await.with(PARKED);
    let ours = lab.left_over(BLUE).await;
    assert!(!ended.said.contains("build.snapshot  ▶"), "{}", ended.said);
    let foreign = lab
        .ask(
            BLUE,
            "billing",
            "SELECT puballtables FROM pg_publication WHERE pubname = 'greenlight'",
        )
        .await;
    assert_eq!(foreign, ["f"], "{ours:?}");

    for secret in lab.secrets() {
        assert!(!ended.said.contains(&secret), "a secret was printed");
        assert_eq!(files_with(&lab.runs(), &secret), [""; 0]);
    }
}

fn files_with(dir: &std::path::Path, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, words));
        } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains(words)) {
            found.push(path.display().to_string());
        }
    }
    found
}
