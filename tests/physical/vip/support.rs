use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use greenlight::profile::{Via, VipSwitchover};
use greenlight::runbook::CheckReport;
use serde_json::Value;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

pub use crate::call::{DONE, Ended, PARKED, ROLLED_BACK, STUCK};

use crate::call::{Calls, program};
use crate::missing::missing;
use crate::place::Place;

pub const A: &str = "pg-a";
pub const B: &str = "pg-b";
pub const OVER_TO_B: &str = "cutover.switch=switch over pg-a";
pub const OVER_TO_A: &str = "cutover.switch=switch over pg-b";
pub const BACK_TO_A: &str = "rollback.switch=roll back to pg-a";
pub const UPGRADE: &str = "rejoin.upgrade=x";
pub const CLOSE: &str = "finish.close=x";

/// What comes in a moment has come by then, also on a machine that is busy.
pub const MOMENT: Duration = Duration::from_secs(60);

/// What is missing where a lab went to loopback addresses.
pub const NO_NAMESPACES: &str = "network namespaces: vip-switchover behind a virtual IP";

/// A lab of two servers, and a folder for its runs.
pub struct Vip {
    pub place: Place,
    urls: [String; 2],
}

impl Vip {
    /// Up, unless namespaces are not to be had: then there is no virtual IP to test with, and that is said.
    pub fn up(writers: usize) -> Option<Self> {
        let place = Place::new();
        let up = place.up(&["vip-switchover", "--load", &writers.to_string()]);
        if place.network().is_none() {
            missing(NO_NAMESPACES);
            place.does(&["down"]);
            return None;
        }
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

    /// Calls on this lab.
    pub fn calls(&self) -> Calls {
        Calls {
            runs: self.place.dir().join("runs"),
            profile: self.profile(),
        }
    }

    pub fn newest_run(&self) -> String {
        self.calls().newest_run()
    }

    fn call(&self, args: &[&str], confirmed: &[&str], fault: Option<&str>) -> Ended {
        let mut command = self.calls().command(args, confirmed, fault);
        Ended::of(&command.output().expect("greenlight"))
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

    /// What the pre-flight says.
    pub fn check(&self) -> CheckReport {
        let output = Command::new(program())
            .args(["check", "--json"])
            .arg(self.profile())
            .output()
            .expect("greenlight");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    pub async fn connect(&self, node: &str, options: &str) -> Option<Client> {
        let url = self.url(node);
        let config = format!("{url}?connect_timeout=3&options=-cstatement_timeout%3D60s{options}");
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

    /// Each of these statements for itself, in one session.
    pub async fn all(&self, node: &str, statements: &[&str]) {
        let client = self.connect(node, "").await.expect("a session");
        for sql in statements {
            let done = client.batch_execute(sql).await;
            done.unwrap_or_else(|error| panic!("{node}: {error:?}: {sql}"));
        }
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

    /// Words on the host of a node, as its profile has them run.
    pub fn command(&self, node: &str, owner: bool, words: &[&str]) -> Command {
        let profile = self.known();
        let host = &profile.nodes[node].server.host;
        let Via::Local(before) = &host.via else {
            panic!("a lab runs here");
        };
        let asked = if owner {
            host.as_owner(words)
        } else {
            host.as_root(words)
        };
        let argv: Vec<_> = before.iter().chain(&asked).collect();
        let mut command = Command::new(argv[0]);
        command.args(&argv[1..]);
        command
    }

    /// Runs them.
    #[track_caller]
    pub fn on_host(&self, node: &str, owner: bool, words: &[&str]) -> String {
        let output = self.command(node, owner, words).output();
        let output = output.expect("a command");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The profile, read.
    pub fn known(&self) -> VipSwitchover {
        let profile = greenlight::profile::load(&self.profile()).expect("profile");
        profile.vip_switchover().expect("of vip-switchover").clone()
    }

    /// What a superuser connects to.
    pub fn url(&self, node: &str) -> &str {
        &self.urls[usize::from(node == B)]
    }

    /// `pg_ctl` on the server of a node.
    #[track_caller]
    pub fn pg_ctl(&self, node: &str, how: &[&str]) {
        let server = &self.known().nodes[node].server;
        let words = [&server.program("pg_ctl"), "-D", &server.directory()];
        self.on_host(node, true, &[&words[..], how].concat());
    }

    /// Ends a server as a power cut would.
    pub fn crash(&self, node: &str) {
        self.pg_ctl(node, &["stop", "-m", "immediate"]);
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
