//! The one place where SQL text is put together from values.

use std::borrow::Cow;
use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

use super::{Conninfo, Lsn};

/// What stands for a secret wherever a statement is shown.
pub const MASK: &str = "•••";

/// What is shown before a statement that the server must not log.
const UNLOGGED: &str = "/* not logged */ ";

/// A SQL statement with its values still apart from its text.
///
/// The text is written by us and names its values as `{name}`; each value is quoted by its kind when the statement is
/// sent. A value that is not known yet stays `{name}` where the statement is shown, and makes sending it an error.
/// Values are never scanned for placeholders, so a table called `{slot}` is just a strange name.
#[derive(Debug, Clone)]
pub struct Sql {
    template: Cow<'static, str>,
    values: Vec<(&'static str, Value)>,
    quiet: bool,
}

#[derive(Debug, Clone)]
enum Value {
    Plain(String),
    Secret(SecretString),
    Conninfo(Conninfo),
    Statement(Sql),
}

/// A statement that cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// A value was never given.
    #[error("the statement still lacks its value {{{0}}}")]
    Missing(String),
    /// PostgreSQL text cannot hold a NUL byte.
    #[error("a value of the statement contains a NUL byte, which PostgreSQL cannot store")]
    Nul,
}

impl Sql {
    /// A statement with `{name}` where values go.
    #[must_use]
    pub fn new(template: &'static str) -> Self {
        Self {
            template: Cow::Borrowed(template),
            values: Vec::new(),
            quiet: false,
        }
    }

    /// A statement the server itself composed (a definition read from its catalog): sent to the letter.
    #[must_use]
    pub fn verbatim(text: String) -> Self {
        Self {
            template: Cow::Borrowed("{verbatim}"),
            values: vec![("verbatim", Value::Plain(text))],
            quiet: false,
        }
    }

    /// Gives `{name}` an identifier.
    #[must_use]
    pub fn ident(self, name: &'static str, identifier: &str) -> Self {
        self.plain(name, quote_ident(identifier))
    }

    /// Gives `{name}` a schema-qualified identifier.
    #[must_use]
    pub fn qualified(self, name: &'static str, schema: &str, object: &str) -> Self {
        self.plain(
            name,
            format!("{}.{}", quote_ident(schema), quote_ident(object)),
        )
    }

    /// Gives `{name}` identifiers separated by commas.
    #[must_use]
    pub fn idents<S: AsRef<str>>(self, name: &'static str, identifiers: &[S]) -> Self {
        let list: Vec<_> = identifiers
            .iter()
            .map(|i| quote_ident(i.as_ref()))
            .collect();
        self.plain(name, list.join(", "))
    }

    /// Gives `{name}` a text constant.
    #[must_use]
    pub fn literal(self, name: &'static str, text: &str) -> Self {
        self.plain(name, quote_literal(text))
    }

    /// Gives `{name}` an array of text constants.
    #[must_use]
    pub fn literals<S: AsRef<str>>(self, name: &'static str, texts: &[S]) -> Self {
        let list: Vec<_> = texts.iter().map(|t| quote_literal(t.as_ref())).collect();
        self.plain(name, format!("ARRAY[{}]::text[]", list.join(", ")))
    }

    /// Gives `{name}` a log position.
    #[must_use]
    pub fn lsn(self, name: &'static str, lsn: Lsn) -> Self {
        self.plain(name, format!("'{lsn}'"))
    }

    /// Gives `{name}` a whole number.
    #[must_use]
    pub fn number(self, name: &'static str, number: i64) -> Self {
        self.plain(name, number.to_string())
    }

    /// Gives `{name}` a text constant that is never shown.
    #[must_use]
    pub fn secret(mut self, name: &'static str, text: SecretString) -> Self {
        self.values.push((name, Value::Secret(text)));
        self
    }

    /// Gives `{name}` a connection string as a text constant, shown without its password.
    #[must_use]
    pub fn conninfo(mut self, name: &'static str, conninfo: Conninfo) -> Self {
        self.values.push((name, Value::Conninfo(conninfo)));
        self
    }

    /// Gives `{name}` another statement.
    #[must_use]
    pub fn statement(mut self, name: &'static str, statement: Sql) -> Self {
        self.values.push((name, Value::Statement(statement)));
        self
    }

