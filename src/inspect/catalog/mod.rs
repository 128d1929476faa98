//! The object diff: every object of both sides as one row with its definition, joined while the rows come in, and what
//! each difference means. One query a side; nothing is written.

mod classes;
mod join;
mod query;
mod views;

use std::sync::{Mutex, PoisonError};

use self::join::{Join, Side};
use super::{InspectError, ObjectDiff};
use crate::ports::Session;

const PURPOSE: &str = "comparing the objects";

/// What is compared, and which differences are this tool's own doing.
#[derive(Debug, Clone)]
pub struct DiffOptions {
    /// Schemas whose objects are compared; empty means all but the system's.
    pub schemas: Vec<String>,
    /// The names of the tool's own schema, publication, subscription and role, or what they begin with before a `_`.
    pub own: Vec<String>,
    /// Roles that lose LOGIN by the fence.
    pub fenced: Vec<String>,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            schemas: Vec::new(),
            own: vec!["greenlight".to_owned()],
            fenced: Vec::new(),
        }
    }
}

/// Compares the objects of two databases, both queries at the same time. Give each side a session of its own: the
/// queries take a second or more with a hundred thousand objects.
///
/// Only what has no partner yet stands in memory, and both sides give their rows in much the same order.
pub async fn diff(
    blue: &dyn Session,
    green: &dyn Session,
    options: &DiffOptions,
) -> Result<ObjectDiff, InspectError> {
    let versions = (blue.version(), green.version());
    let join = Mutex::new(Join::default());
    let read = async |session: &dyn Session, side: Side| {
        let sql = query::objects(session.version(), versions, &options.schemas);
        session
            .stream(&sql, &mut |row| {
                join.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .add(side, row);
            })
            .await
            .map_err(InspectError::database(PURPOSE))
    };
    tokio::try_join!(read(blue, Side::Blue), read(green, Side::Green))?;
    let join = join.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(join.finish(options, versions))
}
