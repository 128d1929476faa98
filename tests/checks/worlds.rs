use std::time::Duration;

use greenlight::adapters::postgres::{Limits, Login, Password, Postgres};
use greenlight::checks::{CheckContext, Moment, find, run};
use greenlight::domain::Node;
use greenlight::profile::{BlueGreen, Canary, CanaryUrl, PasswordSource};
use greenlight::rehearsal::{Cluster, ClusterBuilder, fetch};
use greenlight::runbook::{CheckReport, Facts};
use secrecy::SecretString;

use crate::proof::{Proof, has_found};
use crate::statements::{profile, world};

pub const RUN: &str = "r1";

pub async fn builder(major: u32) -> ClusterBuilder {
    let install = fetch::server(major, &[], &|_| ())
        .await
        .expect("a PostgreSQL");
    Cluster::builder(&install)
        .password("secret".to_owned().into())
        .setting("max_prepared_transactions", "5")
}

pub fn databases(blue: &Cluster, green: Option<&Cluster>) -> Postgres {
    let login = || Login::local("postgres", Password::Given("secret".to_owned().into()));
    let all = Postgres::new(RUN, Limits::default()).with_node(
        &Node::blue(),
        "127.0.0.1",
        blue.port(),
        login(),
    );
    match green {
        Some(green) => all.with_node(&Node::green(), "127.0.0.1", green.port(), login()),
        None => all,
    }
}

