//! Each check fails when what it asks about is wrong, and passes again when it is mended.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use greenlight::checks::patroni::catalogue;
use greenlight::rehearsal::{Cluster, binaries};
use greenlight::runbook::{CheckResult, Verdict};
use serde_json::{Value, json};

use super::support::Guard;
use crate::place::{MOMENT, until};

struct Cases {
    lab: Guard,
    sound: toml::Table,
    failed: RefCell<BTreeSet<&'static str>>,
}

impl Cases {
    /// The check comes to fail, with these words.
    async fn fails(&self, id: &'static str, words: &str) {
        let failing = |check: &CheckResult| {
            matches!(check.verdict, Verdict::Warn | Verdict::Block)
                && check.id == id
                && !check.unknown
                && check.evidence.contains(words)
        };
        self.comes_to(&format!("{id} to say {words:?}"), |checks| {
            checks.iter().any(failing)
        })
        .await;
        self.failed.borrow_mut().insert(id);
    }

    /// Everything passes, or comes to.
    async fn is_sound(&self) {
        self.comes_to("all checks to pass", |checks| {
            checks
                .iter()
                .all(|check| matches!(check.verdict, Verdict::Pass | Verdict::Skipped))
        })
        .await;
    }

    async fn comes_to(&self, what: &str, is_so: impl Fn(&[CheckResult]) -> bool) {
        let began = Instant::now();
        loop {
            let mut checks = self.lab.calls().check().checks;
            if is_so(&checks) {
                return;
            }
            checks.retain(|check| check.verdict != Verdict::Pass);
            assert!(
                began.elapsed() < MOMENT,
                "waited in vain: {what}: {checks:#?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The check fails by a change of the profile, which is taken back.
    async fn fails_by_profile(
        &self,
        id: &'static str,
        words: &str,
        change: impl FnOnce(&mut toml::Table),
    ) {
        let mut table = self.sound.clone();
        change(&mut table);
        self.lab.write_profile(&table);
        self.fails(id, words).await;
        self.lab.write_profile(&self.sound);
    }

    /// The check fails while the dynamic configuration holds this.
    async fn fails_by_config(&self, id: &'static str, words: &str, change: &Value, mend: &Value) {
        self.lab.patch(change);
        self.fails(id, words).await;
        self.lab.patch(mend);
        self.is_sound().await;
    }

    /// The check fails while this member's own configuration holds this.
    async fn fails_by_setting(
        &self,
        id: &'static str,
        words: &str,
        member: &str,
        setting: (&str, &str),
    ) {
        let (name, value) = setting;
        self.lab
            .set(member, &format!("SET {name} = '{value}'"))
            .await;
        self.fails(id, words).await;
        self.lab.set(member, &format!("RESET {name}")).await;
        self.is_sound().await;
    }
}

fn node<'a>(table: &'a mut toml::Table, member: &str) -> &'a mut toml::Table {
    let node = table["nodes"][member].as_table_mut();
    node.expect("a section")
}

fn put(table: &mut toml::Table, key: &str, value: impl Into<toml::Value>) {
    table.insert(key.to_owned(), value.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_fails_when_it_should() {
    let lab = Guard::up(&[]);
    let cases = Cases {
        sound: lab.table(),
        lab,
        failed: RefCell::default(),
    };
    cases.is_sound().await;
    the_cluster(&cases).await;
    the_servers(&cases).await;
    who_follows(&cases).await;
    the_limits(&cases).await;
    the_hosts(&cases).await;
    let failed = cases.failed.borrow();
    let without: Vec<_> = catalogue()
        .map(|check| check.id)
        .filter(|id| !failed.contains(id))
        .collect();
    assert_eq!(without, [""; 0], "checks that nothing made fail");
}

async fn the_cluster(cases: &Cases) {
    let lab = &cases.lab;
    cases
        .fails_by_config(
            "patroni-api-view",
            "maintenance mode",
            &json!({"pause": true}),
            &json!({"pause": null}),
        )
        .await;
    cases
        .fails_by_config(
            "patroni-pg-rewind",
            "is off",
            &json!({"postgresql": {"use_pg_rewind": false}}),
            &json!({"postgresql": {"use_pg_rewind": true}}),
        )
        .await;
    cases
        .fails_by_profile("patroni-scope", "the profile's is \"other\"", |table| {
            put(table, "cluster", "other");
        })
        .await;
    cases
        .fails_by_profile("freeze-node-follows", "pg1 leads", |table| {
            put(table, "hold", "pg1");
        })
        .await;
    cases
        .fails_by_profile("patroni-api-view", "pg2 is not in the profile", |table| {
            table["nodes"].as_table_mut().expect("nodes").remove("pg2");
        })
        .await;
    let older = other_version(lab.said_of("pg2", "rest"));
    cases
        .fails_by_profile("patroni-version", "Patroni 2.", |table| {
            put(node(table, "pg2"), "rest", older);
        })
        .await;
    let sync = json!({"synchronous_mode": true, "synchronous_mode_strict": true, "synchronous_node_count": 2,
        "postgresql": {"parameters": {"synchronous_commit": "remote_apply"}}});
    lab.patch(&sync);
    cases
        .fails(
            "freeze-not-sync-standby",
            "synchronous_commit is remote_apply",
        )
        .await;
    cases
        .fails_by_profile("freeze-sync-mode", "no replica beside", |table| {
            table["nodes"].as_table_mut().expect("nodes").remove("pg2");
        })
        .await;
    lab.patch(
        &json!({"synchronous_mode": null, "synchronous_mode_strict": null, "synchronous_node_count": null,
            "postgresql": {"parameters": {"synchronous_commit": null}}}),
    );
    cases.is_sound().await;
}

/// The REST API of a Patroni, told by another that is older.
fn other_version(rest: String) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let at = rest.strip_prefix("http://").expect("a URL");
        for client in listener.incoming() {
            let mut client = client.expect("a client");
            let mut asked = [0; 4096];
            let read = client.read(&mut asked).expect("a request");
            let mut patroni = std::net::TcpStream::connect(at).expect("Patroni");
            patroni.write_all(&asked[..read]).expect("sent on");
            let mut answer = String::new();
            // Patroni speaks HTTP/1.0: it closes when it has answered.
            patroni.read_to_string(&mut answer).expect("an answer");
            let answer = answer.replace("\"version\": \"3.", "\"version\": \"2.");
            // Whoever asked may have gone.
            let _ = client.write_all(answer.as_bytes());
        }
    });
    url
}

