//! A server for the tests of one file's cases, and the adapter pointed at it.

use std::time::Duration;

use greenlight::adapters::postgres::{Limits, Login, Password, Postgres};
use greenlight::domain::{Node, Place};
use greenlight::ports::{Databases, Rows};
use greenlight::rehearsal::{Cluster, Install, binaries};
use secrecy::SecretString;

pub use greenlight::domain::Sql;

/// Limits short enough that a test of a limit does not take long.
pub const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    statement: Duration::from_secs(20),
    lock: Duration::from_secs(2),
};

/// An installation; no test of this area can say anything without one.
pub fn install() -> Install {
    binaries::find(&[])
        .into_iter()
        .find(Install::can_upgrade)
        .expect("a PostgreSQL installation with initdb and postgres")
}

pub async fn server() -> Cluster {
    Cluster::start(&install()).await.expect("a server")
}

pub fn at(database: &str) -> Place {
    Place::new(Node::blue(), database)
}

pub fn given(password: &str) -> Password {
    Password::Given(SecretString::from(password.to_owned()))
}

/// The adapter with BLUE being this server.
pub fn databases(server: &Cluster, login: Login) -> Postgres {
    Postgres::new("t1", LIMITS).with_node(&Node::blue(), "127.0.0.1", server.port(), login)
}

/// The adapter as the superuser, over the socket, where everybody is trusted.
pub fn as_superuser(server: &Cluster) -> Postgres {
    let folder = server.socket_dir();
    let folder = folder.to_str().expect("UTF-8");
    let login = Login::local(server.superuser(), given(""));
    Postgres::new("t1", LIMITS).with_node(&Node::blue(), folder, server.port(), login)
}

pub async fn run(databases: &Postgres, database: &str, sql: Sql) -> Rows {
    databases
        .query(&at(database), &sql)
        .await
        .expect("the statement runs")
}
