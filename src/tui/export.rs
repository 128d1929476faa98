//! What is copied to the clipboard and what is written to a file.

use super::dialog::Dialog;
use super::model::Model;
use super::rows::{object_name, tabbed};
use super::theme::{Looks, Theme};
use super::update::Effect;
use super::view_state::{Tab, View};
use crate::inspect::Difference;
use crate::runbook::ShownAction;

/// What `y` copies: the SQL that mends a check, a definition, a line, or the statements of the step shown. As it is,
/// so that it can be pasted into `psql`; secrets are masked long before.
#[must_use]
pub fn chosen(model: &Model, view: &View) -> Option<String> {
    if let Some(Dialog::Plan { step, .. }) = view.dialog {
        return model
            .steps
            .all()
            .get(step)
            .map(|step| statements(&step.actions));
    }
    if let Some(detail) = &view.detail {
        return detail.blue.clone();
    }
    match view.tab {
        Tab::Steps | Tab::Lag => {
            let step = model.steps.all().get(view.shown_step(model)?)?;
            (!step.actions.is_empty()).then(|| statements(&step.actions))
        }
        Tab::Checks => {
            let check = model.checks.all().get(view.checks.chosen_row()?)?;
            Some(check.fix.clone().unwrap_or_else(|| check.evidence.clone()))
        }
        Tab::Objects => {
            let difference = difference(model, view.objects.chosen_row()?)?;
            difference.blue.clone().or_else(|| difference.green.clone())
        }
        Tab::Data => Some(model.data.tables.get(view.data.chosen_row()?)?.name.clone()),
        Tab::Log => Some(model.log.lines().get(view.log.chosen_row()?)?.text.clone()),
    }
}

fn statements(actions: &[ShownAction]) -> String {
    let ended = |action: &ShownAction| {
        let end = if action.kind == "sql" && !action.text.trim_end().ends_with(';') {
            ";"
        } else {
            ""
        };
        format!("{}{end}", action.text)
    };
    actions.iter().map(ended).collect::<Vec<_>>().join("\n")
}

fn difference(model: &Model, at: usize) -> Option<&Difference> {
    model.objects.as_ref()?.differences.get(at)
}

/// The table shown, with its filter, as a file.
#[must_use]
pub fn table(model: &Model, view: &View) -> Option<Effect> {
    let rows = &view.list()?.rows;
    let text = match view.tab {
        Tab::Checks => checks(model, rows),
        Tab::Objects => objects(model, rows),
        Tab::Data => data(model, rows),
        Tab::Log => log(model, rows),
        Tab::Steps | Tab::Lag => return None,
    };
    let run = model.run.as_ref().map_or("run", |run| &run.id);
    let name = format!("greenlight-{run}-{}.tsv", view.tab.title().to_lowercase());
    Some(Effect::Export { name, text })
}

fn checks(model: &Model, rows: &[usize]) -> String {
    let theme = Theme::new(Looks::Mono);
    let row = |at: &usize| {
        let check = &model.checks.all()[*at];
        let verdict = theme.verdict(check.verdict).word.to_owned();
        let fix = check.fix.clone().unwrap_or_default();
        vec![
            verdict,
            check.id.clone(),
            check.node.clone(),
            check.evidence.clone(),
            check.remedy.clone(),
            fix,
        ]
    };
    tabbed(
        &["verdict", "check", "node", "evidence", "remedy", "fix"],
        rows.iter().map(row),
    )
}

fn objects(model: &Model, rows: &[usize]) -> String {
    let theme = Theme::new(Looks::Mono);
    let row = |difference: &Difference| {
        vec![
            difference.kind.clone(),
            object_name(difference),
            theme.class(difference.class).word.to_owned(),
            difference.blue.clone().unwrap_or_default(),
            difference.green.clone().unwrap_or_default(),
        ]
    };
    let rows = rows.iter().filter_map(|at| difference(model, *at)).map(row);
    tabbed(&["kind", "name", "class", "BLUE", "GREEN"], rows)
}

fn data(model: &Model, rows: &[usize]) -> String {
    let row = |at: &usize| {
        let table = &model.data.tables[*at];
        let equal = match (table.equal, table.open) {
            (true, _) => "equal",
            (false, true) => "open",
            (false, false) => "differs",
        };
        vec![
            table.name.clone(),
            table.blue.to_string(),
            table.green.to_string(),
            equal.to_owned(),
            table.differing.join("; "),
        ]
    };
    tabbed(
        &[
            "table",
            "rows on BLUE",
            "rows on GREEN",
            "verdict",
            "rows that differ",
        ],
        rows.iter().map(row),
    )
}

fn log(model: &Model, rows: &[usize]) -> String {
    let row = |at: &usize| {
        let line = &model.log.lines()[*at];
        let took = line
            .took
            .map(|took| format!("{:.3}", took.as_secs_f64() * 1000.0));
        vec![
            line.at.to_string(),
            line.target.clone(),
            line.text.clone(),
            took.unwrap_or_default(),
            line.answer.clone(),
        ]
    };
    tabbed(
        &["at", "target", "text", "ms", "answer"],
        rows.iter().map(row),
    )
}
