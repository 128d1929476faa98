//! What a run's journal remembers, folded into what is needed to go on, and what another version would do otherwise.

use std::collections::BTreeMap;

use crate::event::{Event, Outcome, StepState, What};
use crate::runbook::{Facts, Plan, PlanStep, Probe, StepId, StepResult};

/// A run as its journal tells it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Every step that was ever heard of.
    pub steps: BTreeMap<StepId, Remembered>,
    /// What was learnt.
    pub facts: Facts,
    /// `Some(true)` in the rollback half, `Some(false)` while steps are being undone.
    pub going_back: Option<bool>,
    /// The number of the last action.
    pub intents: u64,
    /// The version of the tool that drove it last.
    pub tool: Option<String>,
    /// The profile's name.
    pub profile: String,
    /// True for a dry run.
    pub dry_run: bool,
    /// True in a rehearsal.
    pub rehearsal: bool,
    /// How the last process on it ended; `None` when it did not get to say.
    pub outcome: Option<Outcome>,
    /// Why it stands still.
    pub parked: Option<String>,
}

/// A step as the journal tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Remembered {
    /// Its last state.
    pub state: Option<StepState>,
    /// When that was.
    pub at: Option<jiff::Timestamp>,
    /// Something of it may be on the servers.
    pub touched: bool,
    /// It crossed the point of no return.
    pub crossed: bool,
    /// It was taken back, or was to be: it waits for the operator.
    pub held: bool,
}

impl Memory {
    /// The memory that these events, in order, leave.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let mut memory = Self::default();
        for event in events {
            memory.take(event);
        }
        memory
    }

    fn take(&mut self, event: &Event) {
        match &event.what {
            What::Announced {
                profile,
                tool,
                dry_run,
                rehearsal,
                ..
            } => {
                self.profile.clone_from(profile);
                self.tool = Some(tool.clone());
                self.dry_run = *dry_run;
                self.rehearsal = *rehearsal;
                self.outcome = None;
                self.parked = None;
            }
            What::Fact { name, value } => self.facts.insert(name, value.clone()),
            What::Intent { intent, .. } => self.intents = self.intents.max(*intent),
            What::GoingBack { rollback } => self.going_back = Some(*rollback),
            What::GoingOn => self.going_back = None,
            What::Parked { reason } => self.parked = Some(reason.clone()),
            What::Ended { outcome, .. } => self.outcome = Some(*outcome),
            what => {
                if let Some(step) = &event.step {
                    let step = self.steps.entry(step.clone()).or_default();
                    step.take(event.at, what);
                }
            }
        }
    }
}

impl Remembered {
    fn take(&mut self, at: jiff::Timestamp, what: &What) {
        match what {
            What::State { state } => {
                self.turned(state);
                self.at = Some(at);
                self.state = Some(state.clone());
            }
            What::Probed { probe } => {
                self.touched |= *probe != Probe::NotApplied;
                self.crossed &= !probe.is_before_no_return();
            }
            What::Pause { pause } => self.crossed |= pause.crosses(),
            _ => {}
        }
    }

    fn turned(&mut self, state: &StepState) {
        match state {
            StepState::Running => {
                self.touched = true;
                self.held = false;
            }
            StepState::Undoing | StepState::Waiting => self.held = true,
            StepState::Undone
            | StepState::Done {
                result: StepResult::TakenBack(_),
                ..
            } => {
                self.touched = false;
                self.crossed = false;
                self.held = true;
            }
            StepState::Later => self.touched = false,
            StepState::Done { .. } => self.held = false,
            StepState::Probing | StepState::Failed { .. } | StepState::Unclear { .. } => {}
        }
    }
}

/// In words, how `now` differs from the plan a run began with.
#[must_use]
pub fn plan_differences(began_with: &Plan, now: &Plan) -> Vec<String> {
    let before = steps_of(began_with);
    let after = steps_of(now);
    let mut differences = Vec::new();
    for (id, step) in &before {
        match after.iter().find(|(other, _)| other == id) {
            None => differences.push(format!("step {id} is gone")),
            Some((_, other)) => differences.extend(step_differences(id, step, other)),
        }
    }
    let kept = |from: &[(&str, &PlanStep)], of: &[(&str, &PlanStep)]| {
        from.iter()
            .map(|(id, _)| (*id).to_owned())
            .filter(|id| of.iter().any(|(other, _)| other == id))
            .collect::<Vec<_>>()
    };
    if kept(&before, &after) != kept(&after, &before) {
        differences.push("the order of the steps differs".to_owned());
    }
    let is_new = |id: &str| !before.iter().any(|(other, _)| *other == id);
    let new = after.iter().filter(|(id, _)| is_new(id));
    differences.extend(new.map(|(id, _)| format!("step {id} is new")));
    differences
}

fn steps_of(plan: &Plan) -> Vec<(&str, &PlanStep)> {
    let phases = plan.phases.iter().chain(&plan.rollback);
    phases
        .flat_map(|phase| phase.steps.iter().map(|step| (step.id.as_str(), step)))
        .collect()
}

fn step_differences(id: &str, before: &PlanStep, after: &PlanStep) -> Vec<String> {
    [
        (before.gate != after.gate, "has another gate"),
        (before.risk != after.risk, "has another risk class"),
        (before.undo != after.undo, "has another undo class"),
        (
            before.actions != after.actions,
            "would send other statements",
        ),
    ]
    .into_iter()
    .filter(|(differs, _)| *differs)
    .map(|(_, what)| format!("step {id} {what}"))
    .collect()
}
