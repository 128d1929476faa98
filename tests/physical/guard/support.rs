use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use greenlight::engine::Memory;
use greenlight::journal::Runs;
use greenlight::procedures::patroni_guard::job::{POINT, Point};
use serde_json::{Value, json};

pub use crate::call::{DONE, Ended, KILLED, PARKED, ROLLED_BACK};

use crate::call::{Calls, program};
use crate::place::{MOMENT, Place, Servers, kill, until};

pub const MEMBERS: [&str; 3] = ["pg1", "pg2", "pg3"];
/// The member that leads at first.
pub const LEADER: &str = MEMBERS[0];
/// The member that is held.
pub const HELD: &str = MEMBERS[2];
pub const WINDOW: &str = "deploy.window=x";
pub const RELEASE: &str = "release.member=release pg3";
pub const RECOVER: &str = "rollback.recover=x";
pub const OLD_LEADER: &str = "rollback.old-leader=x";

/// A lab of three members, and a folder for its runs.
pub struct Guard {
    pub place: Place,
    pub servers: Servers,
}

impl Guard {
    pub fn up(args: &[&str]) -> Self {
        let place = Place::new();
        let up = place.up(&[&["patroni-guard"], args].concat());
        Self {
            servers: Servers::of(&up),
            place,
        }
    }

    /// Calls on this lab.
    pub fn calls(&self) -> Calls {
        self.place.calls()
    }

    pub fn newest_run(&self) -> String {
        self.calls().newest_run()
    }

    pub async fn resume(&self, confirmed: &[&str]) -> Ended {
        self.calls().resume(confirmed, None).await
    }

    /// A new run that deploys by these words, before it is started.
    pub fn deploying(&self, words: &[&str]) -> Command {
        let calls = self.calls();
        let profile = calls.profile.to_str().expect("path");
        let mut command = calls.command(&["run", profile], &[WINDOW], None);
        command.arg("--deploy-command").args(words);
        command
    }

    /// Begins a run that ends parked at the release. `deployment` is the lab's own, good or bad.
    pub async fn deploy(&self, deployment: &str) {
        let (program, dir) = (program().to_str(), self.place.dir());
        let (program, dir) = (program.expect("path"), dir.to_str().expect("path"));
        let words = [program, "lab", "deploy", deployment, "--dir", dir];
        Ended::by(self.deploying(&words)).await.with(PARKED);
    }

    pub async fn release(&self) -> Ended {
        self.resume(&[RELEASE]).await
    }

    /// The phrase for the switch of a roll back.
    pub fn switch(&self) -> String {
        format!(
            "rollback.switch=roll back to predeploy_{}",
            self.newest_run()
        )
    }

    /// A whole roll back.
    pub async fn roll_back(&self) -> Ended {
        let answers = [RECOVER, &self.switch(), OLD_LEADER];
        self.calls().roll_back(&answers, None).await
    }

    /// The profile as a table, to be changed and written.
    pub fn table(&self) -> toml::Table {
        let text = std::fs::read_to_string(self.calls().profile).expect("profile");
        text.parse().expect("TOML")
    }

    pub fn write_profile(&self, table: &toml::Table) {
        std::fs::write(self.calls().profile, table.to_string()).expect("profile");
    }

    /// What the profile says of a member.
    pub fn said_of(&self, member: &str, key: &str) -> String {
        let table = self.table();
        let said = table["nodes"][member][key].as_str();
        said.unwrap_or_else(|| panic!("{key} of {member}"))
            .to_owned()
    }

    /// A member's data directory.
    pub fn data(&self, member: &str) -> PathBuf {
        self.said_of(member, "data").into()
    }

    /// Where the held member's Patroni file is.
    pub fn held_path(&self) -> PathBuf {
        self.said_of(HELD, "yaml").into()
    }

    /// What it holds.
    pub fn held_file(&self) -> String {
        std::fs::read_to_string(self.held_path()).expect("file")
    }

    /// What the lab plays of a service manager, `["stop", "pg1"]`.
    #[track_caller]
    pub fn node(&self, args: &[&str]) {
        self.place.does(&[&["node"], args].concat());
    }

    /// A setting of one server, which Patroni knows nothing of.
    pub async fn set(&self, member: &str, setting: &str) {
        let set = format!("ALTER SYSTEM {setting}");
        self.servers.ask(member, &set).await;
        self.servers.ask(member, "SELECT pg_reload_conf()").await;
    }

    /// Status and body of a call of a member's REST API.
    pub fn rest(
        &self,
        member: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        use std::io::{Read as _, Write as _};
        let password = std::fs::read_to_string(self.place.dir().join("rest.password"));
        let login = BASE64_STANDARD.encode(format!("lab_rest:{}", password.expect("password")));
        let body = body.map(Value::to_string).unwrap_or_default();
        let rest = self.said_of(member, "rest");
        let at = rest.strip_prefix("http://").expect("a URL");
        let mut stream = std::net::TcpStream::connect(at).expect("Patroni");
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {at}\r\nAuthorization: Basic {login}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let body = serde_json::from_str(body).unwrap_or_default();
        (status.expect("a status"), body)
    }

    /// Changes the cluster's dynamic configuration.
    #[track_caller]
    pub fn patch(&self, change: &Value) {
        let (status, answer) = self.rest(LEADER, "PATCH", "/config", Some(change));
        assert_eq!(status, 200, "{answer}");
    }

    pub fn pause(&self, paused: bool) {
        self.patch(&json!({ "pause": paused.then_some(true) }));
    }

