use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::{Node, Place, Sql};
use crate::ports::DbError;
use crate::profile::BlueGreen;
use crate::runbook::{Action, Context, StepError};

/// Pause between two probe rows.
const EVERY: Duration = Duration::from_millis(10);
/// Pause after a probe row that failed.
const AFTER_ERROR: Duration = Duration::from_millis(250);
/// One probe row may take.
const ONE: Duration = Duration::from_secs(10);

/// Writes probe rows into every database until it is stopped or dropped.
///
/// They make sure that the snapshot's recovery has something to replay (else there would be no "redo done" line), and
/// afterwards tell exactly up to which commit GREEN came.
pub(super) struct Probes {
    stop: CancellationToken,
    writers: JoinSet<(Place, Result<i64, DbError>)>,
}

impl Probes {
    /// The statement, once for each database; each is a commit of its own.
    pub(super) fn actions(profile: &BlueGreen) -> Vec<Action> {
        places(profile)
            .iter()
            .map(|place| Action::sql(place, statement(profile)))
            .collect()
    }

    /// Writes the first row of each database, journalled, and goes on with the same statement by itself.
    pub(super) async fn start(ctx: &Context, profile: &BlueGreen) -> Result<Self, StepError> {
        ctx.send_together(&Self::actions(profile)).await?;
        let stop = CancellationToken::new();
        let mut writers = JoinSet::new();
        if !ctx.is_dry_run() {
            for place in places(profile) {
                let databases = ctx.world.databases.clone();
                let (sql, stop) = (statement(profile), stop.clone());
                writers.spawn(async move {
                    let mut written = 0;
                    let mut failed = None;
                    let mut session = None;
                    while !stop.is_cancelled() {
                        let open = match session.take() {
                            Some(open) => Ok(open),
                            None => databases.dedicated(&place, "probe").await,
                        };
                        let sent = match open {
                            Ok(open) => {
                                let sent = open.query_within(&sql, ONE).await;
                                session = (!open.is_closed()).then_some(open);
                                sent.map(|_| ())
                            }
                            Err(error) => Err(error),
                        };
                        let pause = match sent {
                            Ok(()) => {
                                written += 1;
                                EVERY
                            }
                            Err(error) => {
                                failed = Some(error);
                                AFTER_ERROR
                            }
                        };
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = tokio::time::sleep(pause) => {}
                        }
                    }
                    let result = match failed {
                        Some(error) if written == 0 => Err(error),
                        _ => Ok(written),
                    };
                    (place, result)
                });
            }
        }
        Ok(Self { stop, writers })
    }

    /// Stops all writers. Returns how many rows each database got; an error when one got none.
    pub(super) async fn stop(mut self) -> Result<Vec<(Place, i64)>, StepError> {
        self.stop.cancel();
        let mut written = Vec::new();
        while let Some(joined) = self.writers.join_next().await {
            let (place, result) = joined
                .map_err(|error| StepError::Stop(format!("a probe writer broke: {error}")))?;
            written.push((place, result?));
        }
        Ok(written)
    }
}

/// The databases on BLUE that get probe rows.
pub(super) fn places(profile: &BlueGreen) -> Vec<Place> {
    profile
        .databases
        .iter()
        .map(|database| Place::new(Node::blue(), database))
        .collect()
}

fn statement(profile: &BlueGreen) -> Sql {
    Sql::new(
        "INSERT INTO {probe} (id, at) SELECT coalesce(max(id), 0) + 1, clock_timestamp() FROM {probe}",
    )
    .qualified("probe", &profile.names.schema, "probe")
}

/// The newest probe row of a database.
pub(super) fn newest(profile: &BlueGreen) -> Sql {
    Sql::new("SELECT coalesce(max(id), 0) AS id FROM {probe}").qualified(
        "probe",
        &profile.names.schema,
        "probe",
    )
}
