//! What a sweep strikes, and what came of a leg.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An action that was struck: its step and what it says, without what differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Case {
    pub step: String,
    pub action: String,
}

/// One leg under one kind of fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unit {
    pub cases: Vec<Case>,
    pub processes: usize,
    pub seconds: u64,
}

impl Case {
    /// The case an intent of the journal stands for.
    pub fn of(intent: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let target = text(&intent["action"]["target"]);
        let words = text(&intent["action"]["text"]);
        let words: Vec<_> = words.split_whitespace().take(4).collect();
        Self {
            step: text(&intent["step"]),
            action: format!("{target}: {}", words.join(" ")),
        }
    }
}
