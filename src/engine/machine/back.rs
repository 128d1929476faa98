//! The ways back: undoing one step, undoing all of them, the rollback half.

use super::{Activity, Effect, Machine, Mode, Status, Wish, refused};
use crate::event::{Outcome, StepState, What};
use crate::runbook::{Risk, StepId, Undo};

/// How a run can go back from where it is.
#[derive(Debug, PartialEq, Eq)]
enum WayBack {
    Unwind,
    Rollback,
}

impl Machine {
    pub(super) fn go_back(&mut self) -> Vec<Effect> {
        if self.mode != Mode::Forward {
            return refused("the run is going back already");
        }
        if let Activity::Applying(_) = self.activity {
            return match self.way_back() {
                Ok(_) => {
                    self.wish_for(Wish::GoBack);
                    vec![Effect::Cancel]
                }
                Err(reason) => refused(reason),
            };
        }
        if let Activity::Undoing(_) = self.activity {
            self.wish_for(Wish::GoBack);
            return Vec::new();
        }
        match self.way_back() {
            Ok(WayBack::Unwind) => {
                self.mode = Mode::Unwinding;
                let mut effects = vec![going_back(false)];
                effects.extend(self.unwind());
                effects
            }
            Ok(WayBack::Rollback) => {
                self.mode = Mode::Rollback;
                let mut effects = vec![going_back(true)];
                effects.extend(self.go_on());
                effects
            }
            Err(reason) => refused(reason),
        }
    }

    /// Going back was asked for while a step was under way. When that step went past the point of no return before
    /// it could be stopped, going back means something else now, so the operator is asked again.
    pub(super) fn go_back_or_hold(&mut self) -> Vec<Effect> {
        if self.way_back() == Ok(WayBack::Unwind) {
            return self.go_back();
        }
        let mut effects = refused(
            "the point of no return was crossed before the step could be stopped: going back now is the rollback",
        );
        if !matches!(self.activity, Activity::Halted(..)) {
            if let Some(at) = self.half().find(|at| !self.slots[*at].is_finished()) {
                self.slots[at].held = true;
            }
            effects.extend(self.go_on());
        }
        effects
    }

    fn way_back(&self) -> Result<WayBack, String> {
        if let Some(at) = self.way_back_ends
            && (self.slots[at].touched || self.slots[at].status == Status::Applied)
        {
            return Err(format!("{} has ended the way back", self.id(at)));
        }
        let Some(at) = self.point_of_no_return else {
            return Ok(WayBack::Unwind);
        };
        match &self.slots[at] {
            slot if slot.status == Status::Applied && self.rollback_at == self.slots.len() => {
                Err("this procedure has no way back from here".to_owned())
            }
            slot if slot.status == Status::Applied => Ok(WayBack::Rollback),
            slot if slot.crossed => Err(format!(
                "{} has crossed the point of no return and is not complete: finish it first (retry), then roll back",
                slot.info.id
            )),
            _ => Ok(WayBack::Unwind),
        }
    }

    /// Undoes the last step that may have left something; with none left the run is over.
    ///
    /// A finished step that cannot be undone by itself is passed over: undoing what it worked on takes it along. One
    /// that was only begun is undone whatever its class.
    pub(super) fn unwind(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(at) = self.last_touched() {
            let slot = &mut self.slots[at];
            if slot.info.risk == Risk::ReadOnly {
                slot.touched = false;
            } else if slot.status == Status::Applied && slot.info.undo != Undo::Reversible {
                slot.touched = false;
                let text = format!("not undone by itself: {}", slot.info.way_back);
                effects.push(self.log(at, text));
            } else {
                effects.extend(self.undo(at));
                return effects;
            }
        }
        effects.extend(self.over(Outcome::RolledBack));
        effects
    }

    fn last_touched(&self) -> Option<usize> {
        self.half().rfind(|at| self.slots[*at].touched)
    }

    pub(super) fn undo(&mut self, at: usize) -> Vec<Effect> {
        self.activity = Activity::Undoing(at);
        vec![
            self.state(at, StepState::Undoing),
            Effect::Undo(self.id(at)),
        ]
    }

    /// The write pause was interrupted and holds applications out: taken back before anything else is asked.
    pub(super) fn take_back(&mut self, at: usize, evidence: &str) -> Vec<Effect> {
        self.slots[at].held = true;
        let mut effects = vec![self.log(at, format!("taken back at once: {evidence}"))];
        effects.extend(self.undo(at));
        effects
    }

    pub(super) fn undo_last(&mut self) -> Vec<Effect> {
        if self.is_working() {
            return refused("something is under way");
        }
        if self.mode == Mode::Unwinding {
            return refused("everything is being undone already");
        }
        let Some(at) = self.last_to_undo() else {
            return self.leave_rollback();
        };
        let slot = &self.slots[at];
        if slot.crossed {
            return refused(format!(
                "{} crossed the point of no return: it is not undone, the rollback leads back",
                slot.info.id
            ));
        }
        let finished = slot.status == Status::Applied;
        if slot.info.undo == Undo::Irreversible
            || (finished && slot.info.undo == Undo::RollForwardOnly)
        {
            return refused(format!(
                "{} cannot be undone by itself: {}",
                slot.info.id, slot.info.way_back
            ));
        }
        self.undo(at)
    }

    /// The last step that left something, steps that only read passed over.
    fn last_to_undo(&self) -> Option<usize> {
        self.half()
            .rfind(|at| self.slots[*at].touched && self.slots[*at].info.risk != Risk::ReadOnly)
    }

    fn leave_rollback(&mut self) -> Vec<Effect> {
        if self.mode != Mode::Rollback {
            return refused("nothing has been done that could be undone");
        }
        self.mode = Mode::Forward;
        if let Some(at) = self.half().find(|at| !self.slots[*at].is_finished()) {
            self.slots[at].held = true;
        }
        let mut effects = vec![Effect::Note(None, What::GoingOn)];
        effects.extend(self.go_on());
        effects
    }

    pub(super) fn undo_ended(
        &mut self,
        step: &StepId,
        result: Result<(), String>,
        took_ms: u64,
    ) -> Vec<Effect> {
        let Activity::Undoing(at) = self.activity else {
            return Vec::new();
        };
        if self.id(at) != *step {
            return Vec::new();
        }
        if let Err(error) = result {
            return self.failed(at, format!("undoing it failed: {error}"), took_ms);
        }
        let mut effects = self.reopen_from(at);
        effects.extend(if self.mode == Mode::Unwinding {
            self.after(None)
        } else {
            self.slots[at].held = true;
            self.after(Some(at))
        });
        effects
    }

    /// What was undone is open again, and with it what came after it and only read.
    fn reopen_from(&mut self, at: usize) -> Vec<Effect> {
        self.slots[at].crossed = false;
        let mut effects = vec![self.state(at, StepState::Undone)];
        for later in at..self.half().end {
            if later > at && self.slots[later].is_finished() {
                effects.push(self.state(later, StepState::Later));
            }
            self.slots[later].status = Status::Open;
            self.slots[later].touched = false;
        }
        effects
    }
}

fn going_back(rollback: bool) -> Effect {
    Effect::Note(None, What::GoingBack { rollback })
}
