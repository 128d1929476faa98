//! What `patroni-guard` brings to a run: its members reached, its lock, who looks on, its checks and plan.

mod judge;
mod lookout;
mod readings;
mod sights;

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

pub use judge::IDS;
pub use lookout::Lookout;

use super::outfit::Outfit;
use super::{Failure, lock};
use crate::adapters::patroni::{Access, PatroniRest};
use crate::adapters::postgres::{Limits, Login, Password, Postgres};
use crate::adapters::{LocalCommands, ProfileHosts};
use crate::checks::{CheckContext, Moment, run_all};
use crate::domain::{Node, Place};
use crate::engine::GateChecks;
use crate::ports::Session;
use crate::procedures::patroni_guard::job::DEPLOY_COMMAND;
use crate::procedures::patroni_guard::{self, Job, sight};
use crate::profile::{PasswordSource, PatroniGuard, Via, secrets};
use crate::runbook::{CheckReport, CheckResult, Facts, Runbook, StepInfo, World};

/// The runbook of a profile that nothing was reached for.
#[must_use]
pub fn unreached(profile: PatroniGuard) -> Runbook {
    let (job, _) = job(Arc::new(profile), "{run}", None, &Facts::default());
    patroni_guard::runbook(&job)
}

/// Reaches the members and takes the lock. A run that is taken up may find them stopped: it goes on without the lock.
pub async fn equip(
    profile: PatroniGuard,
    run: &str,
    dir: &Path,
    facts: &Facts,
    taken_up: bool,
) -> Result<Outfit, Failure> {
    let profile = Arc::new(profile);
    let world = world(&profile, run).await?;
    let (job, objects) = job(Arc::clone(&profile), run, Some(dir), facts);
    let lock = match leader(&world, &job).await {
        Some(leader) => {
            let place = job.server(&leader);
            Some((
                lock::take(world.databases.as_ref(), &place, leader.as_str()).await?,
                leader,
            ))
        }
        None if taken_up => None,
        None => {
            return Err(Failure::new(format!(
                "no member of {} takes writes: there is nothing to guard. Look: {}",
                profile.cluster,
                job.ctl("list")
            )));
        }
    };
    let led = lock.as_ref().map(|(_, leader)| leader.to_string());
    let version = lock
        .as_ref()
        .map_or_else(String::new, |(session, _)| session.version().to_string());
    let session: Option<Arc<dyn Session>> = lock.map(|(session, _)| session);
    Ok(Outfit {
        runbook: patroni_guard::runbook(&job),
        versions: (version.clone(), version),
        sides: Some((
            led.map_or_else(
                || profile.cluster.clone(),
                |leader| format!("leader {leader}"),
            ),
            format!("held {}", profile.hold),
        )),
        rehearsal: is_rehearsal(&profile),
        objects,
        gate_checks: Arc::new(DeployChecks {
            profile: Arc::clone(&profile),
            world: world.clone(),
            run: run.to_owned(),
        }),
        lookout: Box::new(Lookout {
            job,
            world: world.clone(),
            journal: dir.join(crate::journal::JOURNAL),
            lock: session.clone(),
        }),
        lock: Box::new(session) as Box<dyn Any + Send + Sync>,
        world,
    })
}

/// Asks the pre-flight checks of a profile without a run; `run` is the name their sessions carry.
pub async fn preflight(
    profile: &PatroniGuard,
    run: &str,
    show: &(dyn Fn(CheckResult) + Send + Sync),
) -> Result<CheckReport, Failure> {
    let world = world(profile, run).await?;
    let ctx = context(profile, &world, &NOTHING, run, Moment::Preflight);
    Ok(run_all(&ctx, show).await)
}

static NOTHING: std::sync::LazyLock<Facts> = std::sync::LazyLock::new(Facts::default);

fn context<'a>(
    profile: &'a PatroniGuard,
    world: &'a World,
    facts: &'a Facts,
    run: &'a str,
    moment: Moment,
) -> CheckContext<'a, PatroniGuard> {
    CheckContext {
        profile,
        world,
        facts,
        run,
        moment,
        replication_password: None,
        run_dir: None,
    }
}

