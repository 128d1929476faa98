use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::context::Context;
use super::facts::Facts;
use crate::ports::{
    CommandError, DbError, DbErrorKind, PatroniError, PatroniErrorKind, RdsError, RdsErrorKind,
    ValueError,
};

/// The id of a step, stable across versions: `prepare.publication`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(Arc<str>);

impl StepId {
    /// An id.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What doing a step can hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// It only reads.
    ReadOnly,
    /// It changes something that no application notices.
    Mutating,
    /// Applications notice, or something is lost for good.
    Dangerous,
}

/// What it takes to take a step back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// The step's own undo restores what was.
    Reversible,
    /// Only going on, and the rollback half, leads back.
    RollForwardOnly,
    /// Nothing leads back.
    Irreversible,
}

/// What the operator must do before a step is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "phrase", rename_all = "lowercase")]
pub enum Gate {
    /// It follows by itself.
    None,
    /// Enter.
    Enter,
    /// This phrase, typed.
    Phrase(String),
}

/// What a dangerous gate tells the operator beyond title, why and statements.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Danger {
    /// The dialog's heading: `CUT OVER  shop-prod-blue → shop-prod-green`.
    pub heading: String,
    /// What will happen, in sentences.
    pub consequences: Vec<String>,
}

/// What the operator knows of a step before it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepInfo {
    /// Stable id.
    pub id: StepId,
    /// Title, an imperative.
    pub title: String,
    /// Why it is done.
    pub why: String,
    /// What it can hurt.
    pub risk: Risk,
    /// What it takes to take it back.
    pub undo: Undo,
    /// What going back from here costs, in words.
    pub way_back: String,
    /// What it waits for.
    pub gate: Gate,
    /// What a dangerous gate says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub danger: Option<Danger>,
    /// How long it usually takes.
    pub planned: Duration,
    /// True for the step that holds the write pause.
    #[serde(default)]
    pub pause: bool,
}

impl StepInfo {
    /// A mutating, reversible step behind no gate, planned for a second.
    #[must_use]
    pub fn new(id: &str, title: &str, why: &str) -> Self {
        Self {
            id: StepId::new(id),
            title: title.to_owned(),
            why: why.to_owned(),
            risk: Risk::Mutating,
            undo: Undo::Reversible,
            way_back: "Going back from here costs nothing: BLUE is untouched and in service."
                .to_owned(),
            gate: Gate::None,
            danger: None,
            planned: Duration::from_secs(1),
            pause: false,
        }
    }

    /// The same step with another risk.
    #[must_use]
    pub fn risk(mut self, risk: Risk) -> Self {
        self.risk = risk;
        self
    }

    /// The same step with another undo class and what going back costs.
    #[must_use]
    pub fn undo(mut self, undo: Undo, way_back: &str) -> Self {
        self.undo = undo;
        way_back.clone_into(&mut self.way_back);
        self
    }

