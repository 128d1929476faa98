use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::paint::{ends, span};
use crate::tui::model::Half;
use crate::tui::screens::Scene;

/// One line in place of the list of steps: `Upgrade ▸ 4 Catch up ▸ 4.2`.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let (theme, steps) = (scene.theme, &scene.model.steps);
    let Some(step) = scene.shown_step() else {
        return;
    };
    let half = match step.half {
        Half::Forward => scene.model.way_forward(),
        Half::Rollback => "Rollback",
    };
    let phase = steps
        .phase_of(step)
        .map(|phase| format!("{} {}", phase.number, phase.title))
        .unwrap_or_default();
    let trail = Line::from(vec![
        Span::raw(" "),
        span(half, theme.dim),
        span(" ▸ ", theme.dim),
        span(phase, theme.text),
        span(" ▸ ", theme.dim),
        span(&step.number, theme.label),
    ]);
    let places: Vec<usize> = steps.places().collect();
    let done = places
        .iter()
        .filter(|at| steps.all()[**at].is_done())
        .count();
    let sum = format!("{done} of {} steps done ", places.len());
    ends(buf, area, 0, &trail, &Line::from(span(sum, theme.dim)));
}
