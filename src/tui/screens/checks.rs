use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use crate::runbook::{CheckResult, Verdict};
use crate::tui::text;
use crate::tui::view_state::first_drawn;
use crate::tui::widgets::paint::{self, span};

/// The checks, worst first; the chosen one with its remedy.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let checks = &scene.model.checks;
    if checks.all().is_empty() {
        super::empty(
            scene,
            area,
            buf,
            "No check has been asked yet. c asks them.",
        );
        return;
    }
    let area = Rect {
        x: area.x + 1,
        width: area.width - 1,
        ..area
    };
    let mut head = vec![span(
        format!("{} checks   ", text::count(checks.all().len())),
        theme.label,
    )];
    for verdict in [
        Verdict::Pass,
        Verdict::Warn,
        Verdict::Block,
        Verdict::Skipped,
    ] {
        let sign = theme.verdict(verdict);
        head.push(span(
            format!("{} {}   ", checks.count(verdict), sign.text()),
            sign.style,
        ));
    }
    let gates = span("gates are asked again before the fence ", theme.dim);
    let gates = if area.width >= 110 {
        Line::from(gates)
    } else {
        Line::default()
    };
    paint::ends(buf, area, 0, &Line::from(head), &gates);
    let body = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    let list = &scene.view.checks;
    let mut lines: Vec<Line> = Vec::new();
    let mut chosen = 0..1;
    for (row, at) in list.rows.iter().enumerate() {
        let Some(check) = checks.all().get(*at) else {
            continue;
        };
        let first = lines.len();
        lines.push(summary(scene, check));
        if row == list.chosen {
            lines.extend(details(scene, check, body.width, list.open));
            chosen = first..lines.len();
        }
    }
    let height = usize::from(body.height);
    let first = if chosen.len() >= height {
        chosen.start
    } else {
        first_drawn(chosen.end - 1, lines.len(), height)
    };
    paint::lines(buf, body, &lines[first..]);
    if let Ok(y) = u16::try_from(chosen.start.saturating_sub(first)) {
        paint::choose_row(buf, body, y, theme.chosen);
    }
}

fn summary(scene: &Scene, check: &CheckResult) -> Line<'static> {
    let theme = scene.theme;
    let sign = theme.verdict(check.verdict);
    let unknown = if check.unknown { "unknown: " } else { "" };
    let first_line = check.evidence.lines().next().unwrap_or("");
    Line::from(vec![
        span(text::left(&sign.text(), 10), sign.style),
        span(text::left(&check.id, 32), theme.text),
        Span::raw(" "),
        span(text::left(&check.node, 14), theme.server(&check.node)),
        Span::raw(" "),
        span(format!("{unknown}{first_line}"), theme.dim),
    ])
}

fn details(scene: &Scene, check: &CheckResult, width: u16, open: bool) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let mut lines = Vec::new();
    let mut add = |label: &str, text: &str, style| {
        for (at, line) in text::wrap(text, usize::from(width.saturating_sub(14)))
            .into_iter()
            .enumerate()
        {
            let label = if at == 0 { label } else { "" };
            lines.push(Line::from(vec![
                span(format!("    {}", text::left(label, 9)), theme.label),
                span(line, style),
            ]));
        }
    };
    if open {
        add("Seen", &check.evidence, theme.text);
    }
    if !check.remedy.is_empty() && (open || check.verdict >= Verdict::Warn) {
        add("Remedy", &check.remedy, theme.text);
    }
    if let Some(fix) = check.fix.as_ref().filter(|_| open) {
        add("SQL", fix, theme.now);
    }
    if open && check.gate {
        add("Gate", "asked again right before the fence", theme.dim);
    }
    lines
}
