use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::{Scene, draw};
use crate::event::{Gauges, LinkGauge, PauseForecast};
use crate::tui::compare::Detail;
use crate::tui::dialog::{Dialog, GateDialog};
use crate::tui::model::Model;
use crate::tui::model::tests::{pausing, played, rolling_back};
use crate::tui::theme::{Looks, Theme};
use crate::tui::view_state::{Tab, View};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn drawn(model: &Model, view: &mut View, (width, height): (u16, u16), looks: Looks) -> Buffer {
    view.refresh(model);
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    let scene = Scene {
        model,
        view,
        theme: &Theme::new(looks),
        zone: &TimeZone::UTC,
    };
    draw(&scene, area, &mut buf);
    buf
}

/// What stands on the screen, without its looks.
pub fn text_of(buf: &Buffer) -> String {
    let row = |y: u16| {
        (0..buf.area.width)
            .map(|x| buf[(x, y)].symbol())
            .collect::<String>()
    };
    (0..buf.area.height)
        .map(|y| row(y).trim_end().to_owned() + "\n")
        .collect()
}

/// A snapshot in each size.
#[track_caller]
fn assert_screens(name: &str, model: &Model, view: &mut View) {
    for size in SIZES {
        let buf = drawn(model, view, size, Looks::Dark);
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), text_of(&buf));
    }
}

fn on(tab: Tab) -> View {
    View {
        tab,
        ..View::default()
    }
}

fn gate_open(model: &Model) -> View {
    let gate = model.gate.as_ref().unwrap();
    let dialog = GateDialog::new(gate.step.clone(), gate.phrase.clone().unwrap());
    View {
        dialog: Some(Dialog::Gate(dialog)),
        ..View::default()
    }
}

/// The model with readings of the last minutes and a diff.
fn lively(mut model: Model) -> Model {
    for second in 0..150_u64 {
        let lag = [0, 90_000, 2_400_000, 700_000, 40_000][usize::try_from(second % 5).unwrap()];
        let link = LinkGauge {
            lag_bytes: Some(lag),
            lag_time: Some(Duration::from_millis(400)),
            apply_rate: Some(8_493_465.0 / (second + 1) as f64),
            catch_up: Some(Duration::from_secs(2)),
            active: true,
        };
        let behind = LinkGauge {
            lag_bytes: Some(lag / 2),
            active: second < 149,
            ..LinkGauge::default()
        };
        model.gauges = Gauges {
            links: [("shop".to_owned(), link), ("billing".to_owned(), behind)].into(),
            tps: Some(412.0),
            sessions_blue: Some(48),
            sessions_green: Some(2),
            longest_transaction: Some(Duration::from_millis(200)),
            wal_retained: Some(3_000_000_000 + second * 4_000_000),
            wal_rate: Some(350_000.0),
            wal_space: Some(42_949_672_960),
            round_trip: [Some(Duration::from_millis(1)), None],
            pause_forecast: Some(PauseForecast::of(
                Duration::from_millis(2),
                16,
                Duration::from_millis(3),
            )),
            no_go: Some(Vec::new()),
            ..Gauges::default()
        };
        model.sample();
    }
    let found = include_str!("../../../tests/scenarios/objects.json");
    model.objects = Some(Arc::new(serde_json::from_str(found).unwrap()));
    model
}

#[test]
fn the_steps() {
    let mut view = View::default();
    assert_screens("steps", &played(3), &mut view);
    assert_screens("steps_rollback", &rolling_back(), &mut view);
    let mut watched = played(3);
    watched.read_only = true;
    assert_screens("steps_watched", &watched, &mut view);
    let mono = drawn(&played(3), &mut view, (120, 40), Looks::Mono);
    insta::assert_snapshot!("steps_mono", text_of(&mono));
    let small = drawn(&pausing(), &mut view, (40, 10), Looks::Dark);
    insta::assert_snapshot!("too_small", text_of(&small));
}

#[test]
fn the_tabs() {
    let model = lively(played(99));
    for tab in [Tab::Checks, Tab::Lag, Tab::Objects, Tab::Data, Tab::Log] {
        assert_screens(&format!("{tab:?}"), &model, &mut on(tab));
    }
}