type Objects = watch::Receiver<Option<Arc<crate::inspect::ObjectDiff>>>;

fn job(
    profile: Arc<PatroniGuard>,
    run: &str,
    dir: Option<&Path>,
    facts: &Facts,
) -> (Arc<Job>, Objects) {
    let (objects, seen) = watch::channel(None);
    let deploy = profile
        .deploy
        .clone()
        .or_else(|| facts.get(&DEPLOY_COMMAND));
    let job = Job {
        profile,
        run: run.to_owned(),
        dir: dir.map(Path::to_owned),
        deploy,
        objects,
    };
    (Arc::new(job), seen)
}

async fn world(profile: &PatroniGuard, run: &str) -> Result<World, Failure> {
    let connection = &profile.connection;
    let login = Login {
        user: connection.user.clone(),
        password: Password::From(connection.password.clone()),
        sslmode: connection.sslmode,
        sslrootcert: connection.sslrootcert.clone(),
    };
    let limits = Limits {
        connect: connection.connect_timeout,
        statement: connection.statement_timeout,
        lock: connection.lock_timeout,
    };
    let mut databases = Postgres::new(run, limits).alone();
    for (name, node) in &profile.nodes {
        databases = databases.with_node(
            &Node::new(name),
            &node.server.address,
            node.server.port,
            login.clone(),
        );
    }
    let named = [&connection.password, &profile.patroni.password];
    let hidden = named.into_iter().filter_map(|source| match source {
        PasswordSource::Env(name) => Some(name.clone()),
        _ => None,
    });
    let commands = LocalCommands::without(
        ["PGPASSWORD".to_owned()]
            .into_iter()
            .chain(hidden)
            .collect(),
    );
    let hosts = profile
        .nodes
        .iter()
        .map(|(name, node)| (Node::new(name), &node.server.host));
    let urls: BTreeMap<_, _> = profile
        .nodes
        .iter()
        .map(|(name, node)| (name.clone(), node.rest.clone()))
        .collect();
    let patroni = PatroniRest::new(urls, &access(profile).await?)
        .map_err(|error| Failure::new(error.to_string()))?;
    Ok(World {
        databases: Arc::new(databases),
        rds: None,
        hosts: Some(Arc::new(ProfileHosts::new(hosts, &commands))),
        commands: Arc::new(commands),
        patroni: Some(Arc::new(patroni)),
    })
}

async fn access(profile: &PatroniGuard) -> Result<Access, Failure> {
    let patroni = &profile.patroni;
    let login = match &patroni.user {
        None => None,
        Some(user) => {
            let asked = secrets::Login {
                host: "patroni",
                port: 8008,
                database: &profile.cluster,
                user,
            };
            let password = secrets::resolve(&patroni.password, asked).await?;
            password.map(|password| (user.clone(), password))
        }
    };
    Ok(Access {
        login,
        cacert: patroni.cacert.clone(),
        insecure: patroni.insecure,
    })
}

/// The first member that takes writes.
async fn leader(world: &World, job: &Job) -> Option<Node> {
    for member in job.members() {
        let at = Place::new(member.clone(), &job.profile.databases[0]);
        let seen = sight::server(world.databases.as_ref(), &at).await;
        if seen.is_ok_and(|server| !server.in_recovery) {
            return Some(member);
        }
    }
    None
}

/// True on servers of this machine's own loopback: only there may a rehearsal's liberties be taken.
fn is_rehearsal(profile: &PatroniGuard) -> bool {
    profile.nodes.values().all(|node| {
        matches!(&node.server.host.via, Via::Local(_)) && node.server.address.starts_with("127.")
    })
}

/// Asks again, before the deployment begins, what must hold while a member is held.
struct DeployChecks {
    profile: Arc<PatroniGuard>,
    world: World,
    run: String,
}

#[async_trait]
impl GateChecks for DeployChecks {
    async fn ask(&self, step: &StepInfo, facts: &Facts) -> CheckReport {
        if step.id.as_str() != "deploy.window" {
            return CheckReport::default();
        }
        let ctx = context(&self.profile, &self.world, facts, &self.run, Moment::Gate);
        run_all(&ctx, &|_| {}).await
    }
}
