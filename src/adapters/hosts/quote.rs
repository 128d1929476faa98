/// An argument list as one line for the shell at the other end of an ssh connection: every word in single quotes, so
/// that no shell, of whatever kind, finds anything to interpret but the quotes themselves.
pub(super) fn remote_line<S: AsRef<str>>(argv: &[S]) -> String {
    let quoted = argv.iter().map(|word| quoted(word.as_ref()));
    quoted.collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::remote_line;

    /// What a shell makes of the line: each word it passes on.
    fn understood(line: &str) -> Vec<String> {
        let script = format!("for word in {line}; do printf '%s\\0' \"$word\"; done");
        let output = Command::new("sh").args(["-c", &script]).output();
        let text = String::from_utf8(output.expect("a shell").stdout).expect("UTF-8");
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_shell_passes_on_every_word_as_it_is(words in prop::collection::vec("[^\\x00]{0,12}", 1..5)) {
            prop_assert_eq!(understood(&remote_line(&words)), words);
        }
    }

    #[test]
    fn nothing_is_interpreted() {
        let words = [
            "$(id)",
            "`id`",
            "a'b\\",
            "\"",
            ";reboot",
            "",
            "~",
            "*",
            "-x",
            "two\nlines",
        ];
        assert_eq!(understood(&remote_line(&words)), words);
    }
}
