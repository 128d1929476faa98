use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use greenlight::domain::Lsn;
use greenlight::engine::Memory;
use greenlight::journal::Runs;
use greenlight::procedures::patroni_guard::job::POINT;
use greenlight::rehearsal::cluster::Console;
use greenlight::runbook::{CheckReport, Facts};
use serde_json::{Value, json};

use crate::audit::assert_nothing_lost;
use crate::call::Ended;
use crate::place::{Place, kill};

pub const DONE: Option<i32> = Some(0);
pub const PARKED: Option<i32> = Some(3);
pub const ROLLED_BACK: Option<i32> = Some(4);

const PROCEDURE: &str = "patroni-guard";
/// What the cluster does by itself, it does within this.
pub const SOON: Duration = Duration::from_secs(90);

/// A lab of three members, and a folder for its runs.
pub struct Guard {
    pub place: Place,
    runs: tempfile::TempDir,
    urls: BTreeMap<String, String>,
}

impl Guard {
    pub fn up(args: &[&str]) -> Self {
        let place = Place::new();
        let up = place.up(&[&[PROCEDURE], args].concat());
        let nodes = up["nodes"].as_array().expect("nodes").iter();
        let text = |node: &Value, key: &str| node[key].as_str().expect("text").to_owned();
        Self {
            urls: nodes
                .map(|node| (text(node, "name"), text(node, "url")))
                .collect(),
            place,
            runs: tempfile::tempdir().expect("runs"),
        }
    }

    pub fn runs(&self) -> Runs {
        Runs::locate(Some(self.runs.path())).expect("runs")
    }

    /// The newest run.
    pub fn run(&self) -> String {
        let entries = std::fs::read_dir(self.runs.path()).expect("runs").flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.max().expect("a run")
    }

    /// A call of `greenlight` with its answers, before it is started.
    pub fn command(&self, args: &[&str], confirmed: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenlight"));
        command
            .args(args)
            .args(confirmed.iter().flat_map(|given| ["--confirm", given]))
            .env("GREENLIGHT_RUNS", self.runs.path())
            .env_remove("GREENLIGHT_FAULT")
            .stdin(Stdio::null());
        command
    }

    pub fn call(&self, args: &[&str], confirmed: &[&str]) -> Ended {
        ended(self.command(args, confirmed))
    }

    /// Begins a run and drives it to its first gate.
    pub fn begin(&self) -> Ended {
        let profile = self.profile();
        let profile = profile.to_str().expect("path");
        self.call(&["run", profile, "--headless"], &[])
    }

    /// Begins a run that ends parked at the release; the run's id. `deployment` is the lab's own, good or bad.
    pub fn deploy(&self, deployment: &str) -> String {
        let (profile, dir) = (self.profile(), self.place.dir());
        let (profile, dir) = (profile.to_str(), dir.to_str());
        let mut command = self.command(
            &["run", profile.expect("path"), "--headless"],
            &["deploy.window=x"],
        );
        command
            .args(["--deploy-command", env!("CARGO_BIN_EXE_greenlight")])
            .args(["lab", "deploy", deployment, "--dir", dir.expect("path")]);
        ended(command).with(PARKED);
        self.run()
    }

    pub fn release(&self, run: &str) -> Ended {
        self.call(
            &["resume", run, "--headless"],
            &["release.member=release pg3"],
        )
    }

    /// The answers of a whole roll back.
    pub fn answers(run: &str) -> [String; 3] {
        [
            "rollback.recover=x".to_owned(),
            format!("rollback.switch=roll back to predeploy_{run}"),
            "rollback.old-leader=x".to_owned(),
        ]
    }

    pub fn roll_back(&self, run: &str) -> Ended {
        let answers = Self::answers(run);
        let answers: Vec<_> = answers.iter().map(String::as_str).collect();
        self.call(&["rollback", run, "--headless"], &answers)
    }

    pub fn profile(&self) -> PathBuf {
        self.place.dir().join("profile.toml")
    }

    /// The profile as a table, to be changed and written.
    pub fn table(&self) -> toml::Table {
        let text = std::fs::read_to_string(self.profile()).expect("profile");
        text.parse().expect("TOML")
    }

