use crate::runbook::StepId;

/// What the operator wants, from keys, from `--confirm`, or from a second terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Enter at a gate without a phrase.
    Next {
        /// The step meant, so that a late key cannot confirm another one.
        step: StepId,
    },
    /// A typed phrase.
    Confirm {
        /// The step meant.
        step: StepId,
        /// What was typed.
        phrase: String,
    },
    /// Do a failed or unclear step again.
    Retry {
        /// The step meant.
        step: StepId,
    },
    /// The operator looked: an unclear step has been done.
    TakeAsDone {
        /// The step meant.
        step: StepId,
    },
    /// Undo the last applied step.
    UndoLast,
    /// Go all the way back: undo steps, or the rollback half.
    GoBack,
    /// In the write pause, before the point of no return: give the old side back now.
    GiveBack,
    /// Ask the checks again.
    Recheck,
    /// Park the run and leave.
    Park,
}
