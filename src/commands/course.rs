//! The course of a run as its journal tells it, for whoever looks on while it is driven.

use std::path::Path;

use crate::engine::Memory;
use crate::event::{Event, StepState, What};
use crate::journal::Follower;
use crate::runbook::StepId;

/// The run so far.
#[derive(Default)]
pub struct Course {
    /// What it has come to.
    pub memory: Memory,
    events: Vec<Event>,
    follower: Option<Follower>,
}

impl Course {
    /// The course of the run with this journal. One that cannot be read is the engine's to complain about.
    #[must_use]
    pub fn follow(journal: &Path) -> Self {
        Self {
            follower: Follower::new(journal).ok(),
            ..Self::default()
        }
    }

    /// The course that these events tell.
    #[must_use]
    pub fn of(events: Vec<Event>) -> Self {
        Self {
            memory: Memory::of(&events),
            events,
            follower: None,
        }
    }

    /// Takes in what the journal has got since.
    pub fn learn(&mut self) {
        let news = self
            .follower
            .as_mut()
            .and_then(|follower| follower.news().ok())
            .unwrap_or_default();
        if news.is_empty() {
            return;
        }
        let matters = |event: &Event| matches!(event.what, What::Fact { .. } | What::State { .. });
        self.events.extend(news.into_iter().filter(matters));
        self.memory = Memory::of(&self.events);
    }

    /// True once a step came through and while it has not been taken back.
    #[must_use]
    pub fn is_done(&self, step: &str) -> bool {
        let known = self.memory.steps.get(&StepId::new(step));
        known.is_some_and(|step| matches!(step.state, Some(StepState::Done { .. })))
    }

    /// True once a step was begun.
    #[must_use]
    pub fn is_begun(&self, step: &str) -> bool {
        let known = self.memory.steps.get(&StepId::new(step));
        known.is_some_and(|step| step.touched)
    }

    /// True while a step is under way, there or back.
    #[must_use]
    pub fn is_under_way(&self, step: &str) -> bool {
        let known = self.memory.steps.get(&StepId::new(step));
        known
            .is_some_and(|step| matches!(step.state, Some(StepState::Running | StepState::Undoing)))
    }
}
