use std::path::PathBuf;
use std::process::Command;

use greenlight::profile::{Via, VipSwitchover};
use greenlight::runbook::CheckReport;

pub use crate::call::{DONE, Ended, PARKED, ROLLED_BACK, STUCK};

use crate::call::Calls;
use crate::missing::missing;
use crate::place::{Place, Servers};

pub const A: &str = "pg-a";
pub const B: &str = "pg-b";
pub const OVER_TO_B: &str = "cutover.switch=switch over pg-a";
pub const OVER_TO_A: &str = "cutover.switch=switch over pg-b";
pub const BACK_TO_A: &str = "rollback.switch=roll back to pg-a";
pub const UPGRADE: &str = "rejoin.upgrade=x";
pub const CLOSE: &str = "finish.close=x";

/// What is missing where a lab went to loopback addresses.
pub const NO_NAMESPACES: &str = "network namespaces: vip-switchover behind a virtual IP";

/// A lab of two servers, and a folder for its runs.
pub struct Vip {
    pub place: Place,
    pub servers: Servers,
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
        Some(Self {
            servers: Servers::of(&up),
            place,
        })
    }

    pub fn profile(&self) -> PathBuf {
        self.calls().profile
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
        self.place.calls()
    }

    pub fn newest_run(&self) -> String {
        self.calls().newest_run()
    }

    pub async fn run(&self, confirmed: &[&str]) -> Ended {
        self.calls().run(confirmed, None).await
    }

    pub async fn dry_run(&self) -> Ended {
        let profile = self.profile();
        let dry = ["run", profile.to_str().expect("path"), "--dry-run"];
        self.calls().call(&dry, &[], None).await
    }

    pub async fn resume(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.calls().resume(confirmed, fault).await
    }

    pub async fn roll_back(&self, confirmed: &[&str], fault: Option<&str>) -> Ended {
        self.calls().roll_back(confirmed, fault).await
    }

    /// What the pre-flight says.
    pub fn check(&self) -> CheckReport {
        self.calls().check()
    }

    /// Each of these statements for itself, in one session.
    pub async fn all(&self, node: &str, statements: &[&str]) {
        let client = self.servers.connect(node).await.expect("a session");
        for sql in statements {
            let done = client.batch_execute(sql).await;
            done.unwrap_or_else(|error| panic!("{node}: {error:?}: {sql}"));
        }
    }

    /// The servers that take writes now.
    pub async fn primaries(&self) -> Vec<&'static str> {
        let mut primaries = Vec::new();
        for node in [A, B] {
            if self.servers.takes_writes(node).await {
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
}
