//! A world of things that are there or not, and a runbook of steps that make them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use greenlight::domain::{Node, Place, Sql};
use greenlight::engine::{Drive, Header, NoGateChecks, drive, fault::Fault};
use greenlight::event::{Event, Intent, Outcome, What};
use greenlight::journal::OpenRun;
use greenlight::ports::{
    CommandError, CommandOutput, CommandSpec, Commands, Databases, DbError, DbErrorKind, OnLine,
    Session,
};
use greenlight::runbook::{
    Action, Call, Context, Danger, Executor, Facts, Gate, PauseEvent, Phase, Probe, Reply, Runbook,
    Step, StepError, StepId, StepInfo, StepResult, World,
};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

/// What is there.
#[derive(Clone, Default)]
pub struct Things(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    there: BTreeSet<String>,
    journal: Option<PathBuf>,
    sent: usize,
    unannounced: Vec<String>,
}

impl Things {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().there.iter().cloned().collect()
    }

    /// What was sent although no intent on the disk speaks of it.
    pub fn unannounced(&self) -> Vec<String> {
        self.0.lock().unwrap().unannounced.clone()
    }

    pub fn put(&self, thing: &str) {
        self.0.lock().unwrap().there.insert(thing.to_owned());
    }

    pub fn take(&self, thing: &str) {
        self.0.lock().unwrap().there.remove(thing);
    }

    pub fn has(&self, thing: &str) -> bool {
        self.0.lock().unwrap().there.contains(thing)
    }
}

impl Inside {
    /// Whether the journal, as another process would find it, holds an intent for each action so far and ends in this.
    fn announces(&self, text: &str) -> bool {
        let journal = self.journal.as_ref().unwrap();
        let events = greenlight::journal::read(journal).unwrap().events;
        let mut intents = events.iter().filter_map(|event| match &event.what {
            What::Intent { action, .. } => Some(action.text.as_str()),
            _ => None,
        });
        intents.clone().count() >= self.sent && intents.any(|intent| intent == text)
    }
}

#[async_trait]
impl Executor for Things {
    async fn execute(&self, action: &Action, _on_line: OnLine<'_>) -> Result<Reply, StepError> {
        let Call::Sql(sql) = &action.call else {
            panic!("only statements are sent here");
        };
        let text = sql.shown();
        let (verb, thing) = text.split_once(' ').unwrap();
        let mut inside = self.0.lock().unwrap();
        inside.sent += 1;
        if !inside.announces(&text) {
            inside.sent -= 1;
            inside.unannounced.push(text.clone());
        }
        let things = &mut inside.there;
        match verb {
            "make" => assert!(things.insert(thing.to_owned()), "{thing} was made twice"),
            "drop" => assert!(things.remove(thing), "{thing} was dropped twice"),
            // As LOGIN and NOLOGIN: saying it again does no harm.
            "shut" => drop(things.insert(thing.to_owned())),
            "open" => drop(things.remove(thing)),
            _ => panic!("{text}"),
        }
        Ok(Reply::Done)
    }
}

/// The write pause in small: shut, move, and beyond the point of no return settle.
struct Pause {
    info: StepInfo,
    things: Things,
}

#[async_trait]
impl Step for Pause {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(
            match (self.things.has("settled"), self.things.has("fence")) {
                (true, _) => Probe::Applied,
                (false, true) => Probe::TakeBack("shut".to_owned()),
                (false, false) => Probe::NotApplied,
            },
        )
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        vec![action("shut", "fence").undone_by([action("open", "fence")])]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let closed = async {
            ctx.pause(PauseEvent::Part { index: 0 })?;
            ctx.send_all(&self.actions(&ctx.facts())).await?;
            ctx.pause(PauseEvent::Part { index: 1 })?;
            ctx.send(&action("shut", "sequences")).await?;
            assert!(!self.things.has("a fault of the tool"), "on purpose");
            ctx.pause(PauseEvent::PointOfNoReturn)
        };
        if let Err(why) = closed.await {
            self.undo(ctx).await?;
            return match why {
                StepError::Journal(_) => Err(why),
                why => Ok(StepResult::TakenBack(why.to_string())),
            };
        }
        ctx.rescue(&action("make", "settled")).await?;
        Ok(StepResult::Done("settled".to_owned()))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        ctx.rescue(&action("open", "fence")).await.map(drop)
    }
}

struct Make {
    info: StepInfo,
    parts: [String; 2],
    things: Things,
    /// It begins with the point of no return.
    crosses: bool,
}

fn action(verb: &str, thing: &str) -> Action {
    let place = Place::new(Node::blue(), "shop");
    Action::sql(&place, Sql::verbatim(format!("{verb} {thing}"))).within(Duration::from_millis(200))
}

