//! Puts a run's world together: both servers and their hosts, who is the primary, the lock against a second operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::adapters::postgres::{Limits, Login, Postgres};
use crate::adapters::{LocalCommands, ProfileHosts};
use crate::commands::{Failure, lock};
use crate::domain::{Node, PgVersion, Place, Sql};
use crate::ports::{Databases, Session};
use crate::procedures::VipJob;
use crate::procedures::vip_switchover::address::address_node;
use crate::profile::{PasswordSource, VipSwitchover};
use crate::runbook::World;

/// Which of the two nodes is the primary, asked of both. An error unless both answer and exactly one of them is.
pub async fn primary(profile: &VipSwitchover, run: &str) -> Result<String, Failure> {
    let databases = bare(profile, run);
    let sql = Sql::new("SELECT pg_is_in_recovery() AS standby");
    let mut primaries = Vec::new();
    for (name, node) in &profile.nodes {
        let asked = Node::new(name);
        databases.set_address(&asked, &node.server.address, node.server.port);
        let session = databases
            .dedicated(&Place::new(asked, &profile.database), "look")
            .await?;
        if !session.query(&sql).await?.one()?.get::<bool>("standby")? {
            primaries.push(name.clone());
        }
    }
    match primaries.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::new(
            "neither server is a primary: both are standbys. Nothing was changed. This procedure swaps the roles of a primary \
             and its standby.",
        )),
        _ => Err(Failure::new(format!(
            "TWO PRIMARIES: {}. Nothing was changed. Find out which one applications write to; the other one must be stopped \
             and its data kept before anything else.",
            primaries.join(" and ")
        ))),
    }
}

fn bare(profile: &VipSwitchover, run: &str) -> Postgres {
    Postgres::new(run, Limits::from_connection(&profile.connection))
        .logging_in(Login::from_connection(&profile.connection))
}

/// The world of a run in which `blue` is BLUE. Reaches nothing yet. `alone` for the one process that drives the run.
pub fn world(profile: &VipSwitchover, run: &str, blue: &str, alone: bool) -> World {
    let databases = bare(profile, run);
    let mut hosts = Vec::new();
    for (name, node) in &profile.nodes {
        let side = if name == blue {
            Node::blue()
        } else {
            Node::green()
        };
        databases.set_address(&side, &node.server.address, node.server.port);
        hosts.push((side, &node.server.host));
    }
    databases.set_address(&address_node(), &profile.address.host, profile.address.port);
    let here = LocalCommands::without_passwords([&profile.connection.password]);
    World {
        patroni: None,
        hosts: Some(Arc::new(ProfileHosts::new(hosts, &here))),
        commands: Arc::new(here),
        databases: Arc::new(if alone { databases.alone() } else { databases }),
        rds: None,
    }
}

/// A login by token is RDS's own.
pub fn refuse_tokens(profile: &VipSwitchover) -> Result<(), Failure> {
    if profile.connection.password == PasswordSource::Iam {
        return Err(Failure::new(
            "connection.password: { iam = true } is for RDS; these servers know no tokens",
        ));
    }
    Ok(())
}

/// The versions of both sides, as far as they answer: BLUE's, GREEN's.
pub async fn versions(job: &VipJob, world: &World) -> [Option<PgVersion>; 2] {
    let ask = |node: Node| async move {
        let session = world.databases.shared(&job.place(&node)).await.ok()?;
        Some(session.version())
    };
    let (blue, green) = tokio::join!(ask(Node::blue()), ask(Node::green()));
    [blue, green]
}

/// How long a server may take to give its lock.
const LIMIT: Duration = Duration::from_secs(5);

/// The lock on both servers. Each is stopped and started in the course of a run, and its session ends with it: whoever
/// looks on takes it again.
pub struct Locks(Mutex<BTreeMap<Node, Arc<dyn Session>>>);

impl Locks {
    /// Takes the lock on every server that answers; an error when another operator holds one, or none answers.
    pub async fn take(job: &VipJob, world: &World) -> Result<Arc<Self>, Failure> {
        let mut taken = BTreeMap::new();
        let mut refused = None;
        for node in [Node::blue(), Node::green()] {
            let place = job.place(&node);
            if let Err(error) = world.databases.shared(&place).await {
                refused = Some(Failure::from(error));
                continue;
            }
            let session = lock::take(world.databases.as_ref(), &place, job.name(&node)).await?;
            taken.insert(node, session);
        }
        match refused {
            Some(refused) if taken.is_empty() => Err(refused),
            _ => Ok(Arc::new(Self(Mutex::new(taken)))),
        }
    }

    /// Takes again what ended with its server; who else holds it, when somebody does.
    pub async fn mend(&self, job: &VipJob, world: &World) -> Option<String> {
        for node in [Node::blue(), Node::green()] {
            let held = self.held(&node).is_some_and(|session| !session.is_closed());
            if held {
                continue;
            }
            let place = job.place(&node);
            let taken = lock::take(world.databases.as_ref(), &place, job.name(&node));
            match tokio::time::timeout(LIMIT, taken).await {
                Ok(Ok(session)) => {
                    let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                    locks.insert(node, session);
                }
                Ok(Err(failure)) if failure.to_string().contains("another run works") => {
                    return Some(failure.to_string());
                }
                // It does not answer: others see to that.
                _ => {}
            }
        }
        None
    }

    fn held(&self, node: &Node) -> Option<Arc<dyn Session>> {
        let locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.get(node).cloned()
    }
}
