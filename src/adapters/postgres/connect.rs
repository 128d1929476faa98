use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_fn;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode as DriverSslMode;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Config, Connection, Socket};
use tracing::debug;

use super::error;
use super::login::{Limits, Login, Password};
use super::session::PgSession;
use super::tls;
use crate::domain::{PgVersion, Place, Sql};
use crate::ports::{DbError, DbErrorKind, RdsApi};
use crate::profile::{PasswordSource, SslMode, secrets};

/// What every session needs beside its login.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub place: Place,
    pub host: String,
    pub port: u16,
    pub login: Login,
    pub limits: Limits,
    pub application_name: String,
}

impl Opening {
    fn server(&self) -> String {
        format!("{}:{} as {:?}", self.host, self.port, self.login.user)
    }
}

/// Opens a session: password, connection, TLS, and the settings without which no statement may be sent.
pub(super) async fn open(
    opening: Opening,
    rds: Option<&Arc<dyn RdsApi>>,
) -> Result<PgSession, DbError> {
    let limit = opening.limits.connect;
    let password = password(&opening, rds).await?;
    let (place, server) = (opening.place.clone(), opening.server());
    match tokio::time::timeout(limit, connect(opening, password)).await {
        Ok(session) => session,
        Err(_) => Err(error::not_connected(
            &place,
            &server,
            &format!("it did not come about within {limit:?}"),
        )),
    }
}

async fn password(
    opening: &Opening,
    rds: Option<&Arc<dyn RdsApi>>,
) -> Result<Option<SecretString>, DbError> {
    let fail = |reason: String| error::not_connected(&opening.place, &opening.server(), &reason);
    let asked = secrets::Login {
        host: &opening.host,
        port: opening.port,
        database: &opening.place.database,
        user: &opening.login.user,
    };
    match (&opening.login.password, rds) {
        (Password::Given(password), _) => Ok(Some(password.clone())),
        (Password::From(PasswordSource::Iam), Some(rds)) => rds
            .auth_token(&opening.host, opening.port, &opening.login.user)
            .await
            .map(Some)
            .map_err(|error| fail(format!("no IAM token could be made: {error}"))),
        (Password::From(source), _) => secrets::resolve(source, asked)
            .await
            .map_err(|error| fail(error.to_string())),
        (Password::PassfileIfAny(path), _) => {
            let source = PasswordSource::Passfile(path.clone());
            Ok(secrets::resolve(&source, asked).await.unwrap_or_default())
        }
    }
}

async fn connect(opening: Opening, password: Option<SecretString>) -> Result<PgSession, DbError> {
    let (place, server) = (&opening.place, opening.server());
    let mode = opening.login.sslmode;
    let socket = opening.host.starts_with('/');
    let tls = tls::connector(mode, opening.login.sslrootcert.as_deref())
        .map_err(|error| error::not_connected(place, &server, &error.to_string()))?;
    let mut config = Config::new();
    config
        .port(opening.port)
        .dbname(&place.database)
        .user(&opening.login.user)
        .application_name(&opening.application_name)
        .connect_timeout(opening.limits.connect)
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(15))
        .ssl_mode(match mode {
            SslMode::Disable => DriverSslMode::Disable,
            // TLS is not spoken on a socket, whatever the mode: libpq ignores it there too.
            _ if socket => DriverSslMode::Disable,
            SslMode::Prefer => DriverSslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => DriverSslMode::Require,
        });
    if socket {
        config.host_path(Path::new(&opening.host));
    } else {
        config.host(&opening.host);
    }
    if let Some(password) = &password {
        config.password(password.expose_secret());
    }
    let (client, connection) = config
        .connect(tls.clone())
        .await
        .map_err(|error| error::of_connection(place, &server, &error))?;
    let version = connection
        .parameter("server_version")
        .and_then(version_of)
        .ok_or_else(|| {
            error::not_connected(
                place,
                &server,
                "the server does not say a version from 10 on",
            )
        })?;
    let driver = tokio::spawn(drive(connection, place.clone()));
    let mut session = PgSession::new(
        opening.place.clone(),
        client,
        tls,
        driver.abort_handle(),
        version,
        opening.limits.statement,
    );
    session
        .prepare(&settings(&opening, version))
        .await
        .map_err(|error| DbError {
            kind: DbErrorKind::Connect,
            ..error
        })?;
    Ok(session)
}

/// `15.18 (Debian 15.18-0+deb12u1)`, `18beta1`.
fn version_of(text: &str) -> Option<PgVersion> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    PgVersion::from_dotted(&text[..end.unwrap_or(text.len())])
}

/// Carries bytes to and fro until the session ends. Notices are noted: the server's words, never ours.
async fn drive<T>(mut connection: Connection<Socket, T>, place: Place)
where
    T: TlsStream + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                debug!(%place, code = notice.code().code(), "notice");
            }
            Ok(_) => {}
            Err(error) => {
                debug!(%place, %error, "connection ended");
                break;
            }
        }
    }
}

/// The settings without which no statement may be sent; the last one answers with the server process.
fn settings(opening: &Opening, version: PgVersion) -> Sql {
    let milliseconds = |limit: Duration| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
    let general = Sql::new(include_str!("../../../assets/sql/session.sql"))
        .literal("application_name", &opening.application_name)
        .number("statement_timeout", milliseconds(opening.limits.statement))
        .number("lock_timeout", milliseconds(opening.limits.lock));
    // Compiling a catalog query takes longer than running it. The other two may be set for the role or the database
    // and would end a session that merely waits for the operator.
    let by_version = [
        (11, "SET jit = off"),
        (14, "SET idle_session_timeout = 0"),
        (17, "SET transaction_timeout = 0"),
    ];
    let by_version = by_version
        .into_iter()
        .filter(|(since, _)| version.major() >= *since)
        .map(|(_, text)| Sql::new(text));
    let process = Sql::new("SELECT pg_backend_pid() AS pid");
    Sql::together([general].into_iter().chain(by_version).chain([process]))
}

#[cfg(test)]
mod tests {
    use super::version_of;
    use crate::domain::PgVersion;

    #[test]
    fn versions_as_servers_say_them() {
        assert_eq!(
            version_of("15.18 (Debian 15.18-0+deb12u1)"),
            Some(PgVersion(150_018))
        );
        assert_eq!(version_of("18beta1"), Some(PgVersion(180_000)));
        assert_eq!(version_of("9.6.24"), None);
        assert_eq!(version_of("EnterpriseDB"), None);
    }
}
