//! Inputs and effects in few words, for tables that people read.

use super::{CUT_OVER, ROLL_BACK, id};
use crate::engine::machine::{Effect, Failure, Input};
use crate::event::{Intent, StepState, What};
use crate::runbook::{CheckReport, CheckResult, Probe, StepResult, Verdict};

/// `probed make applied`, `ended make done`, `next link`, `go-back` …
pub(super) fn input(text: &str) -> Input {
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let verb = word();
    let step = id(word());
    let how = word();
    match verb {
        "started" => Input::Started,
        "probed" => Input::Probed(step, probe(how)),
        "ended" => Input::StepEnded(step, end(how), 1),
        "undone" => Input::UndoEnded(step, undo(how), 1),
        "checked" => Input::GateChecked(step, checks(how == "pass")),
        "crossed" => Input::Crossed(step),
        "panicked" => Input::Panicked(step, "boom".to_owned()),
        "cancelled" => Input::Cancelled,
        "guardrail" => Input::GuardrailStop("tripped".to_owned()),
        "journal-lost" => Input::JournalLost("full".to_owned()),
        _ => Input::Intent(match verb {
            "next" => Intent::Next { step },
            "confirm" => Intent::Confirm {
                phrase: match step.as_str() {
                    "switch" => CUT_OVER,
                    "return" => ROLL_BACK,
                    "finish" => "finish shop",
                    _ => "",
                }
                .to_owned(),
                step,
            },
            "mistype" => Intent::Confirm {
                step,
                phrase: "cut over ship".to_owned(),
            },
            "retry" => Intent::Retry { step },
            "take-as-done" => Intent::TakeAsDone { step },
            "undo-last" => Intent::UndoLast,
            "go-back" => Intent::GoBack,
            "give-back" => Intent::GiveBack,
            "recheck" => Intent::Recheck,
            "park" => Intent::Park,
            other => panic!("no input {other}"),
        }),
    }
}

fn probe(how: &str) -> Result<Probe, String> {
    let seen = || "seen".to_owned();
    Ok(match how {
        "not-applied" => Probe::NotApplied,
        "applied" => Probe::Applied,
        "partial" => Probe::Partial(seen()),
        "take-back" => Probe::TakeBack(seen()),
        "unknown" => Probe::Unknown(seen()),
        "silence" => return Err("no answer".to_owned()),
        other => panic!("no probe {other}"),
    })
}

fn end(how: &str) -> Result<StepResult, Failure> {
    let text = || "text".to_owned();
    let failure = |unknown| Failure {
        error: "broke".to_owned(),
        unknown,
    };
    Ok(match how {
        "done" => StepResult::Done(text()),
        "warning" => StepResult::Warning(text()),
        "skipped" => StepResult::Skipped(text()),
        "taken-back" => StepResult::TakenBack(text()),
        "failed" => return Err(failure(false)),
        "lost" => return Err(failure(true)),
        other => panic!("no end {other}"),
    })
}

fn undo(how: &str) -> Result<(), String> {
    match how {
        "done" => Ok(()),
        _ => Err("broke".to_owned()),
    }
}

pub(super) fn checks(pass: bool) -> CheckReport {
    let checks = (!pass).then(|| CheckResult {
        id: "lag".to_owned(),
        verdict: Verdict::Block,
        unknown: false,
        node: "GREEN".to_owned(),
        evidence: "behind".to_owned(),
        remedy: String::new(),
        fix: None,
        gate: true,
    });
    CheckReport {
        checks: checks.into_iter().collect(),
    }
}

/// `PROBE make`, `make is running`, `refused: …`
pub(super) fn effects(effects: &[Effect]) -> String {
    if effects.is_empty() {
        return "nothing".to_owned();
    }
    let words: Vec<_> = effects.iter().map(effect).collect();
    words.join(" · ")
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Probe(step) => format!("PROBE {step}"),
        Effect::Preview(step) => format!("preview {step}"),
        Effect::CheckGate(step) => format!("CHECK {step}"),
        Effect::Apply(clearance) => format!("APPLY {}", clearance.step()),
        Effect::Undo(step) => format!("UNDO {step}"),
        Effect::Cancel => "CANCEL".to_owned(),
        Effect::End(outcome) => format!("END {outcome:?}"),
        Effect::Note(step, what) => {
            let step = step.as_ref().map_or("run", |step| step.as_str());
            note(step, what)
        }
    }
}

fn note(step: &str, what: &What) -> String {
    match what {
        What::State { state } => format!("{step} is {}", state_word(state)),
        What::Probed { .. } => format!("{step} was probed"),
        What::Gate { phrase: None } => format!("{step} asks for Enter"),
        What::Gate { phrase: Some(_) } => format!("{step} asks for its phrase"),
        What::GateRefused { reason } => format!("{step} stays shut ({reason})"),
        What::Confirmed { .. } => format!("{step} confirmed"),
        What::Log { text } => format!("{step} says: {text}"),
        What::Parked { reason } => format!("parked ({reason})"),
        What::Refused { reason } => format!("refused ({reason})"),
        What::GoingBack { rollback: true } => "rolling back".to_owned(),
        What::GoingBack { rollback: false } => "unwinding".to_owned(),
        What::GoingOn => "forward again".to_owned(),
        other => panic!("the machine does not say {other:?}"),
    }
}

fn state_word(state: &StepState) -> String {
    match state {
        StepState::Done { result, .. } => match result {
            StepResult::Done(_) => "done".to_owned(),
            StepResult::Warning(why) => format!("done with a warning ({why})"),
            StepResult::Skipped(_) => "skipped".to_owned(),
            StepResult::TakenBack(_) => "taken back".to_owned(),
        },
        StepState::Failed { error, .. } => format!("failed ({error})"),
        StepState::Unclear { evidence } => format!("unclear ({evidence})"),
        StepState::Later => "open again".to_owned(),
        StepState::Waiting => "waiting".to_owned(),
        StepState::Probing => "being probed".to_owned(),
        StepState::Running => "running".to_owned(),
        StepState::Undoing => "being undone".to_owned(),
        StepState::Undone => "undone".to_owned(),
    }
}
