//! Quoting: whatever the value, the statement holds exactly one identifier and one constant, and both read back.
#![no_main]

use greenlight::domain::Sql;
use greenlight::domain::sql::{quote_ident, quote_literal};
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;

fuzz_target!(|text: &str| {
    let sql = Sql::new("SELECT {value} AS {name}")
        .ident("name", text)
        .literal("value", text);
    let Ok(wire) = sql.wire() else {
        assert!(text.contains('\0'));
        return;
    };
    let expected = format!("SELECT {} AS {}", quote_literal(text), quote_ident(text));
    assert_eq!(wire.expose_secret(), expected);
    assert_eq!(literal(&quote_literal(text)), Some(text.to_owned()));
    assert_eq!(ident(&quote_ident(text)), Some(text.to_owned()));
});

/// Reads a constant by PostgreSQL's rules; `None` when it ends early or late.
fn literal(quoted: &str) -> Option<String> {
    let (escapes, inner) = match quoted.strip_prefix('E') {
        Some(rest) => (true, rest),
        None => (false, quoted),
    };
    let mut chars = inner.strip_prefix('\'')?.strip_suffix('\'')?.chars();
    let mut read = String::new();
    while let Some(char) = chars.next() {
        match char {
            '\'' if chars.next() == Some('\'') => read.push('\''),
            '\\' if escapes && chars.next() == Some('\\') => read.push('\\'),
            '\'' | '\\' => return None,
            other => read.push(other),
        }
    }
    Some(read)
}

/// Reads an identifier by PostgreSQL's rules.
fn ident(quoted: &str) -> Option<String> {
    let mut chars = quoted.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut read = String::new();
    while let Some(char) = chars.next() {
        match char {
            '"' if chars.next() == Some('"') => read.push('"'),
            '"' => return None,
            other => read.push(other),
        }
    }
    Some(read)
}
