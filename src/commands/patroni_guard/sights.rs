//! One round: what every member says, by SQL, by Patroni and, now and then, by its host's disk.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::domain::{Lsn, Node, Sql};
use crate::inspect::Aside;
use crate::ports::{Cluster, CommandSpec, Databases};
use crate::procedures::patroni_guard::Job;
use crate::procedures::patroni_guard::job::{
    ASKED, DEPLOYED, HELD_AT, LEADER, POINT, PROMOTED, PROMOTING, Point, RECOVERY, RELEASED, STOOD,
    STOPPED_AT, TIMELINE,
};
use crate::procedures::patroni_guard::sight::{Server, cluster, server};
use crate::runbook::{Facts, World};

/// How often disks are asked.
const DISKS: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(3);

/// Where the run stands, as far as looking on goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is held yet, or no more.
    #[default]
    Free,
    /// The member is held.
    Held,
    /// It stands, or is brought, at the point; the leader serves as before.
    AtThePoint,
    /// The write outage, and what comes after the promotion.
    Switched,
}

impl Phase {
    fn of(facts: &Facts) -> Self {
        let promoted = facts.get(&PROMOTED).is_some() || facts.get(&PROMOTING).is_some();
        if promoted || facts.get(&STOPPED_AT).is_some() {
            Self::Switched
        } else if facts.get(&RECOVERY).is_some() {
            Self::AtThePoint
        } else if facts.get(&HELD_AT).is_some() && facts.get(&RELEASED).is_none() {
            Self::Held
        } else {
            Self::Free
        }
    }

    /// True while the recorded leader is to lead.
    pub(super) fn leads(self) -> bool {
        self != Self::Switched
    }
}

/// What one round saw. What is not known is empty, and judged by nobody.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) phase: Phase,
    pub(super) now: Timestamp,
    pub(super) held: String,
    /// Leader and timeline as the run relies on them; what the operator was asked about counts as well.
    pub(super) recorded: Option<(String, u32)>,
    pub(super) asked: Option<(String, u32)>,
    pub(super) held_since: Option<Timestamp>,
    pub(super) point: Option<Point>,
    /// It stood at the point once, and was given back to the hold.
    pub(super) stood: bool,
    pub(super) deployed: Option<i32>,
    pub(super) servers: BTreeMap<String, Server>,
    pub(super) silent: BTreeMap<String, String>,
    pub(super) cluster: Option<Cluster>,
    /// Patronis answer, and none of them sees the DCS.
    pub(super) dcs_silent: bool,
    /// WAL on the disk, by member.
    pub(super) kept: BTreeMap<String, u64>,
    /// The held member's slot on the leader.
    pub(super) slot: Option<Slot>,
    /// Free bytes, by member.
    pub(super) free: BTreeMap<String, u64>,
    /// WAL written per second, bytes.
    pub(super) rate: Option<f64>,
    pub(super) lock_lost: bool,
}

/// A slot as its server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) there: bool,
    pub(super) status: Option<String>,
    pub(super) room: Option<i64>,
}

impl Seen {
    /// The members that take writes.
    pub(super) fn primaries(&self) -> Vec<&str> {
        let writes = self
            .servers
            .iter()
            .filter(|(_, server)| !server.in_recovery);
        writes.map(|(name, _)| name.as_str()).collect()
    }

    /// The one that takes writes.
    pub(super) fn leader(&self) -> Option<(&str, &Server)> {
        match self.primaries().as_slice() {
            [leader] => self
                .servers
                .get_key_value(*leader)
                .map(|(name, server)| (name.as_str(), server)),
            _ => None,
        }
    }

    /// The held member's server.
    pub(super) fn held_server(&self) -> Option<&Server> {
        self.servers.get(&self.held)
    }
}

/// What is known from round to round.
#[derive(Default)]
pub(super) struct Round {
    disks: BTreeMap<String, u64>,
    disks_at: Option<Instant>,
    written: Option<(Lsn, Instant)>,
    rate: Option<f64>,
}

