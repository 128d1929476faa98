use crate::support::{BLUE, DONE, FINISH, GREEN, Lab, ROLL_BACK, ROLLED_BACK};

/// A database's name may hold anything but a line break: `pg_upgrade` refuses that, so a check does.
const DATABASE: &str = r#"Ünï "db" 'x' %s {y} \ $HOME; --"#;
const ROLE: &str = "App \"Four\" 'x' %\n{y}";
const SCHEMA: &str = "Sch\"ema 'x' %d\n{y} ü";
const TABLE: &str = "Ta\"ble 'x' %\n{y}";
const SEQUENCE: &str = "Seq\"uence 'x'\n%";
const COLUMN: &str = "Col \"x\" 'y'\n%";
/// Names of what the run makes.
const NAMES: &str = "[names]\nschema = \"green \\\"light\\\" 'x' %\"\npublication = \"pub 'x' \\\"y\\\" %\"\n\
    subscription = \"sub 'x' \\\"y\\\" %\"";

/// Every printable character, as the password of the replication role and of an application.
fn password() -> String {
    (' '..='~').collect()
}

fn ident(name: &str) -> String {
    greenlight::domain::sql::quote_ident(name)
}

fn literal(text: &str) -> String {
    greenlight::domain::sql::quote_literal(text)
}

/// The shop, and beside it a database in which everything has a hostile name.
async fn up() -> Lab {
    let lab = Lab::up(2).await;
    let role = format!(
        "CREATE ROLE {} LOGIN PASSWORD {}",
        ident(ROLE),
        literal(&password())
    );
    lab.ask(BLUE, "postgres", &role).await;
    let database = format!("CREATE DATABASE {}", ident(DATABASE));
    lab.ask(BLUE, "postgres", &database).await;
    let (schema, table) = (ident(SCHEMA), format!("{}.{}", ident(SCHEMA), ident(TABLE)));
    let sequence = format!("{schema}.{}", ident(SEQUENCE));
    let make = format!(
        "CREATE SCHEMA {schema}; CREATE SEQUENCE {sequence} INCREMENT 7; \
         CREATE TABLE {table} ({} bigint PRIMARY KEY DEFAULT nextval({})); \
         GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT ALL ON {table} TO {role}; \
         GRANT ALL ON SEQUENCE {sequence} TO {role}",
        ident(COLUMN),
        literal(&sequence),
        role = ident(ROLE),
    );
    lab.ask(BLUE, DATABASE, &make).await;

    let quoted = |text: &str| serde_json::to_string(text).expect("text");
    lab.edit_profile(
        "\"billing\"]",
        &format!("\"billing\", {}]", quoted(DATABASE)),
    );
    lab.edit_profile(
        "\"App-Three\"]",
        &format!("\"App-Three\", {}]", quoted(ROLE)),
    );
    lab.add_to_profile(NAMES);
    let passfile = lab.dir().join("passfile");
    let text = std::fs::read_to_string(&passfile).expect("passfile");
    let escaped = password().replace('\\', "\\\\").replace(':', "\\:");
    let with = |line: &str| {
        if line.contains(":greenlight_replication:") {
            format!("127.0.0.1:*:*:greenlight_replication:{escaped}\n")
        } else {
            format!("{line}\n")
        }
    };
    std::fs::write(&passfile, text.lines().map(with).collect::<String>()).expect("passfile");
    lab
}

/// Writes a row as the application with the hostile name; its id.
async fn write(lab: &Lab, node: &str) -> String {
    let app = lab.log_in(node, DATABASE, ROLE, &password()).await;
    let insert = format!(
        "INSERT INTO {}.{} DEFAULT VALUES RETURNING {}",
        ident(SCHEMA),
        ident(TABLE),
        ident(COLUMN)
    );
    let row = app.query_one(&insert, &[]).await.expect("a row");
    row.get::<_, i64>(0).to_string()
}

async fn rows(lab: &Lab, node: &str) -> Vec<String> {
    let sql = format!(
        "SELECT {column} FROM {}.{} ORDER BY {column}",
        ident(SCHEMA),
        ident(TABLE),
        column = ident(COLUMN)
    );
    lab.ask(node, DATABASE, &sql).await
}

#[tokio::test]
async fn hostile_names_go_there_and_back() {
    let lab = up().await;
    let mut written = vec![write(&lab, BLUE).await];
    lab.run(&["build.snapshot=x"]).await;
    written.push(write(&lab, BLUE).await);
    lab.resume(&["catch-up.enable=x", crate::support::CUT_OVER], None)
        .await
        .saying("0 differences block, 0 to know")
        .saying("finish.unlink  waits for the phrase");
    assert_eq!(rows(&lab, GREEN).await, written);
    assert!(!lab.logins(BLUE).await.contains(ROLE));
    written.push(write(&lab, GREEN).await);
    lab.roll_back(&[ROLL_BACK], None).await.with(ROLLED_BACK);
    assert_eq!(rows(&lab, BLUE).await, written);
    assert!(!lab.logins(GREEN).await.contains(ROLE));
    // The sequence was carried over both times.
    written.push(write(&lab, BLUE).await);
    assert_eq!(written, ["1", "8", "15", "22"]);
    assert_eq!(left_over(&lab, BLUE).await, [""; 0]);
    lab.assert_nothing_lost().await;
}

#[tokio::test]
async fn hostile_names_are_finished() {
    let lab = up().await;
    let mut written = vec![write(&lab, BLUE).await];
    lab.cut_over().await;
    written.push(write(&lab, GREEN).await);
    lab.resume(&[FINISH], None).await.with(DONE);
    assert_eq!(rows(&lab, GREEN).await, written);
    for node in [BLUE, GREEN] {
        assert_eq!(left_over(&lab, node).await, [""; 0], "{node}");
    }
    lab.assert_nothing_lost().await;
}

async fn left_over(lab: &Lab, node: &str) -> Vec<String> {
    let sql = "SELECT 'slot ' || slot_name FROM pg_replication_slots \
        UNION ALL SELECT 'publication ' || pubname FROM pg_publication \
        UNION ALL SELECT 'subscription ' || subname FROM pg_subscription \
        UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 'green%'";
    lab.ask(node, DATABASE, sql).await
}