    /// Several statements as one message, which the server runs as one transaction.
    #[must_use]
    pub fn together(statements: impl IntoIterator<Item = Sql>) -> Self {
        let mut all = Self {
            template: Cow::Borrowed(""),
            values: Vec::new(),
            quiet: false,
        };
        for statement in statements {
            let separator = if all.values.is_empty() { "" } else { "; " };
            all.template.to_mut().push_str(separator);
            all.template.to_mut().push_str("{}");
            all.values.push(("", Value::Statement(statement)));
        }
        all
    }

    /// The same statement kept out of the server's log, whatever is logged there. The role must be allowed to set that.
    #[must_use]
    pub fn quietly(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// True when the server must not log it.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The statement as people see it: secrets masked, unknown values as `{name}`.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut out = if self.quiet { UNLOGGED } else { "" }.to_owned();
        // Rendering for show has no failing case: what is unknown stays as it stands.
        let _ = self.render(&mut out, false);
        out
    }

    /// The statement as it goes to the server.
    pub fn wire(&self) -> Result<SecretString, SqlError> {
        let mut out = String::new();
        self.render(&mut out, true)?;
        if out.contains('\0') {
            Err(SqlError::Nul)
        } else {
            Ok(out.into())
        }
    }

    /// True when something of the statement is masked where it is shown.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.values.iter().any(|(_, value)| match value {
            Value::Plain(_) => false,
            Value::Secret(_) => true,
            Value::Conninfo(conninfo) => conninfo.has_password(),
            Value::Statement(statement) => statement.has_secret(),
        })
    }

    /// `text` without this statement's secrets, however they are quoted there: for what a server says about it.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        self.each_secret(&mut |secret| {
            let plain = secret.expose_secret();
            let conninfo = plain.replace('\\', r"\\").replace('\'', r"\'");
            let doubled = |text: &str| text.replace('\'', "''");
            let escaped = |text: &str| doubled(text).replace('\\', r"\\");
            // The longest form first, so that none leaves a part of itself behind.
            let forms = [
                escaped(&conninfo),
                doubled(&conninfo),
                conninfo.clone(),
                escaped(plain),
                doubled(plain),
                plain.to_owned(),
            ];
            for form in forms.iter().filter(|form| !form.is_empty()) {
                masked = masked.replace(form, MASK);
            }
        });
        masked
    }

    fn each_secret(&self, visit: &mut dyn FnMut(&SecretString)) {
        for (_, value) in &self.values {
            match value {
                Value::Plain(_) => {}
                Value::Secret(secret) => visit(secret),
                Value::Conninfo(conninfo) => conninfo.password().into_iter().for_each(&mut *visit),
                Value::Statement(statement) => statement.each_secret(visit),
            }
        }
    }

    fn plain(mut self, name: &'static str, text: String) -> Self {
        self.values.push((name, Value::Plain(text)));
        self
    }

    fn render(&self, out: &mut String, wire: bool) -> Result<(), SqlError> {
        let mut rest = self.template.as_ref();
        let mut unnamed = self.values.iter().filter(|(name, _)| name.is_empty());
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            let after = &rest[open + 1..];
            let close =
                after.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
            let Some(close) = close.filter(|&at| after[at..].starts_with('}')) else {
                out.push('{');
                rest = after;
                continue;
            };
            let name = &after[..close];
            let value = if name.is_empty() {
                unnamed.next()
            } else {
                self.values.iter().find(|(n, _)| *n == name)
            };
            match value {
                Some((_, value)) => value.render(out, wire)?,
                // `'{}'` is an empty array, not a place for a value.
                None if wire && !name.is_empty() => return Err(SqlError::Missing(name.to_owned())),
                None => {
                    let _ = write!(out, "{{{name}}}");
                }
            }
            rest = &after[close + 1..];
        }
        out.push_str(rest);
        Ok(())
    }
}

impl Value {
    fn render(&self, out: &mut String, wire: bool) -> Result<(), SqlError> {
        match self {
            Self::Plain(text) => out.push_str(text),
            Self::Secret(text) if wire => out.push_str(&quote_literal(text.expose_secret())),
            Self::Secret(_) => out.push_str(MASK),
            Self::Conninfo(conninfo) if wire => {
                out.push_str(&quote_literal(conninfo.exposed().expose_secret()));
            }
            Self::Conninfo(conninfo) => out.push_str(&quote_literal(&conninfo.to_string())),
            Self::Statement(statement) => statement.render(out, wire)?,
        }
        Ok(())
    }
}

