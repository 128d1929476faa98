use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Choice, Start, StartItem, draw};
use crate::tui::screens::tests::text_of;
use crate::tui::theme::{Looks, Theme};

fn start() -> Start {
    let item = |title: &str, detail: &str, choice| StartItem {
        title: title.to_owned(),
        detail: detail.to_owned(),
        choice,
    };
    Start {
        runs: vec![
            item(
                "7f3a",
                "shop-prod, parked: the gate of the cutover waits",
                Ok(Choice::Resume("7f3a".to_owned())),
            ),
            item("81bc", "", Err("crm, is driven by process 4711".to_owned())),
        ],
        profiles: vec![
            item(
                "shop-prod",
                "rds-blue-green, shop-prod-blue → shop-prod-green, ./shop.toml",
                Ok(Choice::Profile("shop.toml".into())),
            ),
            item(
                "./bad.toml",
                "cannot be used as it is",
                Err("./bad.toml:2:1: nmae: unknown key; did you mean name?\n./bad.toml:1:1: databases: is missing".to_owned()),
            ),
        ],
        rehearsals: vec![item(
            "rds-blue-green",
            "disposable servers on this machine, a write load, the whole upgrade 15 → 17",
            Ok(Choice::Rehearse("rds-blue-green".to_owned())),
        )],
    }
}

fn shown(width: u16, height: u16, chosen: usize, refusal: Option<&str>, looks: Looks) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    draw(
        &start(),
        chosen,
        refusal,
        &Theme::new(looks),
        area,
        &mut buf,
    );
    text_of(&buf)
}

#[test]
fn what_there_is_to_begin_or_to_take_up() {
    insta::assert_snapshot!("start_80x24", shown(80, 24, 0, None, Looks::Dark));
    insta::assert_snapshot!("start_120x40", shown(120, 40, 0, None, Looks::Dark));
    let refusal = start().profiles.remove(1).choice.unwrap_err();
    let refused = shown(80, 24, 3, Some(&refusal), Looks::Mono);
    insta::assert_snapshot!("start_refused_mono", refused);
}

#[test]
fn no_size_is_too_small_to_be_drawn() {
    for (width, height) in [(1, 1), (10, 3), (80, 4)] {
        let text = shown(width, height, 4, Some("why"), Looks::Dark);
        assert_eq!(text.lines().count(), usize::from(height));
    }
}
