//! The cluster as its servers and its Patronis show it at one moment, and who may be relied on to lead.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::job::{ASKED, Job, LEADER, TIMELINE};
use crate::domain::{Lsn, Node, Place, Sql};
use crate::ports::{Cluster, Databases, Row, ValueError};
use crate::runbook::{Context, StepError, World};

/// What one server may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// A server as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// It follows, or recovers.
    pub in_recovery: bool,
    /// How far it has received WAL, in recovery.
    pub received: Option<Lsn>,
    /// How far it has replayed WAL, in recovery.
    pub replayed: Option<Lsn>,
    /// How far it has written WAL, outside recovery.
    pub written: Option<Lsn>,
    /// Replay is paused.
    pub paused: bool,
    /// The timeline it writes or receives.
    pub timeline: Option<u32>,
    /// A walreceiver is streaming.
    pub streaming: bool,
    /// `recovery_min_apply_delay`.
    pub delay: Duration,
    /// Its configuration file.
    pub config_file: String,
}

/// All servers at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// Each member's server, or why it did not answer.
    pub servers: BTreeMap<Node, Result<Server, String>>,
    /// The cluster as the first Patroni that answered sees it.
    pub cluster: Option<Cluster>,
}

/// Asks one server.
pub async fn server(databases: &dyn Databases, at: &Place) -> Result<Server, StepError> {
    let sql = Sql::new(include_str!("../../../assets/sql/guard/server.sql"));
    let rows = databases.query(at, &sql).await?;
    Ok(read(rows.one()?)?)
}

fn read(row: &Row) -> Result<Server, ValueError> {
    Ok(Server {
        in_recovery: row.get("in_recovery")?,
        received: row.opt("received")?,
        replayed: row.opt("replayed")?,
        written: row.opt("written")?,
        paused: row.get("paused")?,
        timeline: row.opt("timeline")?,
        streaming: row.opt("streaming")?.unwrap_or(false),
        delay: Duration::from_millis(row.opt("delay_ms")?.unwrap_or(0)),
        config_file: row.get("config_file")?,
    })
}

/// The cluster as the first of `members` that answers sees it.
pub async fn cluster(world: &World, members: &[Node]) -> Option<Cluster> {
    let patroni = world.patroni.as_ref()?;
    let mut asked: Vec<_> = members
        .iter()
        .map(|member| patroni.cluster(member))
        .collect();
    while !asked.is_empty() {
        let (answer, _, rest) = futures_util::future::select_all(asked).await;
        match answer {
            Ok(cluster) => return Some(cluster),
            Err(_) => asked = rest,
        }
    }
    None
}

impl Sight {
    /// Asks all members side by side; one that is silent is part of the sight.
    pub async fn take(ctx: &Context, job: &Job) -> Self {
        let members = job.members();
        let asked = members.iter().map(async |member| {
            let at = job.server(member);
            let asked = server(ctx.world.databases.as_ref(), &at);
            let answer = match tokio::time::timeout(LIMIT, asked).await {
                Ok(answer) => answer.map_err(|error| error.to_string()),
                Err(_) => Err(format!("{at}: no answer within {LIMIT:?}")),
            };
            (member.clone(), answer)
        });
        let (servers, cluster) =
            futures_util::join!(join_all(asked), cluster(&ctx.world, &members));
        Self {
            servers: servers.into_iter().collect(),
            cluster,
        }
    }

    /// A member's server, when it answered.
    #[must_use]
    pub fn server(&self, member: &Node) -> Option<&Server> {
        self.servers.get(member)?.as_ref().ok()
    }

    /// The members that take writes.
    #[must_use]
    pub fn primaries(&self) -> Vec<&Node> {
        let writes = |answer: &Result<Server, String>| {
            answer.as_ref().is_ok_and(|server| !server.in_recovery)
        };
        let primaries = self.servers.iter().filter(|(_, answer)| writes(answer));
        primaries.map(|(member, _)| member).collect()
    }

    /// Refuses maintenance mode, in which Patroni leaves its server running when it ends and starts none.
    pub fn not_in_maintenance(&self, job: &Job) -> Result<(), StepError> {
        if self.cluster.as_ref().is_some_and(|cluster| cluster.paused) {
            return Err(StepError::Stop(format!(
                "the cluster is in maintenance mode (pause), in which Patroni neither stops a server nor starts one. \
                 Nothing was changed by this. End it: {}; then retry.",
                job.ctl("resume")
            )));
        }
        Ok(())
    }

    /// The one member that leads, by its own word and by Patroni's, and its timeline.
    pub fn leader(&self, job: &Job) -> Result<(Node, u32), StepError> {
        let stop = |what: String| {
            let list = job.ctl("list");
            Err(StepError::Stop(format!(
                "{what}. Nothing was changed by this. Look: {list}"
            )))
        };
        let primaries = self.primaries();
        let names = |nodes: &[&Node]| {
            nodes
                .iter()
                .map(|node| node.as_str())
                .collect::<Vec<_>>()
                .join(" and ")
        };
        let leader = match primaries.as_slice() {
            [leader] => *leader,
            [] => {
                let silent: Vec<_> = self
                    .servers
                    .values()
                    .filter_map(|answer| answer.as_ref().err())
                    .cloned()
                    .collect();
                return stop(format!("no member takes writes; {}", silent.join("; ")));
            }
            several => return stop(format!("{} both take writes: two leaders", names(several))),
        };
        if let Some(cluster) = &self.cluster {
            let said: Vec<_> = cluster
                .leaders()
                .iter()
                .map(|member| member.name.clone())
                .collect();
            if said != [leader.as_str()] {
                return stop(format!(
                    "{leader} takes writes, but for Patroni {} leads",
                    if said.is_empty() {
                        "nobody".to_owned()
                    } else {
                        said.join(" and ")
                    }
                ));
            }
        }
        if *leader == job.held() {
            return stop(format!("{leader} is to be held, and leads"));
        }
        match self.server(leader).and_then(|server| server.timeline) {
            Some(timeline) => Ok((leader.clone(), timeline)),
            None => stop(format!("{leader} does not say its timeline")),
        }
    }
}

/// Who leads, the same as the run relies on. Another leader or timeline stops the step once; done again, the run goes on
/// with it, for then somebody has looked.
pub async fn relied_on(ctx: &Context, job: &Job) -> Result<Node, StepError> {
    let (leader, timeline) = Sight::take(ctx, job).await.leader(job)?;
    let facts = ctx.facts();
    let now = (leader.to_string(), timeline);
    let (Some(recorded), Some(begun)) = (facts.get(&LEADER), facts.get(&TIMELINE)) else {
        ctx.learn(&TIMELINE, &timeline)?;
        ctx.learn(&LEADER, &now.0)?;
        return Ok(leader);
    };
    if now == (recorded.clone(), begun) {
        return Ok(leader);
    }
    if facts.get(&ASKED).as_ref() == Some(&now) {
        ctx.log(&format!(
            "going on with {leader} on timeline {timeline} as the leader"
        ));
        ctx.learn(&TIMELINE, &timeline)?;
        ctx.learn(&LEADER, &now.0)?;
        return Ok(leader);
    }
    ctx.learn(&ASKED, &now)?;
    Err(StepError::Stop(format!(
        "{leader} leads on timeline {timeline}; this run relies on {recorded} on timeline {begun}: there was a failover. \
         Nothing was changed by this. Make sure that {leader} is the leader you want, then retry: the run goes on with it."
    )))
}
