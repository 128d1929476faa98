use greenlight::adapters::postgres::Login;
use greenlight::ports::Databases;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::support::{Sql, as_superuser, at, databases, given, run, server};

const HOSTILE: [&str; 9] = [
    "App-Three",
    "two words",
    "it's",
    r#"a "quoted" one"#,
    r"back\slash",
    "100% {slot}",
    "new\nline\ttab",
    "naïve 漢字 🦀",
    "select;--",
];

#[tokio::test]
async fn hostile_names_go_there_and_back_unchanged() {
    let server = server().await;
    let admin = as_superuser(&server);
    for name in HOSTILE {
        let role = Sql::new("CREATE ROLE {name} LOGIN").ident("name", name);
        run(&admin, "postgres", role).await;
        let database = Sql::new("CREATE DATABASE {name} OWNER {name}").ident("name", name);
        run(&admin, "postgres", database).await;
        let mine = databases(&server, Login::local(name, given("")));
        let place = at(name);
        let table = Sql::new(
            "CREATE SCHEMA {name}; CREATE TABLE {table} ({name} text); INSERT INTO {table} VALUES ({value})",
        );
        let table = table
            .ident("name", name)
            .qualified("table", name, name)
            .literal("value", name);
        mine.query(&place, &table).await.expect(name);
        let read = Sql::new(
            "SELECT {name} AS value, current_database() AS database, current_user AS role, \
             {table}::regclass::oid = {name}.tableoid AS same FROM {qualified}",
        );
        let read = read
            .ident("name", name)
            .qualified("qualified", name, name)
            .literal(
                "table",
                &format!("{0}.{0}", greenlight::domain::sql::quote_ident(name)),
            );
        let rows = mine.query(&place, &read).await.expect(name);
        let row = rows.one().expect("a row");
        for column in ["value", "database", "role"] {
            assert_eq!(row.get(column), Ok(name.to_owned()), "{column}");
        }
        assert_eq!(row.get("same"), Ok(true));
    }
}

/// Texts of every kind, those that matter to quoting more often than chance would have them.
fn hostile_texts(count: usize) -> Vec<String> {
    let strategy = proptest::string::string_regex(
        "(?s)([^\0]|['\"\\\\{}$%;-]|''|\\\\'|E'|\\$\\$|--|/\\*|\n|\r|\t){0,24}",
    )
    .expect("a pattern");
    let mut runner = TestRunner::deterministic();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).expect("a text").current())
        .collect()
}

/// What the server makes of our quoting is what was quoted, whatever it takes a backslash for.
#[tokio::test]
async fn any_text_is_the_same_on_the_server() {
    let server = server().await;
    let admin = as_superuser(&server);
    let session = admin.shared(&at("postgres")).await.expect("a session");
    for conforming in ["on", "off"] {
        let set = Sql::new("SET standard_conforming_strings = {value}");
        let set = set.literal("value", conforming);
        session.query(&set).await.expect("set");
        for text in hostile_texts(600) {
            let sql = Sql::new(
                "SELECT {text} AS value, octet_length({text}) AS bytes, \
                 {texts} = ARRAY[convert_from(decode({hex}, 'hex'), 'UTF8')] AS same",
            )
            .literal("text", &text)
            .literals("texts", &[&text])
            .literal("hex", &hex(&text));
            let rows = session.query(&sql).await.expect(&text);
            let row = rows.one().expect("a row");
            assert_eq!(row.get("value"), Ok(text.clone()));
            assert_eq!(row.get("bytes"), Ok(text.len() as u64), "{text:?}");
            assert_eq!(row.get("same"), Ok(true), "{text:?}");
        }
    }
}

/// The server reads our identifiers as the names they stand for, as it does its own.
#[tokio::test]
async fn any_name_is_the_same_on_the_server() {
    let server = server().await;
    let admin = as_superuser(&server);
    let session = admin.shared(&at("postgres")).await.expect("a session");
    // An empty identifier is none, and a longer one would be cut.
    let names = hostile_texts(600).into_iter();
    for name in names.filter(|name| (1..=63).contains(&name.len())) {
        let make = Sql::new("CREATE TEMP TABLE {name} ({name} int)").ident("name", &name);
        session.query(&make).await.expect(&name);
        let read = Sql::new(
            "SELECT relname AS name, to_regclass(quote_ident(relname)) = to_regclass({quoted}) AS same \
             FROM pg_class WHERE oid = {quoted}::regclass",
        )
        .literal("quoted", &greenlight::domain::sql::quote_ident(&name));
        let rows = session.query(&read).await.expect(&name);
        let row = rows.one().expect("a row");
        assert_eq!(row.get("name"), Ok(name.clone()));
        assert_eq!(row.get("same"), Ok(true), "{name:?}");
        let drop = Sql::new("DROP TABLE {name}").ident("name", &name);
        session.query(&drop).await.expect(&name);
    }
}

fn hex(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
