use std::sync::Arc;

use async_trait::async_trait;

use super::presence;
use crate::checks::known::PUBLICATION_LSN;
use crate::domain::{Lsn, Node, PgVersion, Place, Sql};
use crate::procedures::Job;
use crate::procedures::link::version;
use crate::runbook::{Action, Context, Facts, Probe, Step, StepError, StepInfo, StepResult};

/// The publication of all tables, in every database.
pub struct Publication {
    job: Arc<Job>,
    info: StepInfo,
}

impl Publication {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "prepare.publication",
            "Publish all tables",
            "The publication must be older than the slot: a slot decodes with the catalog of its time. From now on an \
             UPDATE or DELETE on a table without a replica identity fails on BLUE, so the checks have made sure that \
             there is none.",
        );
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    /// Through the root from 13 on: then a partition made later is covered by its root's subscription.
    fn create(&self, at: &Place, version: Option<PgVersion>) -> Action {
        let through_root = version.is_none_or(|v| v.major() >= 13);
        let option = Sql::new(if through_root {
            " WITH (publish_via_partition_root = true)"
        } else {
            ""
        });
        let create = Sql::new("CREATE PUBLICATION {publication} FOR ALL TABLES{option}")
            .ident("publication", self.job.publication())
            .statement("option", option);
        let comment = Sql::new("COMMENT ON PUBLICATION {publication} IS {mark}")
            .ident("publication", self.job.publication())
            .literal("mark", &self.job.mark());
        Action::sql(at, Sql::together([create, comment])).undone_by([self.drop_action(at)])
    }

    pub(crate) fn drop_action(&self, at: &Place) -> Action {
        Action::sql(
            at,
            Sql::new("DROP PUBLICATION {publication}").ident("publication", self.job.publication()),
        )
    }

    /// Whether the publication is there; an error when it is somebody else's.
    pub(crate) async fn is_there(&self, ctx: &Context, at: &Place) -> Result<bool, StepError> {
        let sql = Sql::new(
            "SELECT obj_description(p.oid, 'pg_publication') AS mark, p.puballtables AS all_tables \
             FROM pg_publication p \
             WHERE p.pubname = {publication}",
        )
        .literal("publication", self.job.publication());
        let rows = ctx.read(at, &sql).await?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        // One that was altered is not the one this run made.
        let mark: Option<String> = row.opt("mark")?;
        let whole: bool = row.get("all_tables")?;
        let mark = mark.as_deref().filter(|_| whole);
        self.job
            .refuse_foreign(at, "publication", self.job.publication(), mark)?;
        Ok(true)
    }
}

#[async_trait]
impl Step for Publication {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let places = self.job.places(&Node::blue());
        let mut have = 0;
        for at in &places {
            have += usize::from(self.is_there(ctx, at).await?);
        }
        Ok(presence(have, places.len(), "the publication"))
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.job
            .places(&Node::blue())
            .iter()
            .map(|at| self.create(at, None))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        for at in self.job.places(&Node::blue()) {
            if !self.is_there(ctx, &at).await? {
                ctx.send(&self.create(&at, Some(version(ctx, &at).await?)))
                    .await?;
                let now = Sql::new("SELECT pg_current_wal_insert_lsn() AS lsn");
                let lsn: Lsn = ctx.read(&at, &now).await?.one()?.get("lsn")?;
                ctx.learn(&PUBLICATION_LSN.of(&at.database), &lsn)?;
            }
        }
        Ok(StepResult::Done(format!(
            "publication {} in every database",
            self.job.publication()
        )))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        for at in self.job.places(&Node::blue()) {
            if self.is_there(ctx, &at).await? {
                ctx.send(&self.drop_action(&at)).await?;
            }
        }
        Ok(())
    }
}
