use std::time::Duration;

use jiff::Timestamp;

use super::clock::elapsed;
use crate::event::Event;
use crate::runbook::{CanarySeen, PauseEvent, PauseForecast, StepId};

/// The write pause.
#[derive(Debug, Clone)]
pub struct Pause {
    /// The step that holds it.
    pub step: Option<StepId>,
    /// When it began.
    pub begun: Timestamp,
    /// Its sub-steps in order.
    pub parts: Vec<Part>,
    /// Index of the first sub-step after the point of no return.
    pub no_return_before: usize,
    /// How long it may last.
    pub budget: Duration,
    /// True once the point of no return is crossed.
    pub crossed: bool,
    /// Sessions still on the old side.
    pub sessions_left: Option<u64>,
    /// Bytes still to drain.
    pub bytes_left: Option<u64>,
    /// When the old side opens by itself, and which side that is, for as long as it would.
    pub opens_itself: Option<(String, Timestamp)>,
    /// The side that applications are shut out from, once that is known.
    pub old_side: Option<String>,
    /// The side that is to take over, where it is neither BLUE nor GREEN.
    pub new_side: Option<String>,
    /// What it was expected to take.
    pub forecast: Option<PauseForecast>,
    /// How it ended.
    pub ended: Option<PauseEnd>,
    /// What an application saw of it.
    pub canary: Option<CanarySeen>,
}

/// How a write pause ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PauseEnd {
    /// Fence up to open again.
    pub took: Duration,
    /// True when the old side was given back.
    pub taken_back: bool,
}

/// A sub-step of the write pause.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: PartState,
}

/// How far a sub-step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// Not begun.
    Later,
    /// Under way.
    Now {
        /// Since when.
        since: Timestamp,
    },
    /// Done.
    Done {
        /// How long it took.
        took: Duration,
        /// A few words.
        detail: String,
    },
}

impl Pause {
    /// The side that applications are shut out from, and the one that is to take over.
    #[must_use]
    pub fn sides(&self) -> (&str, &str) {
        match (self.old_side.as_deref(), self.new_side.as_deref()) {
            (Some(old), Some(new)) => (old, new),
            (Some(old), None) if old != "BLUE" => (old, "BLUE"),
            _ => ("BLUE", "GREEN"),
        }
    }

    /// Takes in where a pause stands; a pause that begins replaces the last one.
    pub fn apply(pause: &mut Option<Self>, event: &Event, what: &PauseEvent) {
        if let PauseEvent::Begun {
            parts,
            no_return_before,
            budget_ms,
            old_side,
            new_side,
        } = what
        {
            let later = |name: &String| Part {
                name: name.clone(),
                state: PartState::Later,
            };
            *pause = Some(Self {
                step: event.step.clone(),
                begun: event.at,
                parts: parts.iter().map(later).collect(),
                no_return_before: *no_return_before,
                budget: Duration::from_millis(*budget_ms),
                crossed: false,
                sessions_left: None,
                bytes_left: None,
                opens_itself: None,
                old_side: old_side.clone(),
                new_side: new_side.clone(),
                forecast: None,
                ended: None,
                canary: None,
            });
        } else if let Some(pause) = pause {
            pause.go_on(event.at, what);
        }
    }

    fn go_on(&mut self, at: Timestamp, what: &PauseEvent) {
        match what {
            PauseEvent::Begun { .. } | PauseEvent::WayBackIsRollback => {}
            PauseEvent::Part { index } => self.set(*index, PartState::Now { since: at }),
            PauseEvent::PartDone {
                index,
                took_us,
                detail,
            } => {
                let took = Duration::from_micros(*took_us);
                self.set(
                    *index,
                    PartState::Done {
                        took,
                        detail: detail.clone(),
                    },
                );
            }
            PauseEvent::Left { sessions, bytes } => {
                self.sessions_left = Some(*sessions);
                self.bytes_left = Some(*bytes);
            }
            PauseEvent::Forecast { forecast } => self.forecast = Some(*forecast),
            PauseEvent::Armed { node, opens_in_ms } => {
                self.old_side = Some(node.clone());
                self.opens_itself = Some((node.clone(), at + Duration::from_millis(*opens_in_ms)));
            }
            PauseEvent::Canary { seen } => self.canary = Some(seen.clone()),
            PauseEvent::Disarmed => self.opens_itself = None,
            PauseEvent::PointOfNoReturn => self.crossed = true,
            PauseEvent::Ended {
                took_us,
                taken_back,
            } => {
                let took = Duration::from_micros(*took_us);
                self.ended = Some(PauseEnd {
                    took,
                    taken_back: *taken_back,
                });
            }
        }
    }

    fn set(&mut self, index: usize, state: PartState) {
        if let Some(part) = self.parts.get_mut(index) {
            part.state = state;
        }
    }

    /// How long writers have waited at `now`, or did wait.
    #[must_use]
    pub fn lasted(&self, now: Timestamp) -> Duration {
        self.ended
            .map_or_else(|| elapsed(self.begun, now), |end| end.took)
    }
}
