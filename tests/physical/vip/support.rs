use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::place::Place;

pub const DONE: Option<i32> = Some(0);
pub const PARKED: Option<i32> = Some(3);
pub const ROLLED_BACK: Option<i32> = Some(4);
pub const STUCK: Option<i32> = Some(5);

pub const A: &str = "pg-a";
pub const B: &str = "pg-b";
pub const OVER_TO_B: &str = "cutover.switch=switch over pg-a";
pub const OVER_TO_A: &str = "cutover.switch=switch over pg-b";
pub const BACK_TO_A: &str = "rollback.switch=roll back to pg-a";
pub const UPGRADE: &str = "rejoin.upgrade=x";
pub const CLOSE: &str = "finish.close=x";

/// What comes in a moment has come by then, also on a machine that is busy.
const MOMENT: Duration = Duration::from_secs(60);

/// How a call of `greenlight` ended; no code when it was killed.
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Ended {
    #[track_caller]
    pub fn with(self, code: Option<i32>) -> Self {
        assert_eq!(self.code, code, "{}", self.said);
        self
    }

    #[track_caller]
    pub fn saying(self, words: &str) -> Self {
        assert!(self.said.contains(words), "no {words:?} in:\n{}", self.said);
        self
    }
}

/// A lab of two servers, and a folder for its runs.
pub struct Vip {
    pub place: Place,
    urls: [String; 2],
}

