//! Puts a run's world together: RDS, databases, secrets, the lock against a second operator, the way to go.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::adapters::LocalCommands;
use crate::adapters::postgres::Postgres;
use crate::adapters::rds::{AwsSettings, RdsClient, trace_retries};
use crate::checks::{CheckContext, Moment, find, run, run_all};
use crate::commands::{Failure, lock};
use crate::domain::{Node, PgVersion, Place};
use crate::engine::GateChecks;
use crate::ports::{Databases, RdsApi, Session};
use crate::procedures::job::{HOST, PORT};
use crate::procedures::rds_blue_green::build::{BlueHolds, Way, choose};
use crate::profile::{BlueGreen, PasswordSource, secrets};
use crate::runbook::{CheckReport, Facts, Plan, StepInfo, World};

/// A profile's servers, reached.
pub struct Wired {
    /// The profile.
    pub profile: Arc<BlueGreen>,
    /// What can be read from.
    pub world: World,
    /// The replication role's password, when the tool is to send one.
    pub replication_password: Option<SecretString>,
    /// BLUE's version.
    pub blue: PgVersion,
}

impl Wired {
    /// Reaches RDS and BLUE; GREEN too, where `facts` know it.
    pub async fn reach(profile: BlueGreen, run: &str, facts: &Facts) -> Result<Self, Failure> {
        let profile = Arc::new(profile);
        let rds = RdsClient::connect(&AwsSettings::from(&profile.rds), trace_retries()).await?;
        let rds: Arc<dyn RdsApi> = Arc::new(rds);
        // The lock on the run's folder is held by now.
        let databases = Postgres::from_profile(&profile, run, Some(Arc::clone(&rds))).alone();
        if profile.blue.host.is_none() {
            let blue = rds.instance(&profile.blue.identifier).await?;
            let (host, port) = blue.endpoint.ok_or_else(|| {
                Failure::new(format!(
                    "RDS instance {} has no endpoint: it is {}",
                    blue.identifier, blue.status
                ))
            })?;
            databases.set_address(&Node::blue(), &host, profile.blue.port.unwrap_or(port));
        }
        if profile.green.address.host.is_none() {
            let green = Node::green();
            if let (Some(host), Some(port)) = (
                facts.get(&HOST.of(green.as_str())),
                facts.get(&PORT.of(green.as_str())),
            ) {
                databases.set_address(&green, &host, port);
            }
        }
        let (host, port) = databases.address(&Node::blue()).unwrap_or_default();
        let login = secrets::Login {
            host: &host,
            port,
            database: &profile.databases[0],
            user: &profile.replication.role,
        };
        let replication_password = match &profile.replication.password {
            PasswordSource::Iam => None,
            source => secrets::resolve(source, login).await?,
        };
        let blue = databases
            .shared(&Place::new(Node::blue(), &profile.databases[0]))
            .await?
            .version();
        let world = World {
            hosts: None,
            patroni: None,
            commands: Arc::new(LocalCommands::from_profile(&profile)),
            databases: Arc::new(databases),
            rds: Some(rds),
        };
        Ok(Self {
            profile,
            world,
            replication_password,
            blue,
        })
    }

    /// The way GREEN is built: as the plan of a run has it, else chosen from what BLUE is and holds.
    pub async fn way(&self, begun: Option<&Plan>) -> Result<Way, Failure> {
        if let Some(plan) = begun {
            let instance = plan
                .phases
                .iter()
                .flat_map(|phase| &phase.steps)
                .any(|step| step.id == "build.upgrade-instance");
            return Ok(if instance {
                Way::UpgradeInstance
            } else {
                Way::UpgradeSnapshot
            });
        }
        let at = Place::new(Node::blue(), &self.profile.databases[0]);
        let holds =
            BlueHolds::ask(self.world.databases.as_ref(), &at, &self.profile.names.slot).await?;
        Ok(choose(self.profile.rds.route, &holds).0)
    }

    /// Takes the lock that one operator holds on BLUE; it lasts as long as the session does.
    pub async fn lock(&self) -> Result<Arc<dyn Session>, Failure> {
        let at = Place::new(Node::blue(), &self.profile.databases[0]);
        lock::take(
            self.world.databases.as_ref(),
            &at,
            &self.profile.blue.identifier,
        )
        .await
    }
}

/// Asks the gate's checks again before a cutover is confirmed; before a rollback whether the servers are the same still.
pub struct CutoverChecks {
    /// The profile.
    pub profile: Arc<BlueGreen>,
    /// The servers.
    pub world: World,
    /// The run.
    pub run: String,
    /// Its folder.
    pub run_dir: PathBuf,
    /// The replication role's password.
    pub replication_password: Option<SecretString>,
}

#[async_trait]
impl GateChecks for CutoverChecks {
    async fn ask(&self, step: &StepInfo, facts: &Facts) -> CheckReport {
        let asked = CheckContext {
            profile: self.profile.as_ref(),
            world: &self.world,
            facts,
            run: &self.run,
            moment: Moment::Gate,
            replication_password: self.replication_password.as_ref(),
            run_dir: Some(&self.run_dir),
        };
        match step.id.as_str() {
            "cutover.switch" => run_all(&asked, &|_| {}).await,
            "rollback.switch" => {
                let same: Vec<_> = find("servers-unchanged").into_iter().collect();
                run(&same, &asked, &|_| {}).await
            }
            _ => CheckReport::default(),
        }
    }
}
