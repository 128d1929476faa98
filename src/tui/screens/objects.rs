use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Scene;
use crate::inspect::{DiffClass, DiffVerdict, Difference, ObjectDiff};
use crate::tui::compare::{Detail, pieces};
use crate::tui::rows::object_name;
use crate::tui::text;
use crate::tui::widgets::paint::{self, span};

/// What differs between BLUE and GREEN: a table, or both definitions of one object.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let Some(diff) = &scene.model.objects else {
        super::empty(
            scene,
            area,
            buf,
            "No objects have been compared in this run.",
        );
        return;
    };
    match &scene.view.detail {
        Some(detail) => side_by_side(scene, detail, area, buf),
        None => table(scene, diff, area, buf),
    }
}

fn table(scene: &Scene, diff: &ObjectDiff, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let area = Rect {
        x: area.x + 1,
        width: area.width - 1,
        ..area
    };
    summary(scene, diff, area, buf);
    let widths = Widths::of(area.width);
    let head = Line::from(span(
        format!(
            "{} {} {} {} verdict",
            text::left("kind", widths.kind),
            text::left("name", widths.name),
            text::left("BLUE", widths.side),
            text::left("GREEN", widths.side)
        ),
        theme.label,
    ));
    paint::line(buf, area, 1, &head);
    let body = Rect {
        y: area.y + 2,
        height: area.height - 2,
        ..area
    };
    let list = &scene.view.objects;
    if list.rows.is_empty() {
        let message = if diff.differences.is_empty() {
            "✔ no difference"
        } else {
            "No difference passes the filter."
        };
        super::empty(scene, body, buf, message);
    }
    let first = list.first_drawn(usize::from(body.height));
    for (y, at) in (0..body.height).zip(&list.rows[first..]) {
        if let Some(difference) = diff.differences.get(*at) {
            paint::line(buf, body, y, &row(scene, difference, &widths));
        }
        if first + usize::from(y) == list.chosen {
            paint::choose_row(buf, body, y, theme.chosen);
        }
    }
}

fn summary(scene: &Scene, diff: &ObjectDiff, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let of = |class| {
        diff.differences
            .iter()
            .filter(|difference| difference.class == class)
            .count()
    };
    let mut spans = Vec::new();
    for (class, word) in [
        (DiffClass::Blocks, "block"),
        (DiffClass::Know, "to know"),
        (DiffClass::Expected, "expected"),
    ] {
        let sign = theme.class(class);
        spans.push(span(
            format!("{} {} {word}   ", sign.glyph, text::count(of(class))),
            sign.style,
        ));
    }
    spans.push(span(
        if scene.view.expected {
            "(shown, e)"
        } else {
            "(hidden, e)"
        },
        theme.dim,
    ));
    let filter = scene.view.objects.filter.value();
    if !filter.is_empty() {
        spans.push(span(format!("   Filter: {filter}"), theme.now));
    }
    if let Some(kind) = &scene.view.kind {
        spans.push(span(format!("   only {kind}"), theme.now));
    }
    let sum = format!(
        "{} objects on BLUE, {} on GREEN ",
        text::count(diff.objects.blue),
        text::count(diff.objects.green)
    );
    let sum = if area.width >= 110 {
        sum
    } else {
        String::new()
    };
    paint::ends(
        buf,
        area,
        0,
        &Line::from(spans),
        &Line::from(span(sum, theme.dim)),
    );
}

struct Widths {
    kind: usize,
    name: usize,
    side: usize,
}

impl Widths {
    fn of(width: u16) -> Self {
        // Four gaps and the verdict take their share first.
        let left = usize::from(width).saturating_sub(12 + 21 + 4);
        let name = left * 2 / 5;
        Self {
            kind: 12,
            name,
            side: (left - name) / 2,
        }
    }
}

fn row(scene: &Scene, difference: &Difference, widths: &Widths) -> Line<'static> {
    let theme = scene.theme;
    let sign = theme.class(difference.class);
    let verdict = match (difference.class, difference.verdict) {
        (DiffClass::Know, DiffVerdict::Changed) => "to know",
        (DiffClass::Expected, _) => "expected",
        (_, DiffVerdict::Changed) => "changed",
        (_, DiffVerdict::MissingOnGreen) => "missing on GREEN",
        (_, DiffVerdict::MissingOnBlue) => "missing on BLUE",
    };
    let (blue, green) = ends_that_differ(difference, widths.side);
    Line::from(vec![
        span(text::left(&difference.kind, widths.kind), theme.text),
        Span::raw(" "),
        span(
            text::left(&object_name(difference), widths.name),
            theme.text,
        ),
        Span::raw(" "),
        span(text::left(&blue, widths.side), theme.dim),
        Span::raw(" "),
        span(text::left(&green, widths.side), theme.dim),
        Span::raw(" "),
        span(format!("{} {verdict}", sign.glyph), sign.style),
    ])
}

/// Both definitions from a little before the place where they part, so that the difference is to be seen.
fn ends_that_differ(difference: &Difference, cells: usize) -> (String, String) {
    let flat = |side: &Option<String>| {
        side.as_ref()
            .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    match (flat(&difference.blue), flat(&difference.green)) {
        (Some(blue), Some(green)) => {
            let same = blue
                .chars()
                .zip(green.chars())
                .take_while(|(a, b)| a == b)
                .count();
            if same + 4 <= cells {
                return (blue, green);
            }
            let from = |text: &str| {
                format!(
                    "…{}",
                    text.chars()
                        .skip(same.saturating_sub(cells / 3))
                        .collect::<String>()
                )
            };
            (from(&blue), from(&green))
        }
        (blue, green) => {
            let or_none = |side: Option<String>| side.unwrap_or_else(|| "–".to_owned());
            (or_none(blue), or_none(green))
        }
    }
}

fn side_by_side(scene: &Scene, detail: &Detail, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
    let blue = paint::framed(
        buf,
        left,
        theme,
        &paint::title(format!("BLUE  {}", detail.title), theme.blue),
    );
    let green = paint::framed(buf, right, theme, &paint::title("GREEN", theme.green));
    let height = usize::from(blue.height);
    let scroll = detail.scroll.min(detail.lines.len().saturating_sub(height));
    for (y, pair) in (0..blue.height).zip(&detail.lines[scroll..]) {
        let (old, new) = (pair.blue.as_deref(), pair.green.as_deref());
        paint::line(
            buf,
            blue,
            y,
            &side(old, new, pair.same, '-', theme.text, theme.warn),
        );
        paint::line(
            buf,
            green,
            y,
            &side(new, old, pair.same, '+', theme.text, theme.warn),
        );
    }
}

fn side(
    line: Option<&str>,
    other: Option<&str>,
    same: bool,
    sign: char,
    text: Style,
    differs: Style,
) -> Line<'static> {
    let Some(line) = line else {
        return Line::default();
    };
    if same {
        return Line::from(vec![Span::raw("  "), span(line, text)]);
    }
    let mut spans = vec![span(format!("{sign} "), differs)];
    match other {
        Some(other) => {
            let piece = |(only_here, piece): (bool, String)| {
                span(piece, if only_here { differs } else { text })
            };
            spans.extend(pieces(line, other).into_iter().map(piece));
        }
        None => spans.push(span(line, differs)),
    }
    Line::from(spans)
}
