use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

#[path = "under_way.rs"]
mod under_way;

use crate::audit::assert_nothing_lost;
use crate::call::Calls;
pub use crate::call::{DONE, Ended, KILLED, PARKED, REFUSED, ROLLED_BACK, program};
pub use under_way::UnderWay;

pub const BLUE: &str = "BLUE";
pub const GREEN: &str = "GREEN";
pub const DATABASES: [&str; 2] = ["shop", "billing"];
pub const FENCED: [&str; 3] = ["shop_app", "shop_report", "App-Three"];

/// Confirms every gate up to the cutover.
pub const TO_THE_CUTOVER: [&str; 2] = ["build.snapshot=x", "catch-up.enable=x"];
pub const CUT_OVER: &str = "cutover.switch=cut over shop-blue";
pub const ROLL_BACK: &str = "rollback.switch=roll back to shop-blue";
pub const FINISH: &str = "finish.unlink=finish shop-blue";

/// A lab with writers, and a folder for its runs. Dropped, it is taken down.
pub struct Lab {
    scratch: tempfile::TempDir,
    blue: Config,
}

impl Lab {
    pub async fn up(writers: usize) -> Self {
        Self::up_with(writers, &[]).await
    }

    pub async fn up_with(writers: usize, options: &[&str]) -> Self {
        Self::up_within(writers, options, &[]).await
    }

    /// The same, with something in the environment of its servers.
    pub async fn up_within(writers: usize, options: &[&str], env: &[(&str, &Path)]) -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("gl-run-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .expect("scratch");
        let output = Command::new(program())
            .args(["lab", "up", "--json", "--load", &writers.to_string()])
            // Two cores have something left for everything else.
            .args(["--load-pause", "10"])
            .arg("--dir")
            .arg(scratch.path().join("lab"))
            .args(options)
            .envs(env.iter().copied())
            .output()
            .await
            .expect("greenlight");
        assert!(output.status.success(), "{output:?}");
        let up: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let url = up["nodes"][0]["url"].as_str().expect("url");
        let blue = url.parse().expect("url");
        Self { scratch, blue }
    }

    pub fn dir(&self) -> PathBuf {
        self.scratch.path().join("lab")
    }

    pub fn profile(&self) -> PathBuf {
        self.dir().join("profile.toml")
    }

    /// Replaces words of the profile; what was there before comes back.
    pub fn edit_profile(&self, from: &str, to: &str) -> String {
        let before = std::fs::read_to_string(self.profile()).expect("profile");
        assert!(before.contains(from), "no {from:?} in:\n{before}");
        std::fs::write(self.profile(), before.replace(from, to)).expect("profile");
        before
    }

    /// Adds tables to the profile.
    pub fn add_to_profile(&self, text: &str) {
        let before = std::fs::read_to_string(self.profile()).expect("profile");
        std::fs::write(self.profile(), format!("{before}\n{text}\n")).expect("profile");
    }

    /// Puts an application's password where the tool finds it.
    pub fn add_password(&self, role: &str) {
        let path = self.dir().join("passfile");
        let before = std::fs::read_to_string(&path).expect("passfile");
        let line = format!("127.0.0.1:*:*:{role}:{}", self.application_password());
        std::fs::write(&path, format!("{before}{line}\n")).expect("passfile");
    }

    /// Calls on this lab.
    pub fn calls(&self) -> Calls {
        Calls {
            runs: self.runs(),
            profile: self.profile(),
        }
    }

    fn command(&self, args: &[&str], confirmed: &[&str], fault: Option<&str>) -> Command {
        let mut command = Command::from(self.calls().command(args, confirmed, fault));
        command.kill_on_drop(true);
        command
    }

    pub async fn run(&self, confirmed: &[&str]) -> Ended {
        self.run_with(confirmed, None).await
    }

    pub async fn run_with(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.calls().run(confirmed, fault).await
    }

    pub async fn resume(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.calls().resume(confirmed, fault).await
    }

    /// The next process on the newest run, or the first on a new one.
    pub fn going_on(&self, back: bool, confirmed: &[&str]) -> Command {
        let profile = self.profile();
        let run = if self.began() {
            self.newest_run()
        } else {
            String::new()
        };
        let args = match (back, run.as_str()) {
            (true, run) => ["rollback", run],
            (false, "") => ["run", profile.to_str().expect("path")],
            (false, run) => ["resume", run],
        };
        self.command(&args, confirmed, None)
    }

