//! The evidence of a run, from its journal alone: who confirmed what and when, every statement with its result, what
//! was learnt, proved and checked, how long it took beside the plan, and the write pause by sub-step.
//!
//! [`Report`] is what `--format json` prints; Markdown and HTML are two renderings of the same sections. Secrets are
//! masked before they reach a journal, so none can be here. It asks no server and knows no screen.

mod escape;
mod gather;
mod html;
mod markdown;
mod pause;
mod sections;

use serde::Serialize;

use crate::event::{Light, Outcome};
use crate::inspect::Comparison;
use crate::runbook::{CanarySeen, CheckResult, Risk, ShownAction, Undo};

pub use html::html;
pub use markdown::markdown;

/// A run as its journal tells it. Times are RFC 3339 in the zone the report was asked for, with their offset.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run.
    pub run: String,
    /// The profile's name.
    pub profile: String,
    /// The procedure.
    pub procedure: String,
    /// Versions of the tool that drove it, in order.
    pub tools: Vec<String>,
    /// True for a dry run: nothing was sent.
    pub dry_run: bool,
    /// True in a rehearsal.
    pub rehearsal: bool,
    /// When it began.
    pub began: Option<String>,
    /// When the last record was written.
    pub last_record: Option<String>,
    /// Milliseconds between the two.
    pub took_ms: u64,
    /// How the last process on it ended; `None` while one drives it, or when one died.
    pub outcome: Option<Outcome>,
    /// The process that drives it now.
    pub driven_by: Option<String>,
    /// Who confirmed what.
    pub confirmations: Vec<Confirmation>,
    /// The steps in the order of the plan.
    pub steps: Vec<StepReport>,
    /// The write pauses.
    pub pauses: Vec<PauseReport>,
    /// Every action that was sent or about to be sent.
    pub statements: Vec<Statement>,
    /// What the run has learnt and not forgotten: LSNs, names, flags. What was found in the data stands in `compares`.
    pub facts: Vec<FactReport>,
    /// What the data compares found, each database and each time by itself.
    pub compares: Vec<CompareReport>,
    /// Proofs, those that failed as well.
    pub proofs: Vec<Proof>,
    /// The last answer of each check in each step.
    pub checks: Vec<CheckReport>,
    /// What guardrails saw.
    pub guardrails: Vec<Guardrail>,
    /// All else in order: begun, taken up, refused, probed, parked, turned back, ended, log lines.
    pub course: Vec<Entry>,
}

/// A gate that somebody opened.
#[derive(Debug, Clone, Serialize)]
pub struct Confirmation {
    /// When.
    pub at: String,
    /// The step.
    pub step: String,
    /// Its title.
    pub title: String,
    /// The phrase that was typed; `None` for Enter.
    pub phrase: Option<String>,
    /// Who: user and host.
    pub by: String,
}

/// A step.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its phase.
    pub phase: String,
    /// True for a step of the rollback half.
    pub rollback: bool,
    /// What it could hurt.
    pub risk: Risk,
    /// What it takes to take it back.
    pub undo: Undo,
    /// How it stands.
    pub outcome: StepOutcome,
    /// One line about that.
    pub text: String,
    /// How often it was begun.
    pub attempts: usize,
    /// When it was first begun.
    pub began: Option<String>,
    /// When it came to its last end.
    pub ended: Option<String>,
    /// Planned, milliseconds.
    pub planned_ms: u64,
    /// What all attempts took together, milliseconds; `None` when none came to an end.
    pub actual_ms: Option<u64>,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// Nothing of it was done.
    NotBegun,
    /// It waits at its gate.
    Waiting,
    /// It was begun, and no end of it is recorded.
    UnderWay,
    /// Done.
    Done,
    /// Done, with something to know.
    Warning,
    /// Not needed.
    Skipped,
    /// Begun, and taken back by itself.
    TakenBack,
    /// It did not come through.
    Failed,
    /// Taken back.
    Undone,
    /// The servers' answer fitted nothing.
    Unclear,
}

/// A write pause.
#[derive(Debug, Clone, Serialize)]
pub struct PauseReport {
    /// When the fence went up.
    pub at: String,
    /// The step that held it.
    pub step: String,
    /// The budget, milliseconds.
    pub budget_ms: u64,
    /// Fence up to open again, microseconds; `None` when no end is recorded.
    pub took_us: Option<u64>,
    /// True when the old side was given back.
    pub taken_back: bool,
    /// What it was expected to take, in words.
    pub forecast: Option<String>,
    /// What an application saw of it, where a canary flew.
    pub canary: Option<CanarySeen>,
    /// Microseconds from the beginning to the point of no return.
    pub no_return_us: Option<u64>,
    /// The sub-steps in order.
    pub parts: Vec<PausePart>,
}

/// A sub-step of a write pause.
#[derive(Debug, Clone, Serialize)]
pub struct PausePart {
    /// Its name.
    pub name: String,
    /// Microseconds from the beginning of the pause to its own.
    pub from_us: Option<u64>,
    /// What it took, microseconds.
    pub took_us: Option<u64>,
    /// A few words.
    pub detail: String,
}

/// An action and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Statement {
    /// When it was about to be sent.
    pub at: String,
    /// Its number.
    pub intent: u64,
    /// The step.
    pub step: String,
    /// What was sent where.
    #[serde(flatten)]
    pub action: ShownAction,
    /// What would have taken it back.
    pub undo: Vec<ShownAction>,
    /// What came of it.
    pub result: Sent,
    /// A few words of the answer, or the error.
    pub answer: String,
    /// What it took, microseconds.
    pub took_us: Option<u64>,
}

/// What came of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    /// It took effect.
    Ok,
    /// It was refused.
    Failed,
    /// No answer came in time: it may have taken effect.
    Unknown,
    /// No outcome is recorded: the process ended first, or is at it.
    NoOutcome,
    /// A dry run sent nothing.
    NotSent,
}

/// Something learnt.
#[derive(Debug, Clone, Serialize)]
pub struct FactReport {
    /// When it was learnt last.
    pub at: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: serde_json::Value,
}

/// What a compare of one database's data found.
#[derive(Debug, Clone, Serialize)]
pub struct CompareReport {
    /// When.
    pub at: String,
    /// The step that compared.
    pub step: String,
    /// The database.
    pub database: String,
    /// What it found.
    #[serde(flatten)]
    pub found: Comparison,
}

/// A proof.
#[derive(Debug, Clone, Serialize)]
pub struct Proof {
    /// When.
    pub at: String,
    /// The step.
    pub step: String,
    /// Whether it holds.
    pub holds: bool,
    /// What it says.
    pub text: String,
}

/// A check's answer.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// When.
    pub at: String,
    /// The step that asked.
    pub step: String,
    /// The answer.
    #[serde(flatten)]
    pub result: CheckResult,
}

/// What a guardrail saw.
#[derive(Debug, Clone, Serialize)]
pub struct Guardrail {
    /// When.
    pub at: String,
    /// Its id.
    pub id: String,
    /// Its light.
    pub light: Light,
    /// What it saw and what was done.
    pub text: String,
}

/// A line of the course of the run.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When.
    pub at: String,
    /// The step, where it is about one.
    pub step: String,
    /// What happened.
    pub text: String,
}
