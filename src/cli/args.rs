use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `greenlight run PROFILE`
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The profile
    #[arg(value_name = "PROFILE")]
    pub profile: PathBuf,

    /// Read everything, change nothing
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub options: RunOptions,

    /// patroni-guard: carry the deployment out as a step; its exit code decides what is proposed. Everything after this is
    /// the command: it comes last
    #[arg(long, value_name = "ARGV", num_args = 1.., allow_hyphen_values = true)]
    pub deploy_command: Vec<String>,
}

/// `greenlight resume [RUN]`
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// The run; without it, the only unfinished one
    #[arg(value_name = "RUN")]
    pub run: Option<String>,

    #[command(flatten)]
    pub options: RunOptions,
}

/// `greenlight rollback RUN`
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The run
    #[arg(value_name = "RUN")]
    pub run: String,

    #[command(flatten)]
    pub options: RunOptions,
}

/// `greenlight panic RUN`
#[derive(Debug, Clone, Args)]
pub struct PanicArgs {
    /// The run
    #[arg(value_name = "RUN")]
    pub run: String,

    /// The phrase of the rollback, instead of typing it
    #[arg(long, value_name = "PHRASE")]
    pub confirm: Option<String>,

    #[command(flatten)]
    pub store: Store,
}

/// How a run is shown and confirmed.
#[derive(Debug, Clone, Default, Args)]
pub struct RunOptions {
    /// No screen: one line per event; a gate that is not confirmed by an option parks the run
    #[arg(long)]
    pub headless: bool,

    /// With --headless: one JSON object per line
    #[arg(long, requires = "headless")]
    pub json: bool,

    /// With --headless: confirm this step's gate with its exact phrase (repeatable)
    #[arg(long, value_name = "STEP=PHRASE", requires = "headless", value_parser = confirmation)]
    pub confirm: Vec<(String, String)>,

    /// Colours
    #[arg(long, value_enum, env = "GREENLIGHT_THEME", default_value_t)]
    pub theme: ThemeName,

    #[command(flatten)]
    pub store: Store,
}

/// Where runs are kept.
#[derive(Debug, Clone, Default, Args)]
pub struct Store {
    /// The folder of runs; the default is greenlight/runs in the user's state folder
    #[arg(long, value_name = "DIR", env = "GREENLIGHT_RUNS")]
    pub runs_dir: Option<PathBuf>,
}

/// A colour theme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ThemeName {
    /// Mono where the environment says `NO_COLOR`, else dark.
    #[default]
    Auto,
    /// For dark terminals.
    Dark,
    /// For light terminals.
    Light,
    /// Without colours.
    Mono,
}

/// `greenlight check PROFILE`
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The profile
    #[arg(value_name = "PROFILE")]
    pub profile: PathBuf,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `greenlight plan PROFILE`
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The profile
    #[arg(value_name = "PROFILE")]
    pub profile: PathBuf,

    /// Print Markdown
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The two sides: a profile, or two URLs.
#[derive(Debug, Clone, Args)]
pub struct Servers {
    /// The profile
    #[arg(value_name = "PROFILE", required_unless_present_all = ["blue", "green"], conflicts_with_all = ["blue", "green"])]
    pub profile: Option<PathBuf>,

    /// BLUE as a URL, instead of a profile; its password comes from PGPASSWORD or a passfile
    #[arg(long, value_name = "URL", requires = "green")]
    pub blue: Option<String>,

    /// GREEN as a URL, instead of a profile
    #[arg(long, value_name = "URL", requires = "blue")]
    pub green: Option<String>,
}

/// `greenlight diff`
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    pub servers: Servers,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `greenlight compare`
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    #[command(flatten)]
    pub servers: Servers,

    /// Only this table, NAME or SCHEMA.NAME (repeatable)
    #[arg(long, value_name = "TABLE")]
    pub table: Vec<String>,

    /// Compare what is written instead of what is equal: 1.0 and 1.00, 0 and -0, 1 month and 30 days then differ
    #[arg(long)]
    pub strict_text: bool,

    /// Write a script here that would make GREEN's rows like BLUE's; it is never run
    #[arg(long, value_name = "FILE")]
    pub repair: Option<PathBuf>,

    /// Sessions on each side
    #[arg(long, value_name = "N", default_value = "4", value_parser = session_count)]
    pub sessions: usize,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `greenlight rehearse [PROCEDURE]`
