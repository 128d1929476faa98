//! One file a subcommand: puts the pieces together, prints, picks the exit code. Each has `run(args)` returning
//! [`Ended`]. A result goes to standard output, people's words about it to standard error.

pub mod board;
pub mod check;
pub mod compare;
pub mod completions;
pub mod course;
pub mod diff;
pub mod fetch;
pub mod headless;
pub mod lab;
pub mod lock;
pub mod notify;
pub mod outfit;
pub mod panic;
pub mod patroni_guard;
pub mod plan;
pub mod rds_blue_green;
pub mod rehearse;
pub mod report;
pub mod run;
pub mod runs;
mod sides;
pub mod start;
pub mod vip_switchover;
pub mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

/// How a command ended.
pub type Ended = Result<ExitCode, Failure>;

/// Why a command could not do its work: words for the operator. The exit code is 2.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure in words: what, on which server, what to do next.
    #[must_use]
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Prints one JSON object and a line end on standard output.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&format!("{}\n", serde_json::to_string(value)?))
}

/// Prints on standard output; a reader that went away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says something to people on standard error; a terminal that is gone must not keep the rest from being done.
pub fn say(words: &str) {
    let _ = writeln!(io::stderr(), "{words}");
}
