use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use crate::tui::text;
use crate::tui::widgets::paint::{self, span};

/// Rows compared table by table.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let tables = &scene.model.data.tables;
    if tables.is_empty() {
        super::empty(scene, area, buf, "No data has been compared in this run.");
        return;
    }
    let area = Rect {
        x: area.x + 1,
        width: area.width - 1,
        ..area
    };
    let differing = tables.iter().filter(|table| !table.equal).count();
    let sum = if differing == 0 {
        theme.good
    } else {
        theme.block
    };
    let head = format!(
        "{} tables compared, {} differ",
        text::count(tables.len()),
        text::count(differing)
    );
    paint::line(buf, area, 0, &Line::from(span(head, sum)));
    let name = usize::from(area.width).saturating_sub(58).max(20);
    let names = format!(
        "{}{}{}  verdict",
        text::left("table", name),
        text::right("rows on BLUE", 14),
        text::right("rows on GREEN", 15)
    );
    paint::line(buf, area, 1, &Line::from(span(names, theme.label)));
    let body = Rect {
        y: area.y + 2,
        height: area.height - 2,
        ..area
    };
    let list = &scene.view.data;
    let first = list.first_drawn(usize::from(body.height));
    for (y, at) in (0..body.height).zip(&list.rows[first..]) {
        let Some(table) = tables.get(*at) else {
            continue;
        };
        let rows =
            |count: u64| usize::try_from(count).map_or_else(|_| count.to_string(), text::count);
        let (verdict, style) = if table.equal {
            ("✔ equal".to_owned(), theme.good)
        } else if table.open {
            (
                format!("? open  {}", table.differing.join("; ")),
                theme.warn,
            )
        } else {
            (
                format!("✘ differs  {}", table.differing.join("; ")),
                theme.block,
            )
        };
        let line = Line::from(vec![
            span(text::left(&table.name, name), theme.text),
            span(text::right(&rows(table.blue), 14), theme.text),
            span(text::right(&rows(table.green), 15), theme.text),
            Span::raw("  "),
            span(verdict, style),
        ]);
        paint::line(buf, body, y, &line);
        if first + usize::from(y) == list.chosen {
            paint::choose_row(buf, body, y, theme.chosen);
        }
    }
}
