use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::elapsed;
use crate::event::{Event, StepState, What};
use crate::runbook::{Plan, PlanPhase, PlanStep, Probe, Progress, ShownAction, StepId};

/// Which way a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Half {
    /// The way forward.
    #[default]
    Forward,
    /// The rollback half.
    Rollback,
}

/// A proof a step made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whether it holds.
    pub holds: bool,
    /// What it says.
    pub text: String,
}

/// A phase's title and its steps' places in [`Steps::all`].
#[derive(Debug, Clone)]
pub struct PhaseView {
    /// Its number: `4`.
    pub number: usize,
    /// Title.
    pub title: String,
    /// The way it belongs to.
    pub half: Half,
    /// Its steps.
    pub steps: std::ops::Range<usize>,
}

/// One step as shown.
#[derive(Debug, Clone)]
pub struct StepView {
    /// Its number: `4.2`.
    pub number: String,
    /// What the plan says.
    pub plan: PlanStep,
    /// The phase's place in [`Steps::phases`].
    pub phase: usize,
    /// The way it belongs to.
    pub half: Half,
    /// How far it is.
    pub state: StepState,
    /// What it would send now, or sent.
    pub actions: Vec<ShownAction>,
    /// What would take back what it sent, the newest first.
    pub undo: Vec<ShownAction>,
    /// What the servers last said.
    pub probe: Option<Probe>,
    /// Its proofs.
    pub proofs: Vec<Proof>,
    /// What it waits for.
    pub waiting: Option<Progress>,
    /// Since when it is under way.
    pub since: Option<Timestamp>,
}

/// The runbook as shown.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    phases: Vec<PhaseView>,
    all: Vec<StepView>,
    by_id: HashMap<StepId, usize>,
    half: Half,
    current: Option<usize>,
    point_of_no_return: Option<StepId>,
}

impl Steps {
    /// True once going back means the rollback half.
    #[must_use]
    pub fn is_beyond_return(&self) -> bool {
        let point = self.point_of_no_return.as_ref();
        let step = point
            .and_then(|id| self.by_id.get(id))
            .and_then(|at| self.all.get(*at));
        step.is_some_and(StepView::is_done)
    }

    /// The half the run is in.
    #[must_use]
    pub fn half(&self) -> Half {
        self.half
    }

    /// The phases of the half the run is in.
    pub fn phases(&self) -> impl Iterator<Item = &PhaseView> {
        self.phases.iter().filter(|phase| phase.half == self.half)
    }

    /// All steps of both halves.
    #[must_use]
    pub fn all(&self) -> &[StepView] {
        &self.all
    }

