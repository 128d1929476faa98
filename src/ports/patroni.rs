use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::{Lsn, Node};

/// Patroni's REST API, asked member by member.
#[async_trait]
pub trait PatroniApi: Send + Sync {
    /// The cluster as `member` sees it in the DCS (`GET /cluster`).
    async fn cluster(&self, member: &Node) -> Result<Cluster, PatroniError>;

    /// What `member` says of its own server (`GET /patroni`).
    async fn status(&self, member: &Node) -> Result<MemberStatus, PatroniError>;

    /// The dynamic configuration (`GET /config`).
    async fn config(&self, member: &Node) -> Result<Value, PatroniError>;

    /// The timelines the cluster has had (`GET /history`), oldest first.
    async fn history(&self, member: &Node) -> Result<Vec<Timeline>, PatroniError>;

    /// True when `member` answers 200 where a load balancer asks for this role.
    async fn serves_as(&self, member: &Node, role: Role) -> Result<bool, PatroniError>;

    /// Merges `change` into the dynamic configuration; a `null` takes a key away (`PATCH /config`).
    async fn patch_config(&self, member: &Node, change: &Value) -> Result<(), PatroniError>;

    /// Has `member` read its own file again (`POST /reload`).
    async fn reload(&self, member: &Node) -> Result<(), PatroniError>;

    /// Has `member` throw its data away and copy the leader's (`POST /reinitialize`).
    async fn reinitialize(&self, member: &Node) -> Result<(), PatroniError>;
}

/// A cluster as one of its members sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cluster {
    /// Its members.
    pub members: Vec<Member>,
    /// True in maintenance mode: Patroni fails over nothing.
    pub paused: bool,
    /// A switchover is planned.
    pub switchover: bool,
}

/// A member of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What it is in the cluster.
    pub role: Role,
    /// `running`, `streaming`, `stopped`, `start failed` …, as Patroni words it.
    pub state: String,
    /// Its timeline.
    pub timeline: Option<u32>,
    /// Its tags.
    pub tags: BTreeMap<String, Value>,
}

/// What a member says of its own server.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberStatus {
    /// What its server is: `Primary` outside recovery.
    pub role: Role,
    /// `running`, `streaming`, `starting` …
    pub state: String,
    /// Its timeline.
    pub timeline: Option<u32>,
    /// Patroni's own version: `3.0.2`.
    pub version: String,
    /// The cluster's name.
    pub scope: String,
}

/// What a member is, in either version's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leads: `leader`, `master`, `primary`, `standby_leader`.
    Primary,
    /// A replica that commits wait for.
    SyncStandby,
    /// A replica.
    Replica,
    /// Anything else.
    Other,
}

/// A timeline that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// Its number.
    pub number: u32,
    /// Where it ended.
    pub ended_at: Lsn,
    /// Why, in PostgreSQL's words.
    pub reason: String,
}

/// A question or an order to Patroni that did not come through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Patroni on {member}: {reason}")]
pub struct PatroniError {
    /// The member asked.
    pub member: String,
    /// What kind of failure.
    pub kind: PatroniErrorKind,
    /// Why, free of secrets.
    pub reason: String,
}

/// What may be concluded from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatroniErrorKind {
    /// No connection came about: nothing was sent.
    Unreachable,
    /// It was refused: it had no effect.
    Refused,
    /// No answer came: whether it took effect is unknown.
    Unknown,
    /// The answer was not what was asked for.
    Unread,
}

impl Role {
    /// The role that a word of Patroni's means: 3.x and 4.x differ.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "leader" | "master" | "primary" | "standby_leader" => Self::Primary,
            "sync_standby" | "quorum_standby" => Self::SyncStandby,
            "replica" => Self::Replica,
            _ => Self::Other,
        }
    }
}

impl Member {
    /// True when its server is up, as far as Patroni knows.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(
            self.state.as_str(),
            "running" | "streaming" | "in archive recovery"
        )
    }

    /// True when this tag is set.
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        self.tags
            .get(tag)
            .is_some_and(|value| *value == Value::Bool(true))
    }
}

impl Cluster {
    /// The members that lead; more than one, or none, is trouble.
    #[must_use]
    pub fn leaders(&self) -> Vec<&Member> {
        self.members
            .iter()
            .filter(|member| member.role == Role::Primary)
            .collect()
    }

    /// A member by its name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}
