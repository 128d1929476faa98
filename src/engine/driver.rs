use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;

use super::drive::{GateChecks, Header, Trip};
use super::gate::Clearance;
use super::job::Job;
use super::machine::{Effect, Input, Machine};
use super::recorder::Scribe;
use super::resume::{Memory, plan_differences};
use crate::event::{Intent, Light, Outcome, StepState, What};
use crate::runbook::{
    Action, CheckReport, CheckResult, Context, Executor, Facts, Gate, Plan, Probe, Recorder as _,
    Risk, Runbook, Step, StepError, StepId, StepResult, Verdict, World,
};

/// Reading may take this long: a probe, or the checks of a gate.
const READING_LIMIT: Duration = Duration::from_secs(120);
const TOOL: &str = env!("CARGO_PKG_VERSION");

pub(super) struct Channels {
    pub(super) inputs: UnboundedReceiver<Input>,
    pub(super) intents: UnboundedReceiver<Intent>,
    pub(super) trips: Option<UnboundedReceiver<Trip>>,
    pub(super) cancel: CancellationToken,
    /// The operator's channel is closed.
    pub(super) deserted: bool,
}

pub(super) struct Driver {
    pub(super) machine: Machine,
    pub(super) runbook: Arc<Runbook>,
    pub(super) world: World,
    pub(super) executor: Arc<dyn Executor>,
    pub(super) gate_checks: Arc<dyn GateChecks>,
    pub(super) scribe: Arc<Scribe>,
    pub(super) inbox: UnboundedSender<Input>,
    pub(super) header: Header,
    pub(super) run: String,
    pub(super) job: Option<Job>,
    /// A dry run has left something out, so later steps may miss it.
    pub(super) pretended: bool,
}

impl Driver {
    pub(super) async fn run(
        mut self,
        memory: &Memory,
        began_with: Option<&Plan>,
        first: Option<Intent>,
        mut channels: Channels,
    ) -> Outcome {
        let mut input = match self.announce(memory, began_with) {
            Err(error) => Input::JournalLost(error.to_string()),
            Ok(()) => match first {
                Some(Intent::GoBack) if memory.going_back.is_some() => Input::Started,
                Some(intent) => Input::Intent(intent),
                None => Input::Started,
            },
        };
        loop {
            if let Some(outcome) = self.take(input).await {
                return outcome;
            }
            input = if self.machine.is_asleep() {
                // What was asked for first is refused; going on instead would be something else.
                Input::Intent(Intent::Park)
            } else {
                self.next(&mut channels).await
            };
        }
    }

    /// Everything that may come is announced, what differs from the beginning is said, what is done is told again.
    fn announce(&self, memory: &Memory, began_with: Option<&Plan>) -> Result<(), StepError> {
        self.scribe.note(
            None,
            What::Announced {
                run: self.run.clone(),
                profile: self.header.profile.clone(),
                plan: Box::new(Plan::of(&self.runbook, &memory.facts)),
                tool: TOOL.to_owned(),
                dry_run: self.header.dry_run,
                rehearsal: self.header.rehearsal,
                resumed: began_with.is_some(),
                blue_version: self.header.blue_version.clone(),
                green_version: self.header.green_version.clone(),
                sides: self.header.sides.clone(),
            },
        )?;
        if let Some(tool) = memory.tool.as_ref().filter(|tool| *tool != TOOL) {
            let text = format!("taken up by version {TOOL}, last driven by {tool}");
            self.scribe.note(None, What::Log { text })?;
        }
        if let Some(plan) = began_with {
            let now = Plan::of(&self.runbook, &Facts::default());
            for difference in plan_differences(plan, &now) {
                let text =
                    format!("the plan differs from the one the run began with: {difference}");
                self.scribe.note(None, What::Log { text })?;
            }
        }
        for (id, step) in &memory.steps {
            // Only what has an end: anything else is asked of the servers again when its turn comes.
            if let (Some(state @ (StepState::Done { .. } | StepState::Undone)), Some(at)) =
                (step.state.clone(), step.at)
            {
                self.scribe.tell(at, Some(id), What::State { state });
            }
        }
        Ok(())
    }