    /// The same step behind a gate.
    #[must_use]
    pub fn gate(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// The same step with what its dangerous gate says.
    #[must_use]
    pub fn danger(mut self, danger: Danger) -> Self {
        self.danger = Some(danger);
        self.risk = Risk::Dangerous;
        self
    }

    /// The same step with another planned duration.
    #[must_use]
    pub fn planned(mut self, planned: Duration) -> Self {
        self.planned = planned;
        self
    }
}

/// What the servers say about a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "evidence", rename_all = "kebab-case")]
pub enum Probe {
    /// Nothing of it is there: apply it.
    NotApplied,
    /// All of it is there: go on.
    Applied,
    /// Some of it is there; applying again completes it, undo removes it.
    Partial(String),
    /// It was interrupted inside the write pause, before the point of no return: applications are shut out now. The
    /// engine undoes it at once, without asking, and then waits at its gate again.
    TakeBack(String),
    /// The servers do not say, or say something that fits neither: the operator decides.
    Unknown(String),
}

impl Probe {
    /// True when the servers say that the step has not gone past the point of no return, whatever was noted before.
    #[must_use]
    pub fn is_before_no_return(&self) -> bool {
        matches!(self, Self::NotApplied | Self::TakeBack(_))
    }
}

/// How a step that did not fail came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", content = "text", rename_all = "kebab-case")]
pub enum StepResult {
    /// Done; one line for the log.
    Done(String),
    /// Done, with something the operator should know.
    Warning(String),
    /// Not needed here, because.
    Skipped(String),
    /// Begun and taken back by itself (the write pause over its budget): everything is as before, because.
    TakenBack(String),
}

/// Why a step did not come through.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StepError {
    /// A server refused or is out of reach.
    #[error(transparent)]
    Database(#[from] DbError),
    /// RDS refused or is out of reach.
    #[error(transparent)]
    Rds(#[from] RdsError),
    /// Patroni refused or is out of reach.
    #[error(transparent)]
    Patroni(#[from] PatroniError),
    /// A command failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// An answer was not what was asked for.
    #[error("an answer could not be read: {0}")]
    Value(#[from] ValueError),
    /// Something is not as it must be; what, where, and what to do.
    #[error("{0}")]
    Stop(String),
    /// A wait passed its limit.
    #[error("waited {waited:?} for {what}, the limit; {seen}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// What was last seen.
        seen: String,
    },
    /// An action was sent and no answer came within its limit.
    #[error("no answer within {waited:?}, so whether this took effect is unknown: {what}")]
    Unanswered {
        /// What was sent, as people see it.
        what: String,
        /// Its limit.
        waited: Duration,
    },
    /// The operator (or a signal) asked to stop.
    #[error("stopped as asked")]
    Cancelled,
    /// The journal could not be written, so nothing more was sent.
    #[error("the journal cannot be written, so nothing more was sent: {0}")]
    Journal(String),
}

impl StepError {
    /// True when something may or may not have taken effect.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Database(error) => error.kind == DbErrorKind::Unknown,
            Self::Rds(error) => error.kind == RdsErrorKind::Unreachable,
            Self::Patroni(error) => error.kind == PatroniErrorKind::Unknown,
            Self::Command(CommandError::TimedOut { .. } | CommandError::Lost { .. })
            | Self::Unanswered { .. } => true,
            _ => false,
        }
    }
}

/// One step: what the operator sees, confirms and can undo.
#[async_trait]
pub trait Step: Send + Sync {
    /// What the operator knows of it beforehand.
    fn info(&self) -> &StepInfo;

    /// Looks at the servers: has it been done? Only reads.
    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError>;

    /// What would be sent now, word for word; what is not known yet stands as `{name}`.
    fn actions(&self, facts: &Facts) -> Vec<Action>;

    /// Does it. Everything that changes something goes through [`Context::send`].
    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError>;

    /// Takes it back, object by object, also when only part of it was done; a second time does no harm.
    async fn undo(&self, ctx: &Context) -> Result<(), StepError>;
}

/// A step that only reads: it is asked anew every time, sends nothing, and leaves nothing to take back.
#[async_trait]
pub trait Reading: Send + Sync {
    /// What the operator knows of it beforehand; its risk is [`Risk::ReadOnly`].
    fn info(&self) -> &StepInfo;

    /// Looks, and says what it found.
    async fn read(&self, ctx: &Context) -> Result<StepResult, StepError>;
}

#[async_trait]
impl<T: Reading> Step for T {
    fn info(&self) -> &StepInfo {
        Reading::info(self)
    }

    /// An answer does not last.
    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        Vec::new()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        self.read(ctx).await
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// Steps that belong together.
pub struct Phase {
    /// Stable id: `prepare`.
    pub id: &'static str,
    /// Title.
    pub title: String,
    /// The steps in order.
    pub steps: Vec<Box<dyn Step>>,
}

/// The whole of a procedure for one profile.
pub struct Runbook {
    /// The procedure's id in profiles.
    pub procedure: &'static str,
    /// The way forward.
    pub forward: Vec<Phase>,
    /// The way back once [`Self::point_of_no_return`] has been applied; before that, going back is undoing steps.
    pub rollback: Vec<Phase>,
    /// The step after which going back means the rollback half.
    pub point_of_no_return: Option<StepId>,
    /// The step that ends the way back: once applied, rollback is refused.
    pub way_back_ends: Option<StepId>,
}

impl Runbook {
    /// All steps of the way forward, or of the way back.
    pub fn steps(&self, back: bool) -> impl Iterator<Item = &dyn Step> {
        let phases = if back { &self.rollback } else { &self.forward };
        phases
            .iter()
            .flat_map(|phase| phase.steps.iter().map(AsRef::as_ref))
    }

    /// A step of either way by its id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&dyn Step> {
        self.steps(false)
            .chain(self.steps(true))
            .find(|step| step.info().id == *id)
    }
}
