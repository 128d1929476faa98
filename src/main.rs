//! The `greenlight` binary: parse, dispatch, exit code.

use std::io::IsTerminal as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use greenlight::cli::{Cli, Command};
use greenlight::commands::{self, Ended, Failure};
use greenlight::domain::visible_lines;
use tracing_subscriber::EnvFilter;

/// Bad usage or profile, or a server out of reach.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(code) => code,
        Err(failure) => {
            // Servers' messages and names are in it.
            commands::say(&visible_lines(&format!("greenlight: {failure}")));
            ExitCode::from(REFUSED)
        }
    }
}

fn start(cli: Cli) -> Ended {
    color_eyre::install().map_err(|error| Failure::new(error.to_string()))?;
    // Both the database driver and the AWS SDK then find the same TLS provider; a second installation is refused.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The guard writes out what is buffered when `start` returns.
    let _log = cli.log_file.as_deref().map(log_to).transpose()?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(dispatch(cli))
}

async fn dispatch(cli: Cli) -> Ended {
    let Some(command) = cli.command else {
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            return commands::start::run().await;
        }
        Cli::command().print_help()?;
        return Ok(ExitCode::from(REFUSED));
    };
    match command {
        Command::Run(args) => commands::run::run(&args).await,
        Command::Resume(args) => commands::run::resume(&args).await,
        Command::Rollback(args) => commands::run::rollback(&args).await,
        Command::Panic(args) => commands::panic::run(&args).await,
        Command::Rehearse(args) => commands::rehearse::run(&args).await,
        Command::Check(args) => commands::check::run(&args).await,
        Command::Plan(args) => commands::plan::run(&args),
        Command::Diff(args) => commands::diff::run(&args).await,
        Command::Compare(args) => commands::compare::run(&args).await,
        Command::Runs(args) => commands::runs::run(&args),
        Command::Watch(args) => commands::watch::run(&args).await,
        Command::Report(args) => commands::report::run(&args),
        Command::Lab(args) => commands::lab::run(args).await,
        Command::Fetch(args) => commands::fetch::run(&args).await,
        Command::Completions(args) => commands::completions::run(&args),
        Command::Man => commands::completions::man(),
    }
}

/// Logs to a file and to nothing else: the screen belongs to the wizard.
fn log_to(path: &Path) -> Result<tracing_appender::non_blocking::WorkerGuard, Failure> {
    let refused = |error| Failure::new(format!("log file {}: {error}", path.display()));
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(refused)?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let subscriber = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        // Fixed: at finer levels other crates write what they send, secrets included.
        .with_env_filter(EnvFilter::new("warn,greenlight=debug"))
        .finish();
    // Not `try_init`: that may collect the `log` facade as well, to which the driver writes statements word for word.
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(guard)
}