    pub fn runs(&self) -> Runs {
        Runs::locate(Some(&self.calls().runs)).expect("runs")
    }

    /// The restore point of the newest run.
    fn point(&self) -> Point {
        let view = self.runs().view(&self.newest_run()).expect("a run");
        let facts = Memory::of(&view.events).facts;
        facts.get(&POINT).expect("a restore point")
    }

    /// Waits until the held member is up, and sees that it is held before the point as ever.
    pub async fn is_held(&self) {
        let point = self.point().lsn;
        let sql = format!(
            "SELECT pg_last_wal_replay_lsn() < '{point}' AND current_setting('recovery_min_apply_delay') = '12h' \
             AND pg_is_in_recovery()"
        );
        self.servers.until(HELD, "SELECT 1", "1").await;
        assert_eq!(self.servers.ask(HELD, &sql).await, "t", "before {point}");
        until("Patroni to list pg3 with its tags", true, async || {
            let (_, cluster) = self.rest(HELD, "GET", "/cluster", None);
            let members = cluster["members"].as_array();
            let held = members
                .into_iter()
                .flatten()
                .find(|member| member["name"] == HELD);
            let tags = held.map(|held| &held["tags"]);
            tags.is_some_and(|tags| {
                ["nofailover", "noloadbalance", "nosync"]
                    .iter()
                    .all(|tag| tags[tag] == true)
            })
        })
        .await;
    }

    /// The same, of a member that was started again by the run.
    pub async fn is_held_again(&self) {
        let delay = "SHOW recovery_min_apply_delay";
        self.servers.until(HELD, delay, "12h").await;
        let next = self.point().next_xid;
        // The status of a transaction whose beginning is not replayed yet cannot be asked.
        let behind = format!(
            "SELECT CASE WHEN '{next}' < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status('{next}') \
             ELSE 'in progress' END"
        );
        assert_eq!(
            self.servers.ask(HELD, &behind).await,
            "in progress",
            "the commit behind the point"
        );
    }

    /// Kills a member's server; its Patroni lives on.
    pub async fn kill_server(&self, member: &str) {
        let file = std::fs::read_to_string(self.data(member).join("postmaster.pid"));
        let file = file.expect("a lock file");
        let pid = file.lines().next().and_then(|line| line.parse().ok());
        let start = "SELECT pg_postmaster_start_time()";
        let began = self.servers.ask(member, start).await;
        kill(pid.expect("a process id"), "KILL");
        until(format!("{member} to be started again"), true, async || {
            let now = self.servers.try_ask(member, start).await;
            now.is_some_and(|now| now != began)
        })
        .await;
    }

    /// Waits until a member streams from another.
    pub async fn streams(&self, member: &str, from: &str) {
        let sql =
            format!("SELECT state FROM pg_stat_replication WHERE application_name = '{member}'");
        self.servers.until(from, &sql, "streaming").await;
    }

    /// What is written on `leader` comes to all others, which have its history: they do not only say that they stream.
    pub async fn all_follow(&self, leader: &str) {
        let sql = "CREATE TABLE IF NOT EXISTS proof AS SELECT 1";
        self.servers.ask(leader, sql).await;
        let history = "SELECT pg_read_file('pg_wal/' || max(name)) FROM pg_ls_dir('pg_wal') AS file(name) \
                       WHERE name LIKE '%.history'";
        let wanted = self.servers.ask(leader, history).await;
        for member in MEMBERS.into_iter().filter(|member| *member != leader) {
            let proof = "SELECT to_regclass('proof')";
            self.servers.until(member, proof, "proof").await;
            let found = self.servers.ask(member, history).await;
            assert_eq!(found, wanted, "{member}");
        }
    }

    /// The member that takes writes, once there is one.
    pub async fn leader(&self) -> &'static str {
        let until = Instant::now() + MOMENT;
        while Instant::now() < until {
            for member in MEMBERS {
                if self.servers.takes_writes(member).await {
                    return member;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody leads");
    }

    /// Nothing of a run is left on the members, and the held one's file is what it was.
    #[track_caller]
    pub fn is_clean(&self, before: &str) {
        assert_eq!(self.held_file(), before, "byte for byte");
        let file = self.held_path();
        let folders = [file.parent().expect("a folder").to_owned(), self.data(HELD)];
        let entries = folders.map(|folder| std::fs::read_dir(folder).expect("a folder"));
        let left: Vec<_> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.contains("greenlight"))
            .collect();
        assert_eq!(left, [""; 0]);
        let off: Vec<_> = MEMBERS
            .into_iter()
            .filter(|member| self.data(member).with_file_name("disabled").exists())
            .collect();
        assert_eq!(off, [""; 0], "they do not start with their hosts");
    }

    /// No secret of the held member's file is in anything the run wrote.
    #[track_caller]
    pub fn keeps_secrets(&self, file: &str) {
        let secrets = file.lines().filter_map(|line| line.split_once("password:"));
        let secrets: Vec<_> = secrets
            .map(|(_, rest)| {
                rest.trim_matches(|c: char| c.is_whitespace() || "'\"{},".contains(c))
                    .to_owned()
            })
            .filter(|secret| secret.len() > 5)
            .collect();
        assert!(!secrets.is_empty());
        let folder = self.calls().runs.join(self.newest_run());
        for entry in std::fs::read_dir(folder).expect("run").flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            for secret in &secrets {
                let at = entry.path();
                assert!(!text.contains(secret), "a secret in {}", at.display());
            }
        }
    }
}