    pub fn write_profile(&self, table: &toml::Table) {
        std::fs::write(self.profile(), table.to_string()).expect("profile");
    }

    /// What the profile says of a member.
    pub fn said_of(&self, member: &str, key: &str) -> String {
        let table = self.table();
        let said = table["nodes"][member][key].as_str();
        said.unwrap_or_else(|| panic!("{key} of {member}"))
            .to_owned()
    }

    /// A member's Patroni file.
    pub fn file(&self, member: &str) -> PathBuf {
        self.said_of(member, "yaml").into()
    }

    /// What the lab plays of a service manager, `["stop", "pg1"]`.
    #[track_caller]
    pub fn node(&self, args: &[&str]) {
        let output = self.place.greenlight(&[&["node"], args].concat());
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    pub fn console(&self, member: &str) -> Console {
        Console::by_url(member, &self.urls[member]).expect("a URL")
    }

    /// The first value that a member's server answers; nothing when it does not answer.
    pub async fn try_ask(&self, member: &str, sql: &str) -> Option<String> {
        self.console(member).value("shop", sql).await.ok()
    }

    pub async fn ask(&self, member: &str, sql: &str) -> String {
        let answer = self.console(member).value("shop", sql).await;
        answer.unwrap_or_else(|error| panic!("{member}: {error}: {sql}"))
    }

    /// Asks until this is the answer.
    pub async fn ask_until(&self, member: &str, sql: &str, answer: &str) {
        until(&format!("{member}: {sql} = {answer}"), async || {
            self.try_ask(member, sql).await.as_deref() == Some(answer)
        })
        .await;
    }

    /// A setting of one server, which Patroni knows nothing of.
    pub async fn set(&self, member: &str, setting: &str) {
        self.ask(member, &format!("ALTER SYSTEM {setting}")).await;
        self.ask(member, "SELECT pg_reload_conf()").await;
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
        let (status, answer) = self.rest("pg1", "PATCH", "/config", Some(change));
        assert_eq!(status, 200, "{answer}");
    }

    pub fn pause(&self, paused: bool) {
        self.patch(&json!({ "pause": paused.then_some(true) }));
    }

    /// The answers of the pre-flight.
    pub fn check(&self) -> CheckReport {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenlight"));
        command.args(["check", "--json"]).arg(self.profile());
        let output = command.output().expect("greenlight");
        let said: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        CheckReport {
            checks: serde_json::from_value(said["checks"].clone()).expect("checks"),
        }
    }

    /// What a run has learnt.
    pub fn facts(&self, run: &str) -> Facts {
        let view = self.runs().view(run).expect("a run");
        Memory::of(&view.events).facts
    }

    fn point(&self, run: &str) -> Lsn {
        self.facts(run).get(&POINT).expect("a restore point").lsn
    }

    /// Waits until the held member is up, and sees that it is held before the point as ever.
    pub async fn is_held(&self, run: &str) {
        let point = self.point(run);
        let sql = format!(
            "SELECT pg_last_wal_replay_lsn() < '{point}' AND current_setting('recovery_min_apply_delay') = '12h' \
             AND pg_is_in_recovery()"
        );
        until("pg3 to be up", async || {
            self.try_ask("pg3", "SELECT 1").await.is_some()
        })
        .await;
        assert_eq!(self.ask("pg3", &sql).await, "t", "before {point}");
        until("Patroni to list pg3 with its tags", async || {
            let (_, cluster) = self.rest("pg3", "GET", "/cluster", None);
            let members = cluster["members"].as_array();
            let held = members
                .into_iter()
                .flatten()
                .find(|member| member["name"] == "pg3");
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
    pub async fn is_held_again(&self, run: &str) {
        until("pg3 to be up", async || {
            self.try_ask("pg3", "SHOW recovery_min_apply_delay")
                .await
                .as_deref()
                == Some("12h")
        })
        .await;
        let next = self
            .facts(run)
            .get(&POINT)
            .expect("a restore point")
            .next_xid;
        let sql = format!("SELECT pg_xact_status('{next}')");
        assert_eq!(
            self.ask("pg3", &sql).await,
            "in progress",
            "the commit behind the point"
        );
    }

    /// Kills a member's server; its Patroni lives on.
    pub async fn kill_server(&self, member: &str) {
        let data = PathBuf::from(self.said_of(member, "data"));
        let file = std::fs::read_to_string(data.join("postmaster.pid")).expect("a lock file");
        let pid = file.lines().next().and_then(|line| line.parse().ok());
        let began = self.ask(member, "SELECT pg_postmaster_start_time()").await;
        kill(pid.expect("a process id"), "KILL");
        until(&format!("{member} to be started again"), async || {
            let now = self
                .try_ask(member, "SELECT pg_postmaster_start_time()")
                .await;
            now.is_some_and(|now| now != began)
        })
        .await;
    }

    /// Waits until a member streams from another.
    pub async fn streams(&self, member: &str, from: &str) {
        let sql =
            format!("SELECT state FROM pg_stat_replication WHERE application_name = '{member}'");
        self.ask_until(from, &sql, "streaming").await;
    }

    /// What is written on `leader` comes to all others, which have its history: they do not only say that they stream.
    pub async fn all_follow(&self, leader: &str) {
        let sql = "CREATE TABLE IF NOT EXISTS proof AS SELECT 1";
        self.ask(leader, sql).await;
        let history = "SELECT pg_read_file('pg_wal/' || max(name)) FROM pg_ls_dir('pg_wal') AS file(name) \
                       WHERE name LIKE '%.history'";
        let wanted = self.ask(leader, history).await;
        for member in self.urls.keys().filter(|member| *member != leader) {
            self.ask_until(member, "SELECT to_regclass('proof')", "proof")
                .await;
            assert_eq!(self.ask(member, history).await, wanted, "{member}");
        }
    }

    /// The member that takes writes, once there is one.
    pub async fn leader(&self) -> String {
        let began = Instant::now();
        while began.elapsed() < SOON {
            for member in self.urls.keys() {
                let answer = self.try_ask(member, "SELECT pg_is_in_recovery()").await;
                if answer.as_deref() == Some("f") {
                    return member.clone();
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody leads");
    }

    /// The writers go on, and nothing of theirs is lost, or there twice.
    pub async fn writes_on(&self) {
        let rows = || self.place.audit()["acknowledged"].as_u64();
        let before = rows();
        until("the writers to write", async || {
            rows() > before.map(|rows| rows + 20)
        })
        .await;
        self.lost_nothing();
    }

    #[track_caller]
    pub fn lost_nothing(&self) {
        let audit = self.place.audit();
        assert_nothing_lost(&audit);
    }

    /// Nothing of a run is left beside the held member's file, and the file is what it was.
    #[track_caller]
    pub fn is_clean(&self, before: &[u8]) {
        let file = self.file("pg3");
        assert_eq!(std::fs::read(&file).expect("file"), before, "byte for byte");
        let beside = std::fs::read_dir(file.parent().expect("a folder"))
            .expect("folder")
            .flatten();
        let left: Vec<_> = beside
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.contains("greenlight"))
            .collect();
        assert_eq!(left, [""; 0]);
    }

    /// No secret of the held member's file is in anything the run wrote.
    #[track_caller]
    pub fn keeps_secrets(&self, run: &str, file: &[u8]) {
        let text = String::from_utf8(file.to_vec()).expect("UTF-8");
        let secrets = text.lines().filter_map(|line| line.split_once("password:"));
        let secrets: Vec<_> = secrets
            .map(|(_, rest)| {
                rest.trim_matches(|c: char| c.is_whitespace() || "'\"{},".contains(c))
                    .to_owned()
            })
            .filter(|secret| secret.len() > 5)
            .collect();
        assert!(!secrets.is_empty());
        let folder = self.runs.path().join(run);
        for entry in std::fs::read_dir(folder).expect("run").flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            for secret in &secrets {
                let at = entry.path();
                assert!(!text.contains(secret), "a secret in {}", at.display());
            }
        }
    }
}

pub fn ended(mut command: Command) -> Ended {
    let output = command.output().expect("greenlight");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code(),
        said: text(&output.stdout) + &text(&output.stderr),
    }
}

/// Waits for what comes about by itself.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < SOON, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
