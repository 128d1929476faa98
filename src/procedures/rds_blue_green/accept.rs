//! Phases 6 and 7: GREEN is in service; what must hold is looked at, the way back is opened and proved.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{Node, Place, Sql};
use crate::inspect::sequences;
use crate::procedures::job::Direction;
use crate::procedures::link::Link;
use crate::procedures::switch::{FENCED_AT, REDIRECTED, redirect_action, run_hook};
use crate::procedures::{Job, unread};
use crate::runbook::{
    Action, Context, FactKey, Facts, Probe, Progress, Reading, Risk, Step, StepError, StepInfo,
    StepResult,
};

/// Runs the redirect hook again when it did not come through within the pause.
pub struct Redirect {
    job: Arc<Job>,
    to: Node,
    info: StepInfo,
}

impl Redirect {
    /// The step that points applications at `to`.
    #[must_use]
    pub fn new(job: &Arc<Job>, to: Node, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            to,
            info,
        }
    }
}

#[async_trait]
impl Step for Redirect {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let done = ctx.facts().get(&REDIRECTED.of(self.to.as_str())) == Some(true);
        Ok(if done {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        redirect_action(&self.job, &self.to, facts)
            .into_iter()
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        if let Some(action) = redirect_action(&self.job, &self.to, &ctx.facts()) {
            run_hook(ctx, &action).await?;
        }
        ctx.learn(&REDIRECTED.of(self.to.as_str()), &true)?;
        Ok(StepResult::Done(format!(
            "applications point at {}",
            self.to
        )))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Err(StepError::Stop(
            "applications are pointed back by the rollback half".to_owned(),
        ))
    }
}

/// Looks at the side in service: it takes writes, its sequences are beyond the old side's.
pub struct FinalChecks {
    job: Arc<Job>,
    link: Link,
    from: Node,
    to: Node,
    info: StepInfo,
}

impl FinalChecks {
    /// The step after a switch in `direction`.
    #[must_use]
    pub fn new(job: &Arc<Job>, direction: Direction, info: StepInfo) -> Self {
        let info = info.risk(Risk::ReadOnly);
        Self {
            job: Arc::clone(job),
            link: Link::new(job, direction),
            from: direction.publisher(),
            to: direction.subscriber(),
            info,
        }
    }

    async fn prove_writable(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let sql = Sql::new(
            "SELECT current_setting('transaction_read_only') AS ro, pg_is_in_recovery() AS standby",
        );
        let rows = ctx.read(at, &sql).await?;
        let row = rows.one()?;
        let writable = !row.get::<bool>("ro")? && !row.get::<bool>("standby")?;
        ctx.proof(writable, &format!("{at} takes writes"))?;
        if writable {
            Ok(())
        } else {
            Err(StepError::Stop(format!("{at} does not take writes")))
        }
    }

