use std::sync::Arc;

use secrecy::SecretString;

use crate::adapters::LocalCommands;
use crate::adapters::postgres::Postgres;
use crate::adapters::rds::{AwsSettings, RdsClient, trace_retries};
use crate::checks::{CheckContext, Moment, run_all};
use crate::commands::Failure;
use crate::domain::{Node, Place};
use crate::ports::{Databases, RdsApi};
use crate::profile::{BlueGreen, PasswordSource};
use crate::runbook::{CheckReport, CheckResult, Facts, World};

/// Asks the pre-flight checks of a profile without a run; `run` is the name their sessions carry.
pub async fn preflight(
    profile: &BlueGreen,
    run: &str,
    show: &(dyn Fn(CheckResult) + Send + Sync),
) -> Result<CheckReport, Failure> {
    let settings = AwsSettings::from(&profile.rds);
    let rds: Arc<dyn RdsApi> = Arc::new(RdsClient::connect(&settings, trace_retries()).await?);
    let databases = Postgres::from_profile(profile, run, Some(Arc::clone(&rds)));
    if databases.address(&Node::blue()).is_none() {
        let blue = rds.instance(&profile.blue.identifier).await?;
        if let Some((host, port)) = blue.endpoint {
            databases.set_address(&Node::blue(), &host, port);
        }
    }
    // Without BLUE every question would come back unknown, with the same reason each.
    let first = Place::new(Node::blue(), &profile.databases[0]);
    databases.shared(&first).await?;
    let world = World {
        databases: Arc::new(databases),
        rds: Some(rds),
        hosts: None,
        patroni: None,
        commands: Arc::new(LocalCommands::from_profile(profile)),
    };
    // Nothing is sent with it before GREEN exists; whether there will be one decides how the logs are judged.
    let password = SecretString::default();
    let ctx = CheckContext {
        profile,
        world: &world,
        facts: &Facts::default(),
        run,
        moment: Moment::Preflight,
        replication_password: (profile.replication.password != PasswordSource::None)
            .then_some(&password),
        run_dir: None,
    };
    Ok(run_all(&ctx, show).await)
}
