//! Commands on database hosts: on this machine behind a prefix, or over the system's OpenSSH.
//!
//! Argument lists in; the one line that an ssh server's shell gets is made in `quote`, and nowhere else.

mod quote;
mod ssh;

use std::collections::BTreeMap;

use async_trait::async_trait;

use self::ssh::Ssh;
use super::LocalCommands;
use crate::domain::Node;
use crate::ports::{CommandError, CommandOutput, CommandSpec, Commands, Hosts, OnLine};
use crate::profile::{Host, Via};

/// The hosts of a profile.
#[derive(Debug)]
pub struct ProfileHosts {
    ways: BTreeMap<Node, Way>,
    here: LocalCommands,
}

/// How commands get to a host.
#[derive(Debug)]
enum Way {
    /// They run here, after these words.
    Local(Vec<String>),
    Ssh(Box<Ssh>),
}

impl ProfileHosts {
    /// The hosts of nodes; `here` runs what runs on this machine, ssh included.
    #[must_use]
    pub fn new<'h>(
        hosts: impl IntoIterator<Item = (Node, &'h Host)>,
        here: &LocalCommands,
    ) -> Self {
        let way = |host: &Host| match &host.via {
            Via::Local(before) => Way::Local(before.clone()),
            Via::Ssh {
                destination,
                config,
            } => Way::Ssh(Box::new(Ssh::new(
                destination,
                config.as_deref(),
                here.clone(),
            ))),
        };
        let ways = hosts.into_iter().map(|(node, host)| (node, way(host)));
        Self {
            ways: ways.collect(),
            here: here.clone(),
        }
    }
}

#[async_trait]
impl Hosts for ProfileHosts {
    async fn run(
        &self,
        host: &Node,
        command: &CommandSpec,
        on_line: OnLine<'_>,
    ) -> Result<CommandOutput, CommandError> {
        match self.ways.get(host) {
            Some(Way::Local(before)) => {
                let mut command = command.clone();
                command.argv.splice(0..0, before.iter().cloned());
                self.here.run(&command, on_line).await
            }
            Some(Way::Ssh(ssh)) => ssh.run(command, on_line).await,
            None => Err(CommandError::Unreachable {
                host: host.to_string(),
                reason: "no way to its host is known".to_owned(),
            }),
        }
    }
}
