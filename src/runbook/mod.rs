//! The runbook: phases of steps, what a step may send, what it learns, what was found out. Types only: a procedure
//! fills them, the engine runs them, the screen and the plan show them.

mod action;
mod canary;
mod check;
mod context;
mod facts;
mod forecast;
mod pause;
mod plan;
mod step;

pub use action::{Action, Call, PatroniCall, RdsCall, Reply, ShownAction, Target};
pub use canary::CanarySeen;
pub use check::{CheckReport, CheckResult, Verdict};
pub(crate) use context::millis;
pub use context::{Context, Executor, Intended, Progress, Recorder, World};
pub use facts::{FactKey, Facts};
pub use forecast::PauseForecast;
pub use pause::PauseEvent;
pub use plan::{Plan, PlanGate, PlanPhase, PlanStep};
pub use step::{
    Danger, Gate, Phase, Probe, Reading, Risk, Runbook, Step, StepError, StepId, StepInfo,
    StepResult, Undo,
};
