use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use serde_json::Value;

use super::Pair;

fn greenlight(pair: &Pair, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_greenlight"))
        .arg("compare")
        .args(["--blue", &pair.blue.superuser_url()])
        .args(["--green", &pair.green.superuser_url()])
        .args(words)
        .output()
        .expect("greenlight runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_equal_or_different_and_only_proposes_a_repair() {
    let pair = Pair::start(15, 17).await;
    pair.both("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')").await;
    let equal = greenlight(&pair, &["--json"]);
    assert_eq!(equal.status.code(), Some(0), "{}", text(&equal.stderr));
    let json: Value = serde_json::from_slice(&equal.stdout).expect("JSON alone");
    assert_eq!(json["equal"], true);
    assert_eq!(json["tables"][0]["rows_blue"], 3);

    pair.on_green("UPDATE t SET v = 'x' WHERE id = 2; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (4, 'd')").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("repair.sql");
    let name = file.to_str().expect("a name");
    let different = greenlight(&pair, &["--json", "--repair", name]);
    assert_eq!(
        different.status.code(),
        Some(1),
        "{}",
        text(&different.stderr)
    );
    let json: Value = serde_json::from_slice(&different.stdout).expect("JSON alone");
    let expected = serde_json::json!([
        {"key": {"id": 2}, "columns": ["v"], "verdict": "differs"},
        {"key": {"id": 3}, "columns": [], "verdict": "missing-on-green"},
        {"key": {"id": 4}, "columns": [], "verdict": "missing-on-blue"},
    ]);
    assert_eq!(json["equal"], false);
    assert_eq!(json["tables"][0]["differing"], expected);

    let script = std::fs::read_to_string(&file).expect("a script");
    for part in ["UPDATE ONLY", "INSERT INTO", "DELETE FROM ONLY"] {
        assert!(script.contains(part), "{script}");
    }
    let mode = file.metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left = pair
        .green
        .value("postgres", "SELECT string_agg(v, '' ORDER BY id) FROM t")
        .await;
    assert_eq!(left.expect("rows"), "axd", "it was only proposed");

    let again = greenlight(&pair, &["--repair", name]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("not written over"));
    let words = greenlight(&pair, &["--table", "t"]);
    assert_eq!(words.status.code(), Some(1));
    assert!(
        text(&words.stdout).contains("id=3: missing on GREEN"),
        "{}",
        text(&words.stdout)
    );
    let nothing = greenlight(&pair, &["--table", "nothing"]);
    assert_eq!(nothing.status.code(), Some(2));
}
