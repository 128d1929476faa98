use std::iter::Peekable;
use std::path::PathBuf;
use std::str::{Chars, FromStr};

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::login::{Login, Password};
use crate::profile::{PasswordSource, SslMode};

/// A server, a database and a login as a libpq connection string names them: a URL or `key=value` pairs.
#[derive(Debug, Clone)]
pub struct Server {
    /// Host, or the folder of a socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Database.
    pub database: String,
    /// Login.
    pub login: Login,
}

/// A connection string that cannot be used. Never holds its password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be read.
    #[error("the connection string cannot be read: {0}")]
    Syntax(String),
    /// A key that is not known or whose meaning cannot be honoured.
    #[error("the connection string's {0:?} is not supported here")]
    Key(String),
    /// A value outside what is allowed.
    #[error("the connection string's {key} cannot be {value:?} (allowed: {allowed})")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// More than one host.
    #[error("the connection string names several hosts: name one")]
    SeveralHosts,
    /// No role.
    #[error("the connection string names no user, and neither does $PGUSER")]
    NoUser,
}

/// Keys that say nothing about where and as whom, and that every session of ours settles by itself.
const SETTLED: [&str; 11] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "tcp_user_timeout",
];

#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<String>,
    database: Option<String>,
    user: Option<String>,
    password: Option<String>,
    passfile: Option<PathBuf>,
    sslmode: Option<String>,
    sslrootcert: Option<PathBuf>,
}

impl FromStr for Server {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, &|name| std::env::var(name).ok())
    }
}

impl Server {
    fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, UrlError> {
        let url = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        let parts = if url {
            from_url(text)
        } else {
            from_pairs(text)
        }?;
        let filled = |part: Option<String>, variable| {
            part.or_else(|| env(variable))
                .filter(|text| !text.is_empty())
        };
        let host = filled(parts.host, "PGHOST").unwrap_or_else(|| "/var/run/postgresql".to_owned());
        if host.contains(',') {
            return Err(UrlError::SeveralHosts);
        }
        let port = filled(parts.port, "PGPORT").unwrap_or_else(|| "5432".to_owned());
        let port = port.parse().map_err(|_| UrlError::Value {
            key: "port",
            value: port,
            allowed: "one number, 1 to 65535",
        })?;
        let user = filled(parts.user, "PGUSER").ok_or(UrlError::NoUser)?;
        let database = filled(parts.database, "PGDATABASE").unwrap_or_else(|| user.clone());
        let password = match parts.password {
            Some(password) => Password::Given(password.into()),
            None if env("PGPASSWORD").is_some() => {
                Password::From(PasswordSource::Env("PGPASSWORD".to_owned()))
            }
            None => Password::PassfileIfAny(parts.passfile),
        };
        let sslmode = filled(parts.sslmode, "PGSSLMODE").unwrap_or_else(|| "prefer".to_owned());
        let sslrootcert = parts
            .sslrootcert
            .or_else(|| env("PGSSLROOTCERT").map(PathBuf::from))
            // libpq's word for the system's CAs, which is what no file means here.
            .filter(|path| path.as_os_str() != "system");
        Ok(Self {
            host,
            port,
            database,
            login: Login {
                user,
                password,
                sslmode: mode_of(&sslmode)?,
                sslrootcert,
            },
        })
    }
}

fn mode_of(text: &str) -> Result<SslMode, UrlError> {
    match text {
        "disable" => Ok(SslMode::Disable),
        "allow" | "prefer" => Ok(SslMode::Prefer),
        "require" => Ok(SslMode::Require),
        "verify-ca" => Ok(SslMode::VerifyCa),
        "verify-full" => Ok(SslMode::VerifyFull),
        other => Err(UrlError::Value {
            key: "sslmode",
            value: other.to_owned(),
            allowed: "disable, allow, prefer, require, verify-ca, verify-full",
        }),
    }
}

impl Parts {
    fn set(&mut self, key: &str, value: String) -> Result<(), UrlError> {
        match key {
            "host" => self.host = Some(value),
            "port" => self.port = Some(value),
            "dbname" => self.database = Some(value),
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "passfile" => self.passfile = Some(value.into()),
            "sslmode" => self.sslmode = Some(value),
            "sslrootcert" => self.sslrootcert = Some(value.into()),
            settled if SETTLED.contains(&settled) => {}
            other => return Err(UrlError::Key(other.to_owned())),
        }
        Ok(())
    }
}

