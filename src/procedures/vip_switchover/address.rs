//! The address applications connect to: who owns it, how it moves, what is seen behind it from a third place.
//!
//! It is added on the new side before it is taken from the old one. That is safe only because the old server is dead by
//! then, and it is what keeps clients from waiting for a lost SYN to be sent again. A gratuitous ARP goes out each time:
//! without one, machines that knew the old owner may never come back.

use std::time::{Duration, Instant};

use super::job::{POINTED_AT, SHORT, VipJob, other};
use super::server::{came_through, rescue};
use crate::domain::{Node, Place, Sql};
use crate::profile::{Hook, Mover};
use crate::runbook::{Action, Context, Facts, StepError, World};

/// How many gratuitous ARPs are sent, one a second.
const ARPS: &str = "3";
/// How long the new side is looked for behind the address before that is only warned of.
const SEEN_LIMIT: Duration = Duration::from_secs(5);
/// What one look may take, the first time: a SYN that gets lost is sent again after a second, a new one at once.
const KNOCK: Duration = Duration::from_millis(150);

/// Who owns the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owners {
    /// BLUE has it.
    pub blue: bool,
    /// GREEN has it.
    pub green: bool,
}

impl Owners {
    /// True when this side has it and the other has not.
    #[must_use]
    pub fn only(self, node: &Node) -> bool {
        self.of(node) && !self.of(&other(node))
    }

    /// True when this side has it.
    #[must_use]
    pub fn of(self, node: &Node) -> bool {
        if *node == Node::green() {
            self.green
        } else {
            self.blue
        }
    }

    /// In a few words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match (self.blue, self.green) {
            (true, true) => "on both sides",
            (true, false) => "on BLUE",
            (false, true) => "on GREEN",
            (false, false) => "on neither side",
        }
    }
}

/// The node by which the address itself is reached.
#[must_use]
pub fn address_node() -> Node {
    Node::new("address")
}

impl VipJob {
    /// Who owns the address. With a hook, whom it was last pointed at.
    pub async fn owners(&self, world: &World, facts: &Facts) -> Result<Owners, StepError> {
        if self.profile.address.by == Mover::Hook {
            let at = facts.get(&POINTED_AT);
            let green = at.as_deref() == Some(Node::green().as_str());
            return Ok(Owners {
                blue: !green,
                green,
            });
        }
        let (blue, green) = (Node::blue(), Node::green());
        let (blue, green) = tokio::try_join!(self.holds(world, &blue), self.holds(world, &green))?;
        Ok(Owners { blue, green })
    }

    /// True when an interface of the node's host carries the address.
    pub(super) async fn holds(&self, world: &World, node: &Node) -> Result<bool, StepError> {
        let argv = ["ip", "-o", "-4", "addr", "show"]
            .map(str::to_owned)
            .to_vec();
        let said = world.ask_host(node, argv, SHORT).await?;
        if said.code != Some(0) {
            return Err(StepError::Stop(format!(
                "{}: its addresses cannot be read: {}",
                self.told(node),
                said.output.trim()
            )));
        }
        Ok(carries(&said.stdout, &self.profile.address.host))
    }

    fn with_prefix(&self) -> String {
        format!(
            "{}/{}",
            self.profile.address.host, self.profile.address.prefix
        )
    }

    fn interface(&self, node: &Node) -> &str {
        self.node(node).interface.as_deref().unwrap_or_default()
    }

    pub(super) fn add_action(&self, node: &Node) -> Action {
        self.root_action(
            node,
            &[
                "ip",
                "addr",
                "add",
                &self.with_prefix(),
                "dev",
                self.interface(node),
            ],
        )
    }

    pub(super) fn delete_action(&self, node: &Node) -> Action {
        self.root_action(
            node,
            &[
                "ip",
                "addr",
                "del",
                &self.with_prefix(),
                "dev",
                self.interface(node),
            ],
        )
    }

    pub(super) fn arp_action(&self, node: &Node) -> Action {
        let (interface, host) = (self.interface(node), &self.profile.address.host);
        self.root_action(node, &["arping", "-U", "-c", ARPS, "-I", interface, host])
    }

    fn redirect_action(&self, node: &Node) -> Option<Action> {
        self.hook_action(self.profile.hooks.redirect.as_ref(), node)
    }

    /// A hook with its values filled in, where the profile names it.
    pub(super) fn hook_action(&self, hook: Option<&Hook>, node: &Node) -> Option<Action> {
        let hook = hook?;
        let server = &self.node(node).server;
        let (host, port) = (&server.address, server.port.to_string());
        let fill = |word: &String| {
            word.replace("{node}", self.name(node))
                .replace("{host}", host)
                .replace("{port}", &port)
        };
        let argv: Vec<_> = hook.argv.iter().map(fill).collect();
        Some(Action::command(&argv, Vec::new(), hook.limit))
    }

    /// Everything that moves the address from one side to the other.
    pub(super) fn move_actions(&self, from: &Node, to: &Node, _facts: &Facts) -> Vec<Action> {
        match &self.profile.address.by {
            Mover::Ip => vec![
                self.add_action(to),
                self.arp_action(to),
                self.delete_action(from).undone_by([self.add_action(from)]),
            ],
            Mover::Keepalived { release, .. } => vec![self.root_action(from, release)],
            Mover::Hook => self.redirect_action(to).into_iter().collect(),
        }
    }

