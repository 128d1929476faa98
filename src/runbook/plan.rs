use serde::{Deserialize, Serialize};

use super::action::ShownAction;
use super::facts::Facts;
use super::step::{Gate, Phase, Risk, Runbook, StepId, StepInfo, Undo};

/// A runbook as data: what `greenlight plan --json` prints, what the journal stores, what the screen lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The procedure.
    pub procedure: String,
    /// The way forward.
    pub phases: Vec<PlanPhase>,
    /// The rollback half.
    #[serde(default)]
    pub rollback: Vec<PlanPhase>,
    /// The step of the way forward after which going back means the rollback half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_of_no_return: Option<StepId>,
}

/// A phase of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPhase {
    /// Stable id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Steps in order.
    pub steps: Vec<PlanStep>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Stable id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Why it is done.
    pub why: String,
    /// What it can hurt.
    pub risk: Risk,
    /// What it takes to take it back.
    pub undo: Undo,
    /// What it waits for.
    pub gate: PlanGate,
    /// What would be sent.
    pub actions: Vec<ShownAction>,
    /// All else the operator is told.
    pub info: StepInfo,
}

/// A gate of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGate {
    /// `none`, `enter` or `phrase`.
    pub kind: String,
    /// The phrase to type.
    pub phrase: Option<String>,
}

impl Plan {
    /// The plan of a runbook, as far as `facts` let it be known.
    #[must_use]
    pub fn of(runbook: &Runbook, facts: &Facts) -> Self {
        let phases = |phases: &[Phase]| {
            phases
                .iter()
                .map(|phase| PlanPhase::of(phase, facts))
                .collect()
        };
        Self {
            procedure: runbook.procedure.to_owned(),
            phases: phases(&runbook.forward),
            rollback: phases(&runbook.rollback),
            point_of_no_return: runbook.point_of_no_return.clone(),
        }
    }
}

impl PlanPhase {
    fn of(phase: &Phase, facts: &Facts) -> Self {
        let step = |step: &dyn super::Step| {
            let actions = step.actions(facts);
            PlanStep::of(step.info(), actions.iter().map(super::Action::shown))
        };
        Self {
            id: phase.id.to_owned(),
            title: phase.title.clone(),
            steps: phase.steps.iter().map(|s| step(s.as_ref())).collect(),
        }
    }
}

impl PlanStep {
    /// A step as it says of itself, with its actions.
    #[must_use]
    pub fn of(info: &StepInfo, actions: impl IntoIterator<Item = ShownAction>) -> Self {
        let (kind, phrase) = match &info.gate {
            Gate::None => ("none", None),
            Gate::Enter => ("enter", None),
            Gate::Phrase(phrase) => ("phrase", Some(phrase.clone())),
        };
        Self {
            id: info.id.to_string(),
            title: info.title.clone(),
            why: info.why.clone(),
            risk: info.risk,
            undo: info.undo,
            gate: PlanGate {
                kind: kind.to_owned(),
                phrase,
            },
            actions: actions.into_iter().collect(),
            info: info.clone(),
        }
    }
}
