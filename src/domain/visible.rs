/// A character as it may be shown: what could steer a terminal, or turn or hide text, becomes a sign.
///
/// A line end becomes `␊` and other control characters their pictures, so that a name that holds one can be seen for
/// what it is; characters that turn or hide text become `�`.
#[must_use]
pub fn visible_char(c: char) -> char {
    match c {
        '\t' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        c => c,
    }
}

/// The text with each character as it may be shown, its line ends kept.
#[must_use]
pub fn visible_lines(text: &str) -> String {
    let shown = |c| if c == '\n' { c } else { visible_char(c) };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::visible_lines;

    #[test]
    fn what_could_steer_a_terminal_is_shown_as_a_sign() {
        assert_eq!(visible_lines("a\u{1b}[2J\tb\r\nc"), "a␛[2J b␍\nc");
        assert_eq!(visible_lines("x\u{202e}y\u{9b}"), "x\u{fffd}y\u{fffd}");
        assert_eq!(visible_lines("Füße → 表"), "Füße → 表");
    }
}