    async fn next(&self, channels: &mut Channels) -> Input {
        loop {
            tokio::select! {
                biased;
                () = channels.cancel.cancelled() => {
                    channels.cancel = CancellationToken::new();
                    return Input::Cancelled;
                }
                Some(input) = channels.inputs.recv() => return input,
                Some(trip) = next_trip(&mut channels.trips) => {
                    let stop = trip.light == Light::Stop;
                    let text = trip.text.clone();
                    let noted = self.scribe.note(None, What::Guardrail {
                        id: trip.id,
                        light: trip.light,
                        text: trip.text,
                    });
                    match noted {
                        Err(error) => return Input::JournalLost(error.to_string()),
                        Ok(()) if stop => return Input::GuardrailStop(text),
                        Ok(()) => {}
                    }
                }
                intent = channels.intents.recv(), if !channels.deserted => {
                    channels.deserted = intent.is_none();
                    return intent.map_or(Input::Cancelled, Input::Intent);
                }
            }
        }
    }

    /// Lets the machine take in `input` and does what it says. The outcome, once the process is done with the run.
    async fn take(&mut self, input: Input) -> Option<Outcome> {
        let mut effects = VecDeque::from(self.machine.handle(input));
        while let Some(effect) = effects.pop_front() {
            let done = match effect {
                Effect::Note(step, What::Confirmed { .. }) if self.header.dry_run => {
                    let text = "the gate was passed: in a dry run nobody confirms, nothing is sent";
                    let text = text.to_owned();
                    self.scribe.note(step.as_ref(), What::Log { text })
                }
                Effect::Note(step, what) => {
                    let noted = self.scribe.note(step.as_ref(), what.clone());
                    if noted.is_err() {
                        // It cannot be written any more, but it can be told.
                        self.scribe.tell(Timestamp::now(), step.as_ref(), what);
                    }
                    noted
                }
                Effect::Preview(step) => self.preview(&step),
                Effect::Probe(step) => {
                    self.probe(step).await;
                    Ok(())
                }
                Effect::CheckGate(step) => {
                    self.check_gate(step).await;
                    Ok(())
                }
                Effect::Apply(clearance) => self.apply(clearance).await,
                Effect::Undo(step) => {
                    self.undo(step).await;
                    Ok(())
                }
                Effect::Cancel => {
                    self.job.iter().for_each(Job::cancel);
                    Ok(())
                }
                Effect::End(outcome) => return Some(self.end(outcome).await),
            };
            if let Err(error) = done {
                let lost = self.machine.handle(Input::JournalLost(error.to_string()));
                // A machine that is over already has nothing to add: what it said stands.
                if !lost.is_empty() {
                    effects = lost.into();
                }
            }
        }
        None
    }

    async fn end(&mut self, outcome: Outcome) -> Outcome {
        if let Some(job) = self.job.take() {
            job.end().await;
        }
        let ended = What::Ended {
            outcome,
            run: self.run.clone(),
        };
        if self.scribe.note(None, ended.clone()).is_err() {
            self.scribe.tell(Timestamp::now(), None, ended);
        }
        outcome
    }

    fn preview(&self, step: &StepId) -> Result<(), StepError> {
        let Some(found) = self.runbook.step(step) else {
            return Ok(());
        };
        let actions = found.actions(&self.scribe.facts());
        let actions = actions.iter().map(Action::shown).collect();
        self.scribe.note(Some(step), What::Preview { actions })
    }

    async fn probe(&mut self, id: StepId) {
        let lenient = self.header.dry_run && self.pretended;
        self.start(id, true, async move |step, id, ctx| {
            let answer = match tokio::time::timeout(READING_LIMIT, step.get().probe(&ctx)).await {
                Ok(answer) => answer.map_err(|error| error.to_string()),
                Err(_) => Err(format!("no answer within {READING_LIMIT:?}")),
            };
            let answer = match answer {
                // What was left out makes the servers' answers fit nothing.
                Err(_) | Ok(Probe::Unknown(_)) if lenient => Ok(Probe::NotApplied),
                answer => answer,
            };
            Input::Probed(id, answer)
        })
        .await;
    }

    async fn check_gate(&mut self, id: StepId) {
        let checks = self.gate_checks.clone();
        let lenient = self.header.dry_run && self.pretended;
        self.start(id, true, async move |step, id, ctx| {
            let facts = ctx.facts();
            let asked = checks.ask(step.get().info(), &facts);
            let report = tokio::time::timeout(READING_LIMIT, asked)
                .await
                .unwrap_or_else(|_| silent_checks());
            for result in &report.checks {
                ctx.check(result);
            }
            let report = if lenient {
                CheckReport::default()
            } else {
                report
            };
            Input::GateChecked(id, report)
        })
        .await;
    }

