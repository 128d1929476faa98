//! The pure transition function: what happened goes in, the new state and what to do come out. No IO, no clock.
//!
//! At most one thing is under way at any time. Steps of a half are done in order, so what has been done is always a
//! beginning of it, and going back undoes that beginning from its end.

mod back;
mod forward;
#[cfg(test)]
mod tests;

use super::gate::{Answer, Clearance};
use super::resume::Memory;
use crate::event::{Intent, Outcome, StepState, What};
use crate::runbook::{CheckReport, Probe, Runbook, StepId, StepInfo, StepResult};

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The process begins, or takes the run up again.
    Started,
    /// The servers answered about a step, or could not be asked.
    Probed(StepId, Result<Probe, String>),
    /// A step came to its end, after so many milliseconds.
    StepEnded(StepId, Result<StepResult, Failure>, u64),
    /// Undoing a step came to its end, after so many milliseconds.
    UndoEnded(StepId, Result<(), String>, u64),
    /// The checks of a gate answered.
    GateChecked(StepId, CheckReport),
    /// The operator wants something.
    Intent(Intent),
    /// A signal asked to stop.
    Cancelled,
    /// A guardrail tripped, because.
    GuardrailStop(String),
    /// A step crossed the point of no return.
    Crossed(StepId),
    /// A step's task panicked, with these words.
    Panicked(StepId, String),
    /// The journal cannot be written, because.
    JournalLost(String),
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What, where, what now.
    pub error: String,
    /// True when something may or may not have taken effect: the servers are asked.
    pub unknown: bool,
}

/// Something to do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Ask the servers about a step.
    Probe(StepId),
    /// Show what a step would send now.
    Preview(StepId),
    /// Ask the checks of a step's gate.
    CheckGate(StepId),
    /// Apply the step this clears.
    Apply(Clearance),
    /// Undo a step.
    Undo(StepId),
    /// Ask what is under way to stop.
    Cancel,
    /// Journal and tell.
    Note(Option<StepId>, What),
    /// Nothing more will be done by this process.
    End(Outcome),
}

/// Where a run is and what it does.
#[derive(Debug)]
pub struct Machine {
    slots: Vec<Slot>,
    /// Slots from here on are the rollback half.
    rollback_at: usize,
    point_of_no_return: Option<usize>,
    way_back_ends: Option<usize>,
    operator: String,
    mode: Mode,
    activity: Activity,
    wish: Option<Wish>,
}

#[derive(Debug)]
struct Slot {
    info: StepInfo,
    status: Status,
    /// Something of it may be on the servers.
    touched: bool,
    /// It crossed the point of no return on its way.
    crossed: bool,
    /// It waits for the operator even when its own gate would not.
    held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Open,
    Applied,
    Skipped,
    Failed,
    Unclear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forward,
    Unwinding,
    Rollback,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Activity {
    Asleep,
    /// The answer decides how the step is applied.
    Probing(usize, Occasion),
    AtGate(usize),
    /// `None` asks only to show the answers.
    Checking(usize, Option<Answer>),
    Applying(usize),
    Undoing(usize),
    /// Failed or unclear on its way there or back: the operator's turn.
    Halted(usize, Direction),
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Applying,
    Undoing,
}

/// Why the servers are asked about a step.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Occasion {
    /// It is its turn.
    Turn,
    /// The operator wants it done again; when the servers do not say, that decides.
    Retry,
    /// It failed with this, and what took effect is unknown.
    Failure(String, u64),
}

/// What to do once the step under way has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    Park(String),
    GoBack,
    Hold(String),
}

impl Machine {
    /// The machine of a run: fresh, or as its journal remembers it.
    #[must_use]
    pub fn new(runbook: &Runbook, memory: &Memory, operator: &str) -> Self {
        let infos = |back| runbook.steps(back).map(|step| step.info().clone());
        let rollback_at = infos(false).count();
        let mut slots: Vec<_> = infos(false)
            .chain(infos(true))
            .map(|info| Slot::remembered(info, memory))
            .collect();
        hold_gaps(&mut slots[..rollback_at]);
        hold_gaps(&mut slots[rollback_at..]);
        let place = |id: &Option<StepId>| {
            id.as_ref()
                .and_then(|id| slots.iter().position(|slot| slot.info.id == *id))
        };
        Self {
            point_of_no_return: place(&runbook.point_of_no_return),
            way_back_ends: place(&runbook.way_back_ends),
            slots,
            rollback_at,
            operator: operator.to_owned(),
            mode: match memory.going_back {
                None => Mode::Forward,
                Some(false) => Mode::Unwinding,
                Some(true) => Mode::Rollback,
            },
            activity: Activity::Asleep,
            wish: None,
        }
    }