async fn the_servers(cases: &Cases) {
    let lab = &cases.lab;
    cases
        .fails_by_setting(
            "rewind-possible",
            "full_page_writes is off",
            "pg1",
            ("full_page_writes", "off"),
        )
        .await;
    cases
        .fails_by_setting(
            "freeze-slot-limit",
            "max_slot_wal_keep_size is 64 MB",
            "pg1",
            ("max_slot_wal_keep_size", "64MB"),
        )
        .await;
    cases
        .fails_by_setting(
            "freeze-feedback",
            "is on",
            "pg3",
            ("hot_standby_feedback", "on"),
        )
        .await;
    cases
        .fails_by_profile("guard-superuser", "it is none", |table| {
            let connection = table["connection"].as_table_mut().expect("connection");
            put(connection, "user", "greenlight_replication");
        })
        .await;
    cases
        .fails_by_profile(
            "guard-data-directory",
            "the profile's /elsewhere",
            |table| {
                put(node(table, "pg2"), "data", "/elsewhere");
            },
        )
        .await;
    let installs = binaries::find(&[]);
    let older = installs.iter().find(|install| install.version.major() < 15);
    let other = Cluster::builder(older.expect("PostgreSQL before 15"))
        .superuser("lab_admin")
        .start()
        .await
        .expect("a server");
    other
        .sql("postgres", "CREATE DATABASE shop")
        .await
        .expect("a database");
    cases
        .fails_by_profile("same-major", "pg2 runs 1", |table| {
            put(node(table, "pg2"), "host", "127.0.0.1");
            put(node(table, "pg2"), "port", i64::from(other.port()));
        })
        .await;
    let clock = |body: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz {body}"
        )
    };
    let wrong = "LANGUAGE sql AS $$SELECT statement_timestamp() \
                 + CASE WHEN pg_is_in_recovery() THEN interval '5 min' ELSE interval '0' END$$";
    lab.servers.ask("pg1", &clock(wrong)).await;
    cases.fails("guard-clocks", "s from pg1's").await;
    lab.servers
        .ask("pg1", &clock("LANGUAGE internal AS 'clock_timestamp'"))
        .await;
    base_backup(cases).await;
    cases.is_sound().await;
}

