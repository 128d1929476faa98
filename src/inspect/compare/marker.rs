//! The marker: a message in the sending side's log that changes nothing. What the other side has applied lies beyond it
//! once everything that was committed before is applied, so a hash read there afterwards owes its difference to nothing
//! that was merely late.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{PURPOSE, Side};
use crate::domain::{Lsn, Sql};
use crate::inspect::InspectError;
use crate::ports::{Rows, Session, ValueError};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(50);

/// A replication link between the two databases that is switched on.
pub(super) struct Link {
    /// The side that sends.
    pub source: Side,
    session: Arc<dyn Session>,
    slots: Vec<String>,
    limit: Duration,
}

impl Link {
    /// The link between two databases, whichever way it runs; `None` when neither follows the other.
    pub(super) async fn find(
        blue: &Arc<dyn Session>,
        green: &Arc<dyn Session>,
        limit: Duration,
    ) -> Result<Option<Self>, InspectError> {
        for (source, sender, receiver) in [(Side::Blue, blue, green), (Side::Green, green, blue)] {
            let slots = Sql::new(include_str!("../../../assets/sql/inspect/compare_link.sql"));
            let rows = receiver
                .query(&slots)
                .await
                .map_err(InspectError::database(PURPOSE))?;
            let slots: Result<Vec<String>, ValueError> =
                rows.iter().map(|row| row.get("slot")).collect();
            let link = Self {
                source,
                session: Arc::clone(sender),
                slots: slots.map_err(InspectError::answer(PURPOSE))?,
                limit,
            };
            if !link.slots.is_empty() && link.look().await?.links > 0 {
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    /// Returns once all that the sending side had committed when this was called has been applied on the other.
    pub(super) async fn pass(&self) -> Result<(), InspectError> {
        // Within a transaction, so that its commit takes the log to disk: only what is there is sent.
        let message =
            Sql::new("SELECT pg_logical_emit_message(true, 'greenlight', 'compare') AS lsn");
        let rows = self
            .session
            .query(&message)
            .await
            .map_err(InspectError::database(PURPOSE))?;
        let written: Lsn = rows
            .one()
            .and_then(|row| row.get("lsn"))
            .map_err(InspectError::answer(PURPOSE))?;
        let began = Instant::now();
        let mut pause = EVERY;
        loop {
            let seen = self.look().await?;
            if seen.active > 0 && seen.visible < seen.active {
                return Err(InspectError::Compare(
                    "the role may not see how far replication is (pg_stat_replication.replay_lsn): grant it pg_monitor"
                        .to_owned(),
                ));
            }
            if seen.active == seen.links && seen.applied.is_some_and(|lsn| lsn >= written) {
                return Ok(());
            }
            if began.elapsed() > self.limit {
                return Err(InspectError::Compare(format!(
                    "what one side had committed was not applied on the other within {:?}: {} of {} links are up. \
                     Compare again when the link has caught up",
                    self.limit, seen.active, seen.links
                )));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn look(&self) -> Result<Standing, InspectError> {
        let sql = Sql::new(include_str!(
            "../../../assets/sql/inspect/compare_passed.sql"
        ))
        .literals("slots", &self.slots);
        let rows = self
            .session
            .query(&sql)
            .await
            .map_err(InspectError::database(PURPOSE))?;
        Standing::read(&rows).map_err(InspectError::answer(PURPOSE))
    }
}

/// What the sending side says about its links.
struct Standing {
    links: i64,
    active: i64,
    visible: i64,
    applied: Option<Lsn>,
}

impl Standing {
    fn read(rows: &Rows) -> Result<Self, ValueError> {
        let row = rows.one()?;
        Ok(Self {
            links: row.get("links")?,
            active: row.get("active")?,
            visible: row.get("seen")?,
            applied: row.opt("applied")?,
        })
    }
}
