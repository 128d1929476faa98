use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use crate::checks::known::BLUE_IS;
use crate::domain::{Conninfo, Lsn, Node, Place};
use crate::profile::{SslMode, VipNode, VipSwitchover};
use crate::runbook::{Action, FactKey};

/// What makes both servers copies of one: its system identifier.
pub const SYSTEM: FactKey<String> = FactKey::new("system");
/// The timeline a side is primary on, as the run has made or found it.
pub const TIMELINE: FactKey<i64> = FactKey::new("timeline");
/// Where the last checkpoint of a side lies that was stopped, seen dead, and replayed whole by the other side.
pub const STOPPED_AT: FactKey<Lsn> = FactKey::new("stopped_at");
/// Set, before it is promoted, of the side that is to be the primary: the point of no return.
pub const PASSED: FactKey<bool> = FactKey::new("passed");
/// Set of a side whose host was fenced because it could not be reached.
pub const FENCED: FactKey<bool> = FactKey::new("fenced");
/// The side applications were last pointed at, where a hook points them.
pub const POINTED_AT: FactKey<String> = FactKey::new("pointed_at");
/// The slot by which a side followed the other when the run began.
pub const SLOT_BEFORE: FactKey<String> = FactKey::new("slot_before");

/// What short commands on a host may take.
pub const SHORT: Duration = Duration::from_secs(10);

/// What a run is about, shared by all its steps.
pub struct VipJob {
    /// The profile.
    pub profile: Arc<VipSwitchover>,
    /// The run's id.
    pub run: String,
    /// The run's folder, once there is one.
    pub dir: Option<PathBuf>,
    /// The name of the node that is BLUE.
    pub blue: String,
    /// The name of the node that is GREEN.
    pub green: String,
}

impl VipJob {
    /// A job in which `blue` is the node that was the primary when the run began.
    #[must_use]
    pub fn new(
        profile: Arc<VipSwitchover>,
        run: &str,
        blue: &str,
        dir: Option<&Path>,
    ) -> Arc<Self> {
        let green = profile.nodes.keys().find(|name| *name != blue);
        Arc::new(Self {
            green: green.cloned().unwrap_or_default(),
            blue: blue.to_owned(),
            run: run.to_owned(),
            dir: dir.map(Path::to_owned),
            profile,
        })
    }

    /// A node's name in the profile.
    #[must_use]
    pub fn name(&self, node: &Node) -> &str {
        if *node == Node::green() {
            &self.green
        } else {
            &self.blue
        }
    }

    /// What the profile says of a node.
    #[must_use]
    pub fn node(&self, node: &Node) -> &VipNode {
        // proven: both names are keys of the profile's nodes, of which there are two
        &self.profile.nodes[self.name(node)]
    }

    /// Where statements to a node go.
    #[must_use]
    pub fn place(&self, node: &Node) -> Place {
        Place::new(node.clone(), &self.profile.database)
    }

    /// The slot by which `follower` follows the other side.
    #[must_use]
    pub fn slot(&self, follower: &Node) -> String {
        let plain = |c: char| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '_'
            }
        };
        let name: String = self.name(follower).chars().map(plain).collect();
        format!("greenlight_{name}")
    }

    /// What `follower` calls itself towards the other side.
    #[must_use]
    pub fn application_name(&self, follower: &Node) -> &str {
        let named = self.profile.replication.application_name.as_deref();
        named.unwrap_or_else(|| self.name(follower))
    }

    /// The connection string by which `follower` follows `leader`; a password comes from a passfile on its host.
    #[must_use]
    pub fn conninfo(&self, follower: &Node, leader: &Node, role: &str) -> Conninfo {
        let replication = &self.profile.replication;
        let leader = &self.node(leader).server;
        let mut info = Conninfo::new()
            .with("host", &leader.address)
            .with("port", &leader.port.to_string())
            .with("user", role)
            .with("application_name", self.application_name(follower))
            .with("connect_timeout", "10");
        if replication.sslmode != SslMode::Prefer {
            info = info.with("sslmode", replication.sslmode.libpq());
        }
        match &replication.passfile {
            Some(passfile) => info.with("passfile", passfile),
            None => info,
        }
    }

    /// A phrase that names a server and a verb: `switch over pg-a`.
    #[must_use]
    pub fn phrase(&self, verb: &str, node: &Node) -> String {
        format!("{verb} {}", self.name(node))
    }

    /// A node for people: `BLUE (pg-a)`.
    #[must_use]
    pub fn told(&self, node: &Node) -> String {
        format!("{node} ({})", self.name(node))
    }

    /// A command that the servers' user runs on the host of `node`.
    #[must_use]
    pub fn owner<S: AsRef<str>>(&self, node: &Node, argv: &[S]) -> Vec<String> {
        self.node(node).server.host.as_owner(argv)
    }

    /// A command that root runs on the host of `node`.
    #[must_use]
    pub fn root<S: AsRef<str>>(&self, node: &Node, argv: &[S]) -> Vec<String> {
        self.node(node).server.host.as_root(argv)
    }

    /// The same as actions.
    pub(super) fn owner_action<S: AsRef<str>>(&self, node: &Node, argv: &[S]) -> Action {
        Action::on_host(node, self.owner(node, argv), SHORT)
    }

    pub(super) fn root_action<S: AsRef<str>>(&self, node: &Node, argv: &[S]) -> Action {
        Action::on_host(node, self.root(node, argv), SHORT)
    }
}

/// The other side.
#[must_use]
pub fn other(node: &Node) -> Node {
    if *node == Node::blue() {
        Node::green()
    } else {
        Node::blue()
    }
}
