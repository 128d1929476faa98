use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A libpq connection string in the making, the password kept apart so that it can be shown without it.
#[derive(Debug, Clone, Default)]
pub struct Conninfo {
    pairs: Vec<(String, String)>,
    password: Option<SecretString>,
}

impl Conninfo {
    /// An empty connection string.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `key = value`.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.pairs.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds the password; without one the server looks in its own passfile.
    #[must_use]
    pub fn with_password(mut self, password: Option<SecretString>) -> Self {
        self.password = password;
        self
    }

    /// True when a password is among the parts.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The password, for clearing texts of it.
    pub(super) fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// The whole string as it goes to the server, password included.
    #[must_use]
    pub fn exposed(&self) -> SecretString {
        let mut text = self.shown_pairs();
        if let Some(password) = &self.password {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str("password=");
            text.push_str(&quoted(password.expose_secret()));
        }
        text.into()
    }

    fn shown_pairs(&self) -> String {
        let pairs: Vec<_> = self
            .pairs
            .iter()
            .map(|(key, value)| format!("{key}={}", quoted(value)))
            .collect();
        pairs.join(" ")
    }
}

impl fmt::Display for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown_pairs())?;
        if self.password.is_some() {
            f.write_str(if self.pairs.is_empty() {
                "password=•••"
            } else {
                " password=•••"
            })?;
        }
        Ok(())
    }
}

/// libpq's rule: single quotes around anything but plain words; backslash before a quote or a backslash.
fn quoted(value: &str) -> String {
    let plain = !value.is_empty()
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./:".contains(&b));
    if plain {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::Conninfo;

    #[test]
    fn hostile_values_are_quoted_and_the_password_is_not_shown() {
        let info = Conninfo::new()
            .with("host", "db-1.example")
            .with("dbname", r"it's a \ base")
            .with_password(Some("pa ss'\\".to_owned().into()));
        assert_eq!(
            info.to_string(),
            r"host=db-1.example dbname='it\'s a \\ base' password=•••"
        );
        assert_eq!(
            info.exposed().expose_secret(),
            r"host=db-1.example dbname='it\'s a \\ base' password='pa ss\'\\'"
        );
    }
}
