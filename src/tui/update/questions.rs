//! The questions that are asked before a run is steered off its way.

use crate::event::{Intent, StepState};
use crate::tui::dialog::{ConfirmDialog, Dialog, Focus};
use crate::tui::model::{Half, Model};

pub(super) fn undo(model: &Model) -> Option<Dialog> {
    let step = model.steps.last_applied()?;
    let mut lines = vec![format!("{}  {}", step.number, step.plan.title)];
    lines.push(step.plan.info.way_back.clone());
    if !step.undo.is_empty() {
        lines.push("Will run:".to_owned());
        lines.extend(
            step.undo
                .iter()
                .map(|action| format!("{}  {}", action.target, action.text)),
        );
    }
    Some(Dialog::Confirm(ConfirmDialog {
        title: "Take back the last step".to_owned(),
        lines,
        go: "Take it back",
        intent: Intent::UndoLast,
        focus: Focus::Cancel,
    }))
}

pub(super) fn go_back(model: &Model) -> Dialog {
    let crossed = model.pause.as_ref().is_some_and(|pause| pause.crossed);
    let lines = if crossed || model.steps.is_beyond_return() {
        let first = model
            .steps
            .all()
            .iter()
            .find(|step| step.half == Half::Rollback);
        let begins = first.map_or_else(String::new, |step| {
            format!(" It begins with: {}.", step.plan.title)
        });
        vec![format!(
            "The point of no return lies behind. Going back is the rollback, with gates of its own.{begins}"
        )]
    } else {
        let done: Vec<_> = model
            .steps
            .places()
            .rev()
            .map(|at| &model.steps.all()[at])
            .filter(|step| step.was_applied())
            .collect();
        let mut lines = vec![format!(
            "{} steps are taken back, the last one first:",
            done.len()
        )];
        lines.extend(
            done.iter()
                .map(|step| format!("{}  {}", step.number, step.plan.title)),
        );
        lines
    };
    Dialog::Confirm(ConfirmDialog {
        title: "Go all the way back".to_owned(),
        lines,
        go: "Go back",
        intent: Intent::GoBack,
        focus: Focus::Cancel,
    })
}

pub(super) fn take_as_done(model: &Model) -> Option<Dialog> {
    let step = model.steps.current()?;
    let StepState::Unclear { evidence } = &step.state else {
        return None;
    };
    Some(Dialog::Confirm(ConfirmDialog {
        title: format!("Take {} as done", step.number),
        lines: vec![
            format!("The servers said: {evidence}"),
            "You looked at them yourself, and all of this step is there. The run goes on with the next one.".to_owned(),
        ],
        go: "It is done",
        intent: Intent::TakeAsDone { step: step.plan.info.id.clone() },
        focus: Focus::Cancel,
    }))
}
