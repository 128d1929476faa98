use std::time::Duration;

use async_trait::async_trait;

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

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables set beside the inherited ones.
    pub env: Vec<(String, String)>,
    /// What it may take.
    pub limit: Duration,
}

/// A command that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output and standard error as they came, the last 64 kB.
    pub output: String,
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
