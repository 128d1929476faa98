use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Scene, draw};
use crate::tui::dialog::{Dialog, GateDialog};
use crate::tui::model::tests::played;
use crate::tui::theme::{Looks, Theme};
use crate::tui::view_state::{Tab, View};

fn shown(gates: usize, view: &mut View, width: u16, height: u16, looks: Looks) -> String {
    let model = played(gates);
    view.refresh(&model);
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    let theme = Theme::new(looks);
    draw(
        &Scene {
            model: &model,
            view,
            theme: &theme,
            zone: &TimeZone::UTC,
        },
        area,
        &mut buf,
    );
    let row = |y: u16| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>();
    (0..height)
        .map(|y| row(y).trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn steps_in_every_size() {
    let mut view = View::default();
    insta::assert_snapshot!("steps_120x40", shown(3, &mut view, 120, 40, Looks::Dark));
    insta::assert_snapshot!("steps_80x24", shown(3, &mut view, 80, 24, Looks::Light));
    insta::assert_snapshot!("steps_mono", shown(3, &mut view, 120, 40, Looks::Mono));
    insta::assert_snapshot!("too_small", shown(3, &mut view, 40, 10, Looks::Dark));
}

#[test]
fn mono_is_ascii() {
    for tab in Tab::ALL {
        let mut view = View {
            tab,
            ..View::default()
        };
        let text = shown(99, &mut view, 80, 24, Looks::Mono);
        assert!(text.replace(['≤'], "").is_ascii(), "{text}");
    }
}

#[test]
fn other_screens() {
    for tab in [Tab::Checks, Tab::Data, Tab::Log] {
        let mut view = View {
            tab,
            ..View::default()
        };
        insta::assert_snapshot!(
            format!("{tab:?}_80x24"),
            shown(99, &mut view, 80, 24, Looks::Dark)
        );
    }
    let mut view = View {
        cutover: true,
        ..View::default()
    };
    insta::assert_snapshot!("cutover_80x24", shown(99, &mut view, 80, 24, Looks::Dark));
}

#[test]
fn the_gate() {
    let model = played(4);
    let gate = model.gate.unwrap();
    let dialog = GateDialog::new(gate.step, gate.phrase.unwrap());
    let mut view = View {
        dialog: Some(Dialog::Gate(dialog)),
        ..View::default()
    };
    insta::assert_snapshot!("gate_80x24", shown(4, &mut view, 80, 24, Looks::Dark));
}
