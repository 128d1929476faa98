use std::sync::Arc;

use async_trait::async_trait;

use super::presence;
use crate::domain::{Node, Place, Sql};
use crate::procedures::Job;
use crate::runbook::{Action, Context, Facts, Probe, Step, StepError, StepInfo, StepResult};

/// The fence row and the probe rows, in a schema of their own in every database.
pub struct Tables {
    job: Arc<Job>,
    info: StepInfo,
}

impl Tables {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "prepare.tables",
            "Create the fence and probe tables",
            "A row written on one side and seen on the other is what proves that all before it has been applied. The \
             tables must exist before the snapshot, so that both sides have them.",
        );
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    fn create(&self, at: &Place) -> Action {
        let schema = self.job.schema();
        let mut statements = vec![
            Sql::new("CREATE SCHEMA {schema}").ident("schema", schema),
            Sql::new("COMMENT ON SCHEMA {schema} IS {mark}")
                .ident("schema", schema)
                .literal("mark", &self.job.mark()),
            Sql::new("CREATE TABLE {fence} (id int PRIMARY KEY, token text, at timestamptz)")
                .qualified("fence", schema, "fence"),
            Sql::new("INSERT INTO {fence} VALUES (1, NULL, clock_timestamp())")
                .qualified("fence", schema, "fence"),
            Sql::new("CREATE TABLE {probe} (id bigint PRIMARY KEY, at timestamptz NOT NULL)")
                .qualified("probe", schema, "probe"),
        ];
        if let Some(canary) = &self.job.profile.canary {
            // No key: it would not show a row that came twice, it would stop the link at it.
            statements.extend([
                Sql::new("CREATE TABLE {canary} (run text NOT NULL, seq bigint NOT NULL, at timestamptz NOT NULL)")
                    .qualified("canary", schema, "canary"),
                Sql::new("ALTER TABLE {canary} REPLICA IDENTITY FULL")
                    .qualified("canary", schema, "canary"),
                Sql::new("GRANT USAGE ON SCHEMA {schema} TO {role}")
                    .ident("schema", schema)
                    .ident("role", &canary.role),
                Sql::new("GRANT INSERT ON {canary} TO {role}")
                    .qualified("canary", schema, "canary")
                    .ident("role", &canary.role),
            ]);
        }
        Action::sql(at, Sql::together(statements)).undone_by([self.drop_action(at)])
    }

    /// Without CASCADE: what somebody else has put into the schema is not ours to drop.
    pub(crate) fn drop_action(&self, at: &Place) -> Action {
        let schema = self.job.schema();
        let drop = |table| Sql::new("DROP TABLE {table}").qualified("table", schema, table);
        let mut statements = vec![drop("fence"), drop("probe")];
        statements.extend(self.job.profile.canary.as_ref().map(|_| drop("canary")));
        statements.push(Sql::new("DROP SCHEMA {schema}").ident("schema", schema));
        Action::sql(at, Sql::together(statements))
    }

    /// Whether the schema is there; an error when it is somebody else's.
    pub(crate) async fn is_there(&self, ctx: &Context, at: &Place) -> Result<bool, StepError> {
        let sql = Sql::new("SELECT obj_description(oid, 'pg_namespace') AS mark FROM pg_namespace WHERE nspname = {schema}")
            .literal("schema", self.job.schema());
        let rows = ctx.read(at, &sql).await?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        let mark: Option<String> = row.opt("mark")?;
        let mark = mark.as_deref();
        self.job
            .refuse_foreign(at, "schema", self.job.schema(), mark)?;
        Ok(true)
    }
}

#[async_trait]
impl Step for Tables {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let places = self.job.places(&Node::blue());
        let mut have = 0;
        for at in &places {
            have += usize::from(self.is_there(ctx, at).await?);
        }
        Ok(presence(have, places.len(), "the tables"))
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.job
            .places(&Node::blue())
            .iter()
            .map(|at| self.create(at))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        for at in self.job.places(&Node::blue()) {
            if !self.is_there(ctx, &at).await? {
                ctx.send(&self.create(&at)).await?;
            }
        }
        Ok(StepResult::Done(format!(
            "schema {} in every database",
            self.job.schema()
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
