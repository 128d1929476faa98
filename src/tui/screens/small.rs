use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::Scene;
use crate::tui::widgets::paint::{self, span};

/// The narrowest terminal the screens are made for.
pub const WIDTH: u16 = 64;
/// The lowest terminal the screens are made for.
pub const HEIGHT: u16 = 18;

/// The terminal is too small: says so, and that the run goes on.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let mut lines = vec![
        Line::from(span(
            format!("{}x{} is too small", area.width, area.height),
            theme.warn,
        )),
        Line::from(span(
            format!("needs {WIDTH}x{HEIGHT}; 80x24 is best"),
            theme.text,
        )),
        Line::from(span("the run goes on", theme.label)),
    ];
    if let Some(step) = scene.model.steps.current() {
        let sign = theme.step(&step.state);
        lines.push(Line::from(span(
            format!("{} {}", step.number, sign.text()),
            sign.style,
        )));
    }
    if scene.model.in_pause() {
        lines.push(Line::from(span("WRITE PAUSE", theme.block)));
    }
    paint::lines(buf, area, &lines);
}
