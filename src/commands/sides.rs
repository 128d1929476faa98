use std::sync::Arc;

use super::Failure;
use crate::adapters::postgres::{Limits, Postgres, Server};
use crate::adapters::rds::{AwsSettings, RdsClient, trace_retries};
use crate::cli::Servers;
use crate::domain::{Node, Place};
use crate::ports::{Databases, RdsApi};
use crate::profile::{BlueGreen, load};

/// Both sides of a comparison, reached by a profile or by two URLs.
pub(super) struct Sides {
    /// The databases.
    pub databases: Postgres,
    /// Which place of BLUE belongs to which of GREEN.
    pub pairs: Vec<(Place, Place)>,
    /// The profile, when there is one.
    pub profile: Option<BlueGreen>,
}

impl Sides {
    /// Finds out where both sides are. `run` is the name their sessions carry where a run's would stand.
    pub(super) async fn reach(servers: &Servers, run: &str) -> Result<Self, Failure> {
        if let (Some(blue), Some(green)) = (&servers.blue, &servers.green) {
            let (blue, green): (Server, Server) = (blue.parse()?, green.parse()?);
            let pair = (
                Place::new(Node::blue(), &blue.database),
                Place::new(Node::green(), &green.database),
            );
            let databases = Postgres::new(run, Limits::default())
                .with_node(&Node::blue(), &blue.host, blue.port, blue.login)
                .with_node(&Node::green(), &green.host, green.port, green.login);
            return Ok(Self {
                databases,
                pairs: vec![pair],
                profile: None,
            });
        }
        let path = servers
            .profile
            .as_ref()
            .ok_or_else(|| Failure::new("name a profile, or both --blue and --green"))?;
        let profile = load(path)?;
        let procedure = profile.procedure();
        let Some(profile) = profile.blue_green() else {
            return Err(Failure::new(format!(
                "{procedure} copies a server block by block: there is nothing to compare. Name --blue and --green."
            )));
        };
        let databases = of_profile(&profile, run).await?;
        let place = |node: Node, name: &String| Place::new(node, name);
        let pairs = profile
            .databases
            .iter()
            .map(|name| (place(Node::blue(), name), place(Node::green(), name)))
            .collect();
        Ok(Self {
            databases,
            pairs,
            profile: Some(profile),
        })
    }
}

/// The profile's databases, with the addresses it leaves to RDS.
async fn of_profile(profile: &BlueGreen, run: &str) -> Result<Postgres, Failure> {
    let settings = AwsSettings::from(&profile.rds);
    let rds: Arc<dyn RdsApi> = Arc::new(RdsClient::connect(&settings, trace_retries()).await?);
    let databases = Postgres::from_profile(profile, run, Some(Arc::clone(&rds)));
    for (node, address) in [
        (Node::blue(), &profile.blue),
        (Node::green(), &profile.green.address),
    ] {
        if databases.address(&node).is_none() {
            let instance = rds.instance(&address.identifier).await?;
            let (host, port) = instance.endpoint.ok_or_else(|| {
                Failure::new(format!(
                    "{node}: the instance {} has no endpoint yet",
                    address.identifier
                ))
            })?;
            databases.set_address(&node, &host, port);
        }
    }
    Ok(databases)
}
