//! The lock against a second operator: one advisory lock on a server, held as long as its session.

use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use crate::checks::known::OPERATOR_LOCK;
use crate::domain::{Place, Sql};
use crate::ports::{Databases, Session};

/// How often the lock is asked for while the session of an earlier process of the same run ends.
const TRIES: u32 = 100;

/// Takes the lock at `place`; `target` is what people call the server.
pub async fn take(
    databases: &dyn Databases,
    place: &Place,
    target: &str,
) -> Result<Arc<dyn Session>, Failure> {
    let session = databases.dedicated(place, "lock").await?;
    let sql = Sql::new(include_str!("../../assets/sql/operator_lock.sql"))
        .number("class", OPERATOR_LOCK.0.into())
        .number("object", OPERATOR_LOCK.1.into());
    // Another process of this run cannot live, but a server that lost sight of one may keep its session for hours.
    let see_off = Sql::new(include_str!("../../assets/sql/see_off.sql")).number("pid", 0);
    let mut rows = session.query(&sql).await?;
    for _ in 0..TRIES {
        if rows.one()?.get("got")? {
            return Ok(session);
        }
        if session.query(&see_off).await?.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        rows = session.query(&sql).await?;
    }
    let row = rows.one()?;
    Err(Failure::new(format!(
        "another run works on {target}: {}. Nothing was changed. Ask that operator, or wait until they have left.",
        row.opt::<String>("holder")?
            .unwrap_or_else(|| "it does not say who".to_owned()),
    )))
}
