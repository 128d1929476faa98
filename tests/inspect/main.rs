//! Object diff, sequences and lag, on real servers.

mod compare;
mod lag;
#[path = "../support/missing.rs"]
mod missing;
mod objects;
mod sequences;

use std::sync::Arc;

use greenlight::adapters::postgres::{Limits, Postgres, Server};
use greenlight::domain::{Node, Place};
use greenlight::ports::{Databases, Session};
use greenlight::rehearsal::{Cluster, fetch};

async fn cluster(major: u32) -> Cluster {
    let install = fetch::server(major, &[], &|_| {}).await.expect("a build");
    let builder = Cluster::builder(&install).setting("wal_level", "logical");
    builder.start().await.expect("a server")
}

async fn session(cluster: &Cluster) -> Arc<dyn Session> {
    let server: Server = cluster.superuser_url().parse().expect("its own URL");
    let node = Node::new("server");
    let databases = Postgres::new("test", Limits::default()).with_node(
        &node,
        &server.host,
        server.port,
        server.login,
    );
    databases
        .dedicated(&Place::new(node, "postgres"), "inspect")
        .await
        .expect("a session")
}
