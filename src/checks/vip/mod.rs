//! The checks of `vip-switchover`: what both servers, their hosts and the address must be before one of them is stopped.
//!
//! At the gate of the way back the sides have changed places: what is asked of BLUE is asked of the side that serves.

mod address;
mod hosts;
mod pair;
mod servers;

use super::ask::{On, Scope};
use super::check::{Check, CheckContext, Subject};
use super::known::{BLUE_IS, SERVING};
use crate::domain::{Node, Place, Sql};
use crate::profile::{VipNode, VipSwitchover};

impl Subject for VipSwitchover {
    fn catalogue() -> impl Iterator<Item = &'static Check<Self>> {
        [
            servers::CHECKS,
            pair::CHECKS,
            hosts::CHECKS,
            address::CHECKS,
        ]
        .into_iter()
        .flatten()
    }

    fn places(ctx: &CheckContext<'_, Self>, on: On, _scope: Scope) -> Vec<Place> {
        let (serving, standby) = sides(ctx);
        let nodes = match on {
            On::Blue => vec![serving],
            On::Green => vec![standby],
            On::Each => vec![serving, standby],
        };
        nodes
            .into_iter()
            .map(|node| Place::new(node, &ctx.profile.database))
            .collect()
    }

    fn sql(ctx: &CheckContext<'_, Self>, text: &'static str, _place: &Place) -> Sql {
        let (serving, standby) = sides(ctx);
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let named = ctx.profile.replication.application_name.as_deref();
        Sql::new(text)
            .literal("primary", &node(ctx, &serving).server.address)
            .literal("standby", named.unwrap_or_else(|| name(ctx, &standby)))
            .literal("standby_host", &node(ctx, &standby).server.address)
            .literal("role", &ctx.profile.replication.role)
            .number("lag", number(ctx.profile.budgets.lag_to_enter.0))
            .number(
                "longest",
                number(ctx.profile.budgets.longest_transaction.as_secs()),
            )
    }
}

/// The side that serves, and its standby.
fn sides<P>(ctx: &CheckContext<'_, P>) -> (Node, Node) {
    match ctx.facts.get(&SERVING).as_deref() {
        Some("GREEN") => (Node::green(), Node::blue()),
        _ => (Node::blue(), Node::green()),
    }
}

/// A side's name in the profile.
fn name<'a>(ctx: &CheckContext<'a, VipSwitchover>, side: &Node) -> &'a str {
    let blue = ctx.facts.get(&BLUE_IS).unwrap_or_default();
    let is_blue = *side == Node::blue();
    let mut names = ctx.profile.nodes.keys();
    names
        .find(|name| (**name == blue) == is_blue)
        .map_or("", String::as_str)
}

/// What the profile says of a side.
fn node<'a>(ctx: &CheckContext<'a, VipSwitchover>, side: &Node) -> &'a VipNode {
    // proven: a profile has two nodes, and one of them is each side
    &ctx.profile.nodes[name(ctx, side)]
}
