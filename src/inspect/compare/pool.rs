use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::sync::Semaphore;

use super::{PURPOSE, Side};
use crate::domain::{Place, Sql};
use crate::inspect::InspectError;
use crate::ports::{Databases, DbError, Rows, Session};

/// The sessions of one side: as many statements run there at once as it has sessions.
pub(super) struct Pool {
    sessions: Vec<Arc<dyn Session>>,
    idle: Mutex<Vec<Arc<dyn Session>>>,
    free: Semaphore,
    limit: Duration,
}

impl Pool {
    pub(super) async fn open(
        databases: &dyn Databases,
        place: &Place,
        count: usize,
        limit: Duration,
    ) -> Result<Self, InspectError> {
        let count = count.max(1);
        let sessions = try_join_all((0..count).map(|_| databases.dedicated(place, "compare")))
            .await
            .map_err(InspectError::database(PURPOSE))?;
        Ok(Self {
            idle: Mutex::new(sessions.clone()),
            free: Semaphore::new(count),
            sessions,
            limit,
        })
    }

    /// Sends the settings to every session.
    pub(super) async fn set(&self, settings: &Sql) -> Result<(), InspectError> {
        try_join_all(self.sessions.iter().map(|session| session.query(settings)))
            .await
            .map_err(InspectError::database(PURPOSE))?;
        Ok(())
    }

    pub(super) fn first(&self) -> &Arc<dyn Session> {
        &self.sessions[0]
    }

    /// One statement on whichever session is free; waits for one.
    pub(super) async fn query(&self, sql: &Sql) -> Result<Rows, DbError> {
        // The semaphore is never closed; were it, one more statement would wait its turn on a session.
        let _permit = self.free.acquire().await;
        let session = self
            .idle()
            .pop()
            .unwrap_or_else(|| Arc::clone(self.first()));
        let answer = session.query_within(sql, self.limit).await;
        self.idle().push(session);
        answer
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Arc<dyn Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the server to give up what runs.
    pub(super) async fn cancel(&self) {
        join_all(self.sessions.iter().map(|session| session.cancel())).await;
    }
}

/// Both sides.
pub(super) struct Sides {
    pub blue: Pool,
    pub green: Pool,
}

impl Sides {
    pub(super) fn of(&self, side: Side) -> &Pool {
        match side {
            Side::Blue => &self.blue,
            Side::Green => &self.green,
        }
    }
}
