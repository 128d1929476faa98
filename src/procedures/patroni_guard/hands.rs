//! Commands on the members' hosts: argument lists, who runs them, and what counts as done.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;

use super::job::Job;
use crate::domain::Node;
use crate::ports::CommandOutput;
use crate::runbook::{Action, Context, Reply, StepError};

/// A file is copied, written or read within this.
const FILE: Duration = Duration::from_secs(30);
/// What a command's output keeps of a file is less than this; a larger one would be read in part.
const LARGEST: usize = 60_000;

impl Job {
    /// A command as root runs it on a member's host.
    pub fn as_root(&self, member: &Node, argv: &[&str]) -> Result<Action, StepError> {
        let argv = self.section(member)?.server.host.as_root(argv);
        Ok(Action::on_host(member, argv, FILE))
    }

    /// A command as the servers' user runs it on a member's host.
    pub fn as_owner(&self, member: &Node, argv: &[&str]) -> Result<Action, StepError> {
        let argv = self.section(member)?.server.host.as_owner(argv);
        Ok(Action::on_host(member, argv, FILE))
    }

    /// Starts a member's Patroni.
    pub fn start(&self, member: &Node) -> Result<Action, StepError> {
        self.unit(member, |node| &node.start)
    }

    /// Stops a member's Patroni and with it its server.
    pub fn stop(&self, member: &Node) -> Result<Action, StepError> {
        self.unit(member, |node| &node.stop)
    }

    /// `pg_ctl` on a member's server, which waits until it is done; `what` ends with the mode.
    pub fn pg_ctl(&self, member: &Node, what: &[&str]) -> Result<Action, StepError> {
        let node = &self.section(member)?.server;
        let (program, data) = (node.program("pg_ctl"), node.data.display().to_string());
        let limit = self.profile.budgets.stop;
        let seconds = limit.as_secs().max(1).to_string();
        let argv = [&[&program, "-D", &data, "-w", "-t", &seconds], what].concat();
        Ok(self
            .as_owner(member, &argv)?
            .within(limit + Duration::from_secs(5)))
    }

    /// Stops a member's server where no Patroni does.
    pub fn stop_by_hand(&self, member: &Node) -> Result<Action, StepError> {
        self.pg_ctl(member, &["-m", "fast", "stop"])
    }

    /// Has a member's Patroni start with its host, or not; nothing where the profile does not say how.
    pub fn autostart(&self, member: &Node, on: bool) -> Result<Option<Action>, StepError> {
        let section = self.section(member)?;
        let argv = if on {
            &section.enable
        } else {
            &section.disable
        };
        let argv = argv.as_ref().map(|argv| section.server.host.as_root(argv));
        Ok(argv.map(|argv| Action::on_host(member, argv, FILE)))
    }

    fn unit(
        &self,
        member: &Node,
        of: fn(&crate::profile::GuardNode) -> &Vec<String>,
    ) -> Result<Action, StepError> {
        let section = self.section(member)?;
        let argv = section.server.host.as_root(of(section));
        Ok(Action::on_host(member, argv, self.profile.budgets.stop))
    }

    /// True while a member's Patroni runs.
    pub async fn patroni_runs(&self, ctx: &Context, member: &Node) -> Result<bool, StepError> {
        let section = self.section(member)?;
        let argv = section.server.host.as_root(&section.running);
        Ok(ctx.ask_host(member, argv, FILE).await?.code == Some(0))
    }

    /// True while a member's server runs, by its own lock file.
    pub async fn server_runs(&self, ctx: &Context, member: &Node) -> Result<bool, StepError> {
        let node = &self.section(member)?.server;
        let program = node.program("pg_ctl");
        let data = node.data.display().to_string();
        let argv = node.host.as_owner(&[&program, "-D", &data, "status"]);
        let told = ctx.ask_host(member, argv.clone(), FILE).await?;
        match told.code {
            Some(0) => Ok(true),
            Some(3) => Ok(false),
            _ => Err(ended_badly(member, &argv, &told)),
        }
    }

    /// The state of a member's data as `pg_controldata` words it: `shut down`, `in production`.
    pub async fn state_on_disk(&self, ctx: &Context, member: &Node) -> Result<String, StepError> {
        let node = &self.section(member)?.server;
        let program = node.program("pg_controldata");
        let data = node.data.display().to_string();
        let argv = node
            .host
            .as_owner(&["env", "LC_ALL=C", &program, "-D", &data]);
        let told = ctx.ask_host(member, argv.clone(), FILE).await?;
        let state = told
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("Database cluster state:"));
        state
            .map(|state| state.trim().to_owned())
            .ok_or_else(|| ended_badly(member, &argv, &told))
    }

    /// The hold's copy of the held member's Patroni file, and the file under way.
    #[must_use]
    pub fn yaml_beside(&self, yaml: &str) -> (String, String) {
        (
            format!("{yaml}.greenlight-{}", self.run),
            format!("{yaml}.greenlight-{}.new", self.run),
        )
    }

    /// True when a file is there.
    pub async fn is_there(
        &self,
        ctx: &Context,
        member: &Node,
        file: &str,
    ) -> Result<bool, StepError> {
        let argv = self
            .section(member)?
            .server
            .host
            .as_root(&["test", "-f", file]);
        let told = ctx.ask_host(member, argv.clone(), FILE).await?;
        match told.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(ended_badly(member, &argv, &told)),
        }
    }

    /// A file of root's or the servers', which may hold passwords: it goes nowhere but into what is made of it.
    pub async fn secret_file(
        &self,
        ctx: &Context,
        member: &Node,
        file: &str,
    ) -> Result<SecretString, StepError> {
        let argv = self.section(member)?.server.host.as_root(&["base64", file]);
        let told = ctx.ask_host(member, argv, FILE).await?;
        // What it said is not repeated: part of it may be the file.
        let cannot = |why: &str| {
            StepError::Stop(format!(
                "{member}: {file} {why}. Nothing was changed by this."
            ))
        };
        if told.code != Some(0) {
            return Err(cannot(
                "cannot be read; the words before what root does ([nodes] root) must let it be",
            ));
        }
        if told.stdout.len() > LARGEST {
            return Err(cannot("is too large to be edited"));
        }
        let encoded: String = told.stdout.split_whitespace().collect();
        let text = BASE64_STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(SecretString::from)
            .ok_or_else(|| cannot("is no UTF-8 text"))
    }
}

/// Sends a command; any end but 0 is an error with its last words.
pub async fn send(ctx: &Context, action: &Action) -> Result<String, StepError> {
    match ctx.send(action).await? {
        Reply::Command(told) if told.code != Some(0) => Err(StepError::Stop(format!(
            "{}: {} ended with {}: {}",
            action.target,
            action.shown().text,
            code(&told),
            last_words(&told)
        ))),
        Reply::Command(told) => Ok(told.stdout),
        _ => Ok(String::new()),
    }
}

/// Sends commands one after the other, stopping at the first that ends badly.
pub async fn send_all(ctx: &Context, actions: &[Action]) -> Result<(), StepError> {
    for action in actions {
        send(ctx, action).await?;
    }
    Ok(())
}

fn ended_badly(member: &Node, argv: &[String], told: &CommandOutput) -> StepError {
    StepError::Stop(format!(
        "{member}: {} ended with {}: {}",
        argv.join(" "),
        code(told),
        last_words(told)
    ))
}

fn code(told: &CommandOutput) -> String {
    told.code
        .map_or_else(|| "a signal".to_owned(), |code| code.to_string())
}

fn last_words(told: &CommandOutput) -> String {
    let lines: Vec<_> = told.output.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}
