//! `pg_basebackup`: a side that cannot be rewound is copied anew. Its old data is moved aside, never erased.

use super::{Rejoin, StepError};
use crate::domain::Sql;
use crate::procedures::vip_switchover::server::send;
use crate::runbook::{Action, Context};

impl Rejoin {
    /// Where the old data goes.
    fn aside(&self) -> String {
        let data = self.job.node(&self.node).server.directory();
        format!("{data}.greenlight-{}", self.job.run)
    }

    fn copy_action(&self) -> Action {
        let job = &self.job;
        let server = &job.node(&self.node).server;
        let source = job.conninfo(&self.node, &self.leader(), &job.profile.replication.role);
        let argv = [
            server.program("pg_basebackup"),
            format!("--pgdata={}", server.directory()),
            format!("--dbname={source}"),
            "--wal-method=stream".to_owned(),
            "--checkpoint=fast".to_owned(),
            format!("--slot={}", job.slot(&self.node)),
            "--no-password".to_owned(),
        ];
        job.owner_action(&self.node, &argv)
            .within(job.profile.budgets.rejoin)
    }

    /// Moves the old data aside and copies the other side. Where a copy was begun and not finished, that is moved aside
    /// as well: the folder of the run's old data is made once.
    pub(super) async fn copy(&self, ctx: &Context) -> Result<(), StepError> {
        self.refuse_tablespaces(ctx).await?;
        let told = self.job.told(&self.node);
        let (data, mut aside) = (self.job.node(&self.node).server.directory(), self.aside());
        let first = aside.clone();
        let mut more = 1;
        while self.is_there(ctx, &aside).await? {
            more += 1;
            aside = format!("{first}-{more}");
        }
        send(
            ctx,
            &self.job.owner_action(&self.node, &["mv", &data, &aside]),
        )
        .await?;
        ctx.log(&format!(
            "the old data of {told} stands in {aside}: remove it once nobody misses it"
        ));
        ctx.progress(&format!("copying {} to {told}", self.leader()), None);
        send(ctx, &self.copy_action()).await?;
        // What it is called and where it listens is its own; what was its own before the first attempt counts.
        let own = if self.is_there(ctx, &self.kept()).await? {
            self.kept()
        } else {
            first
        };
        self.carry_own(ctx, &own, &data).await
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
