//! The checks of `vip-switchover`.

use super::ask::{On, Scope};
use super::check::{Check, CheckContext, Subject};
use crate::domain::Node;
use crate::domain::{Place, Sql};
use crate::profile::VipSwitchover;

impl Subject for VipSwitchover {
    fn catalogue() -> impl Iterator<Item = &'static Check<Self>> {
        [].into_iter()
    }

    fn places(ctx: &CheckContext<'_, Self>, on: On, _scope: Scope) -> Vec<Place> {
        let nodes = match on {
            On::Blue => vec![Node::blue()],
            On::Green => vec![Node::green()],
            On::Each => vec![Node::blue(), Node::green()],
        };
        nodes
            .into_iter()
            .map(|node| Place::new(node, &ctx.profile.database))
            .collect()
    }

    fn sql(_ctx: &CheckContext<'_, Self>, text: &'static str, _place: &Place) -> Sql {
        Sql::new(text)
    }
}
