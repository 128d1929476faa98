//! What keys and events do to the view, and what is wanted from outside because of them. No IO.

mod questions;

use crossterm::event::{Event as TerminalEvent, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Size;
use tui_input::backend::crossterm::EventHandler;

use self::questions::{go_back, take_as_done, undo};
use super::compare::Detail;
use super::dialog::{Answer, ConfirmDialog, Dialog, Focus, GateDialog};
use super::export;
use super::keymap::{self, Action};
use super::model::{Model, OpenGate, elapsed};
use super::rows;
use super::view_state::{Tab, View};
use crate::event::{Event, Intent, What};
use crate::runbook::PauseEvent;

/// What the loop must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send an intent to the engine.
    Send(Intent),
    /// Put a text on the clipboard.
    Copy(String),
    /// Write a table to a file.
    Export {
        /// The file's name.
        name: String,
        /// Its text.
        text: String,
    },
    /// Close the screen now.
    Leave,
}

/// A gate younger than this takes no Enter, so that a key meant for the step before cannot confirm it; milliseconds.
const GATE_SETTLES_MS: u128 = 300;

/// Said while the engine asks the checks of a gate that was confirmed.
const ASKING: &str = "confirmed; the checks of this gate are asked first";

/// Brings the view up to date with an event the model has taken in.
pub fn observe(model: &Model, view: &mut View, event: &Event) {
    match &event.what {
        What::Pause {
            pause: PauseEvent::Begun { .. },
        } => {
            view.cutover = true;
            view.dialog = None;
        }
        What::State { .. } | What::Gate { .. } | What::GoingBack { .. } => {
            view.step_scroll = 0;
            // They have been asked by now, whatever came of it.
            view.unsay(ASKING);
        }
        What::GateRefused { reason } => {
            view.say(model.now, reason.clone(), true);
            if let Some(Dialog::Gate(dialog)) = &mut view.dialog {
                dialog.refusal = Some(reason.clone());
            }
        }
        What::Refused { reason } => view.say(model.now, reason.clone(), true),
        What::Ended { .. } => view.dialog = None,
        _ => {}
    }
    let gate = model.gate.as_ref().map(|gate| &gate.step);
    if matches!(&view.dialog, Some(Dialog::Gate(dialog)) if Some(&dialog.step) != gate) {
        view.dialog = None;
        view.say(model.now, "the gate has closed", true);
    }
}