#[derive(Debug, Clone, Args)]
pub struct RehearseArgs {
    /// The procedure
    #[arg(value_name = "PROCEDURE", default_value = "rds-blue-green")]
    pub procedure: String,

    /// The whole run without a screen; the rehearsal gives the confirmations itself
    #[arg(long)]
    pub auto: bool,

    /// Rehearse the rollback as well
    #[arg(long, requires = "auto")]
    pub rollback: bool,

    /// End with one JSON object: pause, rows lost and duplicated, seconds per step, verdict
    #[arg(long, requires = "auto")]
    pub json: bool,

    /// Writers of the audited load
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub load: usize,

    /// PostgreSQL installations to use (bin folders; repeatable), beside those found on the machine
    #[arg(long = "pg-bin", value_name = "DIR")]
    pub pg_bin: Vec<PathBuf>,

    /// Patroni's major version, 3 (Debian's) or 4 (its Python package); patroni-guard
    #[arg(long, value_name = "MAJOR", default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=4))]
    pub patroni: u32,

    /// Use loopback addresses even where network namespaces are allowed (vip-switchover)
    #[arg(long)]
    pub loopback: bool,

    /// Colours
    #[arg(long, value_enum, env = "GREENLIGHT_THEME", default_value_t)]
    pub theme: ThemeName,
}

/// `greenlight runs`
#[derive(Debug, Clone, Args)]
pub struct RunsArgs {
    /// Print one JSON object per run
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub store: Store,
}

/// `greenlight report RUN`
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The run: its id, or a run folder
    #[arg(value_name = "RUN")]
    pub run: String,

    /// The format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    #[command(flatten)]
    pub store: Store,
}

/// A report's format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Markdown.
    #[default]
    Md,
    /// One self-contained page.
    Html,
    /// One JSON object.
    Json,
}

/// `greenlight watch RUN`
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// The run: its id, or a run folder
    #[arg(value_name = "RUN")]
    pub run: String,

    /// Colours
    #[arg(long, value_enum, env = "GREENLIGHT_THEME", default_value_t)]
    pub theme: ThemeName,

    #[command(flatten)]
    pub store: Store,
}

/// `greenlight fetch MAJOR…`
#[derive(Debug, Clone, Args)]
pub struct FetchArgs {
    /// Major versions, 10 to 18
    #[arg(value_name = "MAJOR", required_unless_present = "labs", value_parser = clap::value_parser!(u32).range(10..=18))]
    pub majors: Vec<u32>,

    /// Also what the other labs take: a second minor version of PostgreSQL 15, Patroni 4
    #[arg(long)]
    pub labs: bool,
}

/// `greenlight completions SHELL`
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// A few sessions: each may keep a core of a server busy.
fn session_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=64) => Ok(count),
        _ => Err("expected a number from 1 to 64".to_owned()),
    }
}

/// `STEP=PHRASE`, split at the first `=`.
fn confirmation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((step, phrase)) if !step.is_empty() && !phrase.is_empty() => {
            Ok((step.to_owned(), phrase.to_owned()))
        }
        _ => Err("expected STEP=PHRASE, as in cutover.switch='cut over shop-prod'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::confirmation;

    #[test]
    fn a_confirmation_is_split_at_its_first_equals_sign() {
        assert_eq!(
            confirmation("cutover.switch=a=b"),
            Ok(("cutover.switch".to_owned(), "a=b".to_owned()))
        );
        for bad in ["cutover.switch", "=phrase", "step="] {
            assert!(confirmation(bad).is_err(), "{bad}");
        }
    }
}
