use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::sides::Sides;
use super::{Ended, Failure, print, print_json};
use crate::cli::CompareArgs;
use crate::domain::visible_lines;
use crate::inspect::compare::{RowDifference, RowVerdict, script};
use crate::inspect::{CompareOptions, CompareWatcher, Comparison, TableComparison, compare};

/// The name sessions of this command carry where a run's would stand.
const RUN: &str = "compare";

/// Rows of a table that people are shown; JSON and repair script hold them all.
const SHOWN: usize = 20;

/// Compares the data of both sides; exit code 1 when a row differs or a table could not be compared.
pub async fn run(args: &CompareArgs) -> Ended {
    if let Some(file) = args.repair.as_deref().filter(|file| file.exists()) {
        return Err(Failure::new(format!(
            "{} exists already and is not written over. Nothing was compared.",
            file.display()
        )));
    }
    let sides = Sides::reach(&args.servers, RUN).await?;
    let mut options = CompareOptions {
        tables: args.table.clone(),
        strict_text: args.strict_text,
        sessions: args.sessions,
        repair: args.repair.is_some(),
        ..CompareOptions::default()
    };
    if let Some(profile) = &sides.profile {
        options.schemas.clone_from(&profile.schemas);
        options.own_schema.clone_from(&profile.names.schema);
    }
    let watch = Terminal::new();
    let mut whole = Comparison {
        equal: true,
        ..Comparison::default()
    };
    for (blue, green) in &sides.pairs {
        let mut found = compare(&sides.databases, (blue, green), &options, &watch).await?;
        if sides.pairs.len() > 1 {
            for table in &mut found.tables {
                table.database = Some(blue.database.clone());
            }
        }
        whole.equal &= found.equal;
        whole.tables.append(&mut found.tables);
        whole.skipped.append(&mut found.skipped);
    }
    if whole.tables.is_empty() && !args.table.is_empty() {
        return Err(Failure::new(format!(
            "neither side has a table {}",
            args.table.join(", ")
        )));
    }
    if let Some(file) = &args.repair {
        write_private(file, &script(&whole))?;
        eprintln!("proposed repair of GREEN, not run: {}", file.display());
    }
    if args.json {
        print_json(&whole)?;
    } else {
        print(&visible_lines(&words(&whole)))?;
    }
    Ok(ExitCode::from(u8::from(!whole.equal)))
}

/// It holds rows of the database, so it is its owner's alone.
fn write_private(file: &Path, text: &str) -> Result<(), Failure> {
    let refused = |error| Failure::new(format!("the repair script {}: {error}", file.display()));
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut out| out.write_all(text.as_bytes()))
        .map_err(refused)
}

/// For people: what is not equal, then the sum.
fn words(found: &Comparison) -> String {
    let mut lines = Vec::new();
    for table in found.tables.iter().filter(|table| !table.equal) {
        let database = table.database.iter().map(|name| format!("{name}."));
        lines.push(database.collect::<String>() + &table.line());
        lines.extend(table.differing.iter().take(SHOWN).map(row));
        if table.differing.len() > SHOWN {
            lines.push(format!("  and {} more", table.differing.len() - SHOWN));
        }
    }
    for skipped in &found.skipped {
        lines.push(format!(
            "{}.{}: not compared, {}",
            skipped.schema, skipped.name, skipped.why
        ));
    }
    lines.push(found.line());
    lines.join("\n") + "\n"
}

fn row(row: &RowDifference) -> String {
    let key: Vec<_> = row
        .key
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let verdict = match row.verdict {
        RowVerdict::Differs => format!("differs in {}", row.columns.join(", ")),
        RowVerdict::MissingOnGreen => "missing on GREEN".to_owned(),
        RowVerdict::MissingOnBlue => "missing on BLUE".to_owned(),
    };
    format!("  {}: {verdict}", key.join(" "))
}

/// Says on standard error how far it is; Ctrl-C ends the statements on the servers, too.
struct Terminal {
    stopped: Arc<AtomicBool>,
}

impl Terminal {
    fn new() -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stopped);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                asked.store(true, Ordering::Relaxed);
            }
        });
        Self { stopped }
    }
}

impl CompareWatcher for Terminal {
    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn table(&self, table: &TableComparison) {
        eprintln!("{}", visible_lines(&table.line()));
    }
}
