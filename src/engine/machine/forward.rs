//! Steps on their way: probe, gate, apply, and what the operator may decide about them.

use super::super::gate::{Answer, Clearance, accepts, clear};
use super::{
    Activity, Direction, Effect, Failure, Input, Machine, Occasion, Status, Wish, refused,
};
use crate::event::{StepState, What};
use crate::runbook::{CheckReport, Gate, Probe, StepId, StepResult};

impl Machine {
    pub(super) fn probed(&mut self, step: &StepId, answer: Result<Probe, String>) -> Vec<Effect> {
        let Activity::Probing(at, occasion) = self.activity.clone() else {
            return Vec::new();
        };
        if self.id(at) != *step {
            return Vec::new();
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let (error, took_ms) = match occasion {
                    Occasion::Failure(first, took_ms) => (
                        format!(
                            "{first}; the servers could not be asked what took effect: {error}"
                        ),
                        took_ms,
                    ),
                    _ => (error, 0),
                };
                return self.failed(at, error, took_ms);
            }
        };
        let mut effects = vec![Effect::Note(
            Some(step.clone()),
            What::Probed {
                probe: answer.clone(),
            },
        )];
        let slot = &self.slots[at];
        let begun = slot.touched && !slot.held;
        let beyond = begun && slot.crossed && matches!(slot.info.gate, Gate::Phrase(_));
        if !matches!(answer, Probe::NotApplied) {
            self.slots[at].touched = true;
        }
        self.slots[at].crossed &= !answer.is_before_no_return();
        effects.extend(match (answer, occasion) {
            (Probe::Applied, occasion) => self.found_applied(at, occasion),
            (Probe::TakeBack(evidence), _) => self.take_back(at, &evidence),
            (Probe::Partial(_), Occasion::Turn | Occasion::Retry) if beyond => self.go_beyond(at),
            (_, Occasion::Retry) => self.turn(at, true),
            (Probe::Unknown(evidence), Occasion::Failure(error, _)) => {
                self.unclear(at, format!("{error}; {evidence}"))
            }
            (Probe::Unknown(evidence), Occasion::Turn) => self.unclear(at, evidence),
            (Probe::NotApplied, Occasion::Failure(error, took_ms)) => self.failed(
                at,
                format!("{error}; the servers were asked: nothing of this step took effect"),
                took_ms,
            ),
            (Probe::Partial(evidence), Occasion::Failure(error, took_ms)) => self.failed(
                at,
                format!(
                    "{error}; the servers were asked: part of this step took effect: {evidence}"
                ),
                took_ms,
            ),
            (Probe::Partial(_), Occasion::Turn) => self.turn(at, begun),
            (Probe::NotApplied, Occasion::Turn) => self.turn(at, false),
        });
        effects
    }

    fn found_applied(&mut self, at: usize, occasion: Occasion) -> Vec<Effect> {
        let (result, took_ms) = match occasion {
            Occasion::Failure(error, took_ms) => (
                StepResult::Warning(format!("it took effect, although: {error}")),
                took_ms,
            ),
            _ => (StepResult::Done("was there already".to_owned()), 0),
        };
        self.finished(at, result, took_ms)
    }

    /// Opens the gate of a step, or goes through it when it asks for nothing (`decided`: the operator has said so).
    fn turn(&mut self, at: usize, decided: bool) -> Vec<Effect> {
        let slot = &self.slots[at];
        let answer = match slot.info.gate {
            Gate::None if !slot.held || decided => Some(Answer::ByItself),
            Gate::Enter if decided => Some(Answer::Enter),
            _ => None,
        };
        match answer {
            Some(Answer::ByItself) => self.apply_on(at, &Answer::ByItself),
            Some(answer) => self.check(at, Some(answer)),
            None => self.open_gate(at),
        }
    }

    /// Goes on where the step was cut short beyond the point of no return: its gate has been passed, and the write pause
    /// lasts until it is through.
    fn go_beyond(&mut self, at: usize) -> Vec<Effect> {
        let text = "goes on beyond the point of no return, as was confirmed before it".to_owned();
        let mut effects = vec![self.log(at, text)];
        effects.extend(self.apply_on(at, &Answer::Before));
        effects
    }

    /// Applies a step on an answer for which no checks are asked.
    fn apply_on(&mut self, at: usize, answer: &Answer) -> Vec<Effect> {
        match clear(&self.slots[at].info, answer, &CheckReport::default()) {
            Ok(clearance) => self.apply(at, clearance),
            Err(reason) => self.failed(at, reason, 0),
        }
    }

    pub(super) fn open_gate(&mut self, at: usize) -> Vec<Effect> {
        self.activity = Activity::AtGate(at);
        let phrase = match &self.slots[at].info.gate {
            Gate::Phrase(phrase) => Some(phrase.clone()),
            Gate::None | Gate::Enter => None,
        };
        vec![
            Effect::Preview(self.id(at)),
            self.state(at, StepState::Waiting),
            Effect::Note(Some(self.id(at)), What::Gate { phrase }),
        ]
    }

    pub(super) fn answered(&mut self, step: &StepId, answer: Answer) -> Vec<Effect> {
        let at = match self.activity {
            Activity::AtGate(at) if self.id(at) == *step => at,
            Activity::AtGate(at) => {
                return refused(format!("{} waits, not {step}", self.id(at)));
            }
            Activity::Checking(..) => return refused("the checks of this gate are being asked"),
            _ => return refused(format!("{step} does not wait for this now")),
        };
        match accepts(&self.slots[at].info, &answer) {
            Ok(()) => self.check(at, Some(answer)),
            Err(reason) => self.refuse_gate(at, reason),
        }
    }

    fn refuse_gate(&self, at: usize, reason: String) -> Vec<Effect> {
        vec![Effect::Note(
            Some(self.id(at)),
            What::GateRefused { reason },
        )]
    }

    fn check(&mut self, at: usize, answer: Option<Answer>) -> Vec<Effect> {
        self.activity = Activity::Checking(at, answer);
        vec![Effect::CheckGate(self.id(at))]
    }

    pub(super) fn recheck(&mut self) -> Vec<Effect> {
        match self.activity {
            Activity::AtGate(at) => self.check(at, None),
            _ => refused("checks are asked again at a gate"),
        }
    }

    pub(super) fn gate_checked(&mut self, step: &StepId, report: &CheckReport) -> Vec<Effect> {
        let Activity::Checking(at, answer) = self.activity.clone() else {
            return Vec::new();
        };
        if self.id(at) != *step {
            return Vec::new();
        }
        let Some(answer) = answer else {
            self.activity = Activity::AtGate(at);
            return Vec::new();
        };
        match clear(&self.slots[at].info, &answer, report) {
            Ok(clearance) => {
                let by = self.operator.clone();
                let mut effects = vec![Effect::Note(Some(self.id(at)), What::Confirmed { by })];
                effects.extend(self.apply(at, clearance));
                effects
            }
            Err(reason) => {
                // A retry comes here without a gate on the screen: open it, so that there is something to answer.
                let mut effects = self.open_gate(at);
                effects.extend(self.refuse_gate(at, reason));
                effects
            }
        }
    }

    fn apply(&mut self, at: usize, clearance: Clearance) -> Vec<Effect> {
        self.activity = Activity::Applying(at);
        self.slots[at].status = Status::Open;
        self.slots[at].touched = true;
        self.slots[at].held = false;
        vec![self.state(at, StepState::Running), Effect::Apply(clearance)]
    }

    pub(super) fn step_ended(
        &mut self,
        step: &StepId,
        result: Result<StepResult, Failure>,
        took_ms: u64,
    ) -> Vec<Effect> {
        let Activity::Applying(at) = self.activity else {
            return Vec::new();
        };
        if self.id(at) != *step {
            return Vec::new();
        }
        match result {
            Ok(StepResult::TakenBack(why)) => self.taken_back(at, why, took_ms),
            Ok(result) => self.finished(at, result, took_ms),
            Err(failure) if failure.unknown && !matches!(self.wish, Some(Wish::Park(_))) => {
                self.probe(at, Occasion::Failure(failure.error, took_ms))
            }
            Err(failure) => self.failed(at, failure.error, took_ms),
        }
    }

    fn finished(&mut self, at: usize, result: StepResult, took_ms: u64) -> Vec<Effect> {
        self.slots[at].status = if matches!(result, StepResult::Skipped(_)) {
            Status::Skipped
        } else {
            Status::Applied
        };
        self.slots[at].held = false;
        let mut effects = vec![self.state(at, StepState::Done { result, took_ms })];
        effects.extend(self.after(None));
        effects
    }

    /// Everything is as before the step: it waits at its gate, also when its own gate asks for nothing.
    fn taken_back(&mut self, at: usize, why: String, took_ms: u64) -> Vec<Effect> {
        self.slots[at].touched = false;
        self.slots[at].crossed = false;
        self.slots[at].held = true;
        let result = StepResult::TakenBack(why);
        let mut effects = vec![self.state(at, StepState::Done { result, took_ms })];
        effects.extend(self.after(Some(at)));
        effects
    }

    pub(super) fn failed(&mut self, at: usize, error: String, took_ms: u64) -> Vec<Effect> {
        let direction = match self.activity {
            Activity::Undoing(_) => Direction::Undoing,
            _ => Direction::Applying,
        };
        self.slots[at].status = Status::Failed;
        self.activity = Activity::Halted(at, direction);
        let mut effects = vec![self.state(at, StepState::Failed { error, took_ms })];
        effects.extend(self.grant_wish());
        effects
    }

    fn unclear(&mut self, at: usize, evidence: String) -> Vec<Effect> {
        self.slots[at].status = Status::Unclear;
        self.activity = Activity::Halted(at, Direction::Applying);
        let mut effects = vec![self.state(at, StepState::Unclear { evidence })];
        effects.extend(self.grant_wish());
        effects
    }

    /// After a step that did not fail: what was wished meanwhile, else the gate that is due, else what is next.
    pub(super) fn after(&mut self, gate: Option<usize>) -> Vec<Effect> {
        self.activity = Activity::Asleep;
        if self.wish.is_some() {
            return self.grant_wish();
        }
        match gate {
            Some(at) => self.open_gate(at),
            None => self.go_on(),
        }
    }

    /// Does what was asked for while something was under way.
    pub(super) fn grant_wish(&mut self) -> Vec<Effect> {
        match self.wish.take() {
            None => Vec::new(),
            Some(Wish::Park(reason)) => self.end("", &reason),
            Some(Wish::GoBack) => self.go_back_or_hold(),
            Some(Wish::Hold(reason)) => self.hold(reason),
        }
    }

    fn hold(&mut self, reason: String) -> Vec<Effect> {
        if let Activity::Halted(..) = self.activity {
            return refused(reason);
        }
        let next = self.half().find(|at| !self.slots[*at].is_finished());
        if let Some(at) = next {
            self.slots[at].held = true;
        }
        let mut effects = refused(reason);
        effects.extend(self.go_on());
        effects
    }

    pub(super) fn retry(&mut self, step: &StepId) -> Vec<Effect> {
        match self.activity {
            Activity::Halted(at, Direction::Undoing) if self.id(at) == *step => self.undo(at),
            Activity::Halted(at, Direction::Applying) if self.id(at) == *step => {
                self.probe(at, Occasion::Retry)
            }
            _ => refused(format!("{step} has neither failed nor is it unclear")),
        }
    }

    pub(super) fn take_as_done(&mut self, step: &StepId) -> Vec<Effect> {
        match self.activity {
            Activity::Halted(at, _)
                if self.id(at) == *step && self.slots[at].status == Status::Unclear =>
            {
                let text = format!("taken as done by {}", self.operator);
                self.finished(at, StepResult::Warning(text), 0)
            }
            _ => refused(format!(
                "{step} is not unclear: only a step the servers say nothing certain about is taken as done"
            )),
        }
    }

    pub(super) fn give_back(&mut self) -> Vec<Effect> {
        match self.activity {
            Activity::Applying(at) if !self.slots[at].info.pause => {
                refused("no write pause is under way")
            }
            Activity::Applying(at) if self.slots[at].crossed => refused(
                "the point of no return has been crossed: the way back is the rollback, once this step is done",
            ),
            Activity::Applying(_) => vec![Effect::Cancel],
            _ => refused("no write pause is under way"),
        }
    }
}

impl Input {
    /// A step's failure, as the machine takes it.
    #[must_use]
    pub fn failed(step: &StepId, error: &crate::runbook::StepError, took_ms: u64) -> Self {
        let failure = Failure {
            error: error.to_string(),
            unknown: error.outcome_unknown(),
        };
        Self::StepEnded(step.clone(), Err(failure), took_ms)
    }
}
