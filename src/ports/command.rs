use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::domain::Node;

/// Whoever is handed each line of output as it comes. (Written out inside an async trait, the line would have to live
/// as long as the listener.)
pub type OnLine<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Commands run on a host: argument lists only, never a shell string.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Runs the command to its end or its limit; past the limit it is killed, with all it started.
    /// Each line of output is handed over as it comes.
    async fn run(
        &self,
        command: &CommandSpec,
        on_line: OnLine<'_>,
    ) -> Result<CommandOutput, CommandError>;
}

/// Commands run on database hosts: argument lists only, quoted for the way there by whoever takes them.
#[async_trait]
pub trait Hosts: Send + Sync {
    /// As [`Commands::run`], on `host`.
    async fn run(
        &self,
        host: &Node,
        command: &CommandSpec,
        on_line: OnLine<'_>,
    ) -> Result<CommandOutput, CommandError>;
}

/// One command.
#[derive(Debug, Clone)]
pub struct CommandSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables set beside the inherited ones.
    pub env: Vec<(String, String)>,
    /// What it reads on its standard input; nothing otherwise.
    pub input: Option<SecretString>,
    /// What it may take.
    pub limit: Duration,
}

impl CommandSpec {
    /// A command without variables or input.
    #[must_use]
    pub fn new(argv: Vec<String>, limit: Duration) -> Self {
        Self {
            argv,
            env: Vec::new(),
            input: None,
            limit,
        }
    }
}

/// A command that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output and standard error as they came, the last 64 kB.
    pub output: String,
    /// Standard output alone, its last 64 kB.
    pub stdout: String,
}

/// A command without a usable end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("cannot start {program:?}: {reason}")]
    Start {
        /// The program.
        program: String,
        /// The system's words.
        reason: String,
    },
    /// The host could not be reached: nothing was started there.
    #[error("{host}: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// The connection to the host broke while the command was under way: its outcome is unknown.
    #[error(
        "{host}: the connection was lost while {program:?} ran, so whether it took effect is unknown: {reason}"
    )]
    Lost {
        /// The host.
        host: String,
        /// The program.
        program: String,
        /// What was said last.
        reason: String,
    },
    /// It did not end within its limit and was killed.
    #[error("{program:?} did not end within {limit:?} and was killed; its last output: {output}")]
    TimedOut {
        /// The program.
        program: String,
        /// The limit.
        limit: Duration,
        /// What it had said.
        output: String,
    },
}
