//! What a page of the report says, before it is Markdown or HTML.

use serde::Serialize;

use super::{PauseReport, Report, StepOutcome, StepReport};
use crate::event::Outcome;
use crate::inspect::compare::RowDifference;

/// A heading and a table under it.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) head: &'static [&'static str],
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
pub(super) enum Cell {
    /// Words.
    Text(String),
    /// Something word for word: a statement, a name, a value.
    Code(String),
}

/// The heading of the page.
pub(super) fn title(report: &Report) -> String {
    format!("Run {} of {}", report.run, report.profile)
}

/// What a reader must see first.
pub(super) fn badge(report: &Report) -> Option<&'static str> {
    match (report.dry_run, report.rehearsal) {
        (true, true) => {
            Some("DRY RUN of a REHEARSAL: nothing was sent, and not to servers that matter")
        }
        (true, false) => Some("DRY RUN: everything was read, nothing was sent"),
        (false, true) => Some("REHEARSAL: on disposable servers"),
        (false, false) => None,
    }
}

/// All sections in order; those without rows are left out.
pub(super) fn sections(report: &Report) -> Vec<Section> {
    let mut sections = vec![
        summary(report),
        confirmations(report),
        pauses(report),
        steps(report),
        statements(report),
        compares(report),
        facts(report),
        proofs(report),
        checks(report),
        guardrails(report),
        course(report),
    ];
    sections.retain(|section| !section.rows.is_empty());
    sections
}

fn summary(report: &Report) -> Section {
    let mut rows = vec![
        ("Outcome", outcome_word(report.outcome).to_owned()),
        ("Procedure", report.procedure.clone()),
        ("Tool", format!("greenlight {}", report.tools.join(", "))),
        ("Began", report.began.clone().unwrap_or_default()),
        (
            "Last record",
            report.last_record.clone().unwrap_or_default(),
        ),
        ("Took", duration(report.took_ms * 1000)),
    ];
    if let Some(process) = &report.driven_by {
        rows.push(("Driven now by", process.clone()));
    }
    for pause in &report.pauses {
        rows.push(("Write pause", pause_words(pause)));
        if let Some(seen) = &pause.canary {
            rows.push(("Canary", format!("{}: {}", pause.step, seen.words())));
        }
    }
    let rows = rows
        .into_iter()
        .map(|(key, value)| vec![text(key), text(value)]);
    Section {
        title: "Summary",
        head: &["", ""],
        rows: rows.collect(),
    }
}

/// A write pause in one line.
pub(super) fn pause_words(pause: &PauseReport) -> String {
    let took = match pause.took_us {
        Some(took) => duration(took),
        None => "no end recorded".to_owned(),
    };
    let back = if pause.taken_back { ", taken back" } else { "" };
    let budget = duration(pause.budget_ms * 1000);
    let expected = pause.forecast.as_ref();
    let expected = expected.map_or_else(String::new, |told| format!("; expected {told}"));
    format!("{}: {took} of {budget}{back}{expected}", pause.step)
}

fn confirmations(report: &Report) -> Section {
    let row = |confirmed: &super::Confirmation| {
        vec![
            text(&confirmed.at),
            code(&confirmed.step),
            text(&confirmed.title),
            confirmed
                .phrase
                .as_ref()
                .map_or_else(|| text("Enter"), code),
            text(&confirmed.by),
        ]
    };
    Section {
        title: "Confirmations",
        head: &["When", "Step", "Title", "Typed", "By"],
        rows: report.confirmations.iter().map(row).collect(),
    }
}

fn pauses(report: &Report) -> Section {
    let rows = report.pauses.iter().flat_map(|pause| {
        pause.parts.iter().map(|part| {
            let number = |us: Option<u64>| text(us.map(duration).unwrap_or_default());
            vec![
                code(&pause.step),
                text(&part.name),
                number(part.from_us),
                number(part.took_us),
                text(&part.detail),
            ]
        })
    });
    Section {
        title: "Write pause by sub-step",
        head: &["Step", "Sub-step", "From", "Took", "What"],
        rows: rows.collect(),
    }
}

/// The steps of the way forward, and of the rollback half once any of it was begun.
pub(super) fn steps_shown(report: &Report) -> impl Iterator<Item = &StepReport> {
    let steps = || report.steps.iter();
    let rolled = steps().any(|step| step.rollback && step.outcome != StepOutcome::NotBegun);
    steps().filter(move |step| rolled || !step.rollback)
}

fn steps(report: &Report) -> Section {
    let rows = steps_shown(report).map(|step| {
        vec![
            text(&step.phase),
            code(&step.id),
            text(&step.title),
            text(word(&step.outcome)),
            text(duration(step.planned_ms * 1000)),
            text(
                step.actual_ms
                    .map(|ms| duration(ms * 1000))
                    .unwrap_or_default(),
            ),
            text(step.attempts.to_string()),
            text(&step.text),
        ]
    });
    Section {
        title: "Steps, planned and actual",
        head: &[
            "Phase", "Step", "Title", "Outcome", "Planned", "Actual", "Begun", "What",
        ],
        rows: rows.collect(),
    }
}