    /// The old side stands still, so its sequences are what was read in the pause; the new side's may only be further.
    async fn prove_sequences(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let old = Place::new(self.from.clone(), &at.database);
        let read = |place: Place| async move {
            let session = ctx.world.databases.shared(&place).await?;
            sequences::read(session.as_ref(), self.job.schema())
                .await
                .map_err(unread)
        };
        let (before, now) = futures_util::try_join!(read(old), read(at.clone()))?;
        let direction = Sql::new(include_str!(
            "../../../assets/sql/switch/sequence_directions.sql"
        ));
        let mut ascending = BTreeMap::new();
        for row in &ctx.read(at, &direction).await? {
            ascending.insert(
                (row.get::<String>("schema")?, row.get::<String>("name")?),
                row.get::<bool>("ascending")?,
            );
        }
        let behind: Vec<_> = sequences::differing(&before, &now)
            .into_iter()
            .filter(|one| match (one.source, one.target) {
                (Some((old, _)), Some((new, _))) => {
                    match ascending.get(&(one.schema.clone(), one.name.clone())) {
                        Some(true) => new < old,
                        Some(false) => new > old,
                        // It cycles: further on may well be smaller.
                        None => false,
                    }
                }
                (Some(_), None) => true,
                (None, _) => false,
            })
            .map(|one| format!("{}.{}", one.schema, one.name))
            .collect();
        ctx.proof(
            behind.is_empty(),
            &format!("{at}: {} sequences, none behind {}", now.len(), self.from),
        )?;
        if behind.is_empty() {
            return Ok(());
        }
        Err(StepError::Stop(format!(
            "{at}: sequences are behind {}: {}",
            self.from,
            behind.join(", ")
        )))
    }
}

impl FinalChecks {
    /// Reads from the old link's slot, which nobody consumes any more, whether the old side took a change after its
    /// fence row: that change would be acknowledged and lost.
    async fn prove_nothing_after_the_fence(
        &self,
        ctx: &Context,
        at: &Place,
    ) -> Result<(), StepError> {
        let old = Place::new(self.from.clone(), &at.database);
        let Some(fenced_at) = ctx.facts().get(&FENCED_AT.of(self.from.as_str())) else {
            return Ok(());
        };
        self.link.wait_for_worker_gone(ctx, at).await?;
        let slot = self.job.slot(self.link.direction, &at.database);
        let sql = Sql::new(include_str!("../../../assets/sql/switch/beyond_fence.sql"))
            .literal("slot", &slot)
            .literal("publication", self.job.publication())
            .lsn("fenced_at", fenced_at);
        let session = ctx.world.databases.dedicated(&old, "beyond-fence").await?;
        let rows = session.query_within(&sql, Duration::from_secs(60)).await?;
        let Some(row) = rows.first() else {
            ctx.log(&format!("{old}: slot {slot} is gone already, so nothing beyond the fence row can be looked for"));
            return Ok(());
        };
        let changes: i64 = row.get("changes")?;
        ctx.proof(
            changes == 0,
            &format!("{old}: {changes} changes after its fence row"),
        )?;
        if changes == 0 {
            return Ok(());
        }
        Err(StepError::Stop(format!(
            "{old} took {changes} changes after its fence row at {fenced_at}: they are NOT on {to}. {to} is in service. \
             Slot {slot} still holds them; read them with pg_logical_slot_peek_changes before going on, and bring them \
             over by hand.",
            to = self.to,
        )))
    }
}

#[async_trait]
impl Reading for FinalChecks {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn read(&self, ctx: &Context) -> Result<StepResult, StepError> {
        for at in self.job.places(&self.to) {
            self.prove_writable(ctx, &at).await?;
            self.prove_sequences(ctx, &at).await?;
            self.prove_nothing_after_the_fence(ctx, &at).await?;
        }
        Ok(StepResult::Done(format!("{} is in service", self.to)))
    }
}

const FLOWS: FactKey<bool> = FactKey::new("reverse_link_proved");

/// A row written on GREEN and seen on BLUE: the way back works.
pub struct ProveReverse {
    job: Arc<Job>,
    link: Link,
    info: StepInfo,
}

impl ProveReverse {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "way-back.prove",
            "Prove that the reverse link flows",
            "A row written on GREEN is waited for on BLUE. Only then is a rollback promised to lose nothing.",
        );
        Self {
            job: Arc::clone(job),
            link: Link::new(job, Direction::Reverse),
            info,
        }
    }

    fn write(&self, at: &Place, token: &str) -> Action {
        let sql =
            Sql::new("UPDATE {fence} SET token = {token}, at = clock_timestamp() WHERE id = 1")
                .qualified("fence", self.job.schema(), "fence")
                .literal("token", token);
        Action::sql(at, sql)
    }
}

#[async_trait]
impl Step for ProveReverse {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let done = ctx.facts().get(&FLOWS) == Some(true);
        Ok(if done {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.job
            .places(&Node::green())
            .iter()
            .map(|at| self.write(at, "{marker}"))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let token = format!("{} way back {}", self.job.run, jiff::Timestamp::now());
        let written: Vec<_> = self
            .job
            .places(&Node::green())
            .iter()
            .map(|at| self.write(at, &token))
            .collect();
        ctx.send_together(&written).await?;
        let sql = Sql::new("SELECT token FROM {fence} WHERE id = 1").qualified(
            "fence",
            self.job.schema(),
            "fence",
        );
        for at in self.link.subscribers() {
            let what = format!("the marker row of GREEN to be seen on {at}");
            ctx.wait_for(
                &what,
                Duration::from_millis(20),
                Duration::from_secs(60),
                || async {
                    let subscription = self.link.ours(ctx, &at).await?;
                    if !subscription.enabled {
                        let why = self.link.why_stopped(ctx, &at).await;
                        let text = format!(
                            "{at}: the reverse link has stopped itself after an apply error. {why}"
                        );
                        return Err(StepError::Stop(text));
                    }
                    let seen: Option<String> = ctx.read(&at, &sql).await?.one()?.opt("token")?;
                    Ok(if seen.as_deref() == Some(&token) {
                        Ok(())
                    } else {
                        Err(Progress::seen("not seen yet"))
                    })
                },
            )
            .await?;
            ctx.proof(
                true,
                &format!("{at}: the marker row written on GREEN has arrived"),
            )?;
        }
        ctx.learn(&FLOWS, &true)?;
        Ok(StepResult::Done(
            "the way back is open: a rollback loses nothing".to_owned(),
        ))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        ctx.forget(&FLOWS)
    }
}
