use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use crate::domain::human_duration;
use crate::tui::model::{LogLine, Mark};
use crate::tui::text;
use crate::tui::widgets::paint::{self, span};

/// The whole log, filtered.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let list = &scene.view.log;
    if list.rows.is_empty() {
        super::empty(scene, area, buf, "No line to show.");
        return;
    }
    let area = Rect {
        x: area.x + 1,
        width: area.width - 1,
        ..area
    };
    let opened = if list.rows.is_empty() {
        0
    } else {
        4.min(area.height / 3)
    };
    let body = Rect {
        height: area.height - opened,
        ..area
    };
    let first = list.first_drawn(usize::from(body.height));
    let lines = scene.model.log.lines();
    for (y, at) in (0..body.height).zip(&list.rows[first..]) {
        if let Some(line) = lines.get(*at) {
            draw_line(scene, body, buf, y, line);
        }
        if first + usize::from(y) == list.chosen {
            paint::choose_row(buf, body, y, scene.theme.chosen);
        }
    }
    let Some(line) = list.chosen_row().and_then(|at| lines.get(at)) else {
        return;
    };
    let full = Rect {
        y: body.bottom(),
        height: opened,
        ..area
    };
    let shown = if line.answer.is_empty() {
        line.text.clone()
    } else {
        format!("{}\n→ {}", line.text, line.answer)
    };
    let wrapped: Vec<_> = text::wrap(&shown, usize::from(full.width.saturating_sub(2)))
        .into_iter()
        .map(|line| Line::from(vec![Span::raw("  "), span(line, scene.theme.text)]))
        .collect();
    paint::scrolled(buf, full, scene.theme, &wrapped, 0);
}

/// The newest lines of the log, at the bottom of every screen.
pub fn tail(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let area = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let lines = scene.model.log.lines();
    let first = lines.len().saturating_sub(usize::from(area.height));
    for (y, line) in (0..area.height).zip(lines.iter().skip(first)) {
        draw_line(scene, area, buf, y, line);
    }
}

fn draw_line(scene: &Scene, area: Rect, buf: &mut Buffer, y: u16, line: &LogLine) {
    let theme = scene.theme;
    let (sign, style) = match line.mark {
        Mark::Note => ("", theme.text),
        Mark::Sent => ("sent …", theme.now),
        Mark::Done => ("✔", theme.good),
        Mark::Warn => ("⚠", theme.warn),
        Mark::Failed => ("✘ failed", theme.block),
        Mark::Unknown => ("⚠ unknown", theme.block),
    };
    let mut left = vec![span(scene.time(line.at), theme.dim), Span::raw("  ")];
    if !line.target.is_empty() {
        left.push(span(&line.target, theme.server(&line.target)));
        left.push(Span::raw("  "));
    }
    let plain = matches!(line.mark, Mark::Note | Mark::Sent | Mark::Done);
    left.push(span(
        line.text.replace('\n', " "),
        if plain { theme.text } else { style },
    ));
    let took = line
        .took
        .map(|took| human_duration(took) + " ")
        .unwrap_or_default();
    let right = Line::from(vec![span(took, theme.dim), span(sign, style)]);
    paint::ends(buf, area, y, &Line::from(left), &right);
}
