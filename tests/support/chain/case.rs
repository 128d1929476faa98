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
    /// Sent by processes that were struck further on, and never struck themselves.
    #[serde(default)]
    pub unstruck: Vec<Case>,
    pub processes: usize,
    pub seconds: u64,
}

impl Case {
    /// The case an intent of the journal stands for.
    pub fn of(intent: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let target = text(&intent["action"]["target"]);
        let words = text(&intent["action"]["text"]);
        let words = if target.contains(" · ") {
            let words: Vec<_> = words.split_whitespace().take(4).map(unnumbered).collect();
            words.join(" ")
        } else {
            command(&words)
        };
        Self {
            step: text(&intent["step"]),
            action: format!("{target}: {words}"),
        }
    }
}

/// A word without the number of an attempt that a name in it bears.
fn unnumbered(word: &str) -> String {
    if word.contains('\'') {
        word.replace(|c: char| c.is_ascii_digit(), "")
    } else {
        word.to_owned()
    }
}

/// The folder of a copy without the number of the attempt.
fn unattempted(word: String) -> String {
    match word.rsplit_once("-copy-") {
        Some((folder, _)) => format!("{folder}-copy"),
        None => word,
    }
}

/// A command without who runs it, in which namespace, and in which folder of the lab.
fn command(text: &str) -> String {
    let own = text.rsplit(" -- ").next().unwrap_or(text);
    let last = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let words = own.split_whitespace().map(last);
    // A copy of the program has a number, a network its addresses.
    let same = |word: &String| !word.starts_with(|c: char| c.is_ascii_digit());
    let words = words.map(|word| match word.strip_prefix("greenlight-") {
        Some(_) => "greenlight".to_owned(),
        None => unattempted(word),
    });
    let words: Vec<_> = words.filter(same).take(7).collect();
    words.join(" ")
}
