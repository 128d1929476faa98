use std::process::ExitCode;
use std::sync::Arc;

use super::{Ended, Failure, print, print_json};
use crate::adapters::postgres::{Limits, Postgres, Server};
use crate::adapters::rds::{AwsSettings, RdsClient, trace_retries};
use crate::cli::{DiffArgs, Servers};
use crate::domain::{Node, Place};
use crate::inspect::{DiffClass, DiffOptions, DiffVerdict, ObjectDiff, diff};
use crate::ports::{Databases, RdsApi};
use crate::profile::{Profile, load};

/// The name sessions of this command carry where a run's would stand.
const RUN: &str = "diff";

/// What is the same whichever database of a server is asked.
const OF_THE_CLUSTER: [&str; 4] = ["role", "login", "membership", "tablespace"];

/// Compares the objects of both sides and prints what differs; exit code 1 when something blocks or is to know.
pub async fn run(args: &DiffArgs) -> Ended {
    let (databases, pairs, options) = sides(&args.servers).await?;
    let mut whole = ObjectDiff {
        equal: true,
        ..ObjectDiff::default()
    };
    let several = pairs.len() > 1;
    for (at, (blue, green)) in pairs.iter().enumerate() {
        let (blue_session, green_session) = tokio::try_join!(
            databases.dedicated(blue, "objects"),
            databases.dedicated(green, "objects")
        )?;
        let found = diff(blue_session.as_ref(), green_session.as_ref(), &options).await?;
        whole.equal &= found.equal;
        whole.objects.blue += found.objects.blue;
        whole.objects.green += found.objects.green;
        let told = |kind: &str| at > 0 && OF_THE_CLUSTER.contains(&kind);
        for mut difference in found.differences {
            if !told(&difference.kind) {
                difference.database = several.then(|| blue.database.clone());
                whole.differences.push(difference);
            }
        }
    }
    whole.differences.sort_by_key(|difference| difference.class);
    if args.json {
        print_json(&whole)?;
    } else {
        print(&table(&whole))?;
    }
    Ok(ExitCode::from(u8::from(!whole.equal)))
}

/// The databases of both sides, which place is compared with which, and what is expected to differ.
async fn sides(servers: &Servers) -> Result<(Postgres, Vec<(Place, Place)>, DiffOptions), Failure> {
    if let (Some(blue), Some(green)) = (&servers.blue, &servers.green) {
        let (blue, green): (Server, Server) = (blue.parse()?, green.parse()?);
        let pair = (
            Place::new(Node::blue(), &blue.database),
            Place::new(Node::green(), &green.database),
        );
        let databases = Postgres::new(RUN, Limits::default())
            .with_node(&Node::blue(), &blue.host, blue.port, blue.login)
            .with_node(&Node::green(), &green.host, green.port, green.login);
        return Ok((databases, vec![pair], DiffOptions::default()));
    }
    let path = servers
        .profile
        .as_ref()
        .ok_or_else(|| Failure::new("name a profile, or both --blue and --green"))?;
    let profile = load(path)?;
    let databases = of_profile(&profile).await?;
    let place = |node: Node, name: &String| Place::new(node, name);
    let pairs = profile
        .databases
        .iter()
        .map(|name| (place(Node::blue(), name), place(Node::green(), name)))
        .collect();
    let options = DiffOptions {
        schemas: profile.schemas.clone(),
        own_prefix: profile.names.schema.clone(),
        fenced: profile.fence.roles.clone(),
    };
    Ok((databases, pairs, options))
}

/// The profile's databases, with the addresses it leaves to RDS.
async fn of_profile(profile: &Profile) -> Result<Postgres, Failure> {
    let settings = AwsSettings::from(&profile.rds);
    let rds: Arc<dyn RdsApi> = Arc::new(RdsClient::connect(&settings, trace_retries()).await?);
    let databases = Postgres::from_profile(profile, RUN, Some(Arc::clone(&rds)));
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

/// For people: one line a difference. Names of objects may hold anything, so control characters are shown escaped.
fn table(diff: &ObjectDiff) -> String {
    let mut lines: Vec<String> = diff
        .differences
        .iter()
        .map(|difference| {
            let class = match difference.class {
                DiffClass::Blocks => "BLOCKS",
                DiffClass::Know => "know",
                DiffClass::Expected => "expected",
            };
            let verdict = match difference.verdict {
                DiffVerdict::MissingOnGreen => "missing on GREEN",
                DiffVerdict::MissingOnBlue => "missing on BLUE",
                DiffVerdict::Changed => "changed",
            };
            let parts = [
                difference.database.as_deref().unwrap_or(""),
                &difference.schema,
                &difference.name,
            ];
            let named: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let named = named.join(".").escape_debug().to_string();
            format!("{class:<9}{:<18} {named:<48} {verdict}", difference.kind)
        })
        .collect();
    let count = |class| diff.differences.iter().filter(|d| d.class == class).count();
    lines.push(format!(
        "{} block, {} to know, {} expected; {} objects on BLUE, {} on GREEN compared",
        count(DiffClass::Blocks),
        count(DiffClass::Know),
        count(DiffClass::Expected),
        diff.objects.blue,
        diff.objects.green
    ));
    lines.join("\n") + "\n"
}
