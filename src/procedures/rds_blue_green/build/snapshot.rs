use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::facts::{
    BLUE_INSTANCE, LAST_PROBE, SNAPSHOT, SNAPSHOT_CREATED, SNAPSHOT_FLUSH_BEFORE,
    SNAPSHOT_INSERT_AFTER,
};
use super::ours::{made_by, not_ours, snapshot_name, tags_of};
use super::probes::{Probes, newest, places};
use super::wait::{Described, find, poll_every, until, until_gone};
use crate::checks::known::SNAPSHOT_BRACKET;
use crate::domain::{Lsn, Place, Sql};
use crate::ports::{RdsErrorKind, Snapshot};
use crate::procedures::Job;
use crate::profile::BlueGreen;
use crate::runbook::{
    Action, Context, Facts, Gate, Probe, RdsCall, Step, StepError, StepInfo, StepResult,
};

/// Probe rows are written this much before the snapshot is asked for, and after it is complete.
const AROUND: Duration = Duration::from_millis(200);

/// `build.snapshot`.
pub(super) struct TakeSnapshot {
    profile: Arc<BlueGreen>,
    run: String,
    info: StepInfo,
}

impl TakeSnapshot {
    pub(super) fn new(job: &Job) -> Self {
        let info = StepInfo::new(
            "build.snapshot",
            "Take the snapshot GREEN is made of",
            "It is taken after the slot was made, so that the slot holds everything the snapshot does not. Positions \
             before and after it, and a probe row every 10 ms, prove later where replication has to begin. On a \
             Single-AZ instance AWS suspends I/O for a moment while it starts.",
        )
        .gate(Gate::Enter)
        .planned(Duration::from_secs(600));
        Self {
            profile: Arc::clone(&job.profile),
            run: job.run.clone(),
            info,
        }
    }

    fn create(&self) -> Action {
        let snapshot = snapshot_name(&self.profile, &self.run);
        let delete = Action::rds(RdsCall::DeleteSnapshot {
            snapshot: snapshot.clone(),
        });
        Action::rds(RdsCall::CreateSnapshot {
            instance: self.profile.blue.identifier.clone(),
            snapshot,
            tags: tags_of(&self.run),
        })
        .undone_by([delete])
    }

    fn server(&self) -> Result<Place, StepError> {
        let mut places = places(&self.profile).into_iter();
        let none = || StepError::Stop("the profile names no database".to_owned());
        places.next().ok_or_else(none)
    }

    async fn position(&self, ctx: &Context, sql: &'static str) -> Result<Lsn, StepError> {
        let rows = ctx.read(&self.server()?, &Sql::new(sql)).await?;
        Ok(rows.one()?.get("lsn")?)
    }

    /// The snapshot of this name when this run made it; refuses one of somebody else.
    async fn adopted(&self, ctx: &Context, name: &str) -> Result<Option<Snapshot>, StepError> {
        match find::<Snapshot>(ctx, name).await? {
            Some(found) if made_by(&found.tags) != Some(&ctx.run) => Err(StepError::Stop(
                not_ours("snapshot", name, &found.tags, &ctx.run),
            )),
            found => Ok(found),
        }
    }

    /// Asks for the snapshot. The lower end of the bracket is read and journalled before, and before any probe row.
    async fn ask_for_it(&self, ctx: &Context, name: &str) -> Result<(), StepError> {
        let answer = ctx.send(&self.create()).await;
        match answer {
            // The first attempt may have come through with its answer lost on the way.
            Err(StepError::Rds(error)) if error.kind == RdsErrorKind::AlreadyExists => {
                self.adopted(ctx, name).await.map(|_| ())
            }
            answer => answer.map(|_| ()),
        }
    }
}