    /// Takes in what happened and says what to do, in order.
    ///
    /// Answers to questions that are no longer asked change nothing.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        if self.activity == Activity::Over {
            return Vec::new();
        }
        match input {
            Input::Started => self.go_on(),
            Input::Probed(step, answer) => self.probed(&step, answer),
            Input::StepEnded(step, result, took_ms) => self.step_ended(&step, result, took_ms),
            Input::UndoEnded(step, result, took_ms) => self.undo_ended(&step, result, took_ms),
            Input::GateChecked(step, report) => self.gate_checked(&step, &report),
            Input::Intent(intent) => self.intent(intent),
            Input::Cancelled => self.park("asked to stop by a signal, or the screen is gone"),
            Input::GuardrailStop(reason) => self.guardrail(reason),
            Input::Crossed(step) => self.crossed(&step),
            Input::Panicked(step, words) => self.panicked(&step, &words),
            Input::JournalLost(reason) => self.end(
                "the journal cannot be written, so nothing more is sent; free the disk, then take the run up again: ",
                &reason,
            ),
        }
    }

    fn intent(&mut self, intent: Intent) -> Vec<Effect> {
        match intent {
            Intent::Next { step } => self.answered(&step, Answer::Enter),
            Intent::Confirm { step, phrase } => self.answered(&step, Answer::Typed(phrase)),
            Intent::Retry { step } => self.retry(&step),
            Intent::TakeAsDone { step } => self.take_as_done(&step),
            Intent::UndoLast => self.undo_last(),
            Intent::GoBack => self.go_back(),
            Intent::GiveBack => self.give_back(),
            Intent::Recheck => self.recheck(),
            Intent::Park => self.park(&self.where_parked()),
        }
    }

    /// What the operator leaves, in words for whoever takes the run up.
    fn where_parked(&self) -> String {
        match self.activity {
            Activity::AtGate(at) => {
                format!("at the gate of {}, which nobody has confirmed", self.id(at))
            }
            Activity::Halted(at, Direction::Applying) => {
                format!("at {}, which has not come through", self.id(at))
            }
            Activity::Halted(at, Direction::Undoing) => {
                format!("at {}, which could not be taken back", self.id(at))
            }
            _ => "by the operator".to_owned(),
        }
    }

    /// The slots of the half that is being worked on.
    fn half(&self) -> std::ops::Range<usize> {
        match self.mode {
            Mode::Forward | Mode::Unwinding => 0..self.rollback_at,
            Mode::Rollback => self.rollback_at..self.slots.len(),
        }
    }

    /// Begins what is next: the first unfinished step, or the last one to undo.
    fn go_on(&mut self) -> Vec<Effect> {
        if self.mode == Mode::Unwinding {
            return self.unwind();
        }
        match self.half().find(|at| !self.slots[*at].is_finished()) {
            Some(at) => self.probe(at, Occasion::Turn),
            None if self.mode == Mode::Rollback => self.over(Outcome::RolledBack),
            None => self.over(Outcome::Done),
        }
    }

    fn probe(&mut self, at: usize, occasion: Occasion) -> Vec<Effect> {
        self.activity = Activity::Probing(at, occasion);
        vec![
            self.state(at, StepState::Probing),
            Effect::Probe(self.id(at)),
        ]
    }

    /// Parks, at once or when what is under way has ended.
    fn park(&mut self, reason: &str) -> Vec<Effect> {
        if self.is_working() {
            self.wish_for(Wish::Park(reason.to_owned()));
            vec![Effect::Cancel]
        } else {
            self.end("", reason)
        }
    }

    fn end(&mut self, before: &str, reason: &str) -> Vec<Effect> {
        let reason = format!("{before}{reason}");
        let unclear = self.slots.iter().any(|slot| slot.status == Status::Unclear);
        let mut effects = vec![Effect::Note(None, What::Parked { reason })];
        effects.extend(self.over(if unclear {
            Outcome::Stuck
        } else {
            Outcome::Parked
        }));
        effects
    }

    fn over(&mut self, outcome: Outcome) -> Vec<Effect> {
        self.activity = Activity::Over;
        vec![Effect::End(outcome)]
    }

    fn guardrail(&mut self, reason: String) -> Vec<Effect> {
        match self.activity {
            Activity::Applying(_) => {
                self.wish_for(Wish::Hold(reason));
                vec![Effect::Cancel]
            }
            Activity::AtGate(at) | Activity::Checking(at, _) | Activity::Probing(at, _) => {
                self.slots[at].held = true;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn crossed(&mut self, step: &StepId) -> Vec<Effect> {
        if let Some(at) = self.place(step) {
            self.slots[at].crossed = true;
        }
        Vec::new()
    }

    /// A step's task is gone. In a write pause that shuts applications out, so the step is taken back before the run
    /// parks.
    fn panicked(&mut self, step: &StepId, words: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        let place = self.place(step);
        if let Some(at) = place {
            self.slots[at].status = Status::Failed;
            let error = format!(
                "this is a fault of Greenlight, not of a server: {words}. What was sent stands in the journal"
            );
            effects.push(self.state(at, StepState::Failed { error, took_ms: 0 }));
        }
        let reason = format!("a step ended by a fault of the tool: {words}");
        let pausing = place.filter(|&at| {
            let slot = &self.slots[at];
            self.activity == Activity::Applying(at) && slot.info.pause && !slot.crossed
        });
        if let Some(at) = pausing {
            self.wish_for(Wish::Park(reason));
            effects.extend(self.undo(at));
        } else {
            effects.extend(self.end("", &reason));
        }
        effects
    }

    /// Remembers what to do once the step under way has ended; asking to park is never overruled.
    fn wish_for(&mut self, wish: Wish) {
        if !matches!(self.wish, Some(Wish::Park(_))) {
            self.wish = Some(wish);
        }
    }

    /// True before the first input.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.activity == Activity::Asleep
    }

    /// True while something that may change a server is under way.
    fn is_working(&self) -> bool {
        matches!(self.activity, Activity::Applying(_) | Activity::Undoing(_))
    }

    fn place(&self, step: &StepId) -> Option<usize> {
        self.slots.iter().position(|slot| slot.info.id == *step)
    }

    fn id(&self, at: usize) -> StepId {
        self.slots[at].info.id.clone()
    }

    fn state(&self, at: usize, state: StepState) -> Effect {
        Effect::Note(Some(self.id(at)), What::State { state })
    }

    fn log(&self, at: usize, text: String) -> Effect {
        Effect::Note(Some(self.id(at)), What::Log { text })
    }
}

fn refused(reason: impl Into<String>) -> Vec<Effect> {
    let reason = reason.into();
    vec![Effect::Note(None, What::Refused { reason })]
}

impl Slot {
    fn remembered(info: StepInfo, memory: &Memory) -> Self {
        let known = memory.steps.get(&info.id).cloned().unwrap_or_default();
        Self {
            status: match known.state {
                Some(StepState::Done {
                    result: StepResult::Skipped(_),
                    ..
                }) => Status::Skipped,
                Some(StepState::Done {
                    result: StepResult::Done(_) | StepResult::Warning(_),
                    ..
                }) => Status::Applied,
                _ => Status::Open,
            },
            held: known.held && memory.going_back != Some(false),
            touched: known.touched,
            crossed: known.crossed,
            info,
        }
    }

    fn is_finished(&self) -> bool {
        matches!(self.status, Status::Applied | Status::Skipped)
    }
}

/// A step that is new in this version of the tool may stand before others that are done: it asks before it runs.
fn hold_gaps(half: &mut [Slot]) {
    let last_done = half.iter().rposition(Slot::is_finished).unwrap_or(0);
    for slot in &mut half[..last_done] {
        slot.held |= !slot.is_finished();
    }
}
