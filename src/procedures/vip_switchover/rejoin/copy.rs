//! `pg_basebackup`: a side that cannot be rewound is copied anew. Its old data is moved aside, never erased.

use super::{Rejoin, StepError};
use crate::domain::Sql;
use crate::procedures::vip_switchover::server::send;
use crate::runbook::{Action, Context, FactKey};

/// How often a copy of the other side was begun.
const COPIES: FactKey<u64> = FactKey::new("copies");

impl Rejoin {
    /// A copy that is complete and not in its place yet.
    fn copied(&self) -> String {
        self.beside("-copied")
    }

    fn copy_action(&self, to: &str) -> Action {
        let job = &self.job;
        let server = &job.node(&self.node).server;
        let source = job.conninfo(&self.node, &self.leader(), &job.profile.replication.role);
        let argv = [
            server.program("pg_basebackup"),
            format!("--pgdata={to}"),
            format!("--dbname={source}"),
            "--wal-method=stream".to_owned(),
            "--checkpoint=fast".to_owned(),
            format!("--slot={}", job.slot(&self.node)),
            // It is a standby from the first.
            "--write-recovery-conf".to_owned(),
            "--no-password".to_owned(),
        ];
        job.owner_action(&self.node, &argv)
            .within(job.profile.budgets.rejoin)
    }

    /// Copies the other side, then has the copy take the place of the old data. Nothing is ever started from a copy that
    /// is not complete.
    pub(super) async fn copy(&self, ctx: &Context) -> Result<(), StepError> {
        let told = self.job.told(&self.node);
        let data = self.job.node(&self.node).server.directory();
        if !self.is_there(ctx, &self.copied()).await? {
            self.refuse_tablespaces(ctx).await?;
            self.keep_own(ctx).await?;
            let copy = self.new_copy(ctx).await?;
            ctx.progress(&format!("copying {} to {told}", self.leader()), None);
            send(ctx, &self.copy_action(&copy)).await?;
            // What it is called and where it listens is its own.
            self.give_own(ctx, &copy).await?;
            self.rename(ctx, &copy, &self.copied()).await?;
        }
        let (mut aside, mut more) = (self.beside(""), 1);
        while self.is_there(ctx, &aside).await? {
            more += 1;
            aside = self.beside(&format!("-{more}"));
        }
        self.rename(ctx, &data, &aside).await?;
        ctx.log(&format!(
            "the old data of {told} stands in {aside}: remove it once nobody misses it"
        ));
        self.place_copy(ctx).await
    }

    /// Where a process before this one was cut short when the old data was out of the way already.
    pub(super) async fn end_copy(&self, ctx: &Context) -> Result<(), StepError> {
        let data = self.job.node(&self.node).server.directory();
        if !self.is_there(ctx, &data).await? && self.is_there(ctx, &self.copied()).await? {
            self.place_copy(ctx).await?;
        }
        Ok(())
    }

    async fn place_copy(&self, ctx: &Context) -> Result<(), StepError> {
        let data = self.job.node(&self.node).server.directory();
        self.unmark(ctx).await?;
        self.rename(ctx, &self.copied(), &data).await
    }

    /// Where to copy to. What an attempt before this one has left is removed; each has a name of its own, for what a killed
    /// process began may still be writing.
    async fn new_copy(&self, ctx: &Context) -> Result<String, StepError> {
        let attempts = COPIES.of(self.node.as_str());
        let attempt = ctx.facts().get(&attempts).unwrap_or_default();
        let name = |attempt: u64| self.beside(&format!("-copy-{attempt}"));
        let left = name(attempt);
        if self.is_there(ctx, &left).await? {
            let remove = self.job.owner_action(&self.node, &["rm", "-rf", &left]);
            send(ctx, &remove.within(self.job.profile.budgets.rejoin)).await?;
        }
        ctx.learn(&attempts, &(attempt + 1))?;
        Ok(name(attempt + 1))
    }

    /// Tablespaces lie outside the data directory, where the copy would have to go over the old ones.
    async fn refuse_tablespaces(&self, ctx: &Context) -> Result<(), StepError> {
        let sql = Sql::new(
            "SELECT string_agg(spcname, ', ') AS names FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')",
        );
        let rows = ctx.read(&self.job.place(&self.leader()), &sql).await?;
        let Some(names) = rows.one()?.opt::<String>("names")? else {
            return Ok(());
        };
        Err(StepError::Stop(format!(
            "{} must be copied anew, and {} has tablespaces ({names}), whose folders are in the way. Move them aside on its \
             host, run pg_basebackup there by hand, then try again.",
            self.job.told(&self.node),
            self.leader()
        )))
    }
}
