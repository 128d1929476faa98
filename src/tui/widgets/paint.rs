use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

use crate::tui::text;
use crate::tui::theme::Theme;

/// A piece of a line that has its own style, made fit to show.
#[must_use]
pub fn span(shown: impl AsRef<str>, style: Style) -> Span<'static> {
    Span::styled(text::clean(shown.as_ref()).into_owned(), style)
}

/// Draws a line at the row `y` of the area, cut with `…` where it is longer.
pub fn line(buf: &mut Buffer, area: Rect, y: u16, line: &Line) {
    if y >= area.height {
        return;
    }
    let line = cut(line, usize::from(area.width));
    buf.set_line(area.x, area.y + y, &line, area.width);
}

/// Draws lines from the top of the area.
pub fn lines(buf: &mut Buffer, area: Rect, lines: &[Line]) {
    for (y, shown) in (0..area.height).zip(lines) {
        line(buf, area, y, shown);
    }
}

/// Draws lines with the first `scroll` left out; says how many more there are where they do not fit.
pub fn scrolled(buf: &mut Buffer, area: Rect, theme: &Theme, all: &[Line], scroll: usize) {
    let height = usize::from(area.height);
    let scroll = scroll.min(all.len().saturating_sub(height));
    let left = all.len() - scroll;
    lines(buf, area, &all[scroll..]);
    if left > height && height > 0 {
        let more = format!("… {} more lines (PgDn)", left - height + 1);
        let last = area.height - 1;
        clear_row(buf, area, last);
        line(buf, area, last, &Line::from(span(more, theme.dim)));
    }
}

fn clear_row(buf: &mut Buffer, area: Rect, y: u16) {
    Clear.render(
        Rect {
            y: area.y + y,
            height: 1,
            ..area
        },
        buf,
    );
}

/// Draws `right` at the right end of a row and `left` before it.
pub fn ends(buf: &mut Buffer, area: Rect, y: u16, left: &Line, right: &Line) {
    let room = usize::from(area.width);
    let right = cut(right, room);
    let taken = u16::try_from(right.width()).unwrap_or(area.width);
    if y < area.height {
        buf.set_line(area.right() - taken, area.y + y, &right, taken);
    }
    let gap = u16::from(taken > 0);
    let rest = Rect {
        width: area.width.saturating_sub(taken + gap),
        ..area
    };
    line(buf, rest, y, left);
}

/// The line in at most `cells` cells.
#[must_use]
pub fn cut<'a>(line: &Line<'a>, cells: usize) -> Line<'a> {
    if line.width() <= cells {
        return line.clone();
    }
    let mut left = cells;
    let mut spans = Vec::new();
    for (at, span) in line.spans.iter().enumerate() {
        let rest: usize = line.spans[at + 1..].iter().map(Span::width).sum();
        if span.width() + usize::from(rest > 0) <= left {
            left -= span.width();
            spans.push(span.clone());
        } else {
            spans.push(Span::styled(force_cut(&span.content, left), span.style));
            break;
        }
    }
    Line {
        spans,
        ..line.clone()
    }
}

/// The text in `cells` cells with `…` at its end even where all of it would fit: more follows it.
fn force_cut(shown: &str, cells: usize) -> String {
    text::fit(&format!("{shown}  "), cells.min(text::width(shown) + 1))
}

/// Draws a frame with a title and returns what is inside, a cell of room at both sides.
pub fn framed(buf: &mut Buffer, area: Rect, theme: &Theme, title: &Line<'static>) -> Rect {
    let title = cut(title, usize::from(area.width.saturating_sub(4)));
    let block = Block::bordered().border_style(theme.frame).title(title);
    let inner = block.inner(area);
    block.render(area, buf);
    inner.inner(Margin::new(1, 0))
}

/// A title for a frame, with room around it.
#[must_use]
pub fn title(shown: impl AsRef<str>, style: Style) -> Line<'static> {
    Line::from(vec![Span::raw(" "), span(shown, style), Span::raw(" ")])
}

/// The middle of the area, at most this large, wiped.
pub fn over(buf: &mut Buffer, area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let rect = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(rect, buf);
    rect
}

/// Styles a whole row, over what is drawn there.
pub fn choose_row(buf: &mut Buffer, area: Rect, y: u16, style: Style) {
    if y < area.height {
        buf.set_style(
            Rect {
                y: area.y + y,
                height: 1,
                ..area
            },
            style,
        );
    }
}
