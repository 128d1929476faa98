//! `pg_rewind`: a side that may hold more than the other is taken back to where the two parted.

use super::{Rejoin, StepError};
use crate::procedures::vip_switchover::job::SHORT;
use crate::procedures::vip_switchover::prepare::checkpoint_action;
use crate::procedures::vip_switchover::server::{rescue, send};
use crate::runbook::{Action, Context, Reply};

/// Files of the data directory that are a server's own. Rewinding and copying bring the other side's.
pub(super) const OWN_FILES: [&str; 4] = [
    "postgresql.conf",
    "postgresql.auto.conf",
    "pg_hba.conf",
    "pg_ident.conf",
];

impl Rejoin {
    /// Where what is the server's own is kept meanwhile.
    pub(super) fn kept(&self) -> String {
        format!(
            "{}.greenlight-{}-own",
            self.job.node(&self.node).server.directory(),
            self.job.run
        )
    }

    /// True when a file or folder is on the host.
    pub(super) async fn is_there(&self, ctx: &Context, path: &str) -> Result<bool, StepError> {
        let argv = self.job.owner(&self.node, &["test", "-e", path]);
        Ok(ctx.ask_host(&self.node, argv, SHORT).await?.code == Some(0))
    }

    /// Copies the server's own files from one folder to another, those that are there.
    pub(super) async fn carry_own(
        &self,
        ctx: &Context,
        from: &str,
        to: &str,
    ) -> Result<(), StepError> {
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

    fn rewind_action(&self, dry: bool) -> Action {
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
        if !control.state.starts_with("shut down") {
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
        }
        let dry = self.rewind_action(true);
        if let Reply::Command(output) = ctx.send(&dry).await?
            && output.code != Some(0)
        {
            ctx.log(&format!(
                "{told} cannot be rewound: {}",
                output.output.trim()
            ));
            return Ok(false);
        }
        let data = self.job.node(&self.node).server.directory();
        let kept = self.kept();
        // What an attempt before this one has kept is the server's own; what lies in the data now may be the other's.
        if !self.is_there(ctx, &kept).await? {
            let make = ["mkdir", "-p", "-m", "700", &kept];
            send(ctx, &self.job.owner_action(&self.node, &make)).await?;
            self.carry_own(ctx, &data, &kept).await?;
        }
        ctx.progress(&format!("rewinding {told}"), None);
        let rewound = send(ctx, &self.rewind_action(false)).await;
        self.carry_own(ctx, &kept, &data).await?;
        if let Err(error) = rewound {
            ctx.log(&format!(
                "{told} could not be rewound, so it is copied anew: {error}"
            ));
            return Ok(false);
        }
        Ok(true)
    }
}