fn from_url(text: &str) -> Result<Parts, UrlError> {
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    // The driver's words about a string it cannot read name what is wrong, not the string.
    let config = Config::from_str(base).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        UrlError::Syntax(cause.unwrap_or_else(|| error.to_string()))
    })?;
    if config.get_hosts().len() > 1 {
        return Err(UrlError::SeveralHosts);
    }
    let mut parts = Parts {
        host: config.get_hosts().first().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.to_string_lossy().into_owned(),
        }),
        port: config.get_ports().first().map(ToString::to_string),
        database: config.get_dbname().map(str::to_owned),
        user: config.get_user().map(str::to_owned),
        password: config
            .get_password()
            .map(|password| String::from_utf8_lossy(password).into_owned()),
        ..Parts::default()
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| UrlError::Syntax("a part after the ? has no =".to_owned()))?;
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        parts.set(key, value)?;
    }
    Ok(parts)
}

fn from_pairs(text: &str) -> Result<Parts, UrlError> {
    let mut parts = Parts::default();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(parts);
        }
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=') {
            key.push(c);
        }
        if chars.next().is_none() {
            // Not shown: a string in some other form may be anything, a password too.
            return Err(UrlError::Syntax("a word has no =".to_owned()));
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let value = value(&mut chars)?;
        parts.set(key.trim_end(), value)?;
    }
}

/// A value by libpq's rules: up to white space, or in single quotes; a backslash takes the next character as it is.
fn value(chars: &mut Peekable<Chars<'_>>) -> Result<String, UrlError> {
    let quoted = chars.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match chars.next() {
            Some('\\') => value.extend(chars.next()),
            Some('\'') if quoted => return Ok(value),
            None if quoted => {
                return Err(UrlError::Syntax("a quoted value does not end".to_owned()));
            }
            Some(c) if !quoted && c.is_whitespace() => return Ok(value),
            None => return Ok(value),
            Some(c) => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn parse(text: &str) -> Result<Server, UrlError> {
        Server::parse(text, &|_| None)
    }

    fn password(server: &Server) -> &str {
        match &server.login.password {
            Password::Given(password) => password.expose_secret(),
            other => panic!("no password: {other:?}"),
        }
    }

    #[test]
    fn urls_with_everything() {
        let server = parse(
            "postgresql://da%20vid:p%40ss%3A@db.example:6543/sh%20op?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3",
        )
        .expect("read");
        assert_eq!((server.host.as_str(), server.port), ("db.example", 6543));
        assert_eq!(server.database, "sh op");
        assert_eq!(server.login.user, "da vid");
        assert_eq!(password(&server), "p@ss:");
        assert_eq!(server.login.sslmode, SslMode::VerifyFull);
        assert_eq!(
            server.login.sslrootcert.as_deref(),
            Some("/etc/ca.pem".as_ref())
        );
        assert!(!format!("{server:?}").contains("p@ss"));
    }

    #[test]
    fn pairs_with_everything() {
        let server = parse(
            r"host = /run/pg port=5433 user='it\'s me' dbname='a b' password=p\'w\\ sslmode=disable",
        )
        .expect("read");
        assert_eq!(server.host, "/run/pg");
        assert_eq!(server.login.user, "it's me");
        assert_eq!(server.database, "a b");
        assert_eq!(password(&server), r"p'w\");
        assert_eq!(server.login.sslmode, SslMode::Disable);
    }

    #[test]
    fn what_is_silent_comes_from_the_environment_or_libpqs_defaults() {
        let env = |name: &str| match name {
            "PGUSER" => Some("me".to_owned()),
            "PGPASSWORD" => Some("hush".to_owned()),
            _ => None,
        };
        let server = Server::parse("host=h", &env).expect("read");
        assert_eq!((server.database.as_str(), server.port), ("me", 5432));
        assert_eq!(server.login.sslmode, SslMode::Prefer);
        assert!(matches!(
            server.login.password,
            Password::From(PasswordSource::Env(_))
        ));
        assert!(matches!(parse("host=h"), Err(UrlError::NoUser)));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_without_showing_a_password() {
        for (text, word) in [
            ("host=h user=u options='-c a=b'", "options"),
            ("host=a,b user=u", "several"),
            ("postgres://u:hush@a,b/x", "several"),
            ("host=h user=u sslmode=maybe", "sslmode"),
            ("host=h user=u port=x", "port"),
            ("host=h user=u password='hush", "quoted"),
            ("hush", "="),
            ("postgres://u:hush@h:port/x", "port"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(word) && !error.contains("hush"), "{error}");
        }
    }
}
