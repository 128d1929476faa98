use greenlight::adapters::postgres::{Limits, Postgres, Server};
use greenlight::domain::Node;
use greenlight::inspect::{Sampler, Watch};

use crate::cluster;

#[tokio::test]
async fn a_link_is_read_from_its_publisher_and_a_dead_server_is_named() {
    for major in [13, 18] {
        let blue = cluster(major).await;
        blue.sql(
            "postgres",
            "SELECT pg_create_logical_replication_slot('it''s'::text::name, 'pgoutput')",
        )
        .await
        .expect_err("a slot's name is plain");
        blue.sql(
            "postgres",
            "SELECT pg_create_logical_replication_slot('link', 'pgoutput')",
        )
        .await
        .expect("a slot");
        blue.sql(
            "postgres",
            "CREATE TABLE t AS SELECT generate_series(1, 9999)",
        )
        .await
        .expect("some WAL");
        let server: Server = blue.superuser_url().parse().expect("its own URL");
        let databases = Postgres::new("test", Limits::default()).with_node(
            &Node::blue(),
            &server.host,
            server.port,
            server.login,
        );
        let watch = Watch {
            publisher: Node::blue(),
            subscriber: Some(Node::green()),
            links: vec![("postgres".to_owned(), "link".to_owned())],
            roles: vec!["nobody's".to_owned()],
            wal_space: Some(1 << 30),
        };
        let mut sampler = Sampler::default();
        sampler.sample(&databases, &watch).await;
        let gauges = sampler.sample(&databases, &watch).await;
        let link = &gauges.links["postgres"];
        assert!(
            link.lag_bytes.is_some_and(|bytes| bytes > 100_000),
            "{gauges:?}"
        );
        assert!(gauges.wal_retained >= link.lag_bytes.and_then(|bytes| bytes.try_into().ok()));
        assert!(!link.active);
        assert_eq!(link.apply_rate, Some(0.0));
        assert_eq!(link.catch_up, None);
        assert_eq!(gauges.sessions_blue, Some(0));
        assert!(gauges.tps.is_some() && gauges.wal_rate.is_some());
        assert!(gauges.silent.contains_key("GREEN"), "{gauges:?}");
    }
}
