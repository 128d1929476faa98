use std::path::Path;
use std::process::Command;
use std::time::Duration;

use greenlight::domain::Lsn;
use greenlight::rehearsal::{Cluster, Install, fetch};

/// A frozen copy whose last record is a commit: where replication must start, and what one step beside it does.
#[tokio::test]
async fn replication_starts_one_byte_after_redo_done() {
    let install = fetch::server(15, &[], &|_: &str| {})
        .await
        .expect("a PostgreSQL 15");
    let blue = Cluster::builder(&install)
        .setting("wal_level", "logical")
        .start()
        .await
        .expect("start");
    let sql = "CREATE TABLE loose (id int); ALTER TABLE loose REPLICA IDENTITY FULL; \
        CREATE PUBLICATION p FOR TABLE loose";
    blue.sql("postgres", sql).await.expect("schema");
    for slot in ["at", "after", "beyond"] {
        let sql = format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')");
        blue.sql("postgres", &sql).await.expect("slot");
    }
    let scratch = tempfile::Builder::new()
        .prefix("gl-lsn-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .expect("scratch");
    let client = blue.connect("postgres").await.expect("connect");
    client
        .batch_execute("INSERT INTO loose VALUES (1)")
        .await
        .expect("row");
    client
        .batch_execute("INSERT INTO loose VALUES (2)")
        .await
        .expect("row");
    let frozen = blue.freeze().await.expect("freeze");
    for copy in ["at", "after", "beyond"] {
        copy_data(&blue.data_dir(), &scratch.path().join(copy));
    }
    drop(frozen);
    client
        .batch_execute("INSERT INTO loose VALUES (3)")
        .await
        .expect("row");
    let beyond = blue
        .value("postgres", "SELECT pg_current_wal_insert_lsn()")
        .await
        .expect("lsn");
    client
        .batch_execute("INSERT INTO loose VALUES (4)")
        .await
        .expect("row");

    assert_eq!(
        follow(&install, &blue, scratch.path(), "at", str::to_owned).await,
        "1,2,2,3,4"
    );
    assert_eq!(
        follow(&install, &blue, scratch.path(), "after", one_byte_on).await,
        "1,2,3,4"
    );
    assert_eq!(
        follow(&install, &blue, scratch.path(), "beyond", |_| beyond
            .clone())
        .await,
        "1,2,4"
    );
}

fn one_byte_on(lsn: &str) -> String {
    let lsn: Lsn = lsn.parse().expect("lsn");
    lsn.plus(1).to_string()
}

fn copy_data(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("folder");
    let owner = from.parent().expect("home").metadata().expect("owner");
    let (uid, gid) = (
        std::os::unix::fs::MetadataExt::uid(&owner),
        std::os::unix::fs::MetadataExt::gid(&owner),
    );
    std::os::unix::fs::chown(to, Some(uid), Some(gid)).expect("owner");
    let done = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to.join("data"))
        .status();
    assert!(done.expect("cp").success());
    let _ = std::fs::remove_file(to.join("data/postmaster.pid"));
}

/// Starts the copy, lets it follow BLUE from where `start` says, and returns what it holds in the end.
async fn follow(
    install: &Install,
    blue: &Cluster,
    scratch: &Path,
    slot: &str,
    start: impl Fn(&str) -> String,
) -> String {
    let green = Cluster::builder(install)
        .dir(&scratch.join(slot))
        .setting("wal_level", "logical")
        .start()
        .await
        .expect("start");
    let log = green.log_tail();
    let done = log.split("redo done at ").nth(1).expect("a recovery");
    let done = done.split_whitespace().next().expect("position");
    let dsn = format!(
        "host=127.0.0.1 port={} user={} dbname=postgres",
        blue.port(),
        blue.superuser()
    );
    let create = format!(
        "CREATE SUBSCRIPTION s CONNECTION '{dsn}' PUBLICATION p \
         WITH (copy_data = false, create_slot = false, enabled = false, slot_name = '{slot}')"
    );
    green.sql("postgres", &create).await.expect("subscription");
    let advance = format!(
        "SELECT pg_replication_origin_advance('pg_' || oid, '{}') FROM pg_subscription",
        start(done)
    );
    green.sql("postgres", &advance).await.expect("advance");
    green
        .sql("postgres", "ALTER SUBSCRIPTION s ENABLE")
        .await
        .expect("enable");
    let rows = "SELECT string_agg(id::text, ',' ORDER BY id) FROM loose";
    for _ in 0..1200 {
        let rows = green.value("postgres", rows).await.expect("rows");
        if rows.ends_with(",4") {
            green
                .sql("postgres", "ALTER SUBSCRIPTION s DISABLE")
                .await
                .expect("disable");
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the last row never came: {}", green.log_tail());
}
