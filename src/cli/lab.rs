use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `greenlight lab …`
#[derive(Debug, Clone, Args)]
pub struct LabArgs {
    #[command(subcommand)]
    pub command: LabCommand,
}

/// What to do with a lab.
#[derive(Debug, Clone, Subcommand)]
pub enum LabCommand {
    /// Start a lab: real servers and a profile for them
    Up(LabUp),
    /// End a lab and remove it
    Down(LabDown),
    /// What the lab's writers found: rows acknowledged, lost, duplicated
    Audit(LabAudit),
    /// The process behind a lab
    #[command(hide = true)]
    Serve(LabServe),
    /// The lab profile's redirect hook
    #[command(hide = true)]
    Redirect(LabRedirect),
    /// The lab profile's reconnect hook
    #[command(hide = true)]
    Switched(LabSwitched),
    /// The stand-in for a package step
    #[command(hide = true)]
    Minor(LabMinor),
    /// The stand-in for a service manager
    #[command(hide = true)]
    Node(LabNode),
    /// A deployment on a lab's cluster (patroni-guard): for `run --deploy-command`, or by hand
    Deploy(LabDeploy),
}

/// `greenlight lab up [PROCEDURE] --dir DIR`
#[derive(Debug, Clone, Args)]
pub struct LabUp {
    /// The procedure
    #[arg(value_name = "PROCEDURE", default_value = "rds-blue-green")]
    pub procedure: String,

    /// The lab's folder; made when missing
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,

    /// Run this many audited writers
    #[arg(long, value_name = "N")]
    pub load: Option<usize>,

    /// What each writer waits between two transactions, in milliseconds (2 unless told)
    #[arg(long, value_name = "MS")]
    pub load_pause: Option<u64>,

    /// BLUE's major version (rds-blue-green)
    #[arg(long, value_name = "MAJOR", default_value_t = 15)]
    pub from: u32,

    /// GREEN's major version (rds-blue-green)
    #[arg(long, value_name = "MAJOR", default_value_t = 17)]
    pub to: u32,

    /// Patroni's major version, 3 (Debian's) or 4 (its Python package); patroni-guard
    #[arg(long, value_name = "MAJOR", default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=4))]
    pub patroni: u32,

    /// Use loopback addresses even where network namespaces are allowed (vip-switchover)
    #[arg(long)]
    pub loopback: bool,

    /// PostgreSQL installations to use (bin folders; repeatable), beside those found on the machine
    #[arg(long = "pg-bin", value_name = "DIR")]
    pub pg_bin: Vec<PathBuf>,

    /// Print one JSON object: profile, nodes, endpoints
    #[arg(long)]
    pub json: bool,
}

/// `greenlight lab down --dir DIR`
#[derive(Debug, Clone, Args)]
pub struct LabDown {
    /// The lab's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// `greenlight lab audit --dir DIR`
#[derive(Debug, Clone, Args)]
pub struct LabAudit {
    /// The lab's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `greenlight lab serve --dir DIR`
#[derive(Debug, Clone, Args)]
pub struct LabServe {
    /// The lab's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// `greenlight lab redirect --dir DIR HOST PORT`
#[derive(Debug, Clone, Args)]
pub struct LabRedirect {
    /// The lab's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,

    /// Where applications connect from now on
    pub host: String,

    /// Its port
    pub port: u16,
}

/// `greenlight lab switched --dir DIR`
#[derive(Debug, Clone, Args)]
pub struct LabSwitched {
    /// The lab's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// `greenlight lab minor --dir DIR NODE VERSION`
#[derive(Debug, Clone, Args)]
pub struct LabMinor {
    /// The lab's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,

    /// The server
    pub node: String,

    /// The version whose programs it is to have
    #[arg(id = "minor", value_name = "VERSION")]
    pub version: String,
}

/// `greenlight lab node VERB --dir DIR NAME`
#[derive(Debug, Clone, Args)]
pub struct LabNode {
    /// What to do
    #[arg(value_enum)]
    pub verb: LabVerb,

    /// The lab's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,

    /// `pg1`, `etcd`
    pub name: String,
}

/// What a service manager does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LabVerb {
    /// Start it
    Start,
    /// Stop it and wait until it is gone
    Stop,
    /// Exit 0 while it runs, 3 otherwise
    Running,
    /// Have it start with its host
    Enable,
    /// Keep it from that
    Disable,
    /// Kill the daemon alone
    Kill,
    /// Kill all that works in its folder, as the loss of a host would
    Crash,
}

/// `greenlight lab deploy --dir DIR good|bad`
#[derive(Debug, Clone, Args)]
pub struct LabDeploy {
    /// The lab's folder
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,

    /// Which one
    #[arg(value_enum)]
    pub deployment: LabDeployment,
}

/// A deployment of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LabDeployment {
    /// It does what it should
    Good,
    /// An update without its WHERE, a table too many dropped
    Bad,
}
