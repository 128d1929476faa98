//! A world of things that are there or not, and a runbook of steps that make them.

use std::collections::BTreeSet;
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
    Action, Call, Context, Executor, Facts, Gate, Phase, Probe, Reply, Runbook, Step, StepError,
    StepInfo, StepResult, World,
};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

/// What is there.
#[derive(Clone, Default)]
pub struct Things(Arc<Mutex<BTreeSet<String>>>);

impl Things {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().cloned().collect()
    }

    fn has(&self, thing: &str) -> bool {
        self.0.lock().unwrap().contains(thing)
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
        let mut things = self.0.lock().unwrap();
        match verb {
            "make" => assert!(things.insert(thing.to_owned()), "{thing} was made twice"),
            "drop" => assert!(things.remove(thing), "{thing} was dropped twice"),
            _ => panic!("{text}"),
        }
        Ok(Reply::Done)
    }
}

struct Make {
    info: StepInfo,
    parts: [String; 2],
    things: Things,
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
                    What::State {
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
        runbook: Arc::new(runbook(things)),
        world: World {
            databases: Arc::new(Nowhere),
            rds: None,
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
