//! The steps of a link's life, the same for the forward and the reverse link.

use std::sync::Arc;

use async_trait::async_trait;

use super::prepare::presence;
use crate::domain::{Lsn, Place, Sql};
use crate::procedures::Job;
use crate::procedures::job::Direction;
use crate::procedures::link::{Link, may_be_quiet, version};
use crate::runbook::{
    Action, Context, FactKey, Facts, Probe, Step, StepError, StepInfo, StepResult,
};

/// Where a link must start: the fact and the server it was learnt for.
pub type Start = FactKey<Lsn>;

/// Creates a link's subscriptions, disabled.
pub struct Subscribe {
    job: Arc<Job>,
    link: Link,
    info: StepInfo,
}

impl Subscribe {
    /// The step for a link.
    #[must_use]
    pub fn new(job: &Arc<Job>, direction: Direction, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            link: Link::new(job, direction),
            info,
        }
    }
}

#[async_trait]
impl Step for Subscribe {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let places = self.link.subscribers();
        let mut have = 0;
        for at in &places {
            if let Some(subscription) = self.link.look(ctx, at).await? {
                self.link.refuse_foreign(at, &subscription)?;
                have += 1;
            }
        }
        Ok(presence(have, places.len(), "their subscription"))
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        self.link
            .subscribers()
            .iter()
            .map(|at| self.link.create(at, None, true, facts))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let mut loud = false;
        for at in self.link.subscribers() {
            if self.link.look(ctx, &at).await?.is_none() {
                let quiet = may_be_quiet(ctx, &at).await?;
                loud |= !quiet;
                let create =
                    self.link
                        .create(&at, Some(version(ctx, &at).await?), quiet, &ctx.facts());
                ctx.send(&create).await?;
            }
        }
        let text = format!(
            "{} subscriptions {}, disabled",
            self.link.subscribers().len(),
            self.link.name()
        );
        Ok(if loud && self.job.replication_password.is_some() {
            StepResult::Warning(format!(
                "{text}. The role in use may not keep statements out of {}'s log: where log_statement is 'ddl' or 'all' the \
                 replication password stands there now. Change it once the run is over.",
                self.link.direction.subscriber()
            ))
        } else {
            StepResult::Done(text)
        })
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        for at in self.link.subscribers() {
            self.link.drop(ctx, &at).await?;
        }
        Ok(())
    }
}

/// Puts a link's origins where they must start, and enables its subscriptions.
pub struct Enable {
    link: Link,
    start: Start,
    info: StepInfo,
}

impl Enable {
    /// The step for a link, starting at the LSN that `start` names.
    #[must_use]
    pub fn new(job: &Arc<Job>, direction: Direction, start: Start, info: StepInfo) -> Self {
        Self {
            link: Link::new(job, direction),
            start,
            info,
        }
    }

    async fn enable(&self, ctx: &Context, at: &Place, start: Lsn) -> Result<(), StepError> {
        let subscription = self.link.ours(ctx, at).await?;
        if subscription.enabled {
            return match subscription.origin {
                Some(origin) if origin >= start => Ok(()),
                origin => Err(StepError::Stop(format!(
                    "{at}: subscription {} is enabled, but its origin is at {} and not at {start} or later: it may have \
                     begun at the wrong place. Take the run back and build GREEN again.",
                    self.link.name(),
                    origin.map_or_else(|| "nothing".to_owned(), |o| o.to_string()),
                ))),
            };
        }
        // Once it has applied something its own position is the right one; moving it would repeat or skip.
        if subscription.origin.is_none_or(|origin| origin < start) {
            self.refuse_read_slot(ctx, at, start).await?;
            self.link.wait_for_worker_gone(ctx, at).await?;
            ctx.send(&self.link.advance(at, Some(subscription.oid), Some(start)))
                .await?;
            let now = self.link.ours(ctx, at).await?.origin;
            if now != Some(start) {
                let text = format!(
                    "{at}: the origin was put to {start} but reads {now:?}; the link was not enabled"
                );
                return Err(StepError::Stop(text));
            }
        }
        ctx.send(&self.link.enable(at)).await.map(drop)
    }

