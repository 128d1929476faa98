//! The drain: a row written on the fenced side and seen on the other proves that all before it has been applied there.

use std::time::{Duration, Instant};

use super::{Switch, sequences::DatabaseSequences};
use crate::domain::{Lsn, Place, Sql};
use crate::runbook::{Action, Context, StepError};

/// Lag at which waiting for less gains nothing: what a busy server writes between two confirmations.
const SMALL: u64 = 64 * 1024;
/// How long a pause that may begin waits for lag to become that small.
const SETTLE: Duration = Duration::from_secs(5);
/// How long a link that is down is waited for before the pause is refused.
const LINK_UP: Duration = Duration::from_secs(15);

/// What was read of the old side while it was drained.
#[derive(Default)]
pub(super) struct Drained {
    pub sequences: Vec<DatabaseSequences>,
    /// Where its log stood right after the fence row.
    pub fenced_at: Lsn,
}

impl Switch {
    /// Refuses to begin a pause that could not end in time, and waits a moment for lag to be as small as it gets: what
    /// is behind when the fence goes up is what the pause is spent on.
    pub(super) async fn settle(&self, ctx: &Context) -> Result<(), StepError> {
        self.wait_for_link(ctx).await?;
        let began = Instant::now();
        loop {
            let mut lag = 0;
            for database in &self.job.profile.databases {
                lag = lag.max(
                    self.refuse_if_behind(ctx, &Place::new(self.from(), database))
                        .await?,
                );
            }
            if lag <= SMALL || began.elapsed() > SETTLE {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Gives the link a moment to come up: after a pause that was taken back its worker is started anew, which may take
    /// the server five seconds.
    async fn wait_for_link(&self, ctx: &Context) -> Result<(), StepError> {
        let idle = Sql::new("SELECT slot_name FROM pg_replication_slots WHERE NOT active AND slot_name = ANY ({slots})")
            .literals("slots", &self.link.slots());
        let at = self.server(&self.from());
        let began = Instant::now();
        while !ctx.read(&at, &idle).await?.is_empty() && began.elapsed() < LINK_UP {
            ctx.progress(
                &format!(
                    "waiting for the {} to be up again",
                    self.link.direction.name()
                ),
                None,
            );
            if ctx.is_cancelled() {
                return Err(StepError::Cancelled);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Bytes not applied yet; an error when there is too much of it, or a transaction that the fence would break.
    async fn refuse_if_behind(&self, ctx: &Context, at: &Place) -> Result<u64, StepError> {
        let budgets = &self.job.profile.budgets;
        let slot = self.job.slot(self.link.direction, &at.database);
        let sql =
            Sql::new(include_str!("../../../assets/sql/switch/lag.sql")).literal("slot", &slot);
        let rows = ctx.read(at, &sql).await?;
        let stop = |why: String| {
            Err(StepError::Stop(format!(
                "{at}: {why}. Nothing was changed."
            )))
        };
        let Some(row) = rows.first() else {
            return stop(format!("slot {slot} is gone: the link cannot be drained"));
        };
        let lag: i64 = row.get("lag")?;
        let Ok(behind) = u64::try_from(lag) else {
            return stop(format!(
                "slot {slot} is {lag} bytes ahead of the server's own log: commits are being skipped. GREEN must be built \
                 again"
            ));
        };
        if !row.get::<bool>("active")? {
            let to = Place::new(self.to(), &at.database);
            return stop(format!(
                "slot {slot} has no consumer: the {} is down. {}",
                self.link.direction.name(),
                self.link.why_stopped(ctx, &to).await
            ));
        }
        if behind > budgets.lag_to_enter.0 {
            return stop(format!(
                "lag is {lag} bytes, above the {} at which a cutover may begin",
                budgets.lag_to_enter
            ));
        }
        let oldest: f64 = row.get("oldest_transaction_s")?;
        if oldest > budgets.longest_transaction.as_secs_f64() {
            return stop(format!(
                "a transaction of {} has been open for {oldest:.0} s, longer than the {:?} allowed at the fence",
                row.opt::<String>("oldest_role")?.unwrap_or_default(),
                budgets.longest_transaction
            ));
        }
        // What is confirmed trails what is applied by the subscriber's next flush; only the latter costs the pause time.
        Ok(u64::try_from(row.get::<i64>("unapplied")?).unwrap_or(0))
    }

    pub(super) fn fence_row_actions(&self, token: &str) -> Vec<Action> {
        let update = |at: &Place| {
            let sql =
                Sql::new("UPDATE {fence} SET token = {token}, at = clock_timestamp() WHERE id = 1")
                    .qualified("fence", self.job.schema(), "fence")
                    .literal("token", token);
            Action::sql(at, sql)
        };
        self.job.places(&self.from()).iter().map(update).collect()
    }

    /// Writes the fence rows, waits until each is seen on the other side, and reads the sequences meanwhile.
    pub(super) async fn drain(
        &self,
        ctx: &Context,
        drained: &mut Drained,
    ) -> Result<String, StepError> {
        // A token of this attempt: the row of an earlier one that was taken back must not pass for it.
        let token = format!("{} {}", self.job.run, jiff::Timestamp::now());
        ctx.send_together(&self.fence_row_actions(&token)).await?;
        let position = Sql::new("SELECT pg_current_wal_insert_lsn() AS lsn");
        let from = self.from();
        let fenced_at = async {
            let rows = ctx.read(&self.server(&from), &position).await?;
            Ok(rows.one()?.get("lsn")?)
        };
        let places = self.job.places(&self.to());
        let seen = futures_util::future::try_join_all(
            places.iter().map(|at| self.wait_for_token(ctx, at, &token)),
        );
        let limit = self.job.profile.budgets.drain;
        let both =
            async { futures_util::try_join!(seen, self.read_sequences(ctx, &from), fenced_at) };
        let (_, sequences, fenced_at) =
            tokio::time::timeout(limit, both)
                .await
                .map_err(|_| StepError::TimedOut {
                    what: format!(
                        "the fence row of {} to be seen on {}",
                        self.from(),
                        self.to()
                    ),
                    waited: limit,
                    seen: "it was not seen, so not everything has been applied".to_owned(),
                })??;
        *drained = Drained {
            sequences,
            fenced_at,
        };
        ctx.proof(
            true,
            &format!(
                "the fence row written on {} is seen on {}: all before it is applied",
                self.from(),
                self.to()
            ),
        )?;
        Ok(format!("fence row seen on {}", self.to()))
    }

    async fn wait_for_token(
        &self,
        ctx: &Context,
        at: &Place,
        token: &str,
    ) -> Result<(), StepError> {
        let sql = Sql::new("SELECT token FROM {fence} WHERE id = 1").qualified(
            "fence",
            self.job.schema(),
            "fence",
        );
        loop {
            if ctx.is_cancelled() {
                return Err(StepError::Cancelled);
            }
            let rows = ctx.read(at, &sql).await?;
            if rows
                .first()
                .map(|row| row.opt::<String>("token"))
                .transpose()?
                .flatten()
                .as_deref()
                == Some(token)
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
