//! Text that others wrote (names, statements, error messages) made fit for a page.

use std::fmt::Write as _;

use crate::domain::{visible_char, visible_lines};

/// For an element's text or a quoted attribute of HTML and SVG.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible_lines(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// For a cell of a Markdown table: on one line, and nothing in it is markup.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().map(visible_char) {
        match c {
            // As entities: a backslash before these means different things to different readers of tables.
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' => out.push_str("&#124;"),
            '\\' => out.push_str("&#92;"),
            '`' | '*' | '_' | '[' | ']' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// The same for something word for word: a code span where one can hold it, else the same by entities.
pub(super) fn markdown_code(text: &str) -> String {
    let text: String = text.chars().map(visible_char).collect();
    if text.is_empty() {
        return text;
    }
    let spans = !text.contains(['|', '\\', '`']) && text.trim() == text;
    if spans {
        return format!("`{text}`");
    }
    let mut out = String::from("<code>");
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.push_str("</code>");
    out
}

#[cfg(test)]
mod tests {
    use super::{html, markdown, markdown_code};

    #[test]
    fn nothing_others_wrote_is_markup() {
        assert_eq!(
            html("<script>\"x'&\u{1b}[2J\u{202e}</script>\n"),
            "&lt;script&gt;&quot;x&#39;&amp;␛[2J\u{fffd}&lt;/script&gt;\n"
        );
        assert_eq!(
            markdown("a|b\n[x](y) <b> \\| `c` *d*"),
            "a&#124;b␊\\[x\\](y) &lt;b&gt; &#92;&#124; \\`c\\` \\*d\\*"
        );
        assert_eq!(
            markdown_code("SELECT 'a_b'\nFROM t"),
            "`SELECT 'a_b'␊FROM t`"
        );
        assert_eq!(
            markdown_code("a`|\\<"),
            "<code>a&#96;&#124;&#92;&#60;</code>"
        );
        assert_eq!(markdown_code(""), "");
    }
}