#[async_trait]
impl Step for Make {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        let there = self.parts.iter().filter(|part| self.things.has(part));
        Ok(match there.count() {
            0 => Probe::NotApplied,
            2 => Probe::Applied,
            _ => Probe::Partial("half of it".to_owned()),
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.parts
            .iter()
            .filter(|part| !self.things.has(part))
            .map(|part| action("make", part).undone_by([action("drop", part)]))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        if self.crosses {
            ctx.pause(PauseEvent::PointOfNoReturn)?;
        }
        ctx.send_all(&self.actions(&ctx.facts())).await?;
        Ok(StepResult::Done("made".to_owned()))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        for part in self.parts.iter().rev().filter(|part| self.things.has(part)) {
            ctx.send(&action("drop", part)).await?;
        }
        Ok(())
    }
}

/// Three steps: one by itself, one behind Enter, one behind a phrase.
pub fn runbook(things: &Things) -> Runbook {
    let gates = [
        ("one", Gate::None),
        ("two", Gate::Enter),
        ("three", Gate::Phrase("make three".to_owned())),
    ];
    let steps = gates.map(|(id, gate)| {
        Box::new(Make {
            info: StepInfo::new(id, id, "so that it is there").gate(gate),
            parts: [format!("{id}.a"), format!("{id}.b")],
            things: things.clone(),
            crosses: false,
        }) as Box<dyn Step>
    });
    Runbook {
        procedure: "test",
        forward: vec![Phase {
            id: "all",
            title: "All".to_owned(),
            steps: steps.into(),
        }],
        rollback: Vec::new(),
        point_of_no_return: None,
        way_back_ends: None,
    }
}

/// One write pause.
pub fn pause(things: &Things) -> Runbook {
    let mut info = StepInfo::new("switch", "switch", "why")
        .gate(Gate::Phrase("switch".to_owned()))
        .danger(Danger::default());
    info.pause = true;
    Runbook {
        forward: vec![Phase {
            id: "all",
            title: "All".to_owned(),
            steps: vec![Box::new(Pause {
                info,
                things: things.clone(),
            })],
        }],
        point_of_no_return: Some(StepId::new("switch")),
        ..runbook(things)
    }
}

/// One step of two parts behind a phrase; when it `crosses` both are beyond the point of no return.
pub fn in_two_parts(things: &Things, crosses: bool) -> Runbook {
    let info = StepInfo::new("three", "three", "why")
        .gate(Gate::Phrase("make three".to_owned()))
        .danger(Danger::default());
    let step = Make {
        info,
        parts: ["three.a", "three.b"].map(str::to_owned),
        things: things.clone(),
        crosses,
    };
    Runbook {
        forward: vec![Phase {
            id: "all",
            title: "All".to_owned(),
            steps: vec![Box::new(step)],
        }],
        point_of_no_return: Some(StepId::new("three")),
        ..runbook(things)
    }
}

struct Nowhere;

#[async_trait]
impl Databases for Nowhere {
    async fn shared(&self, place: &Place) -> Result<Arc<dyn Session>, DbError> {
        Err(DbError {
            place: place.clone(),
            kind: DbErrorKind::Connect,
            sqlstate: None,
            message: "nothing is here".to_owned(),
            detail: None,
        })
    }

    async fn dedicated(&self, place: &Place, _purpose: &str) -> Result<Arc<dyn Session>, DbError> {
        self.shared(place).await
    }

    fn set_address(&self, _node: &Node, _host: &str, _port: u16) {}

    fn address(&self, _node: &Node) -> Option<(String, u16)> {
        None
    }
}

#[async_trait]
impl Commands for Nowhere {
    async fn run(
        &self,
        command: &CommandSpec,
        _on_line: OnLine<'_>,
    ) -> Result<CommandOutput, CommandError> {
        Err(CommandError::Start {
            program: command.argv.join(" "),
            reason: "nothing is here".to_owned(),
        })
    }
}

/// What the operator of a test does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Confirms every gate, parks at what fails.
    Confirms,
    /// Confirms until this step's gate opens, then goes back.
    GoesBackAt(&'static str),
}

pub struct Driven {
    pub outcome: Outcome,
    pub events: Vec<Event>,
}

/// Drives the run to its end; the operator answers as the events come.
pub async fn run(things: &Things, run: OpenRun, operator: Operator, fault: Option<&str>) -> Driven {
    run_book(runbook(things), things, run, operator, fault).await
}

/// As [`run`], along another runbook.
pub async fn run_book(
    runbook: Runbook,
    things: &Things,
    run: OpenRun,
    operator: Operator,
    fault: Option<&str>,
) -> Driven {
    things.0.lock().unwrap().journal = Some(run.dir.join("journal.jsonl"));
    let (intent_to, intents) = unbounded_channel();
    let (events, mut event_from) = unbounded_channel::<Event>();
    let answering = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(event) = event_from.recv().await {
            let step = event.step.clone();
            let intent = match (&event.what, step) {
                (What::Gate { .. }, Some(step))
                    if operator == Operator::GoesBackAt(leak(&step)) =>
                {
                    Some(Intent::GoBack)
                }
                (What::Gate { phrase: None }, Some(step)) => Some(Intent::Next { step }),
                (
                    What::Gate {
                        phrase: Some(phrase),
                    },
                    Some(step),
                ) => Some(Intent::Confirm {
                    step,
                    phrase: phrase.clone(),
                }),
                (
                    What::GateRefused { .. }
                    | What::State {
                        state: greenlight::event::StepState::Failed { .. },
                    },
                    _,
                ) => Some(Intent::Park),
                _ => None,
            };
            seen.push(event);
            if let Some(intent) = intent {
                let _ = intent_to.send(intent);
            }
        }
        seen
    });
    let outcome = drive(Drive {
        runbook: Arc::new(runbook),
        world: World {
            databases: Arc::new(Nowhere),
            rds: None,
            hosts: None,
            patroni: None,
            commands: Arc::new(Nowhere),
        },
        executor: Arc::new(things.clone()),
        run,
        gate_checks: Arc::new(NoGateChecks),
        intents,
        trips: None,
        events,
        cancel: CancellationToken::new(),
        first: None,
        header: Header {
            blue_version: "15.18".to_owned(),
            green_version: "17.10".to_owned(),
            sides: None,
            profile: "test".to_owned(),
            operator: "tester@here".to_owned(),
            rehearsal: true,
            fault: fault.map(|text| text.parse::<Fault>().unwrap()),
            dry_run: false,
        },
    })
    .await;
    Driven {
        outcome,
        events: answering.await.unwrap(),
    }
}

fn leak(step: &greenlight::runbook::StepId) -> &'static str {
    ["one", "two", "three"]
        .into_iter()
        .find(|known| *known == step.as_str())
        .unwrap_or("")
}