    /// Places in [`Self::all`] of the steps of the half the run is in.
    #[must_use]
    pub fn places(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.all.len()).filter(|at| self.all[*at].half == self.half)
    }

    /// The phase of a step.
    #[must_use]
    pub fn phase_of(&self, step: &StepView) -> Option<&PhaseView> {
        self.phases.get(step.phase)
    }

    /// The place of the step in hand: the one last heard of, else the first.
    #[must_use]
    pub fn current_place(&self) -> Option<usize> {
        self.current.or_else(|| self.places().next())
    }

    /// The step in hand.
    #[must_use]
    pub fn current(&self) -> Option<&StepView> {
        self.current_place().and_then(|at| self.all.get(at))
    }

    /// A step by its id.
    #[must_use]
    pub fn get(&self, id: &StepId) -> Option<&StepView> {
        self.by_id.get(id).and_then(|at| self.all.get(*at))
    }

    /// True while a step is under way, forwards or backwards.
    #[must_use]
    pub fn any_running(&self) -> bool {
        self.all.iter().any(StepView::is_running)
    }

    /// The step that would be undone first: the last one applied on the half in hand.
    #[must_use]
    pub fn last_applied(&self) -> Option<&StepView> {
        self.places()
            .rev()
            .map(|at| &self.all[at])
            .find(|step| step.was_applied())
    }

    /// Takes in what concerns steps.
    pub fn apply(&mut self, event: &Event) {
        match &event.what {
            What::Announced { plan, .. } => self.announce(plan),
            What::GoingBack { rollback: true } => {
                self.half = Half::Rollback;
                let first = self.places().next();
                self.current = first;
            }
            What::GoingOn => {
                self.half = Half::Forward;
                let begun = |at: &usize| self.all[*at].state != StepState::Later;
                let last = self.places().rev().find(begun);
                self.current = last;
            }
            _ => {}
        }
        let Some(at) = event
            .step
            .as_ref()
            .and_then(|id| self.by_id.get(id))
            .copied()
        else {
            return;
        };
        if self.all[at].apply(event) {
            self.half = self.all[at].half;
            self.current = Some(at);
        }
    }

    fn announce(&mut self, plan: &Plan) {
        *self = Self {
            point_of_no_return: plan.point_of_no_return.clone(),
            ..Self::default()
        };
        for (half, phases) in [
            (Half::Forward, &plan.phases),
            (Half::Rollback, &plan.rollback),
        ] {
            for (at, phase) in phases.iter().enumerate() {
                self.announce_phase(half, at + 1, phase);
            }
        }
    }

    fn announce_phase(&mut self, half: Half, number: usize, phase: &PlanPhase) {
        let first = self.all.len();
        for (at, step) in phase.steps.iter().enumerate() {
            self.by_id.insert(step.info.id.clone(), self.all.len());
            self.all.push(StepView {
                number: format!("{number}.{}", at + 1),
                plan: step.clone(),
                phase: self.phases.len(),
                half,
                state: StepState::Later,
                actions: step.actions.clone(),
                undo: Vec::new(),
                probe: None,
                proofs: Vec::new(),
                waiting: None,
                since: None,
            });
        }
        self.phases.push(PhaseView {
            number,
            title: phase.title.clone(),
            half,
            steps: first..self.all.len(),
        });
    }
}

impl StepView {
    /// Takes in an event about this step; true when that makes it the step in hand.
    fn apply(&mut self, event: &Event) -> bool {
        match &event.what {
            What::State { state } => {
                self.change(state.clone(), event.at);
                return !matches!(state, StepState::Later);
            }
            What::Preview { actions } => self.actions.clone_from(actions),
            What::Probed { probe } => self.probe = Some(probe.clone()),
            What::Gate { .. } => {
                self.change(StepState::Waiting, event.at);
                return true;
            }
            What::Intent { undo, .. } => {
                self.undo.splice(0..0, undo.iter().cloned());
            }
            What::Proof { holds, text } => self.proofs.push(Proof {
                holds: *holds,
                text: text.clone(),
            }),
            What::Waiting { progress } => self.waiting = Some(progress.clone()),
            _ => {}
        }
        false
    }

    fn change(&mut self, state: StepState, at: Timestamp) {
        let begins = matches!(state, StepState::Running | StepState::Undoing);
        if begins {
            self.since = Some(at);
        }
        if state == StepState::Running {
            self.proofs.clear();
            self.undo.clear();
        }
        if !begins {
            self.waiting = None;
        }
        self.state = state;
    }

    /// True while it is under way, forwards or backwards.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.state, StepState::Running | StepState::Undoing)
    }

    /// True when it came through, or was not needed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        use crate::runbook::StepResult::TakenBack;
        matches!(&self.state, StepState::Done { result, .. } if !matches!(result, TakenBack(_)))
    }

    /// True when it left something that can be taken back.
    #[must_use]
    pub fn was_applied(&self) -> bool {
        use crate::runbook::StepResult::{Done, Warning};
        match &self.state {
            StepState::Done { result, .. } => matches!(result, Done(_) | Warning(_)),
            StepState::Failed { .. } | StepState::Unclear { .. } => true,
            _ => false,
        }
    }

    /// How long it took, or has taken by now.
    #[must_use]
    pub fn taken(&self, now: Timestamp) -> Option<Duration> {
        match &self.state {
            StepState::Done { took_ms, .. } | StepState::Failed { took_ms, .. } => {
                Some(Duration::from_millis(*took_ms))
            }
            StepState::Running | StepState::Undoing => self.since.map(|since| elapsed(since, now)),
            _ => None,
        }
    }
}
