use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent, KeyModifiers};

use super::{Effect, observe, terminal};
use crate::event::{Event, Intent, StepState, What};
use crate::runbook::StepId;
use crate::tui::dialog::{Dialog, Focus};
use crate::tui::model::{Model, tests::played};
use crate::tui::view_state::View;

const PHRASE: &str = "cut over shop-prod-blue";

fn press(model: &Model, view: &mut View, code: KeyCode) -> Vec<Effect> {
    let key = KeyEvent::new(code, KeyModifiers::NONE);
    terminal(model, view, &TerminalEvent::Key(key))
}

fn at_the_cutover() -> (Model, View) {
    let model = played(4);
    let mut view = View::default();
    view.refresh(&model);
    assert_eq!(press(&model, &mut view, KeyCode::Enter), []);
    (model, view)
}

fn type_in(model: &Model, view: &mut View, text: &str) {
    for letter in text.chars() {
        assert_eq!(press(model, view, KeyCode::Char(letter)), []);
    }
}

#[test]
fn enter_does_a_step_without_a_phrase() {
    let model = played(1);
    let mut view = View::default();
    let step = StepId::new("prepare.publication");
    assert_eq!(
        press(&model, &mut view, KeyCode::Enter),
        [Effect::Send(Intent::Next { step })]
    );
}

#[test]
fn the_gate_opens_with_cancel_in_focus() {
    let (model, mut view) = at_the_cutover();
    assert!(matches!(&view.dialog, Some(Dialog::Gate(dialog)) if dialog.focus == Focus::Cancel));
    type_in(&model, &mut view, PHRASE);
    assert_eq!(
        press(&model, &mut view, KeyCode::Enter),
        [],
        "Cancel had the focus"
    );
    assert!(view.dialog.is_none());
}

#[test]
fn the_typed_phrase_and_go_confirm() {
    let (model, mut view) = at_the_cutover();
    type_in(&model, &mut view, PHRASE);
    press(&model, &mut view, KeyCode::Tab);
    let step = StepId::new("cutover.switch");
    let phrase = PHRASE.to_owned();
    assert_eq!(
        press(&model, &mut view, KeyCode::Enter),
        [Effect::Send(Intent::Confirm { step, phrase })]
    );
}

#[test]
fn a_wrong_phrase_cannot_reach_go() {
    let (model, mut view) = at_the_cutover();
    type_in(&model, &mut view, "cut over shop-prod-green");
    press(&model, &mut view, KeyCode::Tab);
    assert!(
        matches!(&view.dialog, Some(Dialog::Gate(dialog)) if dialog.focus == Focus::Cancel && dialog.refusal.is_some())
    );
    assert_eq!(press(&model, &mut view, KeyCode::Enter), []);
}

#[test]
fn a_pasted_phrase_is_refused() {
    let (model, mut view) = at_the_cutover();
    let effects = terminal(&model, &mut view, &TerminalEvent::Paste(PHRASE.to_owned()));
    assert_eq!(effects, []);
    assert!(
        matches!(&view.dialog, Some(Dialog::Gate(dialog)) if !dialog.matches() && dialog.refusal.is_some())
    );
}

#[test]
fn leaving_asks_and_parks_first() {
    let model = played(1);
    let mut view = View::default();
    assert_eq!(press(&model, &mut view, KeyCode::Char('q')), []);
    assert_eq!(press(&model, &mut view, KeyCode::Enter), [], "Cancel");
    assert!(!view.leaving);
    press(&model, &mut view, KeyCode::Char('q'));
    press(&model, &mut view, KeyCode::Tab);
    assert_eq!(
        press(&model, &mut view, KeyCode::Enter),
        [Effect::Send(Intent::Park)]
    );
    assert!(view.leaving);
}

/// The line under the screen speaks of checks that are being asked, and of nothing once they have been.
#[test]
fn what_is_said_of_the_checks_goes_when_they_have_been_asked() {
    let model = played(1);
    let mut view = View::default();
    press(&model, &mut view, KeyCode::Enter);
    assert!(
        view.notice
            .as_ref()
            .expect("said")
            .text
            .contains("asked first")
    );
    let event = |what| Event {
        at: model.now,
        step: Some(StepId::new("prepare.publication")),
        what,
    };
    observe(
        &model,
        &mut view,
        &event(What::Log {
            text: String::new(),
        }),
    );
    assert!(view.notice.is_some());
    let state = StepState::Running;
    observe(&model, &mut view, &event(What::State { state }));
    assert_eq!(view.notice, None);
}

/// Every character there is, and the keys that confirm, where a phrase is asked for and no dialog is open.
#[test]
fn what_is_typed_before_the_gate_is_opened_sends_nothing_but_a_question() {
    let model = played(4);
    for letter in (' '..='~').chain("äß√".chars()) {
        let mut view = View::default();
        view.refresh(&model);
        let sent = press(&model, &mut view, KeyCode::Char(letter));
        assert!(
            sent.iter()
                .all(|effect| matches!(effect, Effect::Send(Intent::Recheck) | Effect::Copy(_))),
            "{letter}: {sent:?}"
        );
        press(&model, &mut view, KeyCode::Tab);
        let sent = press(&model, &mut view, KeyCode::Enter);
        assert!(
            sent.is_empty() || sent == [Effect::Send(Intent::Park)],
            "{letter}: {sent:?}"
        );
    }
}

#[test]
fn a_key_that_does_nothing_says_so() {
    let (mut view, model) = (View::default(), played(1));
    for (key, said) in [
        (KeyCode::Char('z'), "z does nothing here"),
        (KeyCode::F(5), "F5 does nothing here"),
    ] {
        assert_eq!(press(&model, &mut view, key), []);
        let notice = view.notice.take().expect("a notice");
        assert!(notice.text.contains(said), "{}", notice.text);
    }
    let model = played(4);
    press(&model, &mut view, KeyCode::Char('z'));
    let notice = view.notice.expect("a notice");
    assert!(notice.text.contains("Enter opens it"), "{}", notice.text);
}

#[test]
fn enter_does_no_step_that_is_not_in_sight() {
    let model = played(1);
    let mut view = View::default();
    view.refresh(&model);
    press(&model, &mut view, KeyCode::Up);
    assert!(view.looks_elsewhere(&model));
    assert_eq!(press(&model, &mut view, KeyCode::Enter), []);
    assert!(!view.looks_elsewhere(&model));
    let step = StepId::new("prepare.publication");
    assert_eq!(
        press(&model, &mut view, KeyCode::Enter),
        [Effect::Send(Intent::Next { step })]
    );
}
