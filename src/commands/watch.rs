//! `greenlight watch`: a read-only view of a run from a second terminal, fed by its journal.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::run::looks;
use super::{Ended, Failure};
use crate::cli::WatchArgs;
use crate::event::Gauges;
use crate::journal::{Follower, Runs};
use crate::tui;

/// How often the journal is looked at.
const EVERY: Duration = Duration::from_millis(200);

/// `greenlight watch RUN`
pub async fn run(args: &WatchArgs) -> Ended {
    let path = if Path::new(&args.run).join("journal.jsonl").is_file() {
        Path::new(&args.run).join("journal.jsonl")
    } else {
        Runs::locate(args.store.runs_dir.as_deref())?.journal(&args.run)?
    };
    let mut follower = Follower::new(&path)?;
    let (send, events) = mpsc::unbounded_channel();
    let following: tokio::task::JoinHandle<Result<(), Failure>> = tokio::spawn(async move {
        loop {
            for event in follower.news()? {
                if send.send(event).is_err() {
                    return Ok(());
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    });
    let (_gauges, gauges) = watch::channel(Gauges::default());
    let (_objects, objects) = watch::channel(None);
    let wizard = tui::Wizard {
        header: tui::Header::default(),
        events,
        gauges,
        objects,
        intents: None,
        options: tui::Options {
            looks: looks(args.theme),
            ..tui::Options::default()
        },
    };
    let left = tui::run(wizard).await;
    let followed = if following.is_finished() {
        following.await.ok()
    } else {
        None
    };
    left?;
    if let Some(Err(failure)) = followed {
        return Err(failure);
    }
    Ok(ExitCode::SUCCESS)
}
