use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::profile::{BlueGreen, Connection, PasswordSource, SslMode};

/// How the tool logs in to a server.
#[derive(Debug, Clone)]
pub struct Login {
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Password,
    /// TLS.
    pub sslmode: SslMode,
    /// CA file; `None` takes the system's CAs.
    pub sslrootcert: Option<PathBuf>,
}

/// A password, or where to get it each time a connection is opened.
#[derive(Debug, Clone)]
pub enum Password {
    /// From the profile's source.
    From(PasswordSource),
    /// This one.
    Given(SecretString),
    /// From a passfile where it has a line for the login; none is sent otherwise, as libpq does.
    PassfileIfAny(Option<PathBuf>),
}

/// Limits of every session.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection to come about, from the look-up of the name to the first answer.
    pub connect: Duration,
    /// For a short statement.
    pub statement: Duration,
    /// For a lock.
    pub lock: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            statement: Duration::from_secs(30),
            lock: Duration::from_secs(2),
        }
    }
}

impl Login {
    /// The login a profile describes, the same on both sides.
    #[must_use]
    pub fn from_profile(profile: &BlueGreen) -> Self {
        Self::from_connection(&profile.connection)
    }

    /// The login a profile's `[connection]` describes.
    #[must_use]
    pub fn from_connection(connection: &Connection) -> Self {
        Self {
            user: connection.user.clone(),
            password: Password::From(connection.password.clone()),
            sslmode: connection.sslmode,
            sslrootcert: connection.sslrootcert.clone(),
        }
    }

    /// How another role would log in to the same server: with its line of the same passfile, if there is one.
    #[must_use]
    pub fn of_another(self, role: &str) -> Self {
        let passfile = match self.password {
            Password::From(PasswordSource::Passfile(path)) | Password::PassfileIfAny(path) => path,
            _ => None,
        };
        Self {
            user: role.to_owned(),
            password: Password::PassfileIfAny(passfile),
            ..self
        }
    }

    /// A login without TLS, for servers on this machine.
    #[must_use]
    pub fn local(user: &str, password: Password) -> Self {
        Self {
            user: user.to_owned(),
            password,
            sslmode: SslMode::Disable,
            sslrootcert: None,
        }
    }
}

impl Limits {
    /// The limits a profile sets.
    #[must_use]
    pub fn from_profile(profile: &BlueGreen) -> Self {
        Self::from_connection(&profile.connection)
    }

    /// The limits a profile's `[connection]` sets.
    #[must_use]
    pub fn from_connection(connection: &Connection) -> Self {
        Self {
            connect: connection.connect_timeout,
            statement: connection.statement_timeout,
            lock: connection.lock_timeout,
        }
    }
}
