use serde::{Deserialize, Serialize};

use super::canary::CanarySeen;
use super::forecast::PauseForecast;

/// The write pause as it goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "pause", rename_all = "kebab-case")]
pub enum PauseEvent {
    /// The pause begins; these are its sub-steps in order and the index of the first beyond the point of no return.
    Begun {
        /// Names of the sub-steps.
        parts: Vec<String>,
        /// Index of the first sub-step after the point of no return.
        no_return_before: usize,
        /// The budget, milliseconds.
        budget_ms: u64,
        /// The side that stops taking writes; `None` where the dead-man switch names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old_side: Option<String>,
        /// The side that is to take them; `None` where the two are BLUE and GREEN.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_side: Option<String>,
    },
    /// A sub-step began.
    Part {
        /// Its index.
        index: usize,
    },
    /// A sub-step ended.
    PartDone {
        /// Its index.
        index: usize,
        /// What it took, microseconds.
        took_us: u64,
        /// A few words: `48 sessions, 2 rounds`.
        detail: String,
    },
    /// What it was expected to take when it began.
    Forecast {
        /// The forecast.
        forecast: PauseForecast,
    },
    /// The old side opens by itself when this time is over, even if this program is gone.
    Armed {
        /// The old side.
        node: String,
        /// From now on, milliseconds.
        opens_in_ms: u64,
    },
    /// It no longer does, and was seen not to.
    Disarmed,
    /// Live numbers.
    Left {
        /// Sessions still on the old side.
        sessions: u64,
        /// Bytes still to drain.
        bytes: u64,
    },
    /// The point of no return was crossed.
    PointOfNoReturn,
    /// What the run begins here is not undone by itself: from here going back is the rollback half. Nothing is switched,
    /// and no writer waits.
    WayBackIsRollback,
    /// Writers may write again.
    Ended {
        /// Fence up to open again, microseconds.
        took_us: u64,
        /// True when the old side was given back.
        taken_back: bool,
    },
    /// What an application saw of it; comes after the end.
    Canary {
        /// What that was.
        seen: CanarySeen,
    },
}

impl PauseEvent {
    /// True when the step is not simply undone from here on.
    #[must_use]
    pub fn crosses(&self) -> bool {
        matches!(self, Self::PointOfNoReturn | Self::WayBackIsRollback)
    }
}
