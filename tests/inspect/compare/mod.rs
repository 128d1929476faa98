//! The data compare, on real servers: what is equal is found equal, and each verdict is made to fail.

mod command;
mod load;
mod shapes;
mod types;

use greenlight::adapters::postgres::{Limits, Password, Postgres, Server};
use greenlight::domain::{Node, Place};
use greenlight::inspect::compare::{RowVerdict, compare};
use greenlight::inspect::{CompareOptions, Comparison, InspectError, TableComparison};
use greenlight::rehearsal::Cluster;

use crate::cluster;

/// Two servers and a way to both.
struct Pair {
    blue: Cluster,
    green: Cluster,
    databases: Postgres,
}

impl Pair {
    async fn start(blue: u32, green: u32) -> Self {
        let (blue, green) = tokio::join!(cluster(blue), cluster(green));
        let databases = databases(&blue, &green, None);
        Self {
            blue,
            green,
            databases,
        }
    }

    /// Reads GREEN as `role` from now on, whose password is its name.
    fn green_as(&mut self, role: &str) {
        self.databases = databases(&self.blue, &self.green, Some(role));
    }

    /// The same statements on both sides.
    async fn both(&self, sql: &str) {
        tokio::join!(self.on_blue(sql), self.on_green(sql));
    }

    /// True where both can do this.
    async fn both_know(&self, sql: &str) -> bool {
        let sides = (
            self.blue.sql("postgres", sql),
            self.green.sql("postgres", sql),
        );
        let (blue, green) = tokio::join!(sides.0, sides.1);
        blue.is_ok() && green.is_ok()
    }

    async fn on_blue(&self, sql: &str) {
        self.blue.sql("postgres", sql).await.expect("on BLUE");
    }

    async fn on_green(&self, sql: &str) {
        self.green.sql("postgres", sql).await.expect("on GREEN");
    }

    async fn try_compare(&self, options: &CompareOptions) -> Result<Comparison, InspectError> {
        let place = |node| Place::new(node, "postgres");
        let (blue, green) = (place(Node::blue()), place(Node::green()));
        compare(&self.databases, (&blue, &green), options, &()).await
    }

    async fn compare(&self, options: &CompareOptions) -> Comparison {
        self.try_compare(options).await.expect("a comparison")
    }
}

fn databases(blue: &Cluster, green: &Cluster, role: Option<&str>) -> Postgres {
    let server =
        |cluster: &Cluster| -> Server { cluster.superuser_url().parse().expect("its own URL") };
    let (blue, mut green) = (server(blue), server(green));
    if let Some(role) = role {
        role.clone_into(&mut green.login.user);
        green.login.password = Password::Given(role.to_owned().into());
    }
    Postgres::new("test", Limits::default())
        .with_node(&Node::blue(), &blue.host, blue.port, blue.login)
        .with_node(&Node::green(), &green.host, green.port, green.login)
}

/// Small parts, so that a small table goes through all of them.
fn options() -> CompareOptions {
    CompareOptions {
        sessions: 2,
        chunk_rows: 5_000,
        ..CompareOptions::default()
    }
}

fn table<'a>(found: &'a Comparison, name: &str) -> &'a TableComparison {
    let table = found.tables.iter().find(|table| table.name == name);
    table.unwrap_or_else(|| panic!("no table {name} in {found:?}"))
}

/// Key as JSON, columns and verdict of each row that differs.
fn rows(table: &TableComparison) -> Vec<(String, String, RowVerdict)> {
    let mut rows: Vec<_> = table
        .differing
        .iter()
        .map(|row| {
            let key = serde_json::to_string(&row.key).expect("a key");
            (key, row.columns.join(","), row.verdict)
        })
        .collect();
    rows.sort();
    rows
}

/// The tables that are not equal.
fn unequal(found: &Comparison) -> Vec<&str> {
    let tables = found.tables.iter().filter(|table| !table.equal);
    tables.map(|table| table.name.as_str()).collect()
}