async fn base_backup(cases: &Cases) {
    let lab = &cases.lab;
    let member = Path::new(&lab.said_of("pg2", "data")).with_file_name("");
    let copy = tempfile::tempdir().expect("a folder");
    let program = Path::new(&lab.said_of("pg1", "bin")).join("pg_basebackup");
    let port = lab.table()["nodes"]["pg1"]["port"].to_string();
    let mut backup = Command::new(program)
        .args(["--host", &lab.said_of("pg1", "host"), "--port", &port])
        .args(["--user", "greenlight_replication"])
        .args(["--max-rate", "32k", "--wal-method", "none", "--pgdata"])
        .arg(copy.path().join("data"))
        // Patroni's own, for its replica.
        .env("PGPASSFILE", member.join("pgpass"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pg_basebackup");
    cases.fails("no-backup-running", "pg_basebackup").await;
    backup.kill().expect("ended");
    backup.wait().expect("gone");
}

/// In maintenance mode, for Patroni would put a delay or a pause made by hand right.
async fn who_follows(cases: &Cases) {
    let lab = &cases.lab;
    lab.pause(true);
    cases.fails("patroni-api-view", "maintenance mode").await;
    lab.set("pg3", "SET recovery_min_apply_delay = '1h'").await;
    cases.fails("freeze-node-free", "3600 s").await;
    lab.set("pg3", "RESET recovery_min_apply_delay").await;
    lab.servers.ask("pg3", "SELECT pg_wal_replay_pause()").await;
    lab.servers
        .ask(
            "pg1",
            "CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 40000)",
        )
        .await;
    cases.fails("standby-caught-up", "pg3 is streaming").await;
    lab.servers
        .ask("pg3", "SELECT pg_wal_replay_resume()")
        .await;
    lab.pause(false);
    cases.is_sound().await;
}

/// A leader with higher limits than its replica: in maintenance mode, for Patroni would restart the replica at once.
async fn the_limits(cases: &Cases) {
    let lab = &cases.lab;
    let connections =
        |number: u32| json!({"postgresql": {"parameters": {"max_connections": number}}});
    lab.pause(true);
    lab.patch(&connections(110));
    restart(lab, "pg1", "110").await;
    cases
        .fails("standby-limits", "max_connections is 100, 110 on pg1")
        .await;
    restart(lab, "pg2", "110").await;
    restart(lab, "pg3", "110").await;
    lab.pause(false);
    cases.is_sound().await;
}

/// Restarts a member's server by its Patroni, once that knows of the new setting.
async fn restart(lab: &Guard, member: &str, connections: &str) {
    until(format!("{member} to be restarted"), true, async || {
        let pending = lab.rest(member, "GET", "/patroni", None).1["pending_restart"] == true;
        pending && lab.rest(member, "POST", "/restart", Some(&json!({}))).0 == 200
    })
    .await;
    lab.servers
        .until(member, "SHOW max_connections", connections)
        .await;
}

async fn the_hosts(cases: &Cases) {
    let lab = &cases.lab;
    lab.node(&["stop", "pg2"]);
    cases.fails("host-patroni-runs", "ended with Some(3)").await;
    lab.node(&["start", "pg2"]);
    cases.is_sound().await;
    cases
        .fails_by_profile("host-programs", "pg_ctl ended with", |table| {
            put(node(table, "pg3"), "bin", "/nowhere");
        })
        .await;
    cases
        .fails_by_profile("freeze-wal-space", "900.0 TB needed", |table| {
            let guard = table["guard"].as_table_mut().expect("guard");
            put(guard, "wal_keep_size", "900TB");
        })
        .await;
    cases
        .fails_by_profile("host-autostart", "how for pg2", |table| {
            node(table, "pg2").remove("disable");
        })
        .await;
    let scratch = tempfile::tempdir().expect("a folder");
    let refusing = scratch.path().join("sudo");
    // It runs what it is given, and refuses to let a stop be run.
    std::fs::write(
        &refusing,
        "#!/bin/sh\nif [ \"$1\" = -l ]; then for word; do [ \"$word\" != stop ] || exit 1; done; exit 0; fi\nexec \"$@\"\n",
    )
    .expect("a script");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&refusing, executable).expect("a mode");
    cases
        .fails_by_profile("host-sudo", "sudo refuses", |table| {
            let sudo = refusing.to_string_lossy().into_owned();
            put(node(table, "pg2"), "root", vec![sudo]);
        })
        .await;
    let file = lab.held_path();
    let copy = file.with_file_name("patroni.yml.greenlight-another");
    std::fs::copy(&file, &copy).expect("a copy");
    cases.fails("patroni-file", "another run's copy").await;
    std::fs::remove_file(&copy).expect("removed");
    let elsewhere = file.with_file_name("elsewhere.yml");
    std::fs::rename(&file, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &file).expect("a link");
    cases.fails("patroni-file", "is no plain file").await;
    std::fs::rename(&elsewhere, &file).expect("moved back");
    cases.is_sound().await;
}