/// What comes from the terminal.
pub fn terminal(model: &Model, view: &mut View, event: &TerminalEvent) -> Vec<Effect> {
    match event {
        TerminalEvent::Key(event) if event.kind != KeyEventKind::Release => key(model, view, event),
        TerminalEvent::Paste(text) => {
            paste(model, view, text);
            Vec::new()
        }
        TerminalEvent::Resize(width, height) => {
            view.size = Size::new(*width, *height);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn paste(model: &Model, view: &mut View, text: &str) {
    if let Some(Dialog::Gate(dialog)) = &mut view.dialog {
        dialog.paste();
    } else if let Some(list) = view.list_mut().filter(|list| list.typing) {
        let filter = format!(
            "{}{}",
            list.filter.value(),
            text.lines().next().unwrap_or("")
        );
        list.filter = filter.into();
        view.refresh(model);
    } else {
        view.say(model.now, "nothing here takes pasted text", true);
    }
}

/// A key.
pub fn key(model: &Model, view: &mut View, event: &KeyEvent) -> Vec<Effect> {
    let binding = keymap::find(event, view);
    if binding.is_some_and(|binding| binding.action == Action::Interrupt) {
        return interrupt(model, view);
    }
    if view.dialog.is_some() {
        return dialog_key(model, view, event);
    }
    if view.list().is_some_and(|list| list.typing) {
        filter_key(model, view, event);
        return Vec::new();
    }
    let Some(binding) = binding else {
        view.say(model.now, unknown(model, view, event), true);
        return Vec::new();
    };
    if let Some(reason) = binding.disabled_reason(model, view) {
        view.say(model.now, format!("{}: {reason}", binding.shown), true);
        return Vec::new();
    }
    let effects = act(model, view, binding.action);
    view.refresh(model);
    effects
}

/// Why a key that is bound to nothing here does nothing.
fn unknown(model: &Model, view: &View, event: &KeyEvent) -> String {
    let asked = model.gate.as_ref().and_then(|gate| gate.phrase.as_ref());
    if asked.is_some() && view.tab == Tab::Steps && !view.cutover {
        return "the phrase is typed behind the gate: Enter opens it".to_owned();
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let held = if ctrl { "Ctrl-" } else { "" };
    format!("{held}{} does nothing here; ? shows the keys", event.code)
}

fn dialog_key(model: &Model, view: &mut View, event: &KeyEvent) -> Vec<Effect> {
    let answer = match view.dialog.as_mut() {
        Some(Dialog::Gate(dialog)) => dialog.key(event),
        Some(Dialog::Confirm(dialog)) => dialog.key(event),
        Some(Dialog::Help { scroll } | Dialog::Plan { scroll, .. }) => {
            match keymap::find(event, &View::default()).map(|binding| binding.action) {
                Some(Action::Up) => *scroll = scroll.saturating_sub(1),
                Some(Action::Down) => *scroll += 1,
                Some(Action::PageUp) => *scroll = scroll.saturating_sub(10),
                Some(Action::PageDown) => *scroll += 10,
                Some(Action::First) => *scroll = 0,
                Some(Action::Copy) => return copy(model, view),
                _ => view.dialog = None,
            }
            return Vec::new();
        }
        None => return Vec::new(),
    };
    match answer {
        Answer::Stay => Vec::new(),
        Answer::Cancel => {
            view.dialog = None;
            view.say(model.now, "nothing was done", false);
            Vec::new()
        }
        Answer::Go(intent) => {
            view.dialog = None;
            view.leaving |= intent == Intent::Park;
            if matches!(intent, Intent::Confirm { .. }) {
                view.say(model.now, ASKING, false);
            }
            vec![Effect::Send(intent)]
        }
    }
}

fn filter_key(model: &Model, view: &mut View, event: &KeyEvent) {
    use crossterm::event::KeyCode::{Enter, Esc};
    if let Some(list) = view.list_mut() {
        match event.code {
            Enter => list.typing = false,
            Esc => {
                list.typing = false;
                list.filter.reset();
            }
            _ => {
                list.filter.handle_event(&TerminalEvent::Key(*event));
            }
        }
    }
    view.refresh(model);
}

fn act(model: &Model, view: &mut View, action: Action) -> Vec<Effect> {
    match action {
        Action::Next => return next(model, view),
        Action::Up => step_by(model, view, -1),
        Action::Down => step_by(model, view, 1),
        Action::PageUp => page(view, -1),
        Action::PageDown => page(view, 1),
        Action::First => step_by(model, view, isize::MIN),
        Action::Last => step_by(model, view, isize::MAX),
        Action::Tab(tab) => show(view, tab),
        Action::NextTab => show(view, view.tab.neighbour(1)),
        Action::PreviousTab => show(view, view.tab.neighbour(Tab::ALL.len() - 1)),
        Action::Back => back(view),
        Action::GiveBack => {
            view.say(model.now, "asked to give the old side back", false);
            return vec![Effect::Send(Intent::GiveBack)];
        }
        Action::Retry => return of_step(model, |step| Intent::Retry { step }),
        Action::TakeAsDone => view.dialog = take_as_done(model),
        Action::Recheck => {
            view.say(model.now, "asking the checks again", false);
            return vec![Effect::Send(Intent::Recheck)];
        }
        Action::Plan => {
            view.dialog = view
                .shown_step(model)
                .map(|step| Dialog::Plan { step, scroll: 0 });
        }
        Action::Undo => view.dialog = undo(model),
        Action::GoBack => view.dialog = Some(go_back(model)),
        Action::Postpone => return vec![Effect::Send(Intent::Park)],
        Action::Filter => {
            if let Some(list) = view.list_mut() {
                list.typing = true;
                list.open = false;
            }
        }
        Action::Kinds => next_kind(model, view),
        Action::Expected => view.expected = !view.expected,
        Action::Copy => return copy(model, view),
        Action::Export => return export::table(model, view).into_iter().collect(),
        Action::Help => view.dialog = Some(Dialog::Help { scroll: 0 }),
        Action::Quit => return quit(model, view),
        Action::Interrupt => return interrupt(model, view),
    }
    Vec::new()
}

fn next(model: &Model, view: &mut View) -> Vec<Effect> {
    if view.cutover {
        view.cutover = false;
        return Vec::new();
    }
    match view.tab {
        Tab::Checks => view.checks.open = !view.checks.open,
        Tab::Objects => open_detail(model, view),
        Tab::Steps if model.is_over() => return vec![Effect::Leave],
        Tab::Steps => return do_step(model, view),
        Tab::Lag | Tab::Data | Tab::Log => {}
    }
    Vec::new()
}

fn do_step(model: &Model, view: &mut View) -> Vec<Effect> {
    if view.looks_elsewhere(model) {
        // Enter must never do a step that is not the one in sight.
        view.step = None;
        view.step_scroll = 0;
        view.say(model.now, "this is the step in hand: Enter does it", false);
        return Vec::new();
    }
    view.step = None;
    let Some(gate) = &model.gate else {
        return of_step(model, |step| Intent::Retry { step });
    };
    if elapsed(gate.since, model.now).as_millis() < GATE_SETTLES_MS {
        view.say(
            model.now,
            "this gate has only just opened: read it, then press Enter again",
            true,
        );
        return Vec::new();
    }
    match &gate.phrase {
        None => {
            view.say(model.now, ASKING, false);
            vec![Effect::Send(Intent::Next {
                step: gate.step.clone(),
            })]
        }
        Some(phrase) => {
            view.dialog = Some(gate_dialog(gate, phrase));
            Vec::new()
        }
    }
}

fn gate_dialog(gate: &OpenGate, phrase: &str) -> Dialog {
    let mut dialog = GateDialog::new(gate.step.clone(), phrase.to_owned());
    dialog.refusal.clone_from(&gate.refused);
    Dialog::Gate(dialog)
}

fn of_step(model: &Model, intent: impl Fn(crate::runbook::StepId) -> Intent) -> Vec<Effect> {
    let step = model.steps.current().map(|step| step.plan.info.id.clone());
    step.map(|step| Effect::Send(intent(step)))
        .into_iter()
        .collect()
}

fn step_by(model: &Model, view: &mut View, by: isize) {
    let moved = |at: usize, len: usize| at.saturating_add_signed(by).min(len.saturating_sub(1));
    if let Some(detail) = &mut view.detail {
        detail.scroll = moved(detail.scroll, detail.lines.len());
    } else if view.tab == Tab::Steps {
        let places: Vec<usize> = model.steps.places().collect();
        let at = view
            .shown_step(model)
            .and_then(|at| places.iter().position(|place| *place == at));
        view.step = places.get(moved(at.unwrap_or(0), places.len())).copied();
        view.step_scroll = 0;
    } else {
        let log = view.tab == Tab::Log;
        if let Some(list) = view.list_mut() {
            list.chosen = moved(list.chosen, list.rows.len());
            list.open = false;
            if log {
                view.log_scrolled = view.log.chosen + 1 < view.log.rows.len();
            }
        }
    }
}

fn page(view: &mut View, pages: isize) {
    let height = isize::try_from(view.size.height.saturating_sub(12))
        .unwrap_or(1)
        .max(1);
    if view.tab == Tab::Steps {
        view.step_scroll = view.step_scroll.saturating_add_signed(pages * height / 2);
    } else if let Some(detail) = &mut view.detail {
        let last = detail.lines.len().saturating_sub(1);
        detail.scroll = detail
            .scroll
            .saturating_add_signed(pages * height)
            .min(last);
    } else if let Some(list) = view.list_mut() {
        let last = list.rows.len().saturating_sub(1);
        list.chosen = list.chosen.saturating_add_signed(pages * height).min(last);
        view.log_scrolled = view.log.chosen + 1 < view.log.rows.len();
    }
}

fn show(view: &mut View, tab: Tab) {
    view.tab = tab;
    view.cutover = false;
    view.detail = None;
}

fn back(view: &mut View) {
    if view.detail.take().is_some() {
        return;
    }
    view.step = None;
    view.step_scroll = 0;
    view.log_scrolled = false;
    if let Some(list) = view.list_mut() {
        list.open = false;
        list.filter.reset();
    }
    view.kind = None;
}

fn open_detail(model: &Model, view: &mut View) {
    view.detail = match view.detail {
        Some(_) => None,
        None => view
            .objects
            .chosen_row()
            .and_then(|at| model.objects.as_ref()?.differences.get(at))
            .map(Detail::of),
    };
}

fn next_kind(model: &Model, view: &mut View) {
    let kinds = rows::kinds(model);
    view.kind = match &view.kind {
        None => kinds.first().map(ToString::to_string),
        Some(kind) => {
            let at = kinds.iter().position(|known| known == kind);
            at.and_then(|at| kinds.get(at + 1)).map(ToString::to_string)
        }
    };
}

fn copy(model: &Model, view: &mut View) -> Vec<Effect> {
    let Some(text) = export::chosen(model, view) else {
        view.say(model.now, "there is nothing to copy here", true);
        return Vec::new();
    };
    view.say(
        model.now,
        "sent to the terminal's clipboard (OSC 52)",
        false,
    );
    vec![Effect::Copy(text)]
}

fn quit(model: &Model, view: &mut View) -> Vec<Effect> {
    if model.is_over() || model.read_only {
        return vec![Effect::Leave];
    }
    let now = if model.steps.any_running() {
        "A step is under way. The action in hand is finished, nothing new is started, and the run is parked."
    } else {
        "Nothing is under way. The run is parked where it stands, and everything stays as it is."
    };
    let later = if model.header.disposable {
        "The servers of this rehearsal are taken down, and the run goes with them."
    } else {
        "`greenlight resume` takes it up again."
    };
    view.dialog = Some(Dialog::Confirm(ConfirmDialog {
        title: "Park the run and leave".to_owned(),
        lines: vec![now.to_owned(), later.to_owned()],
        go: "Park",
        intent: Intent::Park,
        focus: Focus::Cancel,
    }));
    Vec::new()
}

fn interrupt(model: &Model, view: &mut View) -> Vec<Effect> {
    if view.leaving || model.is_over() || model.read_only {
        return vec![Effect::Leave];
    }
    view.leaving = true;
    view.dialog = None;
    vec![Effect::Send(Intent::Park)]
}

#[cfg(test)]
mod tests;