#[async_trait]
impl Step for TakeSnapshot {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let name = snapshot_name(&self.profile, &ctx.run);
        let Some(found) = find::<Snapshot>(ctx, &name).await? else {
            return Ok(Probe::NotApplied);
        };
        if made_by(&found.tags) != Some(&ctx.run) {
            let why = not_ours("snapshot", &name, &found.tags, &ctx.run);
            return Ok(Probe::Unknown(why));
        }
        let bracketed = ctx.facts().get(&SNAPSHOT_INSERT_AFTER).is_some();
        Ok(if found.status == "available" && bracketed {
            Probe::Applied
        } else {
            Probe::Partial(found.progress().text)
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let mut actions = Probes::actions(&self.profile);
        actions.push(self.create());
        actions
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let name = snapshot_name(&self.profile, &ctx.run);
        let existing = self.adopted(ctx, &name).await?;
        let facts = ctx.facts();
        if existing.is_none() {
            let blue = ctx.rds()?.instance(&self.profile.blue.identifier).await?;
            ctx.learn(&BLUE_INSTANCE, &blue)?;
            let flushed = self
                .position(ctx, "SELECT pg_current_wal_flush_lsn() AS lsn")
                .await?;
            ctx.learn(&SNAPSHOT_FLUSH_BEFORE, &flushed)?;
            ctx.forget(&SNAPSHOT_INSERT_AFTER)?;
            ctx.learn(&SNAPSHOT, &name)?;
        } else if facts.get(&SNAPSHOT_FLUSH_BEFORE).is_none() {
            return Err(StepError::Stop(format!(
                "snapshot {name:?} carries this run's tag, but this run does not remember the log position before it, \
                 without which the start LSN cannot be proved. Undo this step, which deletes it, and do it again"
            )));
        }
        let probes = Probes::start(ctx, &self.profile).await?;
        if ctx.is_dry_run() {
            ctx.send(&self.create()).await?;
            return Ok(StepResult::Skipped(
                "a dry run takes no snapshot".to_owned(),
            ));
        }
        tokio::time::sleep(AROUND).await;
        if existing.is_none() {
            self.ask_for_it(ctx, &name).await?;
        }
        let times = (poll_every(&self.profile), self.profile.budgets.snapshot);
        let what = format!("snapshot {name} to be complete");
        let snapshot = until::<Snapshot, _>(ctx, &name, &what, times, |seen| {
            Ok(if seen.status == "available" {
                Ok(seen)
            } else {
                Err(seen.progress())
            })
        })
        .await?;
        tokio::time::sleep(AROUND).await;
        let written = probes.stop().await?;
        self.close_bracket(ctx, &snapshot, written.len()).await
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        let name = snapshot_name(&self.profile, &ctx.run);
        let times = (poll_every(&self.profile), self.profile.budgets.snapshot);
        let Some(found) = find::<Snapshot>(ctx, &name).await? else {
            return self.forget(ctx);
        };
        if made_by(&found.tags) != Some(&ctx.run) {
            ctx.log(&not_ours("snapshot", &name, &found.tags, &ctx.run));
            return self.forget(ctx);
        }
        if found.status == "creating" {
            // RDS deletes only what is complete.
            let what = format!("snapshot {name} to be complete, so that it can be deleted");
            until::<Snapshot, _>(ctx, &name, &what, times, |seen| {
                Ok(if seen.status == "creating" {
                    Err(seen.progress())
                } else {
                    Ok(())
                })
            })
            .await?;
        }
        let delete = Action::rds(RdsCall::DeleteSnapshot {
            snapshot: name.clone(),
        });
        match ctx.send(&delete).await {
            Err(StepError::Rds(error)) if error.kind == RdsErrorKind::NotFound => {}
            sent => {
                sent?;
                if !ctx.is_dry_run() {
                    until_gone::<Snapshot>(ctx, &name, times).await?;
                }
            }
        }
        self.forget(ctx)
    }
}

impl TakeSnapshot {
    async fn close_bracket(
        &self,
        ctx: &Context,
        snapshot: &Snapshot,
        databases: usize,
    ) -> Result<StepResult, StepError> {
        let inserted = self
            .position(ctx, "SELECT pg_current_wal_insert_lsn() AS lsn")
            .await?;
        for place in places(&self.profile) {
            let rows = ctx.read(&place, &newest(&self.profile)).await?;
            let id: i64 = rows.one()?.get("id")?;
            ctx.learn(&LAST_PROBE.of(&place.database), &id)?;
        }
        if let Some(created) = &snapshot.created_at {
            ctx.learn(&SNAPSHOT_CREATED, created)?;
        }
        let flushed = ctx.known(&SNAPSHOT_FLUSH_BEFORE)?;
        ctx.learn(&SNAPSHOT_BRACKET, &(flushed, inserted))?;
        ctx.learn(&SNAPSHOT_INSERT_AFTER, &inserted)?;
        Ok(StepResult::Done(format!(
            "snapshot {} is complete; it ends between {flushed} and {inserted}, with probe rows in {databases} databases",
            snapshot.identifier
        )))
    }

    fn forget(&self, ctx: &Context) -> Result<(), StepError> {
        for database in &self.profile.databases {
            ctx.forget(&LAST_PROBE.of(database))?;
        }
        ctx.forget(&SNAPSHOT_CREATED)?;
        ctx.forget(&SNAPSHOT_INSERT_AFTER)?;
        ctx.forget(&SNAPSHOT_FLUSH_BEFORE)?;
        ctx.forget(&SNAPSHOT_BRACKET)?;
        ctx.forget(&SNAPSHOT)
    }
}
