//! `greenlight` without a command: the start screen, and what is chosen there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::runs::list;
use super::{Ended, Failure, rehearse, run};
use crate::cli::{RehearseArgs, ResumeArgs, RunArgs, RunOptions, ThemeName};
use crate::journal::Runs;
use crate::profile;
use crate::tui::{self, Choice, Start, StartItem};

/// Writers of a rehearsal begun from the start screen.
const WRITERS: usize = 16;

/// Shows the start screen and does what is chosen.
pub async fn run() -> Ended {
    let start = Start {
        runs: open_runs()?,
        profiles: profiles(),
        rehearsals: rehearsals(),
    };
    match tui::start_screen(start, &tui::Options::default()).await? {
        None => Ok(ExitCode::SUCCESS),
        Some(Choice::Profile(profile)) => {
            run::run(&RunArgs {
                profile,
                dry_run: false,
                options: RunOptions::default(),
                deploy_command: Vec::new(),
            })
            .await
        }
        Some(Choice::Resume(id)) => {
            run::resume(&ResumeArgs {
                run: Some(id),
                options: RunOptions::default(),
            })
            .await
        }
        Some(Choice::Rehearse(procedure)) => {
            let args = RehearseArgs {
                procedure,
                auto: false,
                rollback: false,
                json: false,
                load: WRITERS,
                pg_bin: Vec::new(),
                patroni: 3,
                loopback: false,
                theme: ThemeName::Auto,
            };
            rehearse::run(&args).await
        }
    }
}

fn open_runs() -> Result<Vec<StartItem>, Failure> {
    let open = list(&Runs::locate(None)?)?
        .into_iter()
        .filter(super::runs::RunLine::is_open);
    let item = |line: super::runs::RunLine| {
        let detail = format!("{}, {}", line.profile, line.stands());
        let choice = if line.driven_by.is_some() {
            Err(format!("{detail}; greenlight watch {} looks on", line.run))
        } else {
            Ok(Choice::Resume(line.run.clone()))
        };
        StartItem {
            title: line.run,
            detail,
            choice,
        }
    };
    Ok(open.map(item).collect())
}

/// Profiles in this folder, in `profiles` beside it, and in the user's `greenlight` configuration folder.
fn profiles() -> Vec<StartItem> {
    let mut folders = vec![PathBuf::from("."), PathBuf::from("profiles")];
    if let Ok(user) = etcetera::base_strategy::Xdg::new() {
        folders.push(etcetera::BaseStrategy::config_dir(&user).join("greenlight"));
    }
    let mut files: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    files
        .iter()
        .filter(|path| names_a_procedure(path))
        .map(|path| profile_item(path))
        .collect()
}

/// Other TOML files lie in folders, too; only one that names a procedure is meant for us.
fn names_a_procedure(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| {
        line.split('=')
            .next()
            .is_some_and(|key| key.trim() == "procedure")
    })
}

fn profile_item(path: &Path) -> StartItem {
    match profile::load(path) {
        Ok(profile) => StartItem {
            title: profile.name().to_owned(),
            detail: format!(
                "{}, {}, {}",
                profile.procedure(),
                profile.about(),
                path.display()
            ),
            choice: Ok(Choice::Profile(path.to_owned())),
        },
        Err(errors) => StartItem {
            title: path.display().to_string(),
            detail: "cannot be used as it is".to_owned(),
            choice: Err(errors.to_string()),
        },
    }
}

fn rehearsals() -> Vec<StartItem> {
    [
        (
            "rds-blue-green",
            "disposable servers on this machine, a write load, the whole upgrade 15 → 17",
        ),
        (
            "patroni-guard",
            "etcd and three Patroni members on this machine, a write load, a deployment that can be rolled back",
        ),
        (
            "vip-switchover",
            "a primary and its standby in network namespaces, a virtual IP, a write load, the minor upgrade of both",
        ),
    ]
    .map(|(procedure, detail)| StartItem {
        title: procedure.to_owned(),
        detail: detail.to_owned(),
        choice: Ok(Choice::Rehearse(procedure.to_owned())),
    })
    .into()
}
