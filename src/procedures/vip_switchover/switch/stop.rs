//! Up to the point of no return: the old primary is stopped, and seen to have stopped for good and cleanly.

use std::time::Duration;

use super::Switch;
use super::pause::{Pause, STOP, VERIFY};
use crate::domain::{Lsn, Sql};
use crate::procedures::vip_switchover::job::STOPPED_AT;
use crate::procedures::vip_switchover::server::{Control, Found, SOON, came_through};
use crate::runbook::{Action, Context, StepError};

impl Switch {
    pub(super) fn stop_action(&self) -> Action {
        let start = self.job.start_action(&self.from);
        self.job.stop_action(&self.from, "fast").undone_by([start])
    }

    /// Has the old side come up as a standby, whoever starts it.
    pub(super) fn mark_action(&self) -> Action {
        let unmark = self.job.unsignal_action(&self.from);
        self.job.signal_action(&self.from).undone_by([unmark])
    }

    /// Stops the old side and sees that the other has everything. Any error leads to giving back.
    pub(super) async fn close(&self, ctx: &Context, pause: &Pause<'_>) -> Result<(), StepError> {
        let limit = self.job.profile.budgets.stop;
        let stopped = pause.part(STOP, limit, self.stop(ctx)).await?;
        pause
            .part(VERIFY, Duration::MAX, self.verify(ctx, &stopped))
            .await?;
        ctx.learn(&STOPPED_AT.of(self.from.as_str()), &stopped.checkpoint)
    }

    /// Sends the stop, marks the old side meanwhile, and waits until its process is gone and its control data says that
    /// it was shut down. `pg_ctl` would ask every 100 ms.
    async fn stop(&self, ctx: &Context) -> Result<(Control, String), StepError> {
        let [stop, mark] = ctx.intend([self.stop_action(), self.mark_action()])?;
        came_through(&self.stop_action(), &ctx.send_intended(stop).await?)?;
        let marked = async { came_through(&self.mark_action(), &ctx.send_intended(mark).await?) };
        let (_, control) = tokio::try_join!(marked, self.wait_dead(ctx))?;
        let text = format!("{} has {}, {}", self.from, "no process", control.state);
        ctx.proof(
            true,
            &format!(
                "{} has no process any more and is {}, its last checkpoint at {}",
                self.job.told(&self.from),
                control.state,
                control.checkpoint
            ),
        )?;
        Ok((control, text))
    }

    /// The control data is asked first: it is the smaller question. A walreceiver that is frozen lets the process live
    /// on long after the data says `shut down`.
    async fn wait_dead(&self, ctx: &Context) -> Result<Control, StepError> {
        loop {
            if ctx.is_cancelled() {
                return Err(StepError::Cancelled);
            }
            let control = self.job.control(&ctx.world, &self.from).await?;
            if control.is_clean() && !self.job.is_running(&ctx.world, &self.from).await? {
                return Ok(control);
            }
            if !control.is_clean()
                && control.state != "in production"
                && control.state != "shutting down"
            {
                return Err(self.unclean(ctx, &control)?);
            }
            tokio::time::sleep(SOON).await;
        }
    }

    fn unclean(&self, ctx: &Context, control: &Control) -> Result<StepError, StepError> {
        let text = format!(
            "{} did not stop as a primary does: it is {:?}",
            self.job.told(&self.from),
            control.state
        );
        ctx.proof(false, &text)?;
        Ok(StepError::Stop(text))
    }

    /// Sees the record of the old side's last checkpoint replayed on the other side: then everything before it is, too.
    /// What a running primary had sent says nothing of what it would still write.
    async fn verify(&self, ctx: &Context, stopped: &Control) -> Result<((), String), StepError> {
        loop {
            let replayed = self.replayed(ctx).await?;
            if replayed > stopped.checkpoint {
                let to = self.job.told(&self.to);
                let text = format!(
                    "{to} has replayed up to {replayed}, past the last checkpoint of {} at {}",
                    self.from, stopped.checkpoint
                );
                ctx.proof(true, &text)?;
                return Ok(((), format!("replayed to {replayed}")));
            }
            if ctx.is_cancelled() {
                return Err(StepError::Cancelled);
            }
            tokio::time::sleep(SOON).await;
        }
    }

    /// Where the old host was fenced: it must still be out of reach, and what the other side has received is replayed.
    pub(super) async fn close_fenced(
        &self,
        ctx: &Context,
        pause: &Pause<'_>,
    ) -> Result<(), StepError> {
        let dead = async {
            match self.job.look(&ctx.world, &self.from).await? {
                Found::OutOfReach(_) => Ok(((), format!("{} is fenced", self.from))),
                found => Err(StepError::Stop(format!(
                    "{} was fenced and can be reached again: it is {}. Nothing was promoted. Park the run and resume it.",
                    self.job.told(&self.from),
                    found.words()
                ))),
            }
        };
        pause.part(STOP, Duration::MAX, dead).await?;
        let received = Sql::new(
            "SELECT pg_last_wal_receive_lsn() AS received, pg_last_wal_replay_lsn() AS replayed",
        );
        let replay = async {
            loop {
                let rows = ctx.read(&self.job.place(&self.to), &received).await?;
                let row = rows.one()?;
                let received: Option<Lsn> = row.opt("received")?;
                let replayed: Lsn = row.get("replayed")?;
                if received.is_none_or(|received| replayed >= received) {
                    return Ok(((), format!("all that was received, to {replayed}")));
                }
                tokio::time::sleep(SOON).await;
            }
        };
        pause.part(VERIFY, Duration::MAX, replay).await
    }
}
