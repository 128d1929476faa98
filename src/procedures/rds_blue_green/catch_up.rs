//! Phase 4: the forward link runs until GREEN is level with BLUE.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::domain::{Lsn, Node, Place, Sql, human_bytes};
use crate::inspect::{ApplyErrors, Standing};
use crate::procedures::Job;
use crate::procedures::job::Direction;
use crate::procedures::link::{Link, version};
use crate::runbook::{Context, Progress, Reading, Risk, StepError, StepInfo, StepResult};

/// Waits until lag is small enough to cut over, and proves that nothing was skipped or applied twice.
pub struct CatchUp {
    job: Arc<Job>,
    link: Link,
    info: StepInfo,
}

/// A link without a worker for so long, and without progress, is down.
const STALLED: Duration = Duration::from_secs(20);

/// A worker that lives longer was not started anew by the launcher.
const STEADY: Duration = Duration::from_secs(6);

/// Where a link stands.
struct Position {
    publisher_at: Lsn,
    confirmed: Option<Lsn>,
    lag: i64,
    active: bool,
}

/// What a wait has seen so far.
#[derive(Default)]
struct Seen {
    errors: ApplyErrors,
    confirmed: Option<Lsn>,
    active_since: Option<Instant>,
    well_at: Option<Instant>,
    /// BLUE's end of WAL when the wait began, and the bytes missing then.
    goal: Option<(Lsn, i64)>,
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

    /// Waits until everything BLUE had written when this began is applied, and lag is small. Returns how many attempts to
    /// apply a change failed meanwhile.
    async fn wait(&self, ctx: &Context, at: &Place) -> Result<u64, StepError> {
        let enough = self.job.profile.budgets.lag_to_enter.0;
        let what = format!("{at} to catch up");
        let limit = self.job.profile.budgets.catch_up;
        let seen = Mutex::new(Seen::default());
        ctx.wait_for(&what, Duration::from_millis(200), limit, || async {
            let errors = self.errors(ctx, at).await?;
            let now = self.position(ctx, at).await?;
            let (standing, stalled, share) = {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                (
                    seen.errors.take(errors, now.publisher_at, now.confirmed),
                    seen.stalled(&now),
                    seen.share(&now),
                )
            };
            let passed = match standing {
                Standing::Never => Some(0),
                Standing::Passed(errors) => Some(errors),
                Standing::InTheWay(_) => None,
            };
            let level = u64::try_from(now.lag).is_ok_and(|lag| lag <= enough) && share >= 1.0;
            if let Some(errors) = passed.filter(|_| level) {
                return Ok(Ok(errors));
            }
            if stalled {
                return Err(StepError::Stop(format!(
                    "{at}: the link is down: no worker has stayed for {STALLED:?}. {}{}",
                    self.slot_holder(ctx, at).await?,
                    self.link.why_stopped(ctx, at).await
                )));
            }
            let behind = human_bytes(now.lag.unsigned_abs());
            let text = match standing {
                Standing::InTheWay(errors) => {
                    format!("{at}: {behind} behind, {errors} attempts to apply a change failed")
                }
                _ => format!("{at}: {behind} behind"),
            };
            Ok(Err(Progress::seen(text).share(share.min(1.0))))
        })
        .await
    }

    /// Where the link stands; an error when it is disabled, and says why.
    async fn position(&self, ctx: &Context, at: &Place) -> Result<Position, StepError> {
        let subscription = self.link.ours(ctx, at).await?;
        if !subscription.enabled {
            return Err(StepError::Stop(format!(
                "{at}: the subscription is disabled. {} Mend what is in its way on GREEN, run {:?} there, and resume.",
                self.link.why_stopped(ctx, at).await,
                self.link.enable(at).shown().text,
            )));
        }
        let blue = Place::new(Node::blue(), &at.database);
        let slot = self.job.slot(Direction::Forward, &at.database);
        let sql =
            Sql::new(include_str!("../../../assets/sql/inspect/lag.sql")).literal("slot", &slot);
        let rows = ctx.read(&blue, &sql).await?;
        let row = rows.one()?;
        let publisher_at: Lsn = row.get("wal")?;
        let confirmed: Option<Lsn> = row.opt("confirmed")?;
        let Some(lag) = confirmed.map(|lsn| publisher_at.bytes_since(lsn)) else {
            return Err(StepError::Stop(format!(
                "{blue}: slot {slot} is gone, and with it the changes it kept. Take the run back and build GREEN again."
            )));
        };
        if lag < 0 {
            return Err(StepError::Stop(format!(
                "{blue}: slot {slot} is ahead of the server's own log: the start LSN was too high and commits are being \
                 skipped. Take the run back and build GREEN again."
            )));
        }
        Ok(Position {
            publisher_at,
            confirmed,
            lag,
            active: row.get("active")? && subscription.worker.is_some(),
        })
    }

