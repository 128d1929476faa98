use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use crate::runbook::{ShownAction, Undo, Verdict};
use crate::tui::dialog::{Focus, GateDialog};
use crate::tui::text;
use crate::tui::widgets::gauges::go_text;
use crate::tui::widgets::paint::{self, span};

/// A dangerous gate: what will happen, to which server, what is sent, what it costs, and the phrase to type.
pub fn draw(scene: &Scene, dialog: &GateDialog, area: Rect, buf: &mut Buffer) {
    let Some(step) = scene.model.steps.get(&dialog.step) else {
        return;
    };
    let theme = scene.theme;
    let width = area.width.saturating_sub(4).min(100);
    let cells = usize::from(width.saturating_sub(4));
    let mut told: Vec<Line> = Vec::new();
    let mut tell = |text: &str, style| {
        told.extend(
            text::wrap(text, cells)
                .into_iter()
                .map(|line| Line::from(span(line, style))),
        );
    };
    let danger = step.plan.info.danger.as_ref();
    if let Some(danger) = danger {
        danger
            .consequences
            .iter()
            .for_each(|line| tell(line, theme.text));
    } else {
        tell(&step.plan.why, theme.text);
        tell(&step.plan.info.way_back, theme.text);
    }
    let undo = match step.plan.undo {
        Undo::Reversible => ("Reversible.", theme.text),
        Undo::RollForwardOnly => ("Only forward: going back is a rollback.", theme.warn),
        Undo::Irreversible => ("Irreversible.", theme.block),
    };
    tell(undo.0, undo.1);
    told.extend(forecast(scene, step.plan.info.pause));
    told.extend(gate_checks(scene));
    let asked = ask(scene, dialog);
    let frame = u16::try_from(asked.len()).unwrap_or(6) + 2;
    let room = usize::from(area.height.saturating_sub(frame));
    told.extend(statements(
        scene,
        &step.actions,
        cells,
        dialog.all,
        room.saturating_sub(told.len()),
    ));
    let height = u16::try_from(told.len())
        .unwrap_or(u16::MAX)
        .saturating_add(frame);
    let rect = paint::over(buf, area, width, height);
    let heading = danger.map_or(&step.plan.title, |danger| &danger.heading);
    let inner = paint::framed(buf, rect, theme, &paint::title(heading, theme.block));
    let top = Rect {
        height: inner.height.saturating_sub(frame - 2),
        ..inner
    };
    paint::scrolled(buf, top, theme, &told, 0);
    let below = Rect {
        y: top.bottom(),
        height: inner.height - top.height,
        ..inner
    };
    paint::lines(buf, below, &asked);
}

/// What the pause would take now, and whether it should begin.
fn forecast(scene: &Scene, pause: bool) -> Option<Line<'static>> {
    scene.model.no_go().filter(|_| pause)?;
    let (light, style) = go_text(scene);
    let mut spans = vec![span(light, style)];
    if let Some(pause) = scene.model.gauges.pause_forecast {
        spans.push(span(format!("   the pause now: {pause}"), scene.theme.text));
    }
    Some(Line::from(spans))
}

fn gate_checks(scene: &Scene) -> Option<Line<'static>> {
    let theme = scene.theme;
    let gates: Vec<_> = scene
        .model
        .checks
        .all()
        .iter()
        .filter(|check| check.gate)
        .collect();
    let blocked = gates
        .iter()
        .filter(|check| check.verdict == Verdict::Block)
        .count();
    let (text, style) = match (gates.len(), blocked) {
        (0, _) => return None,
        (all, 0) => (
            format!("✔ {all} gate checks passed; they are asked again when you confirm"),
            theme.good,
        ),
        (all, blocked) => (
            format!(
                "✘ {blocked} of {all} gate checks block; they are asked again when you confirm"
            ),
            theme.block,
        ),
    };
    Some(Line::from(span(text, style)))
}

fn statements(
    scene: &Scene,
    actions: &[ShownAction],
    cells: usize,
    all: bool,
    room: usize,
) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let of = |action: &ShownAction| {
        let mut lines = Vec::new();
        for (at, line) in text::wrap(
            &action.text,
            cells.saturating_sub(text::width(&action.target) + 4),
        )
        .into_iter()
        .enumerate()
        {
            let target = if at == 0 { action.target.as_str() } else { "" };
            lines.push(Line::from(vec![
                span(
                    text::left(target, text::width(&action.target)),
                    theme.server(&action.target),
                ),
                Span::raw("  "),
                span(line, theme.text),
            ]));
        }
        lines
    };
    let most = if all { room } else { room.min(4) };
    let mut lines: Vec<Line> = actions.iter().flat_map(of).collect();
    if lines.len() > most {
        lines.truncate(most.saturating_sub(1));
        let hint = if all {
            "p on the step shows all of them"
        } else {
            "PgDn shows more"
        };
        lines.push(Line::from(span(
            format!("… {} statements in all ({hint})", actions.len()),
            theme.dim,
        )));
    }
    lines
}

fn ask(scene: &Scene, dialog: &GateDialog) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let typed = dialog.input.value();
    let right = dialog.phrase.starts_with(typed);
    let mut lines = vec![
        Line::default(),
        Line::from(vec![
            span("Type  ", theme.text),
            span(&dialog.phrase, theme.now),
            span("  to go on:", theme.text),
        ]),
        Line::from(vec![
            span("> ", theme.key),
            span(typed, if right { theme.text } else { theme.warn }),
            span("_", theme.now),
        ]),
    ];
    lines.push(match &dialog.refusal {
        Some(refusal) => Line::from(span(format!("⚠ {refusal}"), theme.warn)),
        None if dialog.matches() => {
            Line::from(span("✔ Tab moves to Go, Enter presses it", theme.good))
        }
        None => Line::default(),
    });
    lines.push(buttons(
        scene,
        dialog.focus,
        if dialog.matches() {
            "Go"
        } else {
            "Go (closed)"
        },
        dialog.matches(),
    ));
    lines
}

/// Cancel and another button, at the right.
pub fn buttons(scene: &Scene, focus: Focus, go: &str, open: bool) -> Line<'static> {
    let theme = scene.theme;
    let style = |focused: bool, open: bool| match (focused, open) {
        (true, _) => theme.chosen.patch(theme.label),
        (false, true) => theme.text,
        (false, false) => theme.dim,
    };
    let shown = |word: &str, focused: bool| {
        if focused {
            format!("[ {word} ]")
        } else {
            format!("  {word}  ")
        }
    };
    Line::from(vec![
        span(
            shown("Cancel", focus == Focus::Cancel),
            style(focus == Focus::Cancel, true),
        ),
        Span::raw("   "),
        span(
            shown(go, focus == Focus::Go),
            style(focus == Focus::Go, open),
        ),
    ])
}
