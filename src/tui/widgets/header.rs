use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::paint::{ends, span};
use crate::event::Light;
use crate::tui::model::elapsed;
use crate::tui::screens::Scene;
use crate::tui::text;
use crate::tui::view_state::Tab;

/// Two lines: which run this is and whether all is well; the tabs.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let wide = area.width >= 110;
    ends(buf, area, 0, &who(scene, wide), &well(scene, wide));
    ends(buf, area, 1, &tabs(scene), &turn_or_help(scene));
}

fn who(scene: &Scene, wide: bool) -> Line<'static> {
    let theme = scene.theme;
    let header = &scene.model.header;
    let mut spans = vec![Span::raw(" ")];
    if wide {
        spans.push(span("greenlight  ", theme.label));
    }
    spans.push(span(&header.profile, theme.label));
    let named = |name: &str, version: &str| format!("{name} {version}").trim_end().to_owned();
    spans.push(Span::raw("  "));
    let sides = header.sides.as_ref();
    let (old, new) = sides.map_or(("BLUE", "GREEN"), |(old, new)| (old, new));
    spans.push(span(named(old, &header.blue_version), theme.blue));
    spans.push(span(" ▶ ", theme.dim));
    spans.push(span(named(new, &header.green_version), theme.green));
    if let Some(run) = &scene.model.run {
        spans.push(span(format!("  run {}", run.id), theme.dim));
    }
    Line::from(spans)
}

fn well(scene: &Scene, wide: bool) -> Line<'static> {
    let (theme, model) = (scene.theme, scene.model);
    let mut spans = Vec::new();
    for badge in badges(scene) {
        spans.push(span(format!(" {badge} "), theme.badge));
        spans.push(Span::raw("  "));
    }
    if let Some(run) = &model.run {
        let window = text::clock(elapsed(run.begun, model.now));
        let word = if wide { "window " } else { "" };
        spans.push(span(format!("{word}{window}   "), theme.dim));
    }
    let sign = theme.light(model.light());
    let word = match model.light() {
        Light::Ok if wide => "all lights ● ok".to_owned(),
        _ => sign.text(),
    };
    spans.push(span(word, sign.style));
    spans.push(Span::raw(" "));
    Line::from(spans)
}

fn badges(scene: &Scene) -> impl Iterator<Item = &'static str> {
    let run = scene.model.run.as_ref();
    [
        (run.is_some_and(|run| run.rehearsal), "REHEARSAL"),
        (run.is_some_and(|run| run.dry_run), "DRY RUN"),
        (scene.model.read_only, "READ ONLY"),
    ]
    .into_iter()
    .filter_map(|(holds, badge)| holds.then_some(badge))
}

fn tabs(scene: &Scene) -> Line<'static> {
    let theme = scene.theme;
    let mut spans = vec![Span::raw(" ")];
    for (at, tab) in Tab::ALL.into_iter().enumerate() {
        let name = format!("{} {}", at + 1, tab.title());
        let shown = tab == scene.view.tab && !scene.view.cutover;
        let style = if shown {
            theme.chosen.patch(theme.label)
        } else {
            theme.dim
        };
        spans.push(span(format!(" {name} "), style));
    }
    Line::from(spans)
}

fn turn_or_help(scene: &Scene) -> Line<'static> {
    let away = scene.view.tab != Tab::Steps && !scene.view.cutover;
    let waits = scene
        .model
        .gate
        .as_ref()
        .filter(|_| away && !scene.model.read_only);
    if let Some(step) = waits.and_then(|gate| scene.model.steps.get(&gate.step)) {
        return Line::from(span(
            format!("▶ your turn: {} ", step.number),
            scene.theme.warn,
        ));
    }
    Line::from(vec![
        span("?", scene.theme.key),
        span(" help ", scene.theme.dim),
    ])
}