    /// Who holds the slot while GREEN has no worker, in a sentence; empty when nobody does.
    async fn slot_holder(&self, ctx: &Context, at: &Place) -> Result<String, StepError> {
        let blue = Place::new(Node::blue(), &at.database);
        let slot = self.link.slot(&at.database);
        let sql = Sql::new(include_str!("../../../assets/sql/link/slot_holder.sql"))
            .literal("slot", &slot);
        let rows = ctx.read(&blue, &sql).await?;
        Ok(match rows.first() {
            Some(row) => format!(
                "{blue}: slot {slot} is held by {}: end that session, and whatever starts it. ",
                row.get::<String>("holder")?
            ),
            None => String::new(),
        })
    }

    /// Errors of apply that GREEN has counted; servers before 15 count none.
    async fn errors(&self, ctx: &Context, at: &Place) -> Result<u64, StepError> {
        if version(ctx, at).await?.major() < 15 {
            return Ok(0);
        }
        let sql = Sql::new(include_str!("../../../assets/sql/checks/apply-errors.sql"))
            .literal("subscription", &self.link.name());
        Ok(match ctx.read(at, &sql).await?.first() {
            Some(row) => row.get("apply_errors")?,
            None => 0,
        })
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
}

#[async_trait]
impl Reading for CatchUp {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn read(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let places = self.link.subscribers();
        let mut mended = Vec::new();
        for at in &places {
            let errors = self.wait(ctx, at).await?;
            ctx.proof(
                true,
                &format!("{at}: {errors} apply errors, all of them passed"),
            )?;
            if errors > 0 {
                mended.push(format!("{at}: {errors}"));
            }
        }
        self.wait_for_probes(ctx).await?;
        for at in &places {
            self.prove_continuity(ctx, at).await?;
        }
        let text = "GREEN is level with BLUE";
        Ok(if mended.is_empty() {
            StepResult::Done(text.to_owned())
        } else {
            StepResult::Warning(format!(
                "{text}. Attempts to apply a change that failed: {}. The link has passed them; where one was skipped \
                 and not mended, rows differ: compare the data before the cutover.",
                mended.join(", ")
            ))
        })
    }
}

impl Seen {
    /// True once no worker has stayed for long, and nothing was confirmed meanwhile. One that fails at once holds the
    /// slot for a moment, again and again.
    fn stalled(&mut self, now: &Position) -> bool {
        self.active_since = now
            .active
            .then(|| self.active_since.unwrap_or_else(Instant::now));
        let steady = self
            .active_since
            .is_some_and(|since| since.elapsed() > STEADY);
        if steady || self.confirmed != now.confirmed {
            self.confirmed = now.confirmed;
            self.well_at = Some(Instant::now());
        }
        let well_at = *self.well_at.get_or_insert_with(Instant::now);
        !now.active && well_at.elapsed() > STALLED
    }

    /// The share done of what BLUE had written when this began.
    fn share(&mut self, now: &Position) -> f64 {
        let (target, start) = *self.goal.get_or_insert((now.publisher_at, now.lag.max(1)));
        let left = target.bytes_since(now.confirmed.unwrap_or_default());
        1.0 - left as f64 / start as f64
    }
}

impl CatchUp {
    /// Waits until the newest probe row of BLUE has arrived: only then may gaps be counted.
    async fn wait_for_probes(&self, ctx: &Context) -> Result<(), StepError> {
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
                    self.position(ctx, &at).await?;
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
