use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::runbook::{
    CheckResult, PauseEvent, Plan, Probe, Progress, ShownAction, StepId, StepResult,
};

/// Something that happened, as the journal keeps it and as screens, headless lines and reports show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The step it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The run begins, or is taken up again: everything that may come is announced first.
    Announced {
        /// The run.
        run: String,
        /// The profile's name.
        profile: String,
        /// The runbook.
        plan: Box<Plan>,
        /// Version of the tool.
        tool: String,
        /// True for a dry run.
        dry_run: bool,
        /// True in a rehearsal.
        rehearsal: bool,
        /// True when the run was taken up again.
        resumed: bool,
        /// BLUE's version, as shown: `15.18`.
        #[serde(default)]
        blue_version: String,
        /// GREEN's version, as shown.
        #[serde(default)]
        green_version: String,
        /// What the two sides are called, where not BLUE and GREEN.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sides: Option<(String, String)>,
    },
    /// A step's state changed.
    State {
        /// Its new state.
        state: StepState,
    },
    /// What the step would send now.
    Preview {
        /// The actions.
        actions: Vec<ShownAction>,
    },
    /// The servers were asked about a step.
    Probed {
        /// Their answer.
        probe: Probe,
    },
    /// A gate waits for the operator.
    Gate {
        /// The phrase to type; `None` waits for Enter.
        phrase: Option<String>,
    },
    /// What was typed at a gate was not accepted.
    GateRefused {
        /// Why.
        reason: String,
    },
    /// The operator confirmed.
    Confirmed {
        /// Who: user and host.
        by: String,
    },
    /// An action is about to be sent.
    Intent {
        /// Its number within the run.
        intent: u64,
        /// What.
        action: ShownAction,
        /// What would take it back.
        undo: Vec<ShownAction>,
    },
    /// An action's outcome.
    Outcome {
        /// The intent it answers.
        intent: u64,
        /// Microseconds it took.
        took_us: u64,
        /// The error, when it failed.
        error: Option<String>,
        /// True when nobody knows whether it took effect.
        unknown: bool,
        /// A few words of the answer.
        answer: String,
    },
    /// Something was learnt; `null` forgets.
    Fact {
        /// Its name.
        name: String,
        /// Its value.
        value: serde_json::Value,
    },
    /// What a step waits for. Not journalled.
    Waiting {
        /// The wait.
        progress: Progress,
    },
    /// A line for the log.
    Log {
        /// The line.
        text: String,
    },
    /// A proof.
    Proof {
        /// Whether it holds.
        holds: bool,
        /// What it says.
        text: String,
    },
    /// The write pause.
    Pause {
        /// Where it stands.
        #[serde(flatten)]
        pause: PauseEvent,
    },
    /// A check's answer.
    Check {
        /// The answer.
        result: CheckResult,
    },
    /// A guardrail saw something.
    Guardrail {
        /// Its id.
        id: String,
        /// Its light.
        light: Light,
        /// What it saw and what was done.
        text: String,
    },
    /// The run stands still until somebody takes it up.
    Parked {
        /// Why, and what to do.
        reason: String,
    },
    /// The way back was chosen.
    GoingBack {
        /// True for the rollback half, false for undoing steps.
        rollback: bool,
    },
    /// The rollback half was left again before any of it was done.
    GoingOn,
    /// What the operator asked for cannot be done now.
    Refused {
        /// Why, and what can be done instead.
        reason: String,
    },
    /// The last event of a process on this run.
    Ended {
        /// How.
        outcome: Outcome,
        /// The run.
        run: String,
    },
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum StepState {
    /// Not begun.
    Later,
    /// Its gate is open: the operator's turn.
    Waiting,
    /// The servers are asked about it.
    Probing,
    /// Under way.
    Running,
    /// Under way backwards.
    Undoing,
    /// Came through.
    Done {
        /// How.
        result: StepResult,
        /// Milliseconds it took.
        took_ms: u64,
    },
    /// Did not come through.
    Failed {
        /// Why, where, what now.
        error: String,
        /// Milliseconds it took.
        took_ms: u64,
    },
    /// Taken back.
    Undone,
    /// The servers' answer fits nothing: the operator decides.
    Unclear {
        /// What they said.
        evidence: String,
    },
}

/// The light of a guardrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Light {
    /// All well.
    Ok,
    /// Look at it.
    Warn,
    /// It stopped the run.
    Stop,
}

/// How a process on a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything is done.
    Done,
    /// The run waits to be taken up again.
    Parked,
    /// Everything was taken back, or the rollback is through.
    RolledBack,
    /// A human must look: the way on is not clear.
    Stuck,
}

impl Outcome {
    /// The exit code of a process that ended so.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Parked => 3,
            Self::RolledBack => 4,
            Self::Stuck => 5,
        }
    }
}