fn statements(report: &Report) -> Section {
    let rows = report.statements.iter().map(|sent| {
        vec![
            text(sent.intent.to_string()),
            text(&sent.at),
            code(&sent.step),
            text(&sent.action.target),
            code(&sent.action.text),
            text(word(&sent.result)),
            text(&sent.answer),
            text(sent.took_us.map(duration).unwrap_or_default()),
        ]
    });
    Section {
        title: "Everything sent",
        head: &[
            "No", "When", "Step", "To", "What", "Result", "Answer", "Took",
        ],
        rows: rows.collect(),
    }
}

fn facts(report: &Report) -> Section {
    let rows = report.facts.iter().map(|fact| {
        let value = match &fact.value {
            serde_json::Value::String(plain) => plain.clone(),
            other => other.to_string(),
        };
        vec![text(&fact.at), code(&fact.name), code(value)]
    });
    Section {
        title: "Facts",
        head: &["When", "Name", "Value"],
        rows: rows.collect(),
    }
}

/// A row a table that was compared; rows that differ are named as far as the compare kept them.
fn compares(report: &Report) -> Section {
    let rows = report.compares.iter().flat_map(|compare| {
        compare.found.tables.iter().map(|table| {
            let verdict = match (table.equal, table.is_different()) {
                (true, _) => "equal",
                (false, true) => "DIFFERS",
                (false, false) => "not everything is known",
            };
            let line = table.line();
            let (_, what) = line.split_once(": ").unwrap_or_default();
            let differing: Vec<_> = table.differing.iter().map(RowDifference::words).collect();
            vec![
                text(&compare.at),
                code(&compare.step),
                text(verdict),
                code(format!(
                    "{}.{}.{}",
                    compare.database, table.schema, table.name
                )),
                text(what),
                code(differing.join("\n")),
            ]
        })
    });
    Section {
        title: "Data compare",
        head: &["When", "Step", "Verdict", "Table", "Rows", "Differing"],
        rows: rows.collect(),
    }
}

fn proofs(report: &Report) -> Section {
    let rows = report.proofs.iter().map(|proof| {
        let holds = if proof.holds {
            "holds"
        } else {
            "DOES NOT HOLD"
        };
        vec![
            text(&proof.at),
            code(&proof.step),
            text(holds),
            text(&proof.text),
        ]
    });
    Section {
        title: "Proofs",
        head: &["When", "Step", "Verdict", "What"],
        rows: rows.collect(),
    }
}

fn checks(report: &Report) -> Section {
    let rows = report.checks.iter().map(|check| {
        let verdict = word(&check.result.verdict);
        let unknown = if check.result.unknown {
            " (could not be asked)"
        } else {
            ""
        };
        vec![
            text(&check.at),
            code(&check.step),
            text(format!("{verdict}{unknown}")),
            code(&check.result.id),
            text(&check.result.node),
            text(&check.result.evidence),
            text(&check.result.remedy),
        ]
    });
    Section {
        title: "Checks",
        head: &[
            "When", "Step", "Verdict", "Check", "Node", "Evidence", "Remedy",
        ],
        rows: rows.collect(),
    }
}

fn guardrails(report: &Report) -> Section {
    let rows = report.guardrails.iter().map(|seen| {
        vec![
            text(&seen.at),
            code(&seen.id),
            text(word(&seen.light)),
            text(&seen.text),
        ]
    });
    Section {
        title: "Guardrails",
        head: &["When", "Guardrail", "Light", "What"],
        rows: rows.collect(),
    }
}

fn course(report: &Report) -> Section {
    let rows = report.course.iter();
    let row = |entry: &super::Entry| vec![text(&entry.at), code(&entry.step), text(&entry.text)];
    Section {
        title: "Course of the run",
        head: &["When", "Step", "What"],
        rows: rows.map(row).collect(),
    }
}

fn text(words: impl AsRef<str>) -> Cell {
    Cell::Text(words.as_ref().to_owned())
}

fn code(words: impl AsRef<str>) -> Cell {
    Cell::Code(words.as_ref().to_owned())
}

/// A unit variant as JSON spells it, so that the three formats agree.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Microseconds for people: `41.2 ms`, `2.6 s`, `11:42 min`, `1:02:03 h`.
pub(super) fn duration(us: u64) -> String {
    let ms = us / 1000;
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}.{} ms", us % 1000 / 100),
        1..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!(
            "{}:{:02}:{:02} h",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

/// An outcome as the command line spells it.
pub(super) fn outcome_word(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Done) => "done",
        Some(Outcome::Parked) => "parked",
        Some(Outcome::RolledBack) => "rolled-back",
        Some(Outcome::Stuck) => "stuck",
        None => "not ended",
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_for_people() {
        for (us, words) in [
            (0, "0.0 ms"),
            (41_234, "41.2 ms"),
            (999_999, "999.9 ms"),
            (2_600_000, "2.6 s"),
            (702_000_000, "11:42 min"),
            (3_723_000_000, "1:02:03 h"),
        ] {
            assert_eq!(duration(us), words);
        }
    }
}
