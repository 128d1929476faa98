//! Labs of the tests: where they are, what becomes of their writers' rows, and what their servers answer.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::panic::Location;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::audit::assert_nothing_lost;
use crate::call::{Calls, program};

/// What comes about by itself has come about by then, also on a machine that is busy.
pub const MOMENT: Duration = Duration::from_secs(90);
/// Each time by a connection of its own, or by a whole audit.
const EVERY: Duration = Duration::from_millis(200);

/// Writers that leave two cores something for everything else.
const GENTLY: &[&str] = &["--load-pause", "10"];

/// True for a server that takes writes.
pub const WRITES: &str = "SELECT NOT pg_is_in_recovery()";

/// A folder for a lab and a registry of its own; the builds come from the cache that everybody uses.
pub struct Place {
    scratch: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("gl-lab-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .expect("scratch");
        Self { scratch }
    }

    pub fn dir(&self) -> PathBuf {
        self.scratch.path().join("lab")
    }

    /// Calls on this lab.
    pub fn calls(&self) -> Calls {
        Calls {
            runs: self.dir().join("runs"),
            profile: self.dir().join("profile.toml"),
        }
    }

    /// `greenlight lab …` on this lab.
    pub fn greenlight(&self, args: &[&str]) -> Output {
        Command::new(program())
            .arg("lab")
            .args(args)
            .arg("--dir")
            .arg(self.dir())
            .output()
            .expect("greenlight")
    }

    /// The same, which must succeed.
    #[track_caller]
    pub fn does(&self, args: &[&str]) -> Output {
        let output = self.greenlight(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        output
    }

    pub fn up(&self, args: &[&str]) -> Value {
        let output = self.does(&[&["up", "--json"], GENTLY, args].concat());
        serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else")
    }

    pub fn audit(&self) -> Value {
        let output = self.does(&["audit", "--json"]);
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The audit once more than so many rows were acknowledged, none of them lost or there twice.
    #[track_caller]
    pub fn acknowledges(&self, rows: u64) -> Value {
        let until = Instant::now() + MOMENT;
        loop {
            let audit = self.audit();
            assert_nothing_lost(&audit);
            if audit["acknowledged"].as_u64() > Some(rows) {
                return audit;
            }
            assert!(Instant::now() < until, "not over {rows} rows: {audit}");
            std::thread::sleep(EVERY);
        }
    }

    /// The writers go on, and nothing of theirs is lost or there twice.
    #[track_caller]
    pub fn assert_nothing_lost(&self) {
        let rows = self.audit()["acknowledged"].as_u64().expect("a number");
        self.acknowledges(rows + 20);
    }

    /// The network of namespaces, where the lab has one.
    pub fn network(&self) -> Option<String> {
        self.card()["network"].as_str().map(str::to_owned)
    }

    /// The process that owns the lab.
    pub fn owner(&self) -> u32 {
        u32::try_from(self.card()["pid"].as_u64().expect("pid")).expect("pid")
    }

    fn card(&self) -> Value {
        let text = std::fs::read_to_string(self.dir().join("lab.json")).expect("card");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Command lines of processes that mention this lab.
    pub fn processes(&self) -> Vec<String> {
        let dir = self.dir().to_string_lossy().into_owned();
        let all = std::fs::read_dir("/proc").expect("proc").flatten();
        all.filter_map(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&dir).then_some(line)
        })
        .collect()
    }

    pub fn wait_until_nothing_runs(&self) {
        for _ in 0..600 {
            if self.processes().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("still running: {:?}", self.processes());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.dir().is_dir() {
            self.greenlight(&["down"]);
        }
    }
}

/// The servers of a lab by their names, as a superuser gets in.
pub struct Servers(BTreeMap<String, String>);

impl Servers {
    /// Those that `lab up` has told of.
    pub fn of(up: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let nodes = up["nodes"].as_array().expect("nodes").iter();
        let nodes = nodes.map(|node| (text(&node["name"]), text(&node["url"])));
        Self(nodes.collect())
    }

    pub fn url(&self, node: &str) -> &str {
        &self.0[node]
    }

    pub fn login(&self, node: &str) -> Config {
        let mut config: Config = self.url(node).parse().expect("url");
        config
            .connect_timeout(Duration::from_secs(3))
            .options("-c statement_timeout=60s");
        config
    }

    pub async fn connect(&self, node: &str) -> Result<Client, tokio_postgres::Error> {
        self.connect_as(node, "").await
    }

    /// The same, under the name of an application.
    pub async fn connect_as(
        &self,
        node: &str,
        application: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut login = self.login(node);
        let (client, connection) = login.application_name(application).connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The first column of the first row; empty when there is none.
    async fn answer(&self, node: &str, sql: &str) -> Result<String, tokio_postgres::Error> {
        let rows = self.connect(node).await?.simple_query(sql).await?;
        let row = rows.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        Ok(row.unwrap_or_default())
    }

    /// The same; nothing when the server does not answer.
    pub async fn try_ask(&self, node: &str, sql: &str) -> Option<String> {
        self.answer(node, sql).await.ok()
    }

    /// The same of a server that must answer.
    pub async fn ask(&self, node: &str, sql: &str) -> String {
        let answer = self.answer(node, sql).await;
        answer.unwrap_or_else(|error| panic!("{node}: {error:?}: {sql}"))
    }

    /// Asks until the answer is this, for what comes in a moment.
    #[track_caller]
    pub fn until<'a>(
        &'a self,
        node: &'a str,
        sql: &'a str,
        wanted: &'a str,
    ) -> impl Future<Output = ()> + 'a {
        let wanted = Some(wanted.to_owned());
        until(format!("{node}: {sql}"), wanted, async move || {
            self.try_ask(node, sql).await
        })
    }

    pub async fn takes_writes(&self, node: &str) -> bool {
        self.try_ask(node, WRITES).await.as_deref() == Some("t")
    }
}

/// Waits until it is so, which comes about by itself.
#[track_caller]
pub fn until<T: PartialEq + Debug>(
    what: impl Display,
    wanted: T,
    now: impl AsyncFn() -> T,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let until = Instant::now() + MOMENT;
        loop {
            let seen = now().await;
            if seen == wanted {
                return;
            }
            assert!(
                Instant::now() < until,
                "{caller}: {what}: still {seen:?}, not {wanted:?}"
            );
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Sends a signal by its name.
pub fn kill(pid: u32, signal: &str) {
    let done = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status();
    assert!(done.expect("kill").success());
}
