//! Which rows of each table pass its filters. Places in the whole table, so that nothing is copied.

use super::model::Model;
use super::text;
use crate::inspect::{DiffClass, Difference};

fn holds(text: &str, filter: &str) -> bool {
    filter.is_empty() || text.to_lowercase().contains(filter)
}

/// Checks whose id, server or evidence has the text.
#[must_use]
pub fn checks(model: &Model, filter: &str) -> Vec<usize> {
    let filter = filter.to_lowercase();
    let passes = |check: &crate::runbook::CheckResult| {
        holds(&check.id, &filter) || holds(&check.node, &filter) || holds(&check.evidence, &filter)
    };
    places(model.checks.all().iter().map(passes))
}

/// Differences whose name has the text, of one kind or all, with or without expected ones.
#[must_use]
pub fn objects(model: &Model, filter: &str, kind: Option<&str>, expected: bool) -> Vec<usize> {
    let Some(diff) = &model.objects else {
        return Vec::new();
    };
    let filter = filter.to_lowercase();
    let mut name = String::new();
    let mut named = |difference: &Difference| {
        name.clear();
        write_object_name(&mut name, difference);
        if name.is_ascii() {
            name.make_ascii_lowercase();
            name.contains(&filter)
        } else {
            holds(&name, &filter)
        }
    };
    places(diff.differences.iter().map(|difference| {
        (expected || difference.class != DiffClass::Expected)
            && kind.is_none_or(|kind| kind == difference.kind)
            && (filter.is_empty() || named(difference))
    }))
}

/// A difference's name as shown: database (where several are compared), schema, name.
#[must_use]
pub fn object_name(difference: &Difference) -> String {
    let mut name = String::new();
    write_object_name(&mut name, difference);
    name
}

fn write_object_name(name: &mut String, difference: &Difference) {
    for part in [
        difference.database.as_deref().unwrap_or(""),
        &difference.schema,
    ] {
        if !part.is_empty() {
            name.push_str(part);
            name.push('.');
        }
    }
    name.push_str(&difference.name);
}

/// The kinds that differ, in order of their first difference.
#[must_use]
pub fn kinds(model: &Model) -> Vec<&str> {
    let mut kinds: Vec<&str> = Vec::new();
    for difference in model.objects.iter().flat_map(|diff| &diff.differences) {
        if !kinds.contains(&difference.kind.as_str()) {
            kinds.push(&difference.kind);
        }
    }
    kinds
}

/// Tables whose name has the text.
#[must_use]
pub fn data(model: &Model, filter: &str) -> Vec<usize> {
    let filter = filter.to_lowercase();
    places(
        model
            .data
            .tables
            .iter()
            .map(|table| holds(&table.name, &filter)),
    )
}

/// Log lines with the text.
#[must_use]
pub fn log(model: &Model, filter: &str) -> Vec<usize> {
    let filter = filter.to_lowercase();
    places(model.log.lines().iter().map(|line| {
        holds(&line.text, &filter) || holds(&line.target, &filter) || holds(&line.answer, &filter)
    }))
}

fn places(passes: impl Iterator<Item = bool>) -> Vec<usize> {
    passes
        .enumerate()
        .filter_map(|(at, passes)| passes.then_some(at))
        .collect()
}

/// A table as text with a tab between its columns, for a file; no cell can break a row.
#[must_use]
pub fn tabbed(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = head.join("\t");
    out.push('\n');
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| text::clean(cell)).collect();
        out.push_str(&cells.join("\t"));
        out.push('\n');
    }
    out
}
