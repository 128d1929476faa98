//! `pg_rewind`: a side that may hold more than the other is taken back to where the two parted.

use super::{Rejoin, StepError};
use crate::procedures::link;
use crate::procedures::vip_switchover::job::SHORT;
use crate::procedures::vip_switchover::prepare::checkpoint_action;
use crate::procedures::vip_switchover::server::{Control, rescue, send};
use crate::runbook::{Action, Context, Reply};

/// Files of the data directory that are a server's own. Rewinding and copying bring the other side's.
const OWN_FILES: [&str; 4] = [
    "postgresql.conf",
    "postgresql.auto.conf",
    "pg_hba.conf",
    "pg_ident.conf",
];

impl Rejoin {
    /// What this run puts beside the data directory.
    pub(super) fn beside(&self, what: &str) -> String {
        let data = self.job.node(&self.node).server.directory();
        format!("{data}.greenlight-{}{what}", self.job.run)
    }

    /// Where what is the server's own is kept meanwhile.
    fn kept(&self) -> String {
        self.beside("-own")
    }

    /// Lies there while the data is being rewound.
    fn mark(&self) -> String {
        format!("{}/rewinding", self.kept())
    }

    /// True where a rewind was begun and its end not noted.
    pub(super) async fn was_rewinding(&self, ctx: &Context) -> Result<bool, StepError> {
        self.is_there(ctx, &self.mark()).await
    }

    /// True where the data was rewound or copied and no server has been started from it yet.
    pub(super) async fn is_fresh(&self, ctx: &Context) -> Result<bool, StepError> {
        let label = self.job.node(&self.node).server.data_file("backup_label");
        self.is_there(ctx, &label).await
    }

    /// A rewind is through: the server gets back what is its own.
    pub(super) async fn end_rewind(&self, ctx: &Context) -> Result<(), StepError> {
        let data = self.job.node(&self.node).server.directory();
        self.give_own(ctx, &data).await?;
        self.unmark(ctx).await
    }

    /// The data is no longer one that is being rewound.
    pub(super) async fn unmark(&self, ctx: &Context) -> Result<(), StepError> {
        let unmark = ["rm", "-f", &self.mark()];
        send(ctx, &self.job.owner_action(&self.node, &unmark))
            .await
            .map(drop)
    }

    /// Keeps what is the server's own, once and all at once: what lies in the data after that may be the other's.
    pub(super) async fn keep_own(&self, ctx: &Context) -> Result<(), StepError> {
        if self.is_there(ctx, &self.kept()).await? {
            return Ok(());
        }
        let part = self.beside("-own-part");
        let make = ["mkdir", "-p", "-m", "700", &part];
        send(ctx, &self.job.owner_action(&self.node, &make)).await?;
        let data = self.job.node(&self.node).server.directory();
        self.carry_own(ctx, &data, &part).await?;
        self.rename(ctx, &part, &self.kept()).await
    }

    /// Gives what was kept to a data directory.
    pub(super) async fn give_own(&self, ctx: &Context, data: &str) -> Result<(), StepError> {
        self.carry_own(ctx, &self.kept(), data).await
    }

    pub(super) async fn rename(
        &self,
        ctx: &Context,
        from: &str,
        to: &str,
    ) -> Result<(), StepError> {
        let rename = self.job.owner_action(&self.node, &["mv", "-T", from, to]);
        send(ctx, &rename).await.map(drop)
    }

    /// True when a file or folder is on the host. Only a `test` that says nothing has looked: `sudo` and `ssh` give a reason
    /// where they refuse.
    pub(super) async fn is_there(&self, ctx: &Context, path: &str) -> Result<bool, StepError> {
        let argv = self.job.owner(&self.node, &["test", "-e", path]);
        let answer = ctx.ask_host(&self.node, argv, SHORT).await?;
        match (answer.code, answer.output.trim()) {
            (Some(0), _) => Ok(true),
            (Some(1), "") => Ok(false),
            (_, said) => Err(StepError::Stop(format!(
                "{}: cannot tell whether {path} is there: {said}",
                self.node
            ))),
        }
    }

    /// Copies the server's own files from one folder to another, those that are there.
    async fn carry_own(&self, ctx: &Context, from: &str, to: &str) -> Result<(), StepError> {
        for file in OWN_FILES {
            let path = format!("{from}/{file}");
            if self.is_there(ctx, &path).await? {
                let copy = self
                    .job
                    .owner_action(&self.node, &["cp", "-p", &path, &format!("{to}/{file}")]);
                send(ctx, &copy).await?;
            }
        }
        Ok(())
    }

