use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;

use super::{Action, BINDINGS, find};
use crate::tui::model::{Header, Model};
use crate::tui::view_state::View;

#[test]
fn every_binding_says_what_it_does() {
    for binding in BINDINGS {
        assert!(!binding.description.is_empty(), "{}", binding.shown);
        assert!(!binding.keys.is_empty(), "{}", binding.shown);
    }
}

#[test]
fn the_same_key_does_what_fits_the_screen() {
    let enter = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
    let mut view = View::default();
    assert_eq!(find(&enter, &view).unwrap().action, Action::Back);
    view.cutover = true;
    assert_eq!(find(&enter, &view).unwrap().action, Action::GiveBack);
}

#[test]
fn a_shifted_letter_is_found_however_the_terminal_reports_it() {
    let view = View::default();
    for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
        let key = KeyEvent::new(KeyCode::Char('G'), modifiers);
        assert_eq!(find(&key, &view).unwrap().action, Action::Last);
    }
}

#[test]
fn a_disabled_key_says_why() {
    let model = Model::new(Header::default(), true, Timestamp::UNIX_EPOCH);
    let view = View::default();
    let undo = BINDINGS
        .iter()
        .find(|binding| binding.action == Action::Undo)
        .unwrap();
    let reason = undo.disabled_reason(&model, &view).unwrap();
    assert!(reason.contains("read-only"), "{reason}");
}
