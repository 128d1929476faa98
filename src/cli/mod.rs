//! The command tree: what may be typed, and nothing of what it does. Scripts rely on names, options and exit codes.

mod args;
mod lab;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use args::{
    CheckArgs, CompareArgs, CompletionsArgs, DiffArgs, FetchArgs, Format, PanicArgs, PlanArgs,
    RehearseArgs, ReportArgs, ResumeArgs, RollbackArgs, RunArgs, RunOptions, RunsArgs, Servers,
    Store, ThemeName, WatchArgs,
};
pub use lab::{
    LabArgs, LabAudit, LabCommand, LabDeploy, LabDeployment, LabDown, LabMinor, LabNode,
    LabRedirect, LabServe, LabSwitched, LabUp, LabVerb,
};

/// What every help page ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0  done, clean, equal
  1  a blocking check failed, or differences were found
  2  bad usage or profile, or a server out of reach
  3  the run is parked: `greenlight resume` takes it up
  4  everything was rolled back
  5  a human must look: the way on is not clear";

/// Takes PostgreSQL through near-zero-downtime upgrades and switchovers, step by step.
///
/// Without a command the start screen opens: profiles found, unfinished runs, rehearsals.
#[derive(Debug, Parser)]
#[command(name = "greenlight", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// Write what the tool does, for bug reports, to this file; nothing is logged otherwise
    #[arg(long, global = true, value_name = "FILE", env = "GREENLIGHT_LOG")]
    pub log_file: Option<PathBuf>,

    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Run a profile's procedure in the wizard
    Run(RunArgs),

    /// Take up an unfinished run
    Resume(ResumeArgs),

    /// Go back: undo steps, or run the rollback half
    Rollback(RollbackArgs),

    /// Go back now, from a second terminal: end a write pause, or roll back at once
    Panic(PanicArgs),

    /// Rehearse a procedure on disposable servers under an audited load
    Rehearse(RehearseArgs),

    /// Ask the pre-flight checks of a profile, and nothing else
    Check(CheckArgs),

    /// Show the runbook of a profile with every action, word for word
    Plan(PlanArgs),

    /// Compare the objects of both sides; exit code 1 when they differ
    Diff(DiffArgs),

    /// Compare the data of both sides, row by row where they differ; exit code 1 when they do
    Compare(CompareArgs),

    /// The evidence of one run: who confirmed what, every statement, the write pause by sub-step
    Report(ReportArgs),

    /// Disposable labs: real servers, an RDS stand-in, a profile for them
    Lab(LabArgs),

    /// Fetch PostgreSQL builds for rehearsals ahead of time
    #[command(hide = true)]
    Fetch(FetchArgs),

    /// List past and open runs
    Runs(RunsArgs),

    /// Look on while a run is driven in another terminal
    Watch(WatchArgs),

    /// Print a completion script for a shell
    Completions(CompletionsArgs),

    /// Print the manual page
    #[command(hide = true)]
    Man,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }
}
