//! `postgresql://` URLs with hostile names and passwords in them.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::percent_encoded;

/// The URL of `user` at `address` in `database`.
pub fn url(
    user: &str,
    password: Option<&SecretString>,
    address: (&str, u16),
    database: &str,
) -> String {
    let mut out = format!("postgresql://{}", percent_encoded(user));
    if let Some(password) = password {
        let _ = write!(out, ":{}", percent_encoded(password.expose_secret()));
    }
    let (host, port) = address;
    let _ = write!(out, "@{host}:{port}/{}", percent_encoded(database));
    out
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn hostile_parts_survive_the_url() {
        let password = "p@ss/w%rd ü".to_owned().into();
        let url = url(
            "App-Three",
            Some(&password),
            ("127.0.0.1", 5432),
            "it's \"x\"?",
        );
        let config: tokio_postgres::Config = url.parse().expect("a URL");
        assert_eq!(config.get_user(), Some("App-Three"));
        assert_eq!(config.get_password(), Some("p@ss/w%rd ü".as_bytes()));
        assert_eq!(config.get_dbname(), Some("it's \"x\"?"));
    }
}