impl Round {
    pub(super) async fn look(
        &mut self,
        job: &Job,
        world: &World,
        aside: &Aside,
        facts: &Facts,
    ) -> Seen {
        let members = job.members();
        let asked = members.iter().map(async |member| {
            let answer = server(aside, &job.server(member)).await;
            (member.to_string(), answer)
        });
        let patroni = tokio::time::timeout(LIMIT, cluster(world, &members));
        let (servers, patroni) = futures_util::join!(join_all(asked), patroni);
        let mut seen = Seen {
            phase: Phase::of(facts),
            now: Timestamp::now(),
            held: job.profile.hold.clone(),
            recorded: facts.get(&LEADER).zip(facts.get(&TIMELINE)),
            asked: facts.get(&ASKED),
            held_since: facts.get(&HELD_AT),
            point: facts.get(&POINT),
            stood: facts.get(&STOOD).unwrap_or(false),
            deployed: facts.get(&DEPLOYED),
            cluster: patroni.unwrap_or_default(),
            ..Seen::default()
        };
        for (name, answer) in servers {
            match answer {
                Ok(server) => drop(seen.servers.insert(name, server)),
                Err(error) => drop(seen.silent.insert(name, error.to_string())),
            }
        }
        seen.dcs_silent = seen.cluster.is_none() && patroni_answers(world, &members).await;
        self.look_at_wal(job, aside, &mut seen).await;
        self.look_at_disks(job, world, &mut seen).await;
        seen.rate = self.rate;
        seen
    }

    async fn look_at_wal(&mut self, job: &Job, aside: &Aside, seen: &mut Seen) {
        let sql = Sql::new(include_str!("../../../assets/sql/guard/kept.sql"))
            .literal("slot", &slot_of(&seen.held));
        let leader = seen
            .leader()
            .map(|(name, server)| (name.to_owned(), server.written));
        for name in [
            leader.as_ref().map(|(name, _)| name.clone()),
            Some(seen.held.clone()),
        ]
        .into_iter()
        .flatten()
        {
            let Ok(rows) = aside.query(&job.server(&Node::new(&name)), &sql).await else {
                continue;
            };
            let Some(row) = rows.first() else { continue };
            if let Ok(Some(kept)) = row.opt("kept") {
                seen.kept.insert(name.clone(), kept);
            }
            if leader.as_ref().is_some_and(|(leader, _)| *leader == name) {
                seen.slot = Some(Slot {
                    there: row.get("slot").unwrap_or(false),
                    status: row.opt("wal_status").unwrap_or_default(),
                    room: row.opt("safe_wal_size").unwrap_or_default(),
                });
            }
        }
        if let Some((_, Some(written))) = leader {
            self.measure(written, Instant::now());
        }
    }

    /// A rate that one burst does not turn over.
    fn measure(&mut self, written: Lsn, now: Instant) {
        if let Some((before, at)) = self.written {
            let seconds = now.duration_since(at).as_secs_f64().max(0.001);
            let latest = (written.bytes_since(before).max(0) as f64) / seconds;
            self.rate = Some(self.rate.map_or(latest, |rate| rate * 0.95 + latest * 0.05));
        }
        self.written = Some((written, now));
    }

    async fn look_at_disks(&mut self, job: &Job, world: &World, seen: &mut Seen) {
        let due = self.disks_at.is_none_or(|at| at.elapsed() >= DISKS);
        if let (true, Some(hosts)) = (due, &world.hosts) {
            self.disks_at = Some(Instant::now());
            for (name, node) in &job.profile.nodes {
                let argv = node.server.host.as_owner(&[
                    "df",
                    "-B1",
                    "--output=avail",
                    &node.server.data_file("pg_wal"),
                ]);
                let told = hosts
                    .run(&Node::new(name), &CommandSpec::new(argv, LIMIT), &|_| {})
                    .await;
                let free = told
                    .ok()
                    .and_then(|told| told.stdout.lines().last()?.trim().parse().ok());
                match free {
                    Some(free) => drop(self.disks.insert(name.clone(), free)),
                    None => drop(self.disks.remove(name)),
                }
            }
        }
        seen.free.clone_from(&self.disks);
    }
}

/// True when some Patroni answers about itself.
async fn patroni_answers(world: &World, members: &[Node]) -> bool {
    let Some(patroni) = &world.patroni else {
        return false;
    };
    let asked = members
        .iter()
        .map(|member| tokio::time::timeout(LIMIT, patroni.status(member)));
    join_all(asked)
        .await
        .iter()
        .any(|answer| matches!(answer, Ok(Ok(_))))
}

/// The slot that Patroni makes for a member.
fn slot_of(member: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::new();
    for c in member.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' => name.push(c),
            '-' | '.' => name.push('_'),
            other => drop(write!(name, "u{:04}", u32::from(other))),
        }
    }
    name.chars().take(63).collect()
}

#[cfg(test)]
mod tests {
    use super::slot_of;

    #[test]
    fn slots_are_named_as_patroni_names_them() {
        assert_eq!(slot_of("PG-3.db"), "pg_3_db");
        assert_eq!(slot_of("a b"), "au0032b");
    }
}
