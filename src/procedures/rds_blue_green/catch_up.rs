//! Phase 4: the forward link runs until GREEN is level with BLUE.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::conflict::last_error;
use crate::domain::{Node, Place, Sql, human_bytes};
use crate::procedures::Job;
use crate::procedures::job::Direction;
use crate::procedures::link::Link;
use crate::runbook::{
    Action, Context, Facts, Probe, Progress, Risk, Step, StepError, StepInfo, StepResult,
};

/// Waits until lag is small enough to cut over, and proves that nothing was skipped or applied twice.
pub struct CatchUp {
    job: Arc<Job>,
    link: Link,
    info: StepInfo,
}

impl CatchUp {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "catch-up.wait",
            "Catch up",
            "GREEN applies what BLUE has written since the snapshot. Then the probe rows are counted: a gap means that a \
             commit was lost at the start, a doubled one that it was applied twice.",
        )
        .risk(Risk::ReadOnly);
        Self {
            job: Arc::clone(job),
            link: Link::new(job, Direction::Forward),
            info,
        }
    }

    async fn wait(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let enough = self.job.profile.budgets.lag_to_enter.0;
        let what = format!("{at} to catch up");
        let limit = self.job.profile.budgets.catch_up;
        let first = AtomicI64::new(0);
        ctx.wait_for(&what, Duration::from_millis(200), limit, || async {
            let lag = self.lag(ctx, at).await?;
            if u64::try_from(lag).is_ok_and(|lag| lag <= enough) {
                return Ok(Ok(()));
            }
            let start = first.fetch_max(lag, Ordering::Relaxed).max(lag);
            let share = 1.0 - lag as f64 / start.max(1) as f64;
            Ok(Err(Progress::seen(format!(
                "{at}: {} behind",
                human_bytes(lag.unsigned_abs())
            ))
            .share(share)))
        })
        .await
    }

    /// Bytes GREEN is behind; an error when the link stands still and says why.
    async fn lag(&self, ctx: &Context, at: &Place) -> Result<i64, StepError> {
        let subscription = self.link.ours(ctx, at).await?;
        if !subscription.enabled {
            let why = self.conflict(ctx).await;
            return Err(StepError::Stop(format!(
                "{at}: the subscription has stopped itself after an apply error. {why}"
            )));
        }
        let blue = Place::new(Node::blue(), &at.database);
        let slot = self.job.slot(Direction::Forward, &at.database);
        let sql =
            Sql::new(include_str!("../../../assets/sql/switch/lag.sql")).literal("slot", &slot);
        let rows = ctx.read(&blue, &sql).await?;
        let lag: i64 = rows.one()?.get("lag")?;
        if lag < 0 {
            return Err(StepError::Stop(format!(
                "{blue}: slot {slot} is ahead of the server's own log: the start LSN was too high and commits are being \
                 skipped. Take the run back and build GREEN again."
            )));
        }
        Ok(lag)
    }

    /// What GREEN's log says about the change it could not apply.
    async fn conflict(&self, ctx: &Context) -> String {
        let read = async {
            let rds = ctx.rds()?;
            let green = &self.job.profile.green.address.identifier;
            let mut files = rds.log_files(green).await?;
            files.sort_by_key(|file| file.last_written_ms);
            let Some(newest) = files.last() else {
                return Ok(None);
            };
            Ok::<_, StepError>(last_error(&rds.log_text(green, &newest.name).await?))
        };
        match read.await {
            Ok(Some(text)) => format!("GREEN's log says: {text}"),
            Ok(None) => "GREEN's log has no error; look there for the row.".to_owned(),
            Err(error) => format!("GREEN's log could not be read: {error}"),
        }
    }

    async fn prove_continuity(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let sql = Sql::new(
            "SELECT count(*) AS rows, count(DISTINCT id) AS ids, coalesce(max(id) - min(id) + 1, 0) AS span FROM {probe}",
        )
        .qualified("probe", self.job.schema(), "probe");
        let rows = ctx.read(at, &sql).await?;
        let row = rows.one()?;
        let (count, ids, span): (i64, i64, i64) =
            (row.get("rows")?, row.get("ids")?, row.get("span")?);
        let holds = count > 0 && count == ids && count == span;
        let text = format!(
            "{at}: {count} probe rows, {ids} different, spanning {span}: none lost, none doubled"
        );
        ctx.proof(holds, &text)?;
        if holds {
            return Ok(());
        }
        Err(StepError::Stop(format!(
            "{at}: the probe rows are not contiguous and unique ({count} rows, {ids} different ids, spanning {span}): the \
             start LSN was wrong. BLUE is untouched. Take the run back and build GREEN again."
        )))
    }

    async fn prove_no_apply_error(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let sql = Sql::new("SELECT x.apply_error_count AS errors FROM pg_stat_subscription_stats x \
             JOIN pg_subscription s ON s.oid = x.subid \
             WHERE s.subname = {name} AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .literal("name", &self.link.name());
        if ctx.world.databases.shared(at).await?.version().major() < 15 {
            return Ok(());
        }
        let errors: i64 = ctx.read(at, &sql).await?.one()?.get("errors")?;
        ctx.proof(errors == 0, &format!("{at}: {errors} apply errors"))?;
        if errors == 0 {
            return Ok(());
        }
        let why = self.conflict(ctx).await;
        Err(StepError::Stop(format!(
            "{at}: {errors} changes could not be applied at first. {why}"
        )))
    }
}

#[async_trait]
impl Step for CatchUp {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    /// Asked every time: being level is not a state that lasts.
    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        Vec::new()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let places = self.link.subscribers();
        for at in &places {
            self.wait(ctx, at).await?;
        }
        self.write_last_probe(ctx).await?;
        for at in &places {
            self.prove_continuity(ctx, at).await?;
            self.prove_no_apply_error(ctx, at).await?;
        }
        Ok(StepResult::Done("GREEN is level with BLUE".to_owned()))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

impl CatchUp {
    /// Waits until the newest probe row of BLUE has arrived: only then may gaps be counted.
    async fn write_last_probe(&self, ctx: &Context) -> Result<(), StepError> {
        let newest = Sql::new("SELECT coalesce(max(id), 0) AS id FROM {probe}").qualified(
            "probe",
            self.job.schema(),
            "probe",
        );
        let mut want = BTreeMap::new();
        for at in self.job.places(&Node::blue()) {
            want.insert(
                at.database.clone(),
                ctx.read(&at, &newest).await?.one()?.get::<i64>("id")?,
            );
        }
        for at in self.link.subscribers() {
            let id = want.get(&at.database).copied().unwrap_or_default();
            let what = format!("probe row {id} to arrive at {at}");
            ctx.wait_for(
                &what,
                Duration::from_millis(50),
                self.job.profile.budgets.catch_up,
                || async {
                    self.lag(ctx, &at).await?;
                    let seen: i64 = ctx.read(&at, &newest).await?.one()?.get("id")?;
                    Ok(if seen >= id {
                        Ok(())
                    } else {
                        Err(Progress::seen(format!("{at}: probe row {seen} of {id}")))
                    })
                },
            )
            .await?;
        }
        Ok(())
    }
}