impl Vip {
    /// Up, unless namespaces are not to be had: then there is no virtual IP to test with, and that is said.
    pub fn up(writers: usize) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("network namespaces are root's: not tested here");
            return None;
        }
        let place = Place::new();
        let up = place.up(&["vip-switchover", "--load", &writers.to_string()]);
        let url = |at: usize| up["nodes"][at]["url"].as_str().expect("url").to_owned();
        Some(Self {
            urls: [url(0), url(1)],
            place,
        })
    }

    pub fn profile(&self) -> PathBuf {
        self.place.dir().join("profile.toml")
    }

    pub fn profile_text(&self) -> String {
        std::fs::read_to_string(self.profile()).expect("profile")
    }

    /// Replaces words of the profile; what was there before comes back.
    #[track_caller]
    pub fn edit_profile(&self, from: &str, to: &str) -> String {
        let before = self.profile_text();
        assert!(before.contains(from), "no {from:?} in:\n{before}");
        std::fs::write(self.profile(), before.replacen(from, to, 1)).expect("profile");
        before
    }

    pub fn add_to_profile(&self, text: &str) {
        let text = format!("{}\n{text}\n", self.profile_text());
        std::fs::write(self.profile(), text).expect("profile");
    }

    pub fn write_profile(&self, text: &str) {
        std::fs::write(self.profile(), text).expect("profile");
    }

    fn runs(&self) -> PathBuf {
        self.place.dir().join("runs")
    }

    pub fn newest_run(&self) -> String {
        let runs = std::fs::read_dir(self.runs()).expect("runs").flatten();
        let newest = runs.filter(|entry| entry.path().join("journal.jsonl").is_file());
        let newest = newest.max_by_key(|entry| {
            let written = entry.path().join("plan.json").metadata();
            written.and_then(|m| m.modified()).expect("time")
        });
        newest
            .expect("a run")
            .file_name()
            .into_string()
            .expect("id")
    }

    fn call(&self, args: &[&str], confirmed: &[&str], fault: Option<&str>) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenlight"));
        command
            .args(args)
            .arg("--headless")
            .args(confirmed.iter().flat_map(|given| ["--confirm", given]))
            .env("GREENLIGHT_RUNS", self.runs())
            .env_remove("GREENLIGHT_FAULT")
            .stdin(Stdio::null());
        if let Some(fault) = fault {
            command.env("GREENLIGHT_FAULT", fault);
        }
        let output = command.output().expect("greenlight");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            code: output.status.code(),
            said: text(&output.stdout) + &text(&output.stderr),
        }
    }

    pub fn run(&self, confirmed: &[&str]) -> Ended {
        let profile = self.profile();
        self.call(&["run", profile.to_str().expect("path")], confirmed, None)
    }

    pub fn dry_run(&self) -> Ended {
        let profile = self.profile();
        let profile = profile.to_str().expect("path");
        self.call(&["run", profile, "--dry-run"], &[], None)
    }

    pub fn resume(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.call(&["resume", &self.newest_run()], confirmed, fault)
    }

    pub fn roll_back(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.call(&["rollback", &self.newest_run()], confirmed, fault)
    }

    /// The answers of the pre-flight, by id: the worst of each.
    pub fn check(&self) -> std::collections::BTreeMap<String, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_greenlight"))
            .args(["check", "--json"])
            .arg(self.profile())
            .output()
            .expect("greenlight");
        let said: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let mut worst = std::collections::BTreeMap::new();
        for check in said["checks"].as_array().expect("checks") {
            let text = |key: &str| check[key].as_str().expect("text").to_owned();
            let seen = worst.entry(text("id")).or_insert_with(|| text("verdict"));
            if text("verdict") == "block" || seen == "skipped" || seen == "pass" {
                *seen = text("verdict");
            }
        }
        worst
    }

    pub async fn connect(&self, node: &str, options: &str) -> Option<Client> {
        let url = &self.urls[usize::from(node == B)];
        let config = format!("{url}?connect_timeout=3{options}");
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    /// The first column of the first row.
    pub async fn ask(&self, node: &str, sql: &str) -> String {
        let client = self.connect(node, "").await.expect("a session");
        let answer = client.simple_query(sql).await;
        let rows = answer.unwrap_or_else(|error| panic!("{node}: {error:?}: {sql}"));
        let row = rows.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        row.unwrap_or_default()
    }

    /// Asks until the answer is this, for what comes in a moment.
    #[track_caller]
    pub fn until<'a>(
        &'a self,
        node: &'a str,
        sql: &'a str,
        wanted: &'a str,
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let until = Instant::now() + MOMENT;
            loop {
                let answer = self.ask(node, sql).await;
                if answer == wanted {
                    return;
                }
                assert!(
                    Instant::now() < until,
                    "{caller}: {node} still answers {answer:?}, not {wanted:?}: {sql}"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The servers that take writes now.
    pub async fn primaries(&self) -> Vec<&'static str> {
        let mut primaries = Vec::new();
        for node in [A, B] {
            if self.connect(node, "").await.is_some()
                && self.ask(node, "SELECT pg_is_in_recovery()").await == "f"
            {
                primaries.push(node);
            }
        }
        primaries
    }

    /// Runs words on the host of a node, as its profile says.
    #[track_caller]
    pub fn on_host(&self, node: &str, owner: bool, words: &[&str]) -> String {
        let profile = greenlight::profile::load(&self.profile()).expect("profile");
        let profile = profile.vip_switchover().expect("of vip-switchover");
        let known = &profile.nodes[node].server;
        let greenlight::profile::Via::Local(before) = &known.host.via else {
            panic!("a lab runs here");
        };
        let asked = if owner {
            known.host.as_owner(words)
        } else {
            known.host.as_root(words)
        };
        let argv: Vec<_> = before.iter().chain(&asked).collect();
        let output = Command::new(argv[0])
            .args(&argv[1..])
            .output()
            .expect("a command");
        assert!(output.status.success(), "{argv:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Ends a server as a power cut would.
    pub fn crash(&self, node: &str) {
        let profile = greenlight::profile::load(&self.profile()).expect("profile");
        let profile = profile.vip_switchover().expect("of vip-switchover");
        let server = &profile.nodes[node].server;
        let stop = [
            &server.program("pg_ctl"),
            "stop",
            "-D",
            &server.directory(),
            "-m",
            "immediate",
        ];
        self.on_host(node, true, &stop);
    }

    /// The writers go on, and nothing of theirs is lost or there twice.
    #[track_caller]
    pub fn assert_nothing_lost(&self) {
        let rows = |audit: &Value| audit["acknowledged"].as_u64();
        let before = rows(&self.place.audit());
        for _ in 0..300 {
            let audit = self.place.audit();
            assert_eq!(
                (&audit["lost"], &audit["duplicated"]),
                (&0.into(), &0.into()),
                "{audit}"
            );
            if rows(&audit) > before.map(|rows| rows + 20) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the writers stand still");
    }
}
