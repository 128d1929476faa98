use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use tokio_postgres::{Config, NoTls};

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/place.rs"]
mod place;

use crate::audit::assert_nothing_lost;
use place::{Place, kill};

#[test]
fn a_lab_comes_up_and_leaves_nothing() {
    let place = Place::new();
    let up = place.up(&[]);
    assert_eq!(up["nodes"][0]["name"], "BLUE");
    assert!(Path::new(up["profile"].as_str().expect("profile")).is_file());
    let profile = Path::new(up["profile"].as_str().expect("profile"));
    let profile = greenlight::profile::load(profile).expect("a profile that loads");
    let profile = profile.blue_green().expect("of rds-blue-green");
    assert_eq!(profile.databases, ["shop", "billing"]);
    assert!(
        up["rds_endpoint"]
            .as_str()
            .is_some_and(|url| url.starts_with("http://127.0.0.1:"))
    );
    let endpoint = std::fs::read_to_string(place.dir().join("endpoint")).expect("endpoint");
    assert!(endpoint.starts_with("postgresql://shop_app:"), "{endpoint}");
    assert!(!place.processes().is_empty());
    let second = place.greenlight(&["up"]);
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("lab down"));
    assert!(place.greenlight(&["down"]).status.success());
    assert!(!place.dir().exists());
    place.wait_until_nothing_runs();
    assert_eq!(place.greenlight(&["down"]).status.code(), Some(2));
}

#[test]
fn the_next_start_removes_a_killed_lab() {
    let killed = Place::new();
    killed.up(&["--load", "1"]);
    kill(killed.owner(), "KILL");
    killed.wait_until_nothing_runs();
    assert!(killed.dir().exists());
    let next = Place::new();
    next.up(&[]);
    assert!(!killed.dir().exists());
    assert!(next.dir().exists());
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    let place = Place::new();
    let mut up = Command::new(env!("CARGO_BIN_EXE_greenlight"))
        .args(["lab", "up", "--dir"])
        .arg(place.dir())
        .spawn()
        .expect("greenlight");
    while !place.dir().join("rds").is_dir() {
        assert!(
            up.try_wait().expect("status").is_none(),
            "it ended before it could be interrupted"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    kill(up.id(), "INT");
    assert_eq!(up.wait().expect("status").code(), Some(2));
    place.wait_until_nothing_runs();
    assert!(!place.dir().exists());
}

#[test]
fn a_folder_that_is_not_a_labs_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.dir()).expect("folder");
    std::fs::write(place.dir().join("thesis.txt"), "years of work").expect("file");
    assert_eq!(place.greenlight(&["up"]).status.code(), Some(2));
    assert_eq!(place.greenlight(&["down"]).status.code(), Some(2));
    assert!(place.dir().join("thesis.txt").is_file());
    std::fs::remove_dir_all(place.dir()).expect("clean");
}

#[tokio::test]
async fn the_audit_sees_what_is_lost_and_what_is_there_twice() {
    let place = Place::new();
    let up = place.up(&["--load", "4"]);
    let clean = place.acknowledges(400);
    assert!(clean["longest_gap_ms"].as_u64().is_some());

    let client = superuser(&up, "shop").await;
    let sql = "DELETE FROM audit_load.loose WHERE writer = 0 AND seq = 1; \
        INSERT INTO audit_load.loose VALUES (2, 1), (2, 1)";
    client.batch_execute(sql).await.expect("tamper");
    let other = superuser(&up, "billing").await;
    other
        .batch_execute("UPDATE audit_load.balance SET changes = changes + 3 WHERE writer = 1")
        .await
        .expect("tamper");
    let found = place.audit();
    assert_eq!(
        (&found["lost"], &found["duplicated"]),
        (&Value::from(1), &Value::from(5))
    );
}

#[tokio::test]
async fn writers_follow_the_endpoint_and_the_pause_is_measured() {
    let place = Place::new();
    let up = place.up(&["--load", "2"]);
    let client = superuser(&up, "shop").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let fence = "ALTER ROLE shop_app NOLOGIN; \
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop_app'";
    for statement in fence.split("; ") {
        client.batch_execute(statement).await.expect("fence");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let url = std::fs::read_to_string(place.dir().join("endpoint")).expect("endpoint");
    let port = url
        .split(['@', '/'])
        .find_map(|part| part.strip_prefix("127.0.0.1:"))
        .expect("port")
        .to_owned();
    let redirected = place.greenlight_redirect(&port);
    assert!(redirected.status.success(), "{redirected:?}");
    client
        .batch_execute("ALTER ROLE shop_app LOGIN")
        .await
        .expect("open");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let audit = place.audit();
    assert_nothing_lost(&audit);
    assert_eq!(audit["pauses_ms"].as_array().map(Vec::len), Some(1));
    assert!(audit["longest_gap_ms"].as_u64() >= Some(300), "{audit}");
}

impl Place {
    fn greenlight_redirect(&self, port: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_greenlight"))
            .args(["lab", "redirect", "--dir"])
            .arg(self.dir())
            .args(["127.0.0.1", port])
            .output()
            .expect("greenlight")
    }
}

async fn superuser(up: &Value, database: &str) -> tokio_postgres::Client {
    let mut config: Config = up["nodes"][0]["url"]
        .as_str()
        .expect("url")
        .parse()
        .expect("url");
    let (client, connection) = config
        .dbname(database)
        .connect(NoTls)
        .await
        .expect("connect");
    tokio::spawn(connection);
    client
}