pub async fn all(cluster: &Cluster, database: &str, statements: &[&str]) {
    for statement in statements {
        cluster
            .sql(database, statement)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Conditions that `a_bad_blue_is_found_out` makes on a real server.
const ON_A_BAD_BLUE: &[&str] = &[
    "single-operator-lock",
    "app-roles-alterable",
    "app-role-inventory",
    "repl-role-ready",
    "repl-role-settings",
    "md5-passwords",
    "wal-level-logical",
    "slots-free",
    "wal-keep-cap",
    "foreign-slots",
    "slot-name-free",
    "object-names-free",
    "existing-replication-topology",
    "xid-holders",
    "prepared-xacts",
    "idle-in-transaction",
    "sync-replication-trap",
    "databases-covered",
    "replica-identity-missing",
    "replica-identity-full-no-equality",
    "unlogged-tables",
    "large-objects",
    "large-object-columns",
    "partitioned-tables",
    "extension-owned-tables",
    "invalid-indexes",
    "cron-jobs",
    "foreign-and-outbound",
    "event-triggers",
    "upgrade-blockers-types",
    "upgrade-blockers-objects",
    "server-version-window",
    "wal-disk-runway",
    "pgbouncer-admin",
    "time-budget",
    "replica-identity-full-cost",
];

pub async fn a_bad_blue_is_found_out(proof: &Proof) {
    let blue = builder(15)
        .await
        .setting("wal_level", "replica")
        .setting("max_slot_wal_keep_size", "1MB")
        .setting("synchronous_standby_names", "*")
        .setting("synchronous_commit", "local")
        .setting("max_wal_senders", "1")
        .start()
        .await
        .expect("a server");
    all(
        &blue,
        "postgres",
        &[
            "CREATE DATABASE shop",
            "CREATE DATABASE other",
            "CREATE DATABASE \"broken\nname\"",
            "CREATE ROLE repl NOLOGIN",
            "CREATE ROLE forgotten LOGIN",
            "SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'x'",
            "ALTER DATABASE shop SET statement_timeout = '1min'",
            "SELECT pg_create_physical_replication_slot('dead', true)",
            "SELECT pg_create_physical_replication_slot('greenlight_shop_r1')",
        ],
    )
    .await;
    all(&blue, "other", &["CREATE TABLE t (id int)"]).await;
    all(&blue, "shop", &[
        "CREATE TABLE keyless (id int)",
        "CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE full_json (id int, doc json); ALTER TABLE full_json REPLICA IDENTITY FULL",
        "CREATE TABLE full_big (id int, filler text); ALTER TABLE full_big REPLICA IDENTITY FULL; ALTER TABLE full_big ALTER filler SET STORAGE PLAIN",
        "INSERT INTO full_big SELECT g, repeat('x', 7000) FROM generate_series(1, 13500) g",
        "UPDATE full_big SET id = id WHERE id = 1",
        "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)",
        "CREATE TABLE pictures (id int PRIMARY KEY, picture oid, kind regproc)",
        "SELECT lo_create(0)",
        "CREATE SCHEMA greenlight",
        "CREATE SUBSCRIPTION x CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false)",
        "CREATE TABLE part_of (id int PRIMARY KEY); ALTER EXTENSION plpgsql ADD TABLE part_of",
        "CREATE TABLE twice (id int); INSERT INTO twice VALUES (1), (1)",
        "CREATE SCHEMA cron; CREATE TABLE cron.job (jobid int PRIMARY KEY, schedule text, database text, username text, command text, active bool); \
         INSERT INTO cron.job VALUES (1, '* * * * *', 'shop', 'app', 'SELECT 1', true)",
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER elsewhere FOREIGN DATA WRAPPER w",
        "CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted()",
        "CREATE VIEW busy AS SELECT pid FROM pg_stat_activity",
    ]).await;
    let twice = blue
        .sql(
            "shop",
            "CREATE UNIQUE INDEX CONCURRENTLY twice_once ON twice (id)",
        )
        .await;
    assert!(
        twice.is_err(),
        "two equal rows let no unique index be built"
    );
    let prepared = blue.connect("shop").await.expect("a session");
    prepared
        .batch_execute("BEGIN; INSERT INTO keyless VALUES (1); PREPARE TRANSACTION 'left'")
        .await
        .expect("prepared");
    let holder = blue.connect("shop").await.expect("a session");
    holder
        .batch_execute("BEGIN; INSERT INTO keyless VALUES (2)")
        .await
        .expect("a transaction");
    let other = blue.connect("shop").await.expect("a session");
    other
        .batch_execute(
            "SET application_name = 'greenlight:other'; SELECT pg_advisory_lock(1112294992, 1)",
        )
        .await
        .expect("a lock");
    tokio::time::sleep(Duration::from_millis(1500)).await;

    let bad = bad_profile();
    let world = world(databases(&blue, None));
    let password: SecretString = "repl".to_owned().into();
    let ctx = CheckContext {
        profile: &bad,
        world: &world,
        facts: &Facts::default(),
        run: RUN,
        moment: Moment::Preflight,
        replication_password: Some(&password),
        run_dir: None,
    };
    assert_all_is_found(&proof.all(&ctx).await);
    taken_care_of(&ctx).await;
    whether_the_canary_is_let_in(proof, &ctx, blue.port()).await;
}

fn assert_all_is_found(report: &CheckReport) {
    for check in &report.checks {
        // There is no RDS control plane here.
        assert!(!check.unknown || check.node == "RDS", "{check:?}");
    }
    let silent: Vec<_> = ON_A_BAD_BLUE
        .iter()
        .filter(|id| !report.checks.iter().any(|c| c.id == **id && has_found(c)))
        .collect();
    assert!(silent.is_empty(), "{silent:?} found nothing: {report:#?}");
    assert!(!report.passes());
    let named = r#"database "broken\nname", for the line break in its name"#;
    assert!(
        report.checks.iter().any(|c| c.evidence.contains(named)),
        "{report:#?}"
    );
}

async fn whether_the_canary_is_let_in(proof: &Proof, bad: &CheckContext<'_>, port: u16) {
    for (database, is_there) in [("shop", true), ("no_such_shop", false)] {
        let mut profile = bad.profile.clone();
        profile.canary = Some(Canary {
            url: CanaryUrl::Fixed(format!(
                "postgresql://postgres:secret@127.0.0.1:{port}/{database}?sslmode=disable"
            )),
            role: "postgres".to_owned(),
            password: PasswordSource::None,
            every: Duration::from_millis(20),
        });
        let world = world(Postgres::from_profile(&profile, RUN, None));
        let ctx = CheckContext {
            profile: &profile,
            world: &world,
            ..*bad
        };
        if is_there {
            proof.settled(&ctx, &["canary-login"]).await;
        } else {
            proof.found(&ctx, &["canary-login"]).await;
        }
    }
}

/// What the profile acknowledges warns.
async fn taken_care_of(bad: &CheckContext<'_>) {
    let mut profile = bad.profile.clone();
    profile.acknowledged = vec!["large-objects".to_owned()];
    let ctx = CheckContext {
        profile: &profile,
        ..*bad
    };
    let report = run(&[find("large-objects").expect("a check")], &ctx, &|_| ()).await;
    assert!(report.passes(), "{report:#?}");
    let told = &report.checks[0];
    let words = "acknowledged in the profile";
    assert!(
        has_found(told) && told.evidence.ends_with(words),
        "{told:#?}"
    );
}

fn bad_profile() -> BlueGreen {
    let mut bad = profile();
    bad.fence.roles.push("nobody_of_that_name".to_owned());
    bad.budgets.longest_transaction = Duration::ZERO;
    bad.budgets.write_pause = Duration::from_micros(1);
    "14.1".clone_into(&mut bad.green.engine_version);
    bad.thresholds.wal_space = None;
    bad.hooks.redirect = Some(greenlight::profile::Hook {
        argv: vec!["/usr/local/bin/pgbouncer-switch".to_owned()],
        limit: Duration::from_secs(5),
    });
    bad
}
