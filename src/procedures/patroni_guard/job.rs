use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::domain::{Lsn, Node, Place};
use crate::inspect::ObjectDiff;
use crate::profile::{GuardNode, PatroniGuard};
use crate::runbook::{FactKey, Facts, StepError};

/// Who leads, as the run relies on it.
pub const LEADER: FactKey<String> = FactKey::new("leader");
/// The leader's timeline, as the run relies on it.
pub const TIMELINE: FactKey<u32> = FactKey::new("timeline");
/// Another leader and timeline that the operator has been asked about.
pub const ASKED: FactKey<(String, u32)> = FactKey::new("leader_asked_about");
/// What stood in the dynamic configuration before this run.
pub const WAL_KEEP: FactKey<WalKeep> = FactKey::new("wal_keep_before");
/// When the hold was seen to be effective.
pub const HELD_AT: FactKey<Timestamp> = FactKey::new("held_at");
/// How many restore points this run has begun to make.
pub const POINTS: FactKey<u32> = FactKey::new("points_begun");
/// The restore point.
pub const POINT: FactKey<Point> = FactKey::new("point");
/// The deployment that the run is to carry out.
pub const DEPLOY_COMMAND: FactKey<Vec<String>> = FactKey::new("deploy_command");
/// The run has begun to carry the deployment out.
pub const DEPLOYING: FactKey<bool> = FactKey::new("deployment_begun");
/// The exit code of the deployment that the run carried out.
pub const DEPLOYED: FactKey<i32> = FactKey::new("deployment_code");
/// What a deployment's end makes the tool propose: `release` or `roll back`.
pub const PROPOSED: FactKey<String> = FactKey::new("proposed");
/// The held member has been released.
pub const RELEASED: FactKey<bool> = FactKey::new("released");
/// How the held member's server is started by hand.
pub const RECOVERY: FactKey<Recovery> = FactKey::new("recovery");
/// The held member has stood at the point once, and was given back to the hold.
pub const STOOD: FactKey<bool> = FactKey::new("stood_at_point");
/// Autostart is switched off on members that are to be stopped, or is about to be.
pub const AUTOSTART_OFF: FactKey<bool> = FactKey::new("autostart_off");
/// When the leader was told to stop: the write outage begins.
pub const STOPPED_AT: FactKey<Timestamp> = FactKey::new("leader_stopped_at");
/// The promotion has been sent, or is about to be.
pub const PROMOTING: FactKey<bool> = FactKey::new("promoting");
/// The old leader's data was backed up.
pub const BACKED_UP: FactKey<bool> = FactKey::new("backed_up");
/// The timeline that the promotion began.
pub const PROMOTED: FactKey<u32> = FactKey::new("promoted_timeline");

/// A setting of the dynamic configuration as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WalKeep {
    /// Its name on this version.
    pub setting: String,
    /// Its value; `None` where it did not stand there.
    pub was: Option<serde_json::Value>,
}

/// The moment a roll back leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The restore point's name, unique to the run.
    pub name: String,
    /// Where its record ends.
    pub lsn: Lsn,
    /// The timeline it is on.
    pub timeline: u32,
    /// The transaction that commits right after it: replay is held back before its commit at the latest.
    pub next_xid: u64,
    /// When it was made.
    pub at: Timestamp,
}

/// How the held member's server is started by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Patroni's own configuration file.
    pub config: String,
    /// What Patroni gave the server on its command line.
    pub settings: Vec<(String, String)>,
}

/// What a run is about, shared by all its steps.
pub struct Job {
    /// The profile.
    pub profile: Arc<PatroniGuard>,
    /// The run's id.
    pub run: String,
    /// The run's folder, once there is one.
    pub dir: Option<PathBuf>,
    /// The deployment, when the run carries it out.
    pub deploy: Option<Vec<String>>,
    /// Where the object diff goes for whoever looks on.
    pub objects: watch::Sender<Option<Arc<ObjectDiff>>>,
}

impl Job {
    /// The member that is held.
    #[must_use]
    pub fn held(&self) -> Node {
        Node::new(&self.profile.hold)
    }

    /// All members, in the order of their names.
    #[must_use]
    pub fn members(&self) -> Vec<Node> {
        self.profile
            .nodes
            .keys()
            .map(|name| Node::new(name))
            .collect()
    }

    /// Who leads, as far as that is known.
    #[must_use]
    pub fn leader(&self, facts: &Facts) -> Node {
        facts
            .get(&LEADER)
            .map_or_else(|| Node::new("{leader}"), |name| Node::new(&name))
    }

    /// The members that neither lead nor are held.
    #[must_use]
    pub fn others(&self, facts: &Facts) -> Vec<Node> {
        let (leader, held) = (self.leader(facts), self.held());
        let mut others = self.members();
        others.retain(|member| *member != leader && *member != held);
        if facts.get(&LEADER).is_none() {
            // One of them leads; which one is asked when the run begins.
            others.pop();
        }
        others
    }

    /// Where statements about a server go.
    #[must_use]
    pub fn server(&self, member: &Node) -> Place {
        Place::new(member.clone(), &self.profile.databases[0])
    }

    /// A member's section of the profile.
    pub fn section(&self, member: &Node) -> Result<&GuardNode, StepError> {
        self.profile.nodes.get(member.as_str()).ok_or_else(|| {
            StepError::Stop(format!(
                "{member} is not in the profile. Add its section under [nodes] and begin a new run."
            ))
        })
    }

    /// The name of the restore point at this attempt; each is used once.
    #[must_use]
    pub fn point_name(&self, attempt: u32) -> String {
        match attempt {
            0 | 1 => format!("predeploy_{}", self.run),
            more => format!("predeploy_{}_{more}", self.run),
        }
    }

    /// The phrase that names what is done to the held member.
    #[must_use]
    pub fn release_phrase(&self) -> String {
        format!("release {}", self.profile.hold)
    }

    /// The phrase of the roll back.
    #[must_use]
    pub fn roll_back_phrase(&self) -> String {
        format!("roll back to {}", self.point_name(1))
    }

    /// patronictl as an operator would type it, `patronictl -c /etc/patroni/config.yml list shop-ha`.
    #[must_use]
    pub fn ctl(&self, verb: &str) -> String {
        format!(
            "{} {verb} {}",
            self.profile.patroni.ctl.join(" "),
            self.profile.cluster
        )
    }
}
