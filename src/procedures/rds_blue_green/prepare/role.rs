use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{Node, Sql};
use crate::procedures::Job;
use crate::procedures::link::version;
use crate::profile::scram_verifier;
use crate::runbook::{
    Action, Context, FactKey, Facts, Probe, Step, StepError, StepInfo, StepResult,
};

/// True when this run made the replication role.
const ROLE_MADE: FactKey<bool> = FactKey::new("replication_role_made");

/// The role that subscriptions connect as.
pub struct Role {
    job: Arc<Job>,
    info: StepInfo,
}

impl Role {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "prepare.role",
            "Make the replication role",
            "Each side's subscription connects to the other as this role. Made before the snapshot, GREEN has it too.",
        );
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    fn name(&self) -> &str {
        &self.job.profile.replication.role
    }

    /// On RDS replication is a membership, elsewhere an attribute; only a server with `rds_replication` is RDS.
    fn create(&self, rds: bool) -> Action {
        let attribute = Sql::new(if rds { "" } else { " REPLICATION" });
        let password = match &self.job.replication_password {
            // The server gets a verifier computed here: the password itself is in no statement and no log.
            Some(password) => {
                Sql::new(" PASSWORD {verifier}").secret("verifier", scram_verifier(password))
            }
            None => Sql::new(""),
        };
        let create = Sql::new("CREATE ROLE {role} LOGIN{attribute}{password}")
            .ident("role", self.name())
            .statement("attribute", attribute)
            .statement("password", password);
        let grant = Sql::new("GRANT rds_replication TO {role}").ident("role", self.name());
        let statements = if rds {
            vec![create, grant]
        } else {
            vec![create]
        };
        Action::sql(&self.job.server(&Node::blue()), Sql::together(statements))
            .undone_by([self.drop_action()])
    }

    fn drop_action(&self) -> Action {
        Action::sql(
            &self.job.server(&Node::blue()),
            Sql::new("DROP ROLE {role}").ident("role", self.name()),
        )
    }

    /// CONNECT everywhere, and read access for tables that are added to the subscription later and copied then.
    fn grants(&self, version: Option<crate::domain::PgVersion>) -> Vec<Action> {
        let server = self.job.server(&Node::blue());
        let connect = |database: &String| {
            let sql = Sql::new("GRANT CONNECT ON DATABASE {database} TO {role}");
            Action::sql(
                &server,
                sql.ident("database", database).ident("role", self.name()),
            )
        };
        let mut actions: Vec<_> = self.job.profile.databases.iter().map(connect).collect();
        if version.is_some_and(|v| v.major() >= 14) {
            let read = Sql::new("GRANT pg_read_all_data TO {role}").ident("role", self.name());
            actions.push(Action::sql(&server, read));
        }
        actions
    }
}

#[async_trait]
impl Step for Role {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let sql = Sql::new(include_str!("../../../../assets/sql/prepare/role.sql"))
            .literal("role", self.name())
            .literals("databases", &self.job.profile.databases);
        let rows = ctx.read(&self.job.server(&Node::blue()), &sql).await?;
        let Some(row) = rows.first() else {
            return Ok(Probe::NotApplied);
        };
        if !row.get::<bool>("can_log_in")? || !row.get::<bool>("can_replicate")? {
            return Ok(Probe::Unknown(format!(
                "role {:?} exists on BLUE but may not {}: give it that, or name another role under [replication] role",
                self.name(),
                if row.get::<bool>("can_log_in")? {
                    "replicate"
                } else {
                    "log in"
                },
            )));
        }
        Ok(if row.get("connects")? {
            Probe::Applied
        } else {
            Probe::Partial("it exists but may not connect to every database".to_owned())
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let mut actions = vec![self.create(false)];
        actions.extend(self.grants(None));
        actions
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let server = self.job.server(&Node::blue());
        let seen = Sql::new(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = {role}) AS there, \
             EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication') AS rds",
        );
        let rows = ctx
            .read(&server, &seen.literal("role", self.name()))
            .await?;
        let row = rows.one()?;
        if !row.get::<bool>("there")? {
            ctx.learn(&ROLE_MADE, &true)?;
            ctx.send(&self.create(row.get("rds")?)).await?;
        }
        ctx.send_all(&self.grants(Some(version(ctx, &server).await?)))
            .await?;
        Ok(StepResult::Done(format!(
            "{} may log in and replicate",
            self.name()
        )))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        if ctx.facts().get(&ROLE_MADE) != Some(true) {
            return Ok(());
        }
        let server = self.job.server(&Node::blue());
        let there =
            Sql::new("SELECT 1 FROM pg_roles WHERE rolname = {role}").literal("role", self.name());
        if !ctx.read(&server, &there).await?.is_empty() {
            for database in &self.job.profile.databases {
                let sql = Sql::new("REVOKE CONNECT ON DATABASE {database} FROM {role}");
                ctx.send(&Action::sql(
                    &server,
                    sql.ident("database", database).ident("role", self.name()),
                ))
                .await?;
            }
            ctx.send(&self.drop_action()).await?;
        }
        ctx.forget(&ROLE_MADE)
    }
}
