//! PostgreSQL behind `ports::Databases`: addresses, logins, warm sessions, TLS, what became of a statement.
//!
//! Never sends a statement twice: after a failure the caller reads from the servers what took effect. The driver hands
//! statements with their secrets to the `log` facade at level debug: nothing may ever collect that facade.

mod application;
mod connect;
mod error;
mod lane;
mod login;
mod session;
pub(in crate::adapters) mod tls;
mod url;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;

use self::connect::Opening;
use self::session::PgSession;
use crate::domain::{Node, Place};
use crate::ports::{Databases, DbError, RdsApi, Session};
use crate::profile::{BlueGreen, Canary};

pub use self::login::{Limits, Login, Password};
pub use self::url::{Server, UrlError};

/// The databases of a run over tokio-postgres.
pub struct Postgres {
    run: String,
    limits: Limits,
    rds: Option<Arc<dyn RdsApi>>,
    nodes: Mutex<HashMap<Node, Reach>>,
    login: Option<Login>,
    canary: Option<Canary>,
    shared: Mutex<HashMap<Place, Arc<Warm>>>,
    /// No other process works under this name.
    alone: bool,
}

/// How a node is reached, as far as that is known.
#[derive(Debug, Clone, Default)]
struct Reach {
    address: Option<(String, u16)>,
    login: Option<Login>,
}

/// The shared session of a place. Whoever opens it holds the lock; who waited through a failed attempt gets its error
/// and does not try again in turn.
#[derive(Default)]
struct Warm(tokio::sync::Mutex<WarmState>);

#[derive(Default)]
struct WarmState {
    session: Option<Arc<PgSession>>,
    /// The server process of a session that was lost and has not been seen off.
    lost: Option<i32>,
    failed: Option<(Instant, DbError)>,
}

impl Postgres {
    /// Databases for the run `run`, whose name becomes part of `application_name`; no node is known yet.
    #[must_use]
    pub fn new(run: &str, limits: Limits) -> Self {
        Self {
            run: run.to_owned(),
            limits,
            rds: None,
            nodes: Mutex::default(),
            login: None,
            canary: None,
            shared: Mutex::default(),
            alone: false,
        }
    }

    /// Databases of a profile: one login for all nodes; the addresses it overrides are known, the others come from RDS
    /// by [`Databases::set_address`].
    #[must_use]
    pub fn from_profile(profile: &BlueGreen, run: &str, rds: Option<Arc<dyn RdsApi>>) -> Self {
        let mut databases = Self::new(run, Limits::from_profile(profile));
        databases.rds = rds;
        databases.login = Some(Login::from_profile(profile));
        databases.canary.clone_from(&profile.canary);
        for (node, address) in [
            (Node::blue(), &profile.blue),
            (Node::green(), &profile.green.address),
        ] {
            if let Some(host) = &address.host {
                databases.set_address(&node, host, address.port.unwrap_or(5432));
            }
        }
        databases
    }

    /// The same with a login for all nodes that have none of their own.
    #[must_use]
    pub fn logging_in(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// The same with one more node and its own login.
    #[must_use]
    pub fn with_node(self, node: &Node, host: &str, port: u16, login: Login) -> Self {
        self.nodes().insert(
            node.clone(),
            Reach {
                address: Some((host.to_owned(), port)),
                login: Some(login),
            },
        );
        self
    }

    /// The same for a process that alone drives its run: what an earlier one of the run, killed, left at work on a
    /// server is ended before anything is sent there.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<Node, Reach>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn warm(&self) -> MutexGuard<'_, HashMap<Place, Arc<Warm>>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session at `place` that nothing of the `lost` one's can follow.
    async fn open_after(&self, place: &Place, lost: Option<i32>) -> Result<PgSession, DbError> {
        let session = self.open(place, None).await?;
        if self.alone {
            session.see_off(None).await?;
        } else if lost.is_some() {
            session.see_off(lost).await?;
        }
        Ok(session)
    }

    async fn open(&self, place: &Place, purpose: Option<&str>) -> Result<PgSession, DbError> {
        let (address, login) = self.reach(place)?;
        self.open_with(place, purpose, address, login).await
    }

    fn reach(&self, place: &Place) -> Result<((String, u16), Login), DbError> {
        let reach = self.nodes().get(&place.node).cloned().unwrap_or_default();
        let nowhere = |reason| error::not_connected(place, place.node.as_str(), reason);
        let address = reach
            .address
            .ok_or_else(|| nowhere("its address is not known yet"))?;
        let login = reach
            .login
            .or_else(|| self.login.clone())
            .ok_or_else(|| nowhere("no login is known for it"))?;
        Ok((address, login))
    }

    async fn open_with(
        &self,
        place: &Place,
        purpose: Option<&str>,
        (host, port): (String, u16),
        login: Login,
    ) -> Result<PgSession, DbError> {
        let purpose = purpose.map_or_else(String::new, |purpose| format!(":{purpose}"));
        let opening = Opening {
            place: place.clone(),
            host,
            port,
            login,
            limits: self.limits,
            application_name: format!("greenlight:{}{purpose}", self.run),
        };
        connect::open(opening, self.rds.as_ref()).await
    }
}

#[async_trait]
impl Databases for Postgres {
    async fn shared(&self, place: &Place) -> Result<Arc<dyn Session>, DbError> {
        let asked = Instant::now();
        let warm = self.warm().entry(place.clone()).or_default().clone();
        let mut state = warm.0.lock().await;
        if let Some(session) = state.session.as_ref().filter(|s| !s.is_closed()) {
            return Ok(session.clone());
        }
        if let Some((_, error)) = state.failed.as_ref().filter(|(at, _)| *at > asked) {
            return Err(error.clone());
        }
        if let Some(lost) = state.session.take() {
            state.lost = Some(lost.backend_pid());
        }
        match self.open_after(place, state.lost).await {
            Ok(session) => {
                let session = Arc::new(session);
                state.session = Some(session.clone());
                state.lost = None;
                Ok(session)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn dedicated(&self, place: &Place, purpose: &str) -> Result<Arc<dyn Session>, DbError> {
        Ok(Arc::new(self.open(place, Some(purpose)).await?))
    }

    async fn login_as(&self, place: &Place, role: &str) -> Result<Arc<dyn Session>, DbError> {
        let (address, own) = self.reach(place)?;
        let login = own.of_another(role);
        let session = self.open_with(place, Some("knock"), address, login).await?;
        Ok(Arc::new(session))
    }

    async fn application(&self) -> Result<Arc<dyn Session>, DbError> {
        let session = application::open(self.canary.as_ref(), self.rds.as_ref()).await?;
        Ok(Arc::new(session))
    }

    fn set_address(&self, node: &Node, host: &str, port: u16) {
        let address = Some((host.to_owned(), port));
        let mut nodes = self.nodes();
        let reach = nodes.entry(node.clone()).or_default();
        if reach.address != address {
            reach.address = address;
            // Sessions to where it was before are nobody's any more.
            self.warm().retain(|place, _| place.node != *node);
        }
    }

    fn address(&self, node: &Node) -> Option<(String, u16)> {
        self.nodes().get(node)?.address.clone()
    }
}
