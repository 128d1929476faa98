//! `greenlight report`: the evidence of one run.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use jiff::tz::TimeZone;

use super::{Ended, Failure, print, print_json};
use crate::cli::{Format, ReportArgs};
use crate::journal::{RunView, Runs};
use crate::report::{Report, html, markdown};

/// Prints the report of a run, named by its id or by its folder, wherever that stands now.
pub fn run(args: &ReportArgs) -> Ended {
    let view = look_at(&args.run, args.store.runs_dir.as_deref())?;
    let report = Report::of(&view, &TimeZone::system());
    match args.format {
        Format::Json => print_json(&report)?,
        Format::Md => print(&markdown(&report))?,
        Format::Html => print(&html(&report))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The run of this id, or in this folder.
fn look_at(run: &str, runs_dir: Option<&Path>) -> Result<RunView, Failure> {
    if !Path::new(run).join("journal.jsonl").is_file() {
        return Ok(Runs::locate(runs_dir)?.view(run)?);
    }
    // Spelled out, so that `.` and a closing slash have a name as well.
    let folder = fs::canonicalize(run)?;
    match (
        folder.parent(),
        folder.file_name().and_then(|name| name.to_str()),
    ) {
        (Some(parent), Some(name)) => Ok(Runs::locate(Some(parent))?.view(name)?),
        _ => Err(Failure::new(format!(
            "{run} is not a folder that can be read as a run"
        ))),
    }
}
