use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{Node, Place, Sql};
use crate::ports::{Databases, DbError, DbErrorKind, Rows, Session};

/// The same databases through sessions of its own, so that looking on never stands in the way of a step, nor waits
/// for one. Every question has a short limit; a server that passes it is asked on a new session the next time.
pub struct Aside {
    databases: Arc<dyn Databases>,
    limit: Duration,
    open: Mutex<HashMap<Place, Arc<dyn Session>>>,
}

impl Aside {
    /// Looks at `databases`; connecting and asking may each take `limit`.
    #[must_use]
    pub fn new(databases: Arc<dyn Databases>, limit: Duration) -> Self {
        Self {
            databases,
            limit,
            open: Mutex::default(),
        }
    }

    fn known(&self, place: &Place) -> Option<Arc<dyn Session>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(place)
            .filter(|session| !session.is_closed())
            .cloned()
    }

    fn keep(&self, place: &Place, session: Option<&Arc<dyn Session>>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match session {
            Some(session) => open.insert(place.clone(), Arc::clone(session)),
            None => open.remove(place),
        };
    }

    fn silent(&self, place: &Place, kind: DbErrorKind) -> DbError {
        DbError {
            place: place.clone(),
            kind,
            sqlstate: None,
            message: format!("no answer within {:?}", self.limit),
            detail: None,
        }
    }
}

#[async_trait]
impl Databases for Aside {
    async fn shared(&self, place: &Place) -> Result<Arc<dyn Session>, DbError> {
        if let Some(session) = self.known(place) {
            return Ok(session);
        }
        let opened = self.databases.dedicated(place, "gauges");
        let session = tokio::time::timeout(self.limit, opened)
            .await
            .map_err(|_| self.silent(place, DbErrorKind::Connect))??;
        self.keep(place, Some(&session));
        Ok(session)
    }

    async fn dedicated(&self, place: &Place, purpose: &str) -> Result<Arc<dyn Session>, DbError> {
        self.databases.dedicated(place, purpose).await
    }

    fn set_address(&self, node: &Node, host: &str, port: u16) {
        self.databases.set_address(node, host, port);
    }

    fn address(&self, node: &Node) -> Option<(String, u16)> {
        self.databases.address(node)
    }

    async fn query(&self, place: &Place, sql: &Sql) -> Result<Rows, DbError> {
        let session = self.shared(place).await?;
        if let Ok(rows) = tokio::time::timeout(self.limit, session.query(sql)).await {
            return rows;
        }
        self.keep(place, None);
        Err(self.silent(place, DbErrorKind::Unknown))
    }
}
