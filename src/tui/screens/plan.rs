use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Scene;
use crate::tui::widgets::paint;
use crate::tui::widgets::sections::Sections;

/// Everything a step sends and what takes it back, in full.
pub fn draw(scene: &Scene, step: usize, scroll: usize, area: Rect, buf: &mut Buffer) {
    let Some(step) = scene.model.steps.all().get(step) else {
        return;
    };
    let theme = scene.theme;
    let rect = paint::over(
        buf,
        area,
        area.width.saturating_sub(4),
        area.height.saturating_sub(2),
    );
    let title = format!(
        "{}  {}   (y copies, Esc closes)",
        step.number, step.plan.title
    );
    let inner = paint::framed(buf, rect, theme, &paint::title(title, theme.label));
    let mut all = Sections::new(theme, inner.width);
    if step.actions.is_empty() {
        all.text("Sends", "nothing: this step only reads", theme.dim);
    }
    all.actions("Sends", &step.actions);
    all.gap();
    all.actions("Taken back", &step.undo);
    paint::scrolled(buf, inner, theme, &all.lines, scroll);
}
