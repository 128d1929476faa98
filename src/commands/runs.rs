//! `greenlight runs`: past and open runs, newest first.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::{Ended, Failure, print, print_json};
use crate::cli::RunsArgs;
use crate::domain::visible_lines;
use crate::engine::Memory;
use crate::event::Outcome;
use crate::journal::Runs;

/// One run of the list.
#[derive(Debug, Serialize)]
pub struct RunLine {
    /// Its id.
    pub run: String,
    /// The profile's name.
    pub profile: String,
    /// When it began.
    pub begun: Option<Timestamp>,
    /// How its last process ended; `None` while one drives it, or when it was killed.
    pub outcome: Option<Outcome>,
    /// Why it is parked.
    pub parked: Option<String>,
    /// The process that drives it now.
    pub driven_by: Option<String>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

impl RunLine {
    /// True when it can be taken up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.damaged.is_none() && !matches!(self.outcome, Some(Outcome::Done | Outcome::RolledBack))
    }

    /// Where it stands, in words.
    #[must_use]
    pub fn stands(&self) -> String {
        if let Some(damage) = &self.damaged {
            return format!("cannot be read: {damage}");
        }
        if let Some(process) = &self.driven_by {
            return format!("is driven by {}", process.trim());
        }
        match self.outcome {
            Some(Outcome::Done) => "done".to_owned(),
            Some(Outcome::RolledBack) => "rolled back".to_owned(),
            Some(Outcome::Stuck) => "needs a human".to_owned(),
            Some(Outcome::Parked) => self
                .parked
                .as_ref()
                .map_or_else(|| "parked".to_owned(), |why| format!("parked: {why}")),
            None => "was broken off".to_owned(),
        }
    }
}

/// `greenlight runs`
pub fn run(args: &RunsArgs) -> Ended {
    let lines = list(&Runs::locate(args.store.runs_dir.as_deref())?)?;
    for line in &lines {
        if args.json {
            print_json(line)?;
        } else {
            let begun = line.begun.map_or_else(
                || "-".to_owned(),
                |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            );
            print(&visible_lines(&format!(
                "{}  {begun}  {}  {}\n",
                line.run,
                line.profile,
                line.stands()
            )))?;
        }
    }
    if lines.is_empty() && !args.json {
        eprintln!("there are no runs");
    }
    Ok(ExitCode::SUCCESS)
}

/// All runs, newest first; one that cannot be read says why.
pub fn list(runs: &Runs) -> Result<Vec<RunLine>, Failure> {
    let line = |id: String| match runs.view(&id) {
        Ok(view) => {
            let memory = Memory::of(&view.events);
            RunLine {
                run: id,
                profile: memory.profile,
                begun: view.events.first().map(|event| event.at),
                outcome: memory.outcome.filter(|_| view.driven_by.is_none()),
                parked: memory.parked,
                driven_by: view.driven_by,
                damaged: None,
            }
        }
        Err(error) => RunLine {
            run: id,
            profile: String::new(),
            begun: None,
            outcome: None,
            parked: None,
            driven_by: None,
            damaged: Some(error.to_string()),
        },
    };
    let mut lines: Vec<_> = runs.ids()?.into_iter().map(line).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.begun));
    Ok(lines)
}
