//! Beyond the point of no return: the other side is promoted, the address moves. From here it only goes on.

use std::time::{Duration, Instant};

use super::Switch;
use tokio::sync::Notify;

use super::pause::{ADDRESS, LOOK, PROMOTE, Pause};
use crate::domain::Sql;
use crate::procedures::vip_switchover::job::TIMELINE;
use crate::procedures::vip_switchover::server::{Found, SOON, is_away, rescue};
use crate::runbook::{Action, Context, PauseEvent, StepError, StepResult};

/// How long the first gratuitous ARP may take to be out. The later ones go out after the old side has let go.
const TOLD: Duration = Duration::from_millis(250);

impl Switch {
    /// Promotes without waiting: the server itself would look every 100 ms.
    pub(super) fn promote_action(&self) -> Action {
        Action::sql(
            &self.job.place(&self.to),
            Sql::new("SELECT pg_promote(false)"),
        )
    }

    /// A record of our own, committed: the proof that the new side takes writes. It waits for no other server.
    pub(super) fn write_action(&self) -> Action {
        let write = Sql::new("SELECT pg_logical_emit_message(true, 'greenlight', {run}) AS lsn");
        let local = Sql::new("SET LOCAL synchronous_commit = 'local'");
        let write = Sql::together([local, write.literal("run", &self.job.run)]);
        Action::sql(&self.job.place(&self.to), write)
    }

    /// Everything after the point of no return; `resumed` where a process before this one crossed it. Done again it completes what a dead process began.
    pub(super) async fn complete(
        &self,
        ctx: &Context,
        pause: &Pause<'_>,
        resumed: bool,
    ) -> Result<StepResult, StepError> {
        if resumed {
            // Shown as crossed also where a process before this one crossed it.
            let _ = ctx.pause(PauseEvent::PointOfNoReturn);
        }
        let fenced = self.is_fenced(&ctx.facts());
        let promoted = pause
            .final_part(PROMOTE, self.promote(ctx, resumed && !fenced))
            .await;
        promoted.map_err(|error| self.forward(&error))?;
        let bring = self.job.bring_address(ctx, &self.to, fenced);
        let arping = pause
            .final_part(ADDRESS, bring)
            .await
            .map_err(|error| self.forward(&error))?;
        let (seen, dropped) = self.look_and_drop(ctx, pause, fenced).await;
        let took = pause.began.elapsed();
        self.prove(ctx).await?;
        let mut troubles = Vec::new();
        match &seen {
            Ok(text) => ctx.proof(true, text)?,
            Err(error) => {
                ctx.proof(false, &error.to_string())?;
                troubles.push(format!("it was not seen behind the address: {error}"));
            }
        }
        if let Err(error) = dropped {
            troubles.push(format!(
                "the address is still on {} as well, take it off there: {error}",
                self.from
            ));
        }
        if let Some(arping) = arping
            && let Some(trouble) = arping.trouble().await
        {
            troubles.push(format!(
                "no gratuitous ARP went out ({trouble}), so some machines may still ask the old host: send one by hand"
            ));
        }
        let to = self.job.told(&self.to);
        let text = format!("{to} serves after {:.1} ms", took.as_secs_f64() * 1000.0);
        Ok(if troubles.is_empty() {
            StepResult::Done(text)
        } else {
            StepResult::Warning(format!("{text}, but {}", troubles.join("; ")))
        })
    }

    /// Looks at the address from outside, which ends the pause; it is taken from the old side when it was seen to lead to
    /// the new one, or after a moment all the same: as long as both have it, either may be asked.
    async fn look_and_drop(
        &self,
        ctx: &Context,
        pause: &Pause<'_>,
        fenced: bool,
    ) -> (Result<String, StepError>, Result<(), StepError>) {
        let told = Notify::new();
        let look = async {
            let look = async {
                let seen = self.job.seen_behind(ctx, &self.to).await;
                seen.map(|text| (text.clone(), text))
            };
            let seen = pause.final_part(LOOK, look).await;
            let _ = pause.ended(false);
            told.notify_one();
            seen
        };
        let drop = async {
            if fenced {
                return Ok(());
            }
            let _ = tokio::time::timeout(TOLD, told.notified()).await;
            tokio::time::sleep(TOLD).await;
            self.job.drop_address(ctx, &self.to).await
        };
        tokio::join!(look, drop)
    }

    fn forward(&self, error: &StepError) -> StepError {
        StepError::Stop(format!(
            "{from} is down and stays down, {to} is to be the primary and is not complete: {error}. Nobody can write now. \
             Mend it and try again: this step goes on where it stands.",
            from = self.job.told(&self.from),
            to = self.job.told(&self.to),
        ))
    }

    /// Written down once applications write again.
    async fn prove(&self, ctx: &Context) -> Result<(), StepError> {
        let timeline = self.timeline(ctx).await?;
        ctx.learn(&TIMELINE.of(self.to.as_str()), &timeline)?;
        let to = self.job.told(&self.to);
        ctx.proof(
            true,
            &format!("{to} is a primary on timeline {timeline} and took a write"),
        )
    }

    /// Promotes, waits until it is one, and proves it by a write.
    async fn promote(&self, ctx: &Context, look_again: bool) -> Result<((), String), StepError> {
        if look_again {
            self.keep_down(ctx).await?;
        }
        let recovers = Sql::new("SELECT pg_is_in_recovery() AS standby");
        let at = self.job.place(&self.to);
        let began = Instant::now();
        let limit = self.job.profile.budgets.promote;
        let mut asked: Option<Instant> = None;
        loop {
            // A server that is just coming back is asked again; to promote twice does no harm.
            let error = match ctx.read(&at, &recovers).await {
                Ok(rows) if !rows.one()?.get::<bool>("standby")? => break,
                Ok(_) if asked.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) => {
                    asked = Some(Instant::now());
                    ctx.rescue(&self.promote_action()).await.err()
                }
                Ok(_) => None,
                Err(error) => Some(error),
            };
            if let Some(error) = error.filter(|error| !is_away(error)) {
                return Err(error);
            }
            if began.elapsed() > limit {
                return Err(StepError::TimedOut {
                    what: format!("{} to be promoted", self.job.told(&self.to)),
                    waited: limit,
                    seen: "it is still in recovery".to_owned(),
                });
            }
            tokio::time::sleep(SOON).await;
        }
        ctx.rescue(&self.write_action()).await?;
        Ok(((), "took a write".to_owned()))
    }

    async fn timeline(&self, ctx: &Context) -> Result<i64, StepError> {
        let sql = Sql::new(include_str!("../../../../assets/sql/vip/state.sql"));
        let rows = ctx.read(&self.job.place(&self.to), &sql).await?;
        Ok(rows.one()?.get("timeline")?)
    }

    /// Where a process before this one passed the point of no return, the old side is looked at again: it must be down,
    /// or a standby.
    async fn keep_down(&self, ctx: &Context) -> Result<(), StepError> {
        match self.job.look(&ctx.world, &self.from).await? {
            Found::Serving(state) if state.standby => Ok(()),
            Found::Down(_) => rescue(ctx, &self.job.signal_action(&self.from))
                .await
                .map(drop),
            found => Err(StepError::Stop(format!(
                "{} is {}, so {} is not promoted",
                self.job.told(&self.from),
                found.words(),
                self.to
            ))),
        }
    }
}
