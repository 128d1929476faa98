//! Every state a run can be in × everything that can happen there. The snapshot is the table.

use std::fmt::Write as _;

use super::{notation, runbook};
use crate::engine::{Machine, Memory};

const TO_MAKE: &str = "started; probed look not-applied; ended look done";
const TO_LINK: &str = "TO_MAKE; probed make not-applied; ended make done";
const TO_SWITCH: &str =
    "TO_LINK; probed link not-applied; next link; checked link pass; ended link done";
const SWITCHING: &str = "TO_SWITCH; probed switch not-applied; confirm switch; checked switch pass";
const SWITCHED: &str = "SWITCHING; crossed switch; ended switch done";

/// How each state is reached.
const STATES: [(&str, &str); 21] = [
    ("asleep", ""),
    ("probing", "TO_MAKE"),
    ("applying", "TO_MAKE; probed make not-applied"),
    (
        "probing after a lost answer",
        "TO_MAKE; probed make not-applied; ended make lost",
    ),
    (
        "failed",
        "TO_MAKE; probed make not-applied; ended make failed",
    ),
    ("unclear", "TO_MAKE; probed make unknown"),
    (
        "probing for a retry",
        "TO_MAKE; probed make unknown; retry make",
    ),
    ("at a gate for Enter", "TO_LINK; probed link not-applied"),
    (
        "checking a gate for Enter",
        "TO_LINK; probed link not-applied; next link",
    ),
    (
        "at a gate for a phrase",
        "TO_SWITCH; probed switch not-applied",
    ),
    (
        "asking the checks again",
        "TO_SWITCH; probed switch not-applied; recheck",
    ),
    (
        "checking a gate for a phrase",
        "TO_SWITCH; probed switch not-applied; confirm switch",
    ),
    ("in the write pause", "SWITCHING"),
    ("in the write pause, crossed", "SWITCHING; crossed switch"),
    (
        "failed beyond the point of no return",
        "SWITCHING; crossed switch; ended switch failed",
    ),
    (
        "probing for a retry beyond the point of no return",
        "SWITCHING; crossed switch; ended switch failed; retry switch",
    ),
    (
        "undoing one step",
        "TO_SWITCH; probed switch not-applied; undo-last",
    ),
    (
        "undoing failed",
        "TO_SWITCH; probed switch not-applied; undo-last; undone link failed",
    ),
    ("unwinding", "TO_SWITCH; probed switch not-applied; go-back"),
    (
        "at the gate of the rollback",
        "SWITCHED; probed accept not-applied; ended accept done; go-back; probed return not-applied",
    ),
    ("over", "park"),
];

/// What happens, `STEP` being the step in hand.
const EVENTS: [&str; 32] = [
    "started",
    "probed STEP not-applied",
    "probed STEP applied",
    "probed STEP partial",
    "probed STEP take-back",
    "probed STEP unknown",
    "probed STEP silence",
    "probed finish applied",
    "ended STEP done",
    "ended STEP skipped",
    "ended STEP taken-back",
    "ended STEP failed",
    "ended STEP lost",
    "undone STEP done",
    "undone STEP failed",
    "checked STEP pass",
    "checked STEP block",
    "next STEP",
    "confirm STEP",
    "mistype STEP",
    "retry STEP",
    "take-as-done STEP",
    "undo-last",
    "go-back",
    "give-back",
    "recheck",
    "park",
    "cancelled",
    "guardrail",
    "crossed STEP",
    "panicked STEP",
    "journal-lost",
];

pub(super) fn spell_out(path: &str) -> String {
    [
        ("SWITCHED", SWITCHED),
        ("SWITCHING", SWITCHING),
        ("TO_SWITCH", TO_SWITCH),
        ("TO_LINK", TO_LINK),
        ("TO_MAKE", TO_MAKE),
    ]
    .iter()
    .fold(path.to_owned(), |path, (name, meaning)| {
        path.replace(name, meaning)
    })
}

/// A machine that went through these inputs.
pub(super) fn reached(path: &str) -> Machine {
    let mut machine = Machine::new(&runbook(), &Memory::default(), "tester@here");
    for input in spell_out(path)
        .split("; ")
        .filter(|input| !input.is_empty())
    {
        machine.handle(notation::input(input));
    }
    machine
}

fn step_in_hand(path: &str) -> String {
    let path = spell_out(path);
    let mut machine = Machine::new(&runbook(), &Memory::default(), "tester@here");
    let mut step = "look".to_owned();
    for input in path.split("; ").filter(|input| !input.is_empty()) {
        for effect in machine.handle(notation::input(input)) {
            let said = notation::effects(&[effect]);
            if let Some(named) = ["PROBE ", "CHECK ", "APPLY ", "UNDO "]
                .iter()
                .find_map(|verb| said.strip_prefix(verb))
            {
                named.clone_into(&mut step);
            }
        }
    }
    step
}

#[test]
fn every_state_answers_every_event_as_written() {
    let mut table = String::new();
    for (name, path) in STATES {
        let step = step_in_hand(path);
        let _ = writeln!(table, "\n## {name} ({step})");
        let mut quiet = Vec::new();
        let events = EVENTS
            .iter()
            .filter(|event| **event != "started" || path.is_empty());
        for event in events {
            let event = event.replace("STEP", &step);
            let effects = reached(path).handle(notation::input(&event));
            if effects.is_empty() {
                quiet.push(event);
            } else {
                let _ = writeln!(table, "{event} → {}", notation::effects(&effects));
            }
        }
        let _ = writeln!(table, "nothing to say: {}", quiet.join(", "));
    }
    insta::assert_snapshot!(table);
}
