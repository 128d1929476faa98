use greenlight::adapters::postgres::Login;
use greenlight::ports::Databases;

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