    /// Brings it to this side. Said twice it does no harm, so it completes what a dead process began. `alone` is true
    /// where the host of the old side was fenced: nothing can be sent there. Words for the screen, and the ARPs under way.
    pub(super) async fn bring_address(
        &self,
        ctx: &Context,
        to: &Node,
        alone: bool,
    ) -> Result<(Option<Arping>, String), StepError> {
        let there = format!("{} on {to}", self.profile.address.host);
        match &self.profile.address.by {
            Mover::Ip => {
                if let Err(error) = rescue(ctx, &self.add_action(to)).await
                    && !self.holds(&ctx.world, to).await?
                {
                    return Err(error);
                }
                Ok((Some(Arping::send(ctx, self.arp_action(to))), there))
            }
            Mover::Keepalived { release, .. } => {
                if !alone {
                    rescue(ctx, &self.root_action(&other(to), release)).await?;
                }
                self.wait_for_address(ctx, to).await?;
                Ok((None, there))
            }
            Mover::Hook => {
                if let Some(action) = self.redirect_action(to) {
                    rescue(ctx, &action).await?;
                }
                ctx.learn(&POINTED_AT, &to.to_string())?;
                Ok((None, format!("applications point at {to}")))
            }
        }
    }

    /// Takes it from the other side, once machines have been told of the new owner: until then a client that knows only
    /// the old one is refused at once, and does not wait for a lost SYN.
    pub(super) async fn drop_address(&self, ctx: &Context, to: &Node) -> Result<(), StepError> {
        let from = &other(to);
        if self.profile.address.by == Mover::Ip
            && let Err(error) = rescue(ctx, &self.delete_action(from)).await
            && self.holds(&ctx.world, from).await?
        {
            return Err(error);
        }
        Ok(())
    }

    /// Waits until keepalived has brought the address to this side.
    async fn wait_for_address(&self, ctx: &Context, to: &Node) -> Result<(), StepError> {
        let limit = self.profile.budgets.promote;
        let began = Instant::now();
        while !self.holds(&ctx.world, to).await? {
            if began.elapsed() > limit {
                return Err(StepError::TimedOut {
                    what: format!("keepalived to bring {} to {to}", self.profile.address.host),
                    waited: limit,
                    seen: "it is not there".to_owned(),
                });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Looks at the address from a third place until the new side is seen behind it. An error says what was seen last.
    pub(super) async fn seen_behind(&self, ctx: &Context, to: &Node) -> Result<String, StepError> {
        let began = Instant::now();
        let mut knock = KNOCK;
        loop {
            let error = match self.look_once(ctx, to, knock).await {
                Ok(words) => return Ok(words),
                Err(error) => error,
            };
            if began.elapsed() > SEEN_LIMIT {
                return Err(error);
            }
            knock = (knock * 2).min(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn look_once(
        &self,
        ctx: &Context,
        to: &Node,
        limit: Duration,
    ) -> Result<String, StepError> {
        let address = &self.profile.address;
        if let Some(argv) = &address.probe_from {
            let port = address.port.to_string();
            let fill = |word: &String| {
                word.replace("{host}", &address.host)
                    .replace("{port}", &port)
            };
            let argv: Vec<_> = argv.iter().map(fill).collect();
            let action = Action::command(&argv, Vec::new(), SHORT);
            came_through(&action, &ctx.rescue(&action).await?)?;
            return Ok(format!("{} answers, seen by {}", address.host, argv[0]));
        }
        if address.host.is_empty() {
            return Ok("the hook came through; there is no address to look at".to_owned());
        }
        let place = Place::new(address_node(), &self.profile.database);
        let dedicated = ctx.world.databases.dedicated(&place, "third");
        let session = tokio::time::timeout(limit, dedicated).await;
        let silent =
            |_| StepError::Stop(format!("{}:{} does not answer", address.host, address.port));
        let session = session.map_err(silent)??;
        let who = Sql::new(
            "SELECT pg_is_in_recovery() AS standby, pg_postmaster_start_time()::text AS started",
        );
        let behind = session.query(&who).await?;
        let own = ctx.read(&self.place(to), &who).await?;
        let started = |rows: &crate::ports::Rows| rows.one()?.get::<String>("started");
        if behind.one()?.get::<bool>("standby")? || started(&behind)? != started(&own)? {
            return Err(StepError::Stop(format!(
                "{}:{} leads to another server than {to}",
                address.host, address.port
            )));
        }
        Ok(format!("{}:{} leads to {to}", address.host, address.port))
    }
}

/// Gratuitous ARPs under way: they go on for seconds, and nothing waits for them.
pub(super) struct Arping(tokio::task::JoinHandle<Result<String, StepError>>);

impl Arping {
    fn send(ctx: &Context, action: Action) -> Self {
        let ctx = ctx.clone();
        Self(tokio::spawn(async move { rescue(&ctx, &action).await }))
    }

    /// How they came out; words when machines may not have been told.
    pub(super) async fn trouble(self) -> Option<String> {
        match self.0.await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("arping was broken off".to_owned()),
        }
    }
}

/// True when a line of `ip -o -4 addr show` names the address.
fn carries(said: &str, address: &str) -> bool {
    said.lines().any(|line| {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| *word != "inet")
            .skip(1);
        words.next().and_then(|word| word.split('/').next()) == Some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::carries;

    #[test]
    fn only_the_whole_address_counts() {
        let said = "2: eth0    inet 10.0.0.100/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever
3: eth1    inet 10.0.0.10/24 scope global secondary eth1\\       valid_lft forever";
        assert!(carries(said, "10.0.0.10"));
        assert!(carries(said, "10.0.0.100"));
        assert!(!carries(said, "10.0.0.1"));
        assert!(!carries(said, "10.0.0.255"));
    }
}
