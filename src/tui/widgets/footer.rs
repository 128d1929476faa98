use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::paint::{self, span};
use crate::tui::keymap::BINDINGS;
use crate::tui::screens::Scene;
use crate::tui::view_state::Tab;

/// One line: a passing message, or the keys that do something here.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    if let Some(notice) = &scene.view.notice {
        let style = if notice.warns {
            theme.warn
        } else {
            theme.label
        };
        let sign = if notice.warns { "⚠ " } else { "" };
        let shown = span(format!(" {sign}{}", notice.text), style);
        paint::line(buf, area, 0, &Line::from(shown));
        return;
    }
    let filter = scene.view.list().filter(|list| list.typing);
    if let Some(list) = filter {
        let spans = vec![
            span(" Filter: ", theme.key),
            span(list.filter.value(), theme.text),
            span("_", theme.now),
            span("   Enter keeps it   Esc drops it", theme.dim),
        ];
        paint::line(buf, area, 0, &Line::from(spans));
        return;
    }
    let mut left = usize::from(area.width).saturating_sub(1);
    let mut spans = vec![Span::raw(" ")];
    for (key, word) in keys(scene) {
        let cells = key.chars().count() + word.chars().count() + 4;
        if cells > left {
            break;
        }
        left -= cells;
        spans.push(span(key, theme.key));
        spans.push(span(format!(" {word}   "), theme.dim));
    }
    paint::line(buf, area, 0, &Line::from(spans));
}

/// The keys the footer names: those that hold here and do something now; leaving comes right after what is next.
fn keys(scene: &Scene) -> Vec<(&'static str, &'static str)> {
    let mut keys: Vec<_> = BINDINGS
        .iter()
        .filter(|binding| !binding.short.is_empty() && binding.holds(scene.view))
        .filter(|binding| binding.disabled_reason(scene.model, scene.view).is_none())
        .map(|binding| (binding.shown, binding.short))
        .collect();
    // What is next comes first, the ways out right behind it: a narrow terminal cuts the rest.
    if keys.len() > 3 {
        keys[1..].rotate_right(2);
    }
    if scene.model.is_over() || scene.model.read_only {
        for key in &mut keys {
            if key.1 == "do this step" || key.1 == "park and leave" {
                key.1 = "leave";
            }
        }
    }
    if scene.view.tab == Tab::Steps && scene.view.looks_elsewhere(scene.model) {
        for key in &mut keys {
            if key.1 == "do this step" {
                key.1 = "to the step in hand";
            }
        }
    }
    keys
}
