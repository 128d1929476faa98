//! `run`, `resume`, `rollback`: one run, on the screen or without one.

use std::any::Any;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::headless::{Answers, Printing, attend, operator};
use super::notify::notified;
use super::outfit::{Lookout, Outfit, Telling};
use super::{Ended, Failure, say};
use crate::adapters::Live;
use crate::cli::{ResumeArgs, RollbackArgs, RunArgs, RunOptions, ThemeName};
use crate::engine::fault::Fault;
use crate::engine::{Drive, Header, Memory, cancel_on_signals, drive};
use crate::event::{Event, Gauges, Intent, Outcome};
use crate::inspect::ObjectDiff;
use crate::journal::{OpenRun, Runs};
use crate::profile::{self, Hook, Profile};
use crate::runbook::{Facts, Plan};
use crate::tui;

/// A run that is ready to be driven.
pub struct Ready {
    drive: Drive,
    events: mpsc::UnboundedReceiver<Event>,
    intents: mpsc::UnboundedSender<Intent>,
    objects: watch::Receiver<Option<Arc<ObjectDiff>>>,
    header: tui::Header,
    lookout: Box<dyn Lookout>,
    telling: Telling,
    gauges: watch::Receiver<Gauges>,
    /// Held as long as the run is driven.
    lock: Box<dyn Any + Send + Sync>,
}

/// `greenlight run PROFILE`
pub async fn run(args: &RunArgs) -> Ended {
    let mut profile = profile::load(&args.profile)?;
    if !args.deploy_command.is_empty() {
        let procedure = profile.procedure();
        let none = || {
            Failure::new(format!(
                "--deploy-command is for patroni-guard; this profile is of {procedure}"
            ))
        };
        profile = profile
            .deploying(args.deploy_command.clone())
            .ok_or_else(none)?;
    }
    let runs = Runs::locate(args.options.store.runs_dir.as_deref())?;
    let ready = begin(profile, &runs, args.dry_run).await?;
    ready.attended(&args.options).await
}

/// `greenlight resume [RUN]`
pub async fn resume(args: &ResumeArgs) -> Ended {
    let runs = Runs::locate(args.options.store.runs_dir.as_deref())?;
    let id = match &args.run {
        Some(id) => id.clone(),
        None => only_unfinished(&runs)?,
    };
    take_up(&runs, &id, None)
        .await?
        .attended(&args.options)
        .await
}

/// `greenlight rollback RUN`
pub async fn rollback(args: &RollbackArgs) -> Ended {
    let runs = Runs::locate(args.options.store.runs_dir.as_deref())?;
    take_up(&runs, &args.run, Some(Intent::GoBack))
        .await?
        .attended(&args.options)
        .await
}

/// Begins a run of `profile`.
pub async fn begin(profile: Profile, runs: &Runs, dry_run: bool) -> Result<Ready, Failure> {
    let fresh = runs.prepare()?;
    let label = Label::of(&profile);
    let text = profile.text().to_owned();
    let nothing = Facts::default();
    let outfit = match Outfit::of(profile, &fresh.id, fresh.dir(), &nothing, None).await {
        Ok(outfit) => outfit,
        Err(failure) => {
            fresh.discard();
            return Err(failure);
        }
    };
    let run = fresh.begin(&text, &Plan::of(&outfit.runbook, &nothing))?;
    Ready::new(outfit, label, run, dry_run, None)
}

/// Takes up a run; `first` is what the operator wants before all else.
pub async fn take_up(runs: &Runs, id: &str, first: Option<Intent>) -> Result<Ready, Failure> {
    let run = runs.open(id)?;
    let profile = profile::parse(&run.dir.join("profile.toml"), &run.profile)?;
    let label = Label::of(&profile);
    let memory = Memory::of(&run.past);
    let outfit = Outfit::of(profile, &run.id, &run.dir, &memory.facts, Some(&run.plan)).await?;
    Ready::new(outfit, label, run, memory.dry_run, first)
}

/// What a profile says of itself beyond its procedure.
struct Label {
    name: String,
    notify: Option<Hook>,
}

impl Label {
    fn of(profile: &Profile) -> Self {
        Self {
            name: profile.name().to_owned(),
            notify: profile.notify().cloned(),
        }
    }
}

/// The one run that has not come to an end.
fn only_unfinished(runs: &Runs) -> Result<String, Failure> {
    let mut open = Vec::new();
    for id in runs.ids()? {
        let memory = Memory::of(&runs.view(&id)?.events);
        if !matches!(memory.outcome, Some(Outcome::Done | Outcome::RolledBack)) {
            open.push(id);
        }
    }
    match open.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::new(
            "no run is unfinished; `greenlight runs` lists them all",
        )),
        several => Err(Failure::new(format!(
            "several runs are unfinished: {}; name one",
            several.join(", ")
        ))),
    }
}

