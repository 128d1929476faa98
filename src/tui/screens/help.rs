use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::Scene;
use crate::tui::keymap::BINDINGS;
use crate::tui::text;
use crate::tui::widgets::paint::{self, span};

/// All keys that hold here, and why some do nothing now.
pub fn draw(scene: &Scene, scroll: usize, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let mut lines = Vec::new();
    for binding in BINDINGS.iter().filter(|binding| binding.holds(scene.view)) {
        let key = span(text::left(binding.shown, 12), theme.key);
        match binding.disabled_reason(scene.model, scene.view) {
            None => lines.push(Line::from(vec![key, span(binding.description, theme.text)])),
            Some(reason) => {
                lines.push(Line::from(vec![key, span(binding.description, theme.dim)]));
                lines.push(Line::from(span(
                    format!("{}– not now: {reason}", " ".repeat(12)),
                    theme.dim,
                )));
            }
        }
    }
    let rect = paint::over(
        buf,
        area,
        area.width.saturating_sub(4).min(96),
        area.height.saturating_sub(2),
    );
    let inner = paint::framed(
        buf,
        rect,
        theme,
        &paint::title("Keys   (any other key closes)", theme.label),
    );
    paint::scrolled(buf, inner, theme, &lines, scroll);
}
