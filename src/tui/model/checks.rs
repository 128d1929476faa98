use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::event::{Event, What};
use crate::runbook::{CheckResult, StepId, Verdict};

/// Which check, on which server.
pub type CheckKey = (String, String);

/// The checks' latest answers, worst first.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    answers: Vec<CheckResult>,
    known: BTreeSet<CheckKey>,
    asked_by: Option<StepId>,
    /// Ids answered since that step asks.
    fresh: BTreeSet<String>,
}

impl Checks {
    /// Takes in an answer; a later answer to the same question replaces the earlier one, and the first answer a step
    /// gets replaces all that other steps got: a server named by then is not "not there yet" any more.
    pub fn apply(&mut self, event: &Event) {
        let What::Check { result } = &event.what else {
            return;
        };
        if self.asked_by != event.step {
            self.asked_by.clone_from(&event.step);
            self.fresh.clear();
        }
        if self.fresh.insert(result.id.clone()) {
            self.answers.retain(|answer| answer.id != result.id);
            self.known.retain(|(id, _)| *id != result.id);
        }
        let key = (result.id.clone(), result.node.clone());
        if !self.known.insert(key) {
            self.answers
                .retain(|answer| answer.id != result.id || answer.node != result.node);
        }
        let place = self
            .answers
            .partition_point(|answer| Reverse(answer.verdict) <= Reverse(result.verdict));
        self.answers.insert(place, result.clone());
    }

    /// All answers, worst first, in the order they came within a verdict.
    #[must_use]
    pub fn all(&self) -> &[CheckResult] {
        &self.answers
    }

    /// How many answers have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.answers
            .iter()
            .filter(|answer| answer.verdict == verdict)
            .count()
    }
}