    /// Applies the step that `clearance` is for, and uses it up.
    async fn apply(&mut self, clearance: Clearance) -> Result<(), StepError> {
        let id = clearance.step().clone();
        if self.header.dry_run && self.changes(&id) {
            self.pretended = true;
            self.preview(&id)?;
            let result = StepResult::Skipped("dry run: nothing was sent".to_owned());
            let _ = self.inbox.send(Input::StepEnded(id, Ok(result), 0));
            return Ok(());
        }
        if self
            .runbook
            .step(&id)
            .is_some_and(|step| step.info().gate == Gate::None)
        {
            // No gate has shown it, and what was learnt since the plan was made belongs in it.
            self.preview(&id)?;
        }
        let lenient = self.header.dry_run && self.pretended;
        self.start(id, false, async move |step, id, ctx| {
            let started = Instant::now();
            let result = step.get().apply(&ctx).await;
            let took_ms = millis(started.elapsed());
            drop(clearance);
            match result {
                Ok(result) => Input::StepEnded(id, Ok(result), took_ms),
                Err(error) if lenient => {
                    let text = format!("cannot be seen in a dry run: {error}");
                    Input::StepEnded(id, Ok(StepResult::Warning(text)), took_ms)
                }
                Err(StepError::Journal(reason)) => Input::JournalLost(reason),
                Err(error) => Input::failed(&id, &error, took_ms),
            }
        })
        .await;
        Ok(())
    }

    async fn undo(&mut self, id: StepId) {
        if self.header.dry_run && self.changes(&id) {
            let _ = self.inbox.send(Input::UndoEnded(id, Ok(()), 0));
            return;
        }
        self.start(id, false, async move |step, id, ctx| {
            let started = Instant::now();
            let result = step.get().undo(&ctx).await;
            let took_ms = millis(started.elapsed());
            match result {
                Err(StepError::Journal(reason)) => Input::JournalLost(reason),
                result => Input::UndoEnded(id, result.map_err(|error| error.to_string()), took_ms),
            }
        })
        .await;
    }

    fn changes(&self, id: &StepId) -> bool {
        let step = self.runbook.step(id);
        step.is_none_or(|step| step.info().risk != Risk::ReadOnly)
    }

    /// Starts the one thing that is under way; what only read before it is dropped.
    async fn start<F, Fut>(&mut self, id: StepId, reads: bool, work: F)
    where
        F: FnOnce(StepHandle, StepId, Context) -> Fut + Send + 'static,
        Fut: Future<Output = Input> + Send + 'static,
    {
        if let Some(job) = self.job.take() {
            job.end().await;
        }
        let cancel = CancellationToken::new();
        let ctx = Context::new(
            self.world.clone(),
            &self.run,
            id.clone(),
            self.executor.clone(),
            self.scribe.clone(),
            cancel.clone(),
        );
        let Some(step) = StepHandle::find(&self.runbook, &id) else {
            return;
        };
        let work = work(step, id.clone(), ctx);
        self.job = Some(Job::start(id, reads, cancel, self.inbox.clone(), work));
    }
}

/// A step kept alive by its runbook, so that a task can own it.
struct StepHandle {
    runbook: Arc<Runbook>,
    id: StepId,
}

impl StepHandle {
    fn find(runbook: &Arc<Runbook>, id: &StepId) -> Option<Self> {
        runbook.step(id).map(|_| Self {
            runbook: runbook.clone(),
            id: id.clone(),
        })
    }

    fn get(&self) -> &dyn Step {
        self.runbook
            .step(&self.id)
            // proven: looked up when the handle was made, and a runbook never changes
            .expect("found when the handle was made, and a runbook never changes")
    }
}

async fn next_trip(trips: &mut Option<UnboundedReceiver<Trip>>) -> Option<Trip> {
    match trips {
        Some(trips) => trips.recv().await,
        None => None,
    }
}

fn silent_checks() -> CheckReport {
    CheckReport {
        checks: vec![CheckResult {
            id: "gate-checks".to_owned(),
            verdict: Verdict::Block,
            unknown: true,
            node: "all".to_owned(),
            evidence: format!("no answer within {READING_LIMIT:?}"),
            remedy: "see which server is slow or out of reach, then confirm again".to_owned(),
            fix: None,
            gate: true,
        }],
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