    /// What somebody else has read from the slot is gone for us: the server would begin after it without a word.
    async fn refuse_read_slot(
        &self,
        ctx: &Context,
        at: &Place,
        start: Lsn,
    ) -> Result<(), StepError> {
        let publisher = Place::new(self.link.direction.publisher(), &at.database);
        let slot = self.link.slot(&at.database);
        let confirmed = Sql::new(
            "SELECT confirmed_flush_lsn AS lsn FROM pg_replication_slots WHERE slot_name = {slot}",
        )
        .literal("slot", &slot);
        let rows = ctx.read(&publisher, &confirmed).await?;
        let found: Option<Lsn> = match rows.first() {
            Some(row) => row.opt("lsn")?,
            None => None,
        };
        match found {
            Some(confirmed) if confirmed <= start => Ok(()),
            Some(confirmed) => Err(StepError::Stop(format!(
                "{publisher}: somebody has read from slot {slot} up to {confirmed}, beyond the start at {start}: those changes \
                 would never reach {at}. The link was not enabled. Find out who reads from it, take the run back and build \
                 GREEN again.",
            ))),
            None => Err(StepError::Stop(format!(
                "{publisher}: slot {slot} is gone, and with it the changes it kept. Take the run back and start again."
            ))),
        }
    }
}

#[async_trait]
impl Step for Enable {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let Some(start) = ctx.facts().get(&self.start) else {
            return Ok(Probe::NotApplied);
        };
        let places = self.link.subscribers();
        let mut have = 0;
        for at in &places {
            let runs = self.link.look(ctx, at).await?;
            have += usize::from(
                runs.is_some_and(|s| s.enabled && s.origin.is_some_and(|origin| origin >= start)),
            );
        }
        Ok(presence(
            have,
            places.len(),
            "their subscription enabled from the right position",
        ))
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let start = facts.get(&self.start);
        let places = self.link.subscribers();
        places
            .iter()
            .flat_map(|at| [self.link.advance(at, None, start), self.link.enable(at)])
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let start = ctx.known(&self.start)?;
        for at in self.link.subscribers() {
            self.enable(ctx, &at, start).await?;
        }
        Ok(StepResult::Done(format!("replicating from {start}")))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        for at in self.link.subscribers() {
            self.link.stop(ctx, &at).await?;
        }
        Ok(())
    }
}

/// Drops a link that is no longer needed: subscriptions first, then the slots they used.
pub struct Unlink {
    job: Arc<Job>,
    link: Link,
    info: StepInfo,
}

impl Unlink {
    /// The step for a link.
    #[must_use]
    pub fn new(job: &Arc<Job>, direction: Direction, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            link: Link::new(job, direction),
            info,
        }
    }

    async fn slots(&self, ctx: &Context) -> Result<usize, StepError> {
        let sql =
            Sql::new("SELECT slot_name FROM pg_replication_slots WHERE slot_name = ANY ({names})")
                .literals("names", &self.link.slots());
        Ok(ctx
            .read(&self.job.server(&self.link.direction.publisher()), &sql)
            .await?
            .len())
    }
}

#[async_trait]
impl Step for Unlink {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let places = self.link.subscribers();
        let mut left = self.slots(ctx).await?;
        for at in &places {
            left += usize::from(self.link.look(ctx, at).await?.is_some());
        }
        Ok(match left {
            0 => Probe::Applied,
            left if left == 2 * places.len() => Probe::NotApplied,
            left => Probe::Partial(format!("{left} slots and subscriptions are left")),
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let drops = |at: &Place| {
            let mut actions = self.link.drop_actions(at);
            actions.extend(
                self.link
                    .create_slot(&at.database, std::time::Duration::from_secs(30))
                    .undo,
            );
            actions
        };
        self.link.subscribers().iter().flat_map(drops).collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        for at in self.link.subscribers() {
            self.link.drop(ctx, &at).await?;
            self.link.drop_slot(ctx, &at.database).await?;
        }
        Ok(StepResult::Done(format!(
            "the {} is gone on both sides",
            self.link.direction.name()
        )))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Err(StepError::Stop(
            "a dropped link cannot be put back where it was".to_owned(),
        ))
    }
}