/// An identifier, always in double quotes: no list of key words to keep, no folding of case.
#[must_use]
pub fn quote_ident(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A text constant that reads the same whatever `standard_conforming_strings` says.
#[must_use]
pub fn quote_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::{Sql, SqlError};
    use crate::domain::{Conninfo, Lsn};

    fn wire(sql: &Sql) -> String {
        sql.wire().expect("complete").expose_secret().to_owned()
    }

    #[test]
    fn values_are_quoted_by_kind() {
        let sql = Sql::new("ALTER ROLE {role} SET x = {value}")
            .ident("role", "App-\"3\"")
            .literal("value", r"it's \ {role}");
        assert_eq!(
            wire(&sql),
            r#"ALTER ROLE "App-""3""" SET x = E'it''s \\ {role}'"#
        );
        assert_eq!(sql.shown(), wire(&sql));
    }

    #[test]
    fn an_unknown_value_is_shown_by_name_and_never_sent() {
        let sql = Sql::new("SELECT pg_replication_origin_advance({origin}, {start_lsn})")
            .literal("origin", "pg_1");
        assert_eq!(
            sql.shown(),
            "SELECT pg_replication_origin_advance('pg_1', {start_lsn})"
        );
        assert!(matches!(sql.wire(), Err(SqlError::Missing(name)) if name == "start_lsn"));
        assert_eq!(
            wire(&sql.lsn("start_lsn", Lsn(16))),
            "SELECT pg_replication_origin_advance('pg_1', '0/10')"
        );
    }

    #[test]
    fn secrets_are_masked() {
        let conninfo = Conninfo::new()
            .with("host", "blue")
            .with_password(Some("hush'".to_owned().into()));
        let sql =
            Sql::new("CREATE SUBSCRIPTION s CONNECTION {conninfo}").conninfo("conninfo", conninfo);
        assert_eq!(
            sql.shown(),
            "CREATE SUBSCRIPTION s CONNECTION 'host=blue password=•••'"
        );
        assert!(sql.has_secret());
        assert_eq!(
            wire(&sql),
            r"CREATE SUBSCRIPTION s CONNECTION E'host=blue password=''hush\\'''''"
        );
        let sql = Sql::new("ALTER ROLE x PASSWORD {password}")
            .secret("password", "hush".to_owned().into());
        assert_eq!(sql.shown(), "ALTER ROLE x PASSWORD •••");
    }

    #[test]
    fn what_a_server_says_is_cleared_of_secrets() {
        let conninfo = Conninfo::new().with_password(Some(r"a'b\c".to_owned().into()));
        let sql = Sql::together([
            Sql::new("CREATE SUBSCRIPTION s CONNECTION {c}").conninfo("c", conninfo)
        ]);
        let sent = wire(&sql);
        for said in [r"near a'b\c", r"near 'a\'b\\c'", sent.as_str()] {
            let masked = sql.mask(said);
            assert!(masked.contains(super::MASK), "{masked}");
            assert!(!masked.contains("b\\"), "{masked}");
        }
    }

    #[test]
    fn statements_go_together() {
        let role = |name| Sql::new("ALTER ROLE {role} NOLOGIN").ident("role", name);
        assert_eq!(
            wire(&Sql::together([role("a"), role("b")])),
            r#"ALTER ROLE "a" NOLOGIN; ALTER ROLE "b" NOLOGIN"#
        );
        assert_eq!(
            wire(&Sql::new("SELECT '{}'::text[]")),
            "SELECT '{}'::text[]"
        );
    }

    #[test]
    fn a_nul_byte_is_refused() {
        assert!(matches!(
            Sql::new("SELECT {x}").literal("x", "a\0b").wire(),
            Err(SqlError::Nul)
        ));
    }

    proptest! {
        #[test]
        fn quoting_can_be_read_back(text in "[^\0]*") {
            let ident = super::quote_ident(&text);
            prop_assert_eq!(ident[1..ident.len() - 1].replace("\"\"", "\""), text.clone());
            let literal = super::quote_literal(&text);
            let inner = literal.trim_start_matches('E');
            let inner = inner[1..inner.len() - 1].replace("''", "'");
            let read = if literal.starts_with('E') { inner.replace("\\\\", "\\") } else { inner };
            prop_assert_eq!(read, text);
        }
    }
}