#[test]
fn objects_with_a_filter_and_both_definitions() {
    let model = lively(played(4));
    let mut view = on(Tab::Objects);
    view.objects.filter = "ORDERS".into();
    assert_screens("Objects_filter", &model, &mut view);
    let mut view = on(Tab::Objects);
    view.detail = Some(Detail::of(&model.objects.as_ref().unwrap().differences[2]));
    assert_screens("Objects_detail", &model, &mut view);
}

#[test]
fn the_write_pause() {
    let mut view = View {
        cutover: true,
        ..View::default()
    };
    assert_screens("cutover_pausing", &lively(pausing()), &mut view);
    assert_screens("cutover_over", &lively(played(99)), &mut view);
}

/// Where the sides are members of a cluster, they are called by their names.
#[test]
fn the_write_pause_of_a_roll_back_names_members() {
    let mut view = View {
        cutover: true,
        ..View::default()
    };
    let mut model = lively(pausing());
    model.header.sides = Some(("leader pg1".to_owned(), "held pg3".to_owned()));
    let pause = model.pause.as_mut().unwrap();
    (pause.old_side, pause.new_side) = (Some("pg1".to_owned()), Some("pg3".to_owned()));
    pause.opens_itself = None;
    let told =
        |model: &Model, view: &mut View| text_of(&drawn(model, view, (120, 40), Looks::Dark));
    let before = told(&model, &mut view);
    assert!(before.contains("give pg1 back now"), "{before}");
    model.pause.as_mut().unwrap().crossed = true;
    assert_screens("cutover_members", &model, &mut view);
    let text = told(&model, &mut view);
    assert!(text.contains("pg3 is being opened"), "{text}");
}

#[test]
fn the_dialogs() {
    let model = lively(played(4));
    assert_screens("gate", &model, &mut gate_open(&model));
    let model = lively(rolling_back());
    assert_screens("gate_rollback", &model, &mut gate_open(&model));
    let mut view = View {
        dialog: Some(Dialog::Help { scroll: 0 }),
        ..View::default()
    };
    assert_screens("help", &played(1), &mut view);
}

/// Every screen there is, to look at its cells.
#[test]
fn a_link_that_has_yet_to_catch_up_is_no_alarm() {
    let mut model = lively(played(3));
    model.gauges.no_go = None;
    model.gauges.catching_up = Some("reverse link".to_owned());
    let told = |tab| text_of(&drawn(&model, &mut on(tab), SIZES[0], Looks::Dark));
    assert!(told(Tab::Lag).contains("… reverse link catching up"));
    let steps = told(Tab::Steps);
    assert!(
        steps.contains("… catching up") && !steps.contains("no-go"),
        "{steps}"
    );
}

fn every_screen(looks: Looks) -> Vec<Buffer> {
    let model = lively(played(4));
    let mut views: Vec<View> = Tab::ALL.into_iter().map(on).collect();
    views.push(gate_open(&model));
    views.push(View {
        dialog: Some(Dialog::Help { scroll: 0 }),
        ..View::default()
    });
    let mut all: Vec<Buffer> = views
        .iter_mut()
        .map(|view| drawn(&model, view, (120, 40), looks))
        .collect();
    let mut cutover = View {
        cutover: true,
        ..View::default()
    };
    all.push(drawn(&pausing(), &mut cutover, (120, 40), looks));
    all
}

#[test]
fn mono_has_no_colour_and_only_ascii_and_shows_what_is_chosen() {
    for buf in every_screen(Looks::Mono) {
        let text = text_of(&buf);
        assert!(text.replace('≤', "").is_ascii(), "{text}");
        for cell in &buf.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{text}");
        }
        let reversed = |cell: &ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
        assert!(buf.content.iter().any(reversed), "{text}");
    }
}

#[test]
fn each_theme_has_its_own_blue_and_green() {
    for (looks, blue, green) in [(Looks::Dark, 75, 78), (Looks::Light, 26, 28)] {
        for buf in every_screen(looks) {
            let header: String = (0..120).map(|x| buf[(x, 0)].symbol()).collect();
            for (name, colour) in [("BLUE", blue), ("GREEN", green)] {
                let at = header.chars().collect::<String>().find(name).unwrap();
                let x = u16::try_from(header[..at].chars().count()).unwrap();
                assert_eq!(buf[(x, 0)].fg, Color::Indexed(colour), "{looks:?} {name}");
            }
        }
    }
}
