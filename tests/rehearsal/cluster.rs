use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use greenlight::rehearsal::fetch;
use greenlight::rehearsal::{Cluster, Install, StopMode, binaries};

fn quiet(_: &str) {}

async fn fifteen() -> Install {
    fetch::server(15, &[], &quiet)
        .await
        .expect("a PostgreSQL 15")
}

fn gone(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| s.contains(") Z "))
        || !Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_cluster_starts_restarts_and_leaves_nothing() {
    let mut cluster = Cluster::start(&fifteen().await).await.expect("start");
    let one = cluster.value("postgres", "SELECT 1").await.expect("query");
    assert_eq!(one, "1");
    let port = cluster.port();
    cluster
        .sql("postgres", "CREATE TABLE t (x int)")
        .await
        .expect("create");
    cluster.restart(StopMode::Immediate).await.expect("restart");
    assert_eq!(cluster.port(), port);
    assert!(cluster.log_tail().contains("redo done at"));
    cluster
        .sql("postgres", "TABLE t")
        .await
        .expect("the table survived");
    let (dir, pid) = (cluster.dir().to_owned(), cluster.pid().expect("running"));
    drop(cluster);
    assert!(!dir.exists());
    assert!(gone(pid));
}

#[tokio::test]
async fn passwords_are_asked_for_on_tcp() {
    let password = "p@ss w%rd/'\\\"ü".to_owned();
    let cluster = Cluster::builder(&fifteen().await)
        .superuser("lab admin")
        .password(password.clone().into())
        .start()
        .await
        .expect("start");
    let right = cluster.superuser_url();
    assert!(
        tokio_postgres::connect(&right, tokio_postgres::NoTls)
            .await
            .is_ok()
    );
    let wrong = format!(
        "postgresql://lab%20admin:no@127.0.0.1:{}/postgres",
        cluster.port()
    );
    let error = tokio_postgres::connect(&wrong, tokio_postgres::NoTls)
        .await
        .err()
        .expect("refused");
    assert_eq!(
        error.code().map(tokio_postgres::error::SqlState::code),
        Some("28P01")
    );
}

#[tokio::test]
async fn a_frozen_server_stands_still_and_goes_on() {
    let cluster = Cluster::start(&fifteen().await).await.expect("start");
    let frozen = cluster.freeze().await.expect("freeze");
    let query = cluster.value("postgres", "SELECT 2");
    assert!(
        tokio::time::timeout(Duration::from_millis(300), query)
            .await
            .is_err()
    );
    drop(frozen);
    assert_eq!(
        cluster.value("postgres", "SELECT 2").await.expect("thawed"),
        "2"
    );
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let error = Cluster::builder(&fifteen().await)
        .setting("shared_preload_libraries", "no_such_library")
        .start()
        .await
        .expect_err("must not start")
        .to_string();
    assert!(error.contains("no_such_library"), "{error}");
}

#[test]
fn installations_are_found_by_folder() {
    assert_eq!(Install::probe(Path::new("/nonexistent")), None);
    let found = binaries::find(&[]);
    for install in &found {
        assert_eq!(Install::probe(&install.bin).as_ref(), Some(install));
    }
}

/// Plays the owner of a server in a process of its own, to be killed by the test below.
#[tokio::test]
async fn owner_to_be_killed() {
    let Some(out) = std::env::var_os("GREENLIGHT_TEST_OWNER") else {
        return;
    };
    let cluster = Cluster::start(&fifteen().await).await.expect("start");
    let frozen = cluster.freeze().await.expect("freeze");
    let text = format!(
        "{} {}",
        cluster.pid().expect("running"),
        cluster.dir().display()
    );
    std::fs::write(&out, text).expect("tell");
    std::future::pending::<()>().await;
    drop(frozen);
}

#[test]
fn a_killed_owner_takes_its_server_along_even_a_frozen_one() {
    let scratch = tempfile::tempdir().expect("scratch");
    let out = scratch.path().join("owner");
    let mut owner = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "cluster::owner_to_be_killed"])
        .env("GREENLIGHT_TEST_OWNER", &out)
        .stdout(Stdio::null())
        .spawn()
        .expect("owner");
    let said = wait_for(|| std::fs::read_to_string(&out).ok().filter(|s| !s.is_empty()));
    let (pid, dir) = said.split_once(' ').expect("pid and folder");
    let pid = pid.parse().expect("a pid");
    assert!(!gone(pid));
    owner.kill().expect("kill");
    owner.wait().expect("reap");
    wait_for(|| (gone(pid) && !Path::new(dir).exists()).then_some(()));
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1200 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("did not come about in a minute");
}