    fn rewind_action(&self, major: u32, dry: bool) -> Action {
        let job = &self.job;
        let server = &job.node(&self.node).server;
        let role = job
            .profile
            .replication
            .rewind_role
            .as_ref()
            .unwrap_or(&job.profile.connection.user);
        let source = job
            .conninfo(&self.node, &self.leader(), role)
            .with("dbname", &job.profile.database);
        let mut argv = vec![
            server.program("pg_rewind"),
            format!("--target-pgdata={}", server.directory()),
            format!("--source-server={source}"),
        ];
        if let Some(file) = &job.node(&self.node).config_file {
            argv.push(format!("--config-file={file}"));
        }
        // Of its own accord it would end the recovery of a server that was following.
        if major >= 13 {
            argv.push("--no-ensure-shutdown".to_owned());
        }
        if dry {
            argv.push("--dry-run".to_owned());
        }
        job.owner_action(&self.node, &argv)
            .within(job.profile.budgets.rejoin)
    }

    /// Crash recovery without a server that anybody could connect to.
    fn recover_action(&self) -> Action {
        let known = self.job.node(&self.node);
        let server = &known.server;
        let mut argv = vec![
            server.program("postgres"),
            "--single".to_owned(),
            "-D".to_owned(),
            server.directory(),
        ];
        if let Some(file) = &known.config_file {
            argv.extend(["-c".to_owned(), format!("config_file={file}")]);
        }
        argv.push("template1".to_owned());
        self.job
            .owner_action(&self.node, &argv)
            .within(self.job.profile.budgets.rejoin)
    }

    /// Rewinds it; false where `pg_rewind` says beforehand that it cannot. Nothing is lost by asking: it is asked with
    /// `--dry-run` first. The server is down, and marked again before it can start.
    pub(super) async fn rewind(&self, ctx: &Context) -> Result<bool, StepError> {
        let told = self.job.told(&self.node);
        // Otherwise pg_rewind reads the timeline from before the promotion, and finds nothing to do.
        ctx.send(&checkpoint_action(&self.job, &self.leader()))
            .await?;
        let control = self.job.control(&ctx.world, &self.node).await?;
        if !control.state.starts_with("shut down") && !self.recover(ctx, &control).await? {
            return Ok(false);
        }
        let leader = self.job.place(&self.leader());
        let major = link::version(ctx, &leader).await?.major();
        let dry = self.rewind_action(major, true);
        if let Reply::Command(output) = ctx.send(&dry).await?
            && output.code != Some(0)
        {
            ctx.log(&format!(
                "{told} cannot be rewound: {}",
                output.output.trim()
            ));
            return Ok(false);
        }
        self.keep_own(ctx).await?;
        let mark = ["touch", &self.mark()];
        send(ctx, &self.job.owner_action(&self.node, &mark)).await?;
        ctx.progress(&format!("rewinding {told}"), None);
        if let Err(error) = send(ctx, &self.rewind_action(major, false)).await {
            if matches!(error, StepError::Cancelled | StepError::Journal(_)) {
                return Err(error);
            }
            ctx.log(&format!(
                "{told} could not be rewound, so it is copied anew: {error}"
            ));
            return Ok(false);
        }
        self.end_rewind(ctx).await?;
        Ok(true)
    }

    /// Has a primary that was not shut down cleanly recover by itself; false where it cannot.
    async fn recover(&self, ctx: &Context, control: &Control) -> Result<bool, StepError> {
        let told = self.job.told(&self.node);
        // It was started and did not follow.
        if control.is_recovering() || self.is_fresh(ctx).await? {
            ctx.log(&format!(
                "{told} cannot be rewound, for it was following or is a copy ({})",
                control.state
            ));
            return Ok(false);
        }
        ctx.progress(
            &format!("{told} was not shut down cleanly: it recovers by itself first"),
            None,
        );
        // A server in single-user mode refuses to be a standby.
        send(ctx, &self.job.unsignal_action(&self.node)).await?;
        let recovered = send(ctx, &self.recover_action()).await;
        // Also when the run was asked to stop meanwhile: without it the server would come up as a primary.
        rescue(ctx, &self.job.signal_action(&self.node)).await?;
        if let Err(error) = recovered {
            ctx.log(&format!(
                "{told} cannot be rewound, for it cannot recover: {error}"
            ));
            return Ok(false);
        }
        Ok(true)
    }
}
