//! Text made fit for a terminal: control and direction characters shown as signs or dropped, widths counted in cells,
//! nothing cut without `…`.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::domain::visible_char;

/// The text with nothing in it that could steer a terminal or turn its reading direction.
///
/// A line end becomes `␊` and other control characters their signs, so that a name that holds one can be seen for what
/// it is. Characters that turn or hide text become `�`.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| visible_char(c) == c) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(visible_char).collect())
    }
}

/// Cells the text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `cells` cells, cut with `…` where it is longer.
#[must_use]
pub fn fit(text: &str, cells: usize) -> String {
    let text = clean(text);
    if text.width() <= cells {
        return text.into_owned();
    }
    let mut fitted = take(&text, cells.saturating_sub(1)).to_owned();
    if cells > 0 {
        fitted.push('…');
    }
    fitted
}

/// The text in exactly `cells` cells, at the left.
#[must_use]
pub fn left(text: &str, cells: usize) -> String {
    let mut text = fit(text, cells);
    text.extend(std::iter::repeat_n(' ', cells.saturating_sub(text.width())));
    text
}

/// The text in exactly `cells` cells, at the right: for numbers.
#[must_use]
pub fn right(text: &str, cells: usize) -> String {
    let text = fit(text, cells);
    let mut padded = " ".repeat(cells.saturating_sub(text.width()));
    padded.push_str(&text);
    padded
}

/// The longest beginning that takes at most `cells` cells.
fn take(text: &str, cells: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > cells {
            return &text[..at];
        }
    }
    text
}

/// The text over as many lines of at most `cells` cells as it needs, broken between words where that is possible.
#[must_use]
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    text.lines()
        .flat_map(|line| wrap_line(&clean(line), cells))
        .collect()
}

fn wrap_line(line: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in line.split_inclusive(' ') {
        if current.width() + word.trim_end().width() > cells && !current.trim().is_empty() {
            lines.push(std::mem::take(&mut current).trim_end().to_owned());
        }
        current.push_str(word);
        while current.trim_end().width() > cells {
            let head = take(&current, cells).to_owned();
            if head.is_empty() {
                break;
            }
            current = current.split_off(head.len());
            lines.push(head);
        }
    }
    lines.push(current.trim_end().to_owned());
    lines
}

/// A count with its thousands apart: `100,252`.
#[must_use]
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as a clock: `00:41:07`.
#[must_use]
pub fn clock(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::{clean, clock, count, fit, left, right, wrap};

    #[test]
    fn what_could_steer_the_terminal_is_shown_as_a_sign() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a␛[2Jb␊c");
        assert_eq!(
            clean("x\u{202e}y\u{9b}z\u{200b}"),
            "x\u{fffd}y\u{fffd}z\u{fffd}"
        );
        assert_eq!(clean("Füße → 表"), "Füße → 表");
    }

    #[test]
    fn nothing_is_cut_without_a_sign() {
        assert_eq!(fit("orders", 6), "orders");
        assert_eq!(fit("orders_2024", 6), "order…");
        assert_eq!(fit("表表表", 5), "表表…");
        assert_eq!(fit("表表表", 4), "表…");
        assert_eq!(fit("x", 0), "");
        assert_eq!(left("表", 4), "表  ");
        assert_eq!(right("7 ms", 6), "  7 ms");
    }

    #[test]
    fn long_text_is_broken_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrap("a\nb", 10), ["a", "b"]);
        assert_eq!(wrap("  indented text", 20), ["  indented text"]);
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(100_252), "100,252");
        assert_eq!(count(88), "88");
        assert_eq!(clock(std::time::Duration::from_secs(2467)), "00:41:07");
    }
}