impl Ready {
    fn new(
        outfit: Outfit,
        label: Label,
        run: OpenRun,
        dry_run: bool,
        first: Option<Intent>,
    ) -> Result<Self, Failure> {
        let (events_out, events) = mpsc::unbounded_channel();
        let hook = label.notify.filter(|_| !dry_run);
        let events = notified(hook, &run.id, Arc::clone(&outfit.world.commands), events);
        let (intents, intents_in) = mpsc::unbounded_channel();
        let (blue_version, green_version) = outfit.versions;
        let header = tui::Header {
            profile: label.name.clone(),
            blue_version: blue_version.clone(),
            green_version: green_version.clone(),
            sides: outfit.sides.clone(),
            disposable: false,
        };
        let (trips_out, trips) = mpsc::unbounded_channel();
        let (gauges_out, gauges) = watch::channel(Gauges::default());
        let drive = Drive {
            runbook: Arc::new(outfit.runbook),
            executor: Arc::new(Live::new(&outfit.world)),
            gate_checks: outfit.gate_checks,
            run,
            intents: intents_in,
            trips: Some(trips),
            events: events_out,
            cancel: cancel_on_signals()?,
            first,
            header: Header {
                profile: label.name,
                operator: operator(),
                blue_version,
                green_version,
                sides: outfit.sides,
                dry_run,
                rehearsal: outfit.rehearsal,
                fault: Fault::from_environment().map_err(Failure::new)?,
            },
            world: outfit.world,
        };
        Ok(Self {
            drive,
            events,
            intents,
            objects: outfit.objects,
            header,
            lookout: outfit.lookout,
            telling: Telling {
                gauges: gauges_out,
                trips: trips_out,
            },
            gauges,
            lock: outfit.lock,
        })
    }

    /// The run of servers that go once the screen closes: nothing invites to take it up again.
    #[must_use]
    pub fn on_disposable_servers(mut self) -> Self {
        self.header.disposable = true;
        self
    }

    /// BLUE's and GREEN's version, as shown.
    #[must_use]
    pub fn versions(&self) -> (String, String) {
        (
            self.header.blue_version.clone(),
            self.header.green_version.clone(),
        )
    }

    /// Drives the run as the options say: on the screen, or without one.
    pub async fn attended(self, options: &RunOptions) -> Ended {
        let outcome = if options.headless {
            let printing = if options.json {
                Printing::Json
            } else {
                Printing::Lines
            };
            let answers = Answers {
                given: options.confirm.iter().cloned().collect(),
                ..Answers::default()
            };
            self.headless(answers, printing, |_| {}).await
        } else if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
            let run = self.drive.run.id.clone();
            let outcome = self.on_screen(options.theme).await?;
            say(&match outcome {
                Outcome::Done => format!("run {run} is done: greenlight report {run}"),
                Outcome::RolledBack => format!("run {run} is rolled back: greenlight report {run}"),
                Outcome::Parked => format!("run {run} is parked: greenlight resume {run}"),
                Outcome::Stuck => {
                    format!("run {run} needs a human to look: greenlight resume {run}")
                }
            });
            outcome
        } else {
            return Err(Failure::new("there is no terminal here: use --headless"));
        };
        Ok(ExitCode::from(outcome.exit_code()))
    }

    /// Drives the run without a screen.
    pub async fn headless(
        self,
        answers: Answers,
        printing: Printing,
        seen: impl FnMut(&Event),
    ) -> Outcome {
        let rehearsal = self.drive.header.rehearsal;
        let lookout = tokio::spawn(self.lookout.keep(self.telling));
        let engine = tokio::spawn(drive(self.drive));
        attend(
            answers,
            rehearsal,
            printing,
            self.events,
            self.intents,
            seen,
        )
        .await;
        let outcome = engine.await.unwrap_or(Outcome::Stuck);
        lookout.abort();
        drop(self.lock);
        outcome
    }

    /// Drives the run on the screen.
    pub async fn on_screen(self, theme: ThemeName) -> Result<Outcome, Failure> {
        let export_dir = self.drive.run.dir.clone();
        let lookout = tokio::spawn(self.lookout.keep(self.telling));
        let engine = tokio::spawn(drive(self.drive));
        let wizard = tui::Wizard {
            header: self.header,
            events: self.events,
            gauges: self.gauges,
            objects: self.objects,
            intents: Some(self.intents.clone()),
            options: tui::Options {
                looks: looks(theme),
                export_dir,
                ..tui::Options::default()
            },
        };
        // A task of its own: a panic in the screen must not take the engine along.
        let left = tokio::spawn(tui::run(wizard)).await;
        // The screen is gone; the action in hand comes to its end, then the run is parked.
        let _ = self.intents.send(Intent::Park);
        let outcome = engine.await.unwrap_or(Outcome::Stuck);
        lookout.abort();
        drop(self.lock);
        if let Ok(left) = left {
            left?;
        }
        Ok(outcome)
    }
}

/// The looks a theme option asks for.
#[must_use]
pub fn looks(theme: ThemeName) -> tui::Looks {
    match theme {
        ThemeName::Auto => tui::Looks::from_env(None),
        ThemeName::Dark => tui::Looks::Dark,
        ThemeName::Light => tui::Looks::Light,
        ThemeName::Mono => tui::Looks::Mono,
    }
}
