use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::Scene;
use super::gate::buttons;
use crate::tui::dialog::ConfirmDialog;
use crate::tui::text;
use crate::tui::widgets::paint::{self, span};

/// A question with two answers; Cancel has the focus.
pub fn draw(scene: &Scene, dialog: &ConfirmDialog, area: Rect, buf: &mut Buffer) {
    let inner = boxed(scene, &dialog.title, &dialog.lines, 2, area, buf);
    let last = inner.height.saturating_sub(1);
    paint::line(
        buf,
        inner,
        last,
        &buttons(scene, dialog.focus, dialog.go, true),
    );
}

/// The operator leaves; the engine finishes what it has in hand first.
pub fn leaving(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let lines = [
        "The action in hand is finished, nothing new is started.".to_owned(),
        "Ctrl-C again closes this screen at once; the run parks all the same.".to_owned(),
    ];
    boxed(scene, "Parking the run", &lines, 0, area, buf);
}

fn boxed(
    scene: &Scene,
    title: &str,
    lines: &[String],
    extra: u16,
    area: Rect,
    buf: &mut Buffer,
) -> Rect {
    let theme = scene.theme;
    let width = area.width.saturating_sub(4).min(84);
    let cells = usize::from(width.saturating_sub(4));
    let shown: Vec<Line> = lines
        .iter()
        .flat_map(|line| text::wrap(line, cells))
        .map(|line| Line::from(span(line, theme.text)))
        .collect();
    let height = u16::try_from(shown.len())
        .unwrap_or(u16::MAX)
        .saturating_add(2 + extra);
    let rect = paint::over(buf, area, width, height.min(area.height.saturating_sub(2)));
    let inner = paint::framed(buf, rect, theme, &paint::title(title, theme.label));
    let top = Rect {
        height: inner.height.saturating_sub(extra),
        ..inner
    };
    paint::scrolled(buf, top, theme, &shown, 0);
    inner
}
