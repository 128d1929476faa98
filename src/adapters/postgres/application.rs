use std::sync::Arc;
use std::time::Duration;

use super::connect::{self, Opening};
use super::error::not_connected;
use super::login::{Limits, Password};
use super::session::PgSession;
use super::url::Server;
use crate::domain::{Node, Place};
use crate::ports::{DbError, RdsApi};
use crate::profile::{Canary, CanaryUrl, PasswordSource};

/// An application would not wait longer either, and what hangs must not be taken for a long pause.
const LIMIT: Duration = Duration::from_secs(2);
/// Not a name of ours: the session is to be treated as any application's.
const NAME: &str = "canary";

/// Opens a session as the application of the profile's canary does: by its URL as it stands now.
pub(super) async fn open(
    canary: Option<&Canary>,
    rds: Option<&Arc<dyn RdsApi>>,
) -> Result<PgSession, DbError> {
    let place = |database: &str| Place::new(Node::new("application"), database);
    let fail = |reason: &str| not_connected(&place(""), "where the canary's URL points", reason);
    let canary = canary.ok_or_else(|| fail("the profile has no [canary] url"))?;
    let server = server(canary).await.map_err(|reason| fail(&reason))?;
    let opening = Opening {
        place: place(&server.database),
        host: server.host,
        port: server.port,
        login: server.login,
        limits: Limits {
            connect: LIMIT,
            statement: LIMIT,
            lock: LIMIT,
        },
        application_name: NAME.to_owned(),
    };
    connect::open(opening, rds).await
}

/// Where the URL points, logging in as the canary's role.
async fn server(canary: &Canary) -> Result<Server, String> {
    let text = match &canary.url {
        CanaryUrl::Fixed(url) => url.clone(),
        CanaryUrl::File(path) => tokio::fs::read_to_string(path)
            .await
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?,
    };
    let mut server: Server = text
        .trim()
        .parse()
        .map_err(|error: super::UrlError| error.to_string())?;
    if server.login.user != canary.role {
        return Err(format!(
            "the URL logs in as {:?}, but [canary] role is {:?}: make them agree",
            server.login.user, canary.role
        ));
    }
    let has_its_own = matches!(server.login.password, Password::Given(_));
    if !has_its_own && canary.password != PasswordSource::None {
        server.login.password = Password::From(canary.password.clone());
    }
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(path: &std::path::Path, role: &str, password: PasswordSource) -> Canary {
        Canary {
            url: CanaryUrl::File(path.to_owned()),
            role: role.to_owned(),
            password,
            every: LIMIT,
        }
    }

    #[tokio::test]
    async fn the_url_is_read_afresh_and_must_be_the_fenced_roles() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("url");
        let app = canary(&path, "app", PasswordSource::Env("X".to_owned()));
        let unread = server(&app).await.unwrap_err();
        assert!(unread.contains("cannot be read"), "{unread}");

        std::fs::write(&path, "postgresql://app@one:1/shop\n").unwrap();
        let first = server(&app).await.unwrap();
        assert_eq!(
            (first.host.as_str(), first.database.as_str()),
            ("one", "shop")
        );
        assert!(matches!(
            first.login.password,
            Password::From(PasswordSource::Env(_))
        ));

        std::fs::write(&path, "postgresql://app:hush@two:1/shop\n").unwrap();
        let second = server(&app).await.unwrap();
        assert_eq!(second.host, "two");
        assert!(matches!(second.login.password, Password::Given(_)));

        let other = canary(&path, "other", PasswordSource::None);
        let refused = server(&other).await.unwrap_err();
        assert!(refused.contains("role is \"other\"") && !refused.contains("hush"));
    }
}
