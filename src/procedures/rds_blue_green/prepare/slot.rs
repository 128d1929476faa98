use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::presence;
use crate::checks::known::{FINGERPRINT, SERVER, SLOT_LSN};
use crate::checks::{CheckContext, Moment, fingerprint_sql};
use crate::domain::{Lsn, Node, Place, Sql};
use crate::procedures::Job;
use crate::procedures::job::Direction;
use crate::procedures::link::Link;
use crate::runbook::{Action, Context, Facts, Probe, Reply, Step, StepError, StepInfo, StepResult};

/// A link's slots, one a database, on its publisher.
pub struct Slots {
    job: Arc<Job>,
    link: Link,
    info: StepInfo,
}

impl Slots {
    /// The forward link's slots on BLUE, which keep every change from now on.
    #[must_use]
    pub fn forward(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "prepare.slot",
            "Create the replication slots",
            "From here BLUE keeps every change until GREEN has it. Creating a slot waits for every open write \
             transaction of the server; who holds it up is shown.",
        );
        Self {
            job: Arc::clone(job),
            link: Link::new(job, Direction::Forward),
            info,
        }
    }

    /// The reverse link's slots on GREEN, made long before the cutover because creating one may have to wait.
    #[must_use]
    pub fn reverse(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "catch-up.arm",
            "Arm the way back",
            "GREEN's slots for the reverse link are made now, outside the write pause: creating one waits for open \
             transactions. The reverse link will start from the moment of the cutover, so a rollback loses nothing.",
        );
        Self {
            job: Arc::clone(job),
            link: Link::new(job, Direction::Reverse),
            info,
        }
    }

    fn publisher(&self) -> Node {
        self.link.direction.publisher()
    }

    fn limit(&self) -> Duration {
        self.job.profile.budgets.slot
    }

    /// Whether the slot is there; an error when it is not a `pgoutput` slot of this database or has been lost.
    async fn is_there(&self, ctx: &Context, at: &Place) -> Result<bool, StepError> {
        let slot = self.job.slot(self.link.direction, &at.database);
        let sql = Sql::new(
            "SELECT s.plugin, s.database, s.active_pid, to_jsonb(s)->>'wal_status' AS wal_status \
             FROM pg_replication_slots s WHERE s.slot_name = {slot}",
        )
        .literal("slot", &slot);
        let rows = ctx.read(at, &sql).await?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        let plugin: Option<String> = row.opt("plugin")?;
        let database: Option<String> = row.opt("database")?;
        let stop = |why: String| Err(StepError::Stop(format!("{at}: slot {slot} {why}")));
        if plugin.as_deref() != Some("pgoutput") || database.as_deref() != Some(&at.database) {
            return stop("exists and is not ours. Nothing was changed. Choose another prefix under [names] slot.".to_owned());
        }
        if row.opt::<String>("wal_status")?.as_deref() == Some("lost") {
            return stop("has been invalidated: the changes it kept are gone. Take the run back and start again.".to_owned());
        }
        Ok(true)
    }

    /// Creates one slot and tells meanwhile who holds it up.
    async fn create(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let action = self.link.create_slot(&at.database, self.limit());
        let created = ctx.send(&action);
        tokio::pin!(created);
        let began = std::time::Instant::now();
        loop {
            tokio::select! {
                done = &mut created => {
                    if let (Reply::Rows(rows), Direction::Forward) = (done?, self.link.direction) {
                        ctx.learn(&SLOT_LSN.of(&at.database), &rows.one()?.get::<Lsn>("lsn")?)?;
                    }
                    return Ok(());
                }
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    let who = self.holders(ctx).await.unwrap_or_else(|error| error.to_string());
                    ctx.progress(&format!("{at}: waiting {:.0} s for open transactions: {who}", began.elapsed().as_secs_f64()), None);
                }
            }
        }
    }

    /// What the schema is from here on: a guardrail tells when it changes before the cutover.
    async fn remember_schema(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        if self.link.direction == Direction::Reverse {
            return Ok(());
        }
        let facts = ctx.facts();
        let asked =
            CheckContext::of_step(ctx, self.job.profile.as_ref(), &facts, Moment::Preflight);
        let rows = ctx.read(at, &fingerprint_sql(&asked, at)).await?;
        let fingerprint: String = rows.one()?.get("fingerprint")?;
        ctx.learn(&FINGERPRINT.of(&at.database), &fingerprint)
    }

    /// From here on the run relies on this server and no other: a failover may lose what its slots keep.
    async fn remember_server(&self, ctx: &Context) -> Result<(), StepError> {
        let node = self.publisher();
        let sql = Sql::new(include_str!("../../../../assets/sql/inspect/server.sql"));
        let rows = ctx.read(&self.job.server(&node), &sql).await?;
        let row = rows.one()?;
        let server = (row.get("system")?, row.get("timeline")?);
        ctx.learn(&SERVER.of(node.as_str()), &server)
    }

    async fn holders(&self, ctx: &Context) -> Result<String, StepError> {
        // Not the shared session: that one is busy creating the slot.
        let at = self.job.server(&self.publisher());
        let session = ctx.world.databases.dedicated(&at, "holders").await?;
        let rows = session
            .query(&Sql::new(include_str!(
                "../../../../assets/sql/prepare/xid_holders.sql"
            )))
            .await?;
        let who: Vec<String> = rows
            .iter()
            .filter_map(|row| row.get("holder").ok())
            .collect();
        Ok(if who.is_empty() {
            "none left".to_owned()
        } else {
            who.join("; ")
        })
    }
}

#[async_trait]
impl Step for Slots {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let places = self.job.places(&self.publisher());
        let mut have = 0;
        for at in &places {
            have += usize::from(self.is_there(ctx, at).await?);
        }
        Ok(presence(have, places.len(), "their slot"))
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let databases = self.job.profile.databases.iter();
        databases
            .map(|database| self.link.create_slot(database, self.limit()))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        self.remember_server(ctx).await?;
        for at in self.job.places(&self.publisher()) {
            if !self.is_there(ctx, &at).await? {
                self.create(ctx, &at).await?;
                self.remember_schema(ctx, &at).await?;
            }
        }
        Ok(StepResult::Done(format!(
            "{} slots on {}",
            self.job.profile.databases.len(),
            self.publisher()
        )))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        for database in &self.job.profile.databases {
            self.link.drop_slot(ctx, database).await?;
        }
        let server = SERVER.of(self.publisher().as_str());
        match ctx.facts().get(&server) {
            Some(_) => ctx.forget(&server),
            None => Ok(()),
        }
    }
}
