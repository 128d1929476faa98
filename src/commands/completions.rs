use std::process::ExitCode;

use clap::CommandFactory;

use super::{Ended, print};
use crate::cli::{Cli, CompletionsArgs};

/// Prints a shell's completion script.
pub fn run(args: &CompletionsArgs) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "greenlight", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page, roff.
pub fn man() -> Ended {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(ExitCode::SUCCESS)
}
