//! Commands on database hosts: on this machine behind a prefix.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::LocalCommands;
use crate::domain::Node;
use crate::ports::{CommandError, CommandOutput, CommandSpec, Commands, Hosts, OnLine};
use crate::profile::{Host, Via};

/// The hosts of a profile.
#[derive(Debug)]
pub struct ProfileHosts {
    hosts: BTreeMap<String, Host>,
    here: LocalCommands,
}

impl ProfileHosts {
    /// The hosts by the names of their nodes; `here` runs what runs on this machine.
    #[must_use]
    pub fn new(hosts: BTreeMap<String, Host>, here: LocalCommands) -> Self {
        Self { hosts, here }
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
        let Some(known) = self.hosts.get(host.as_str()) else {
            return Err(CommandError::Unreachable {
                host: host.to_string(),
                reason: "the profile has no section for it under [hosts]".to_owned(),
            });
        };
        match &known.via {
            Via::Local(before) => {
                let mut command = command.clone();
                command.argv.splice(0..0, before.iter().cloned());
                self.here.run(&command, on_line).await
            }
        }
    }
}