    /// A resume under way, its lines on a pipe.
    pub fn resuming(&self, confirmed: &[&str], fault: Option<&str>) -> Child {
        self.command(&["resume", &self.newest_run()], confirmed, fault)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("greenlight")
    }

    /// The same, to be listened to.
    pub fn start_resuming(&self, confirmed: &[&str], fault: Option<&str>) -> UnderWay {
        let resume = ["resume", &self.newest_run()];
        UnderWay::start(self.calls().command(&resume, confirmed, fault))
    }

    /// `greenlight panic` on the newest run.
    pub async fn panic(&self, phrase: &str) -> Ended {
        self.calls().panic(phrase).await
    }

    pub async fn roll_back(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.calls().roll_back(confirmed, fault).await
    }

    /// The pre-flight checks alone.
    pub async fn check(&self) -> Ended {
        let mut command = Command::new(program());
        let output = command.arg("check").arg(self.profile()).output().await;
        let output = output.expect("greenlight");
        Ended {
            code: output.status.code(),
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }

    /// True once a run has a journal.
    pub fn began(&self) -> bool {
        self.calls().began()
    }

    /// A run up to and with the cutover, parked before the way back is closed.
    pub async fn cut_over(&self) -> Ended {
        let confirmed = [&TO_THE_CUTOVER[..], &[CUT_OVER]].concat();
        let ended = self.run(&confirmed).await;
        ended
            .with(PARKED)
            .saying("finish.unlink  waits for the phrase")
    }

    /// The run that was begun last.
    pub fn newest_run(&self) -> String {
        self.calls().newest_run()
    }

    /// What the newest run learnt last under this name.
    pub fn fact(&self, name: &str) -> Option<Value> {
        let text = self.calls().journal();
        let mut facts = text.lines().rev().filter_map(|line| {
            let event: Value = serde_json::from_str(line).ok()?;
            find_fact(&event, name)
        });
        facts.next()
    }

    /// GREEN's port, once a run knows it.
    pub fn green_port(&self) -> Option<u16> {
        u16::try_from(self.fact("port[GREEN]")?.as_u64()?).ok()
    }

    /// A superuser's session.
    pub async fn connect(&self, node: &str, database: &str) -> Client {
        for _ in 0..600 {
            if let Some(client) = self.try_connect(node, database).await {
                return client;
            }
            // It may be on its way up.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{node} lets nobody in")
    }

    /// The same, when the server is there.
    pub async fn try_connect(&self, node: &str, database: &str) -> Option<Client> {
        let (client, connection) = self.login(node, database)?.connect(NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// How a superuser gets in, once the server is there: never by a line that a test may cut.
    pub fn login(&self, node: &str, database: &str) -> Option<Config> {
        let mut config = self.blue.clone();
        config.dbname(database);
        if node == GREEN {
            let pid_file = self.dir().join("rds/i/shop-green/data/postmaster.pid");
            let text = std::fs::read_to_string(pid_file).ok()?;
            let port = text.lines().nth(3)?.trim().parse().ok()?;
            let password = self.blue.get_password().expect("password");
            config = Config::new();
            config
                .host("127.0.0.1")
                .port(port)
                .user("lab_admin")
                .password(password)
                .dbname(database);
        }
        Some(config)
    }

    /// Where and how an application logs in.
    pub fn login_as(&self, node: &str, database: &str, role: &str, password: &str) -> Config {
        let mut config = self.login(node, database).expect("the node is known");
        config.user(role).password(password);
        config
    }

    /// An application's session.
    pub async fn log_in(&self, node: &str, database: &str, role: &str, password: &str) -> Client {
        let config = self.login_as(node, database, role, password);
        let (client, connection) = config.connect(NoTls).await.expect("connect");
        tokio::spawn(connection);
        client
    }

    /// Waits until a superuser is answered this. A server that is being restarted is waited for.
    pub async fn until(&self, node: &str, database: &str, sql: &str, answer: &str) {
        let mut last = None;
        for _ in 0..1200 {
            if let Some(client) = self.try_connect(node, database).await {
                let rows = client.simple_query(sql).await.unwrap_or_default();
                last = rows.iter().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                    _ => None,
                });
                if last.as_deref() == Some(answer) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{node} {database}: {last:?}, not {answer:?}: {sql}");
    }

    /// A server's postmaster, and the processes it has started.
    pub fn processes(&self, node: &str) -> Vec<u32> {
        let folder = format!("rds/i/shop-{}/data/postmaster.pid", node.to_lowercase());
        let text = std::fs::read_to_string(self.dir().join(folder)).expect("a server");
        let postmaster = text.lines().next().expect("a line").trim().to_owned();
        let parent = |pid: u32| -> Option<String> {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, rest) = stat.rsplit_once(") ")?;
            rest.split_whitespace().nth(1).map(str::to_owned)
        };
        let all = std::fs::read_dir("/proc").expect("proc").flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let children = pids.filter(|pid| parent(*pid).as_ref() == Some(&postmaster));
        let first = postmaster.parse().expect("a process");
        std::iter::once(first).chain(children).collect()
    }

    /// The first column of what a superuser is answered.
    pub async fn ask(&self, node: &str, database: &str, sql: &str) -> Vec<String> {
        let client = self.connect(node, database).await;
        let answer = client.simple_query(sql).await;
        let rows = answer.unwrap_or_else(|e| panic!("{node} {database}: {e:?}: {sql}"));
        let rows = rows.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        rows.collect()
    }

    /// Who may log in on a server.
    pub async fn logins(&self, node: &str) -> BTreeSet<String> {
        let sql =
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname NOT LIKE 'greenlight%'";
        self.ask(node, "postgres", sql).await.into_iter().collect()
    }

    /// True when one of the fenced roles may log in.
    pub async fn is_open(&self, node: &str) -> bool {
        let logins = self.logins(node).await;
        FENCED.iter().any(|&role| logins.contains(role))
    }

    /// What the tool made on a server and is still there; the replication role stays by design.
    pub async fn left_over(&self, node: &str) -> Vec<String> {
        let mut found = Vec::new();
        for database in DATABASES {
            let sql = "SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database() \
                UNION ALL SELECT 'publication ' || pubname FROM pg_publication \
                UNION ALL SELECT 'subscription ' || subname FROM pg_subscription \
                UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE 'greenlight%' \
                UNION ALL SELECT 'origin ' || roname FROM pg_replication_origin";
            found.extend(self.ask(node, database, sql).await);
        }
        found
    }

    pub async fn audit(&self) -> Value {
        let output = Command::new(program())
            .args(["lab", "audit", "--json", "--dir"])
            .arg(self.dir())
            .output()
            .await
            .expect("greenlight");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The writers go on where applications are pointed at, and nothing of theirs is lost or there twice.
    pub async fn assert_nothing_lost(&self) {
        let before = self.audit().await["acknowledged"].as_u64();
        let mut audit = self.audit().await;
        for _ in 0..300 {
            if audit["acknowledged"].as_u64() > before.map(|n| n + 20) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            audit = self.audit().await;
        }
        assert_nothing_lost(&audit);
        assert!(
            audit["acknowledged"].as_u64() > before.map(|n| n + 20),
            "the writers stand still: {audit}"
        );
    }

    /// The application's password, from the endpoint file.
    pub fn application_password(&self) -> String {
        let url = std::fs::read_to_string(self.dir().join("endpoint")).expect("endpoint");
        let config: Config = url.trim().parse().expect("url");
        let password = config.get_password().expect("password").to_vec();
        String::from_utf8(password).expect("text")
    }

    /// Every secret of the lab.
    pub fn secrets(&self) -> Vec<String> {
        let passfile = std::fs::read_to_string(self.dir().join("passfile")).expect("passfile");
        let last = |line: &str| line.rsplit(':').next().unwrap_or_default().to_owned();
        passfile
            .lines()
            .map(last)
            .chain([self.application_password()])
            .collect()
    }

    pub fn runs(&self) -> PathBuf {
        self.scratch.path().join("runs")
    }
}

fn find_fact(event: &Value, name: &str) -> Option<Value> {
    match event {
        Value::Object(map) if map.get("event").is_some_and(|e| e == "fact") => {
            (map.get("name")? == name).then(|| map.get("value").cloned())?
        }
        Value::Object(map) => map.values().find_map(|inner| find_fact(inner, name)),
        _ => None,
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        take_down(&self.dir());
    }
}

fn take_down(dir: &Path) {
    let _ = std::process::Command::new(program())
        .args(["lab", "down", "--dir"])
        .arg(dir)
        .stderr(Stdio::null())
        .status();
}
