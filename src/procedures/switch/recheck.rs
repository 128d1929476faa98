//! Once the fence holds and the drain is through, both sides stand still: the tables that were written to before can be
//! compared without any doubt. Only where the profile gives time for it, and never for longer.

use std::time::Duration;

use super::Switch;
use crate::inspect::{Comparer, InspectError};
use crate::procedures::compare::{COMPARED, Watching, options_in_pause, places};
use crate::runbook::{Context, StepError};
use futures_util::FutureExt;

/// Compares that are ready to run, one a database.
#[derive(Default)]
pub(super) struct Recheck {
    ready: Vec<(String, Comparer)>,
    limit: Duration,
}

impl Switch {
    /// Opens the sessions and reads ahead of the pause which tables have been written to since the last compare. What cannot be prepared is left out, for it only
    /// repeats what the compare before has said.
    pub(super) async fn prepare_recheck(&self, ctx: &Context) -> Recheck {
        let mut recheck = Recheck::default();
        let Some(limit) = self.job.profile.compare.in_pause else {
            return recheck;
        };
        recheck.limit = limit.min(self.job.profile.budgets.write_pause / 2);
        for database in &self.job.profile.databases {
            let Some(before) = ctx.facts().get(&COMPARED.of(database)) else {
                continue;
            };
            let (blue, green) = places(database);
            let options = options_in_pause(&self.job, recheck.limit);
            let databases = ctx.world.databases.as_ref();
            match Comparer::open(databases, (&blue, &green), &options).await {
                Ok(ready) => recheck
                    .ready
                    .push((database.clone(), ready.at_rest(&before))),
                Err(error) => ctx.log(&format!(
                    "{database}: no compare in the write pause: {error}"
                )),
            }
        }
        recheck
    }

    /// Compares those tables of both sides. A difference is an error, which gives the old side back; too little time is
    /// none.
    pub(super) async fn recheck(&self, ctx: &Context, recheck: &Recheck) -> Result<(), StepError> {
        let each: Vec<_> = recheck
            .ready
            .iter()
            .map(|(database, ready)| still_equal(ctx, database, ready, recheck.limit).boxed())
            .collect();
        futures_util::future::try_join_all(each).await.map(|_| ())
    }
}

async fn still_equal(
    ctx: &Context,
    database: &str,
    ready: &Comparer,
    limit: Duration,
) -> Result<(), StepError> {
    let watch = Watching::new(ctx, database);
    let found = tokio::time::timeout(limit, ready.run(&watch)).await;
    let tables = match found {
        Ok(Ok(found)) => found.tables,
        Err(_) | Ok(Err(InspectError::TooLong(_))) => watch.done(),
        Ok(Err(InspectError::Stopped)) => return Err(StepError::Cancelled),
        Ok(Err(error)) => {
            ctx.log(&format!(
                "{database}: the compare in the write pause failed: {error}"
            ));
            return Ok(());
        }
    };
    // A table that only ran out of time has a problem, but no row that differs.
    if let Some(table) = tables.iter().find(|table| !table.differing.is_empty()) {
        return Err(StepError::Stop(format!(
            "{database}: with both sides standing still, {}",
            table.line()
        )));
    }
    let equal = tables.iter().filter(|table| table.equal).count();
    ctx.proof(
        true,
        &format!("{database}: {equal} tables that had been written to are equal, both sides standing still"),
    )
}
