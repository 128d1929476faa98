//! The checks of `patroni-guard`: the cluster by its Patronis, its servers by SQL, its hosts by commands.

mod cluster;
mod hosts;
mod servers;

use std::time::Duration;

use super::ask::{Asking, On, Scope};
use super::check::{Check, CheckContext, Moment, Subject};
use crate::domain::{Node, Place, Sql};
use crate::ports::{CommandOutput, CommandSpec};
use crate::profile::PatroniGuard;

use super::ask::AskError;

/// What a question on a host may take.
const LIMIT: Duration = Duration::from_secs(20);

type Guarded = Check<PatroniGuard>;
type Questions<'a> = Asking<'a, PatroniGuard>;

const EARLY: &[Moment] = &[Moment::Preflight];
const EARLY_AND_GATE: &[Moment] = &[Moment::Preflight, Moment::Gate];

/// Every check of the procedure, in the order in which people read them.
pub fn catalogue() -> impl Iterator<Item = &'static Guarded> {
    [cluster::CHECKS, servers::CHECKS, hosts::CHECKS]
        .into_iter()
        .flatten()
}

impl Subject for PatroniGuard {
    fn catalogue() -> impl Iterator<Item = &'static Guarded> {
        catalogue()
    }

    /// Which member leads is for questions to find out: each is asked.
    fn places(ctx: &CheckContext<'_, Self>, _on: On, scope: Scope) -> Vec<Place> {
        let databases = match scope {
            Scope::Server => &ctx.profile.databases[..1],
            Scope::Databases => &ctx.profile.databases[..],
        };
        let places = |member: &String| {
            let place = |database: &String| Place::new(Node::new(member), database);
            databases.iter().map(place).collect::<Vec<_>>()
        };
        ctx.profile.nodes.keys().flat_map(places).collect()
    }

    fn sql(ctx: &CheckContext<'_, Self>, text: &'static str, _place: &Place) -> Sql {
        Sql::new(text).literal("held", &ctx.profile.hold)
    }
}

fn members(asking: &Questions<'_>) -> Vec<Node> {
    let names = asking.ctx.profile.nodes.keys();
    names.map(|name| Node::new(name)).collect()
}

fn place(asking: &Questions<'_>, member: &Node) -> Place {
    Place::new(member.clone(), &asking.ctx.profile.databases[0])
}

/// A command that only reads, on a member's host.
async fn on_host(
    asking: &Questions<'_>,
    member: &Node,
    argv: Vec<String>,
) -> Result<CommandOutput, AskError> {
    let hosts = asking.ctx.world.hosts.as_ref();
    let hosts =
        hosts.ok_or_else(|| AskError::Other("this procedure has no database hosts".to_owned()))?;
    Ok(hosts
        .run(member, &CommandSpec::new(argv, LIMIT), &|_| {})
        .await?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_check_says_why_and_what_to_do_and_has_its_own_id() {
        let mut seen = HashSet::new();
        for check in super::catalogue() {
            assert!(seen.insert(check.id), "{} is there twice", check.id);
            let told = [check.title, check.why, check.remedy];
            assert!(told.iter().all(|text| !text.is_empty()), "{}", check.id);
        }
    }
}
