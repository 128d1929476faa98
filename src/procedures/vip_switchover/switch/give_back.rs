//! Before the point of no return every way out leads here: the old side serves again.

use std::time::{Duration, Instant};

use super::Switch;
use super::pause::Pause;
use crate::domain::Node;
use crate::procedures::vip_switchover::job::STOPPED_AT;
use crate::procedures::vip_switchover::server::{Found, rescue};
use crate::runbook::{Context, StepError, StepResult};

/// How long giving back is tried.
const INSIST_FOR: Duration = Duration::from_secs(60);
/// A stop that hangs cannot be called off: past this the server is ended at once, and recovers as it starts.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often is looked.
const EVERY: Duration = Duration::from_millis(20);

impl Switch {
    /// Takes the pause back and says why; when even that fails, says so loudest of all.
    pub(super) async fn give_back(
        &self,
        ctx: &Context,
        pause: &Pause<'_>,
        why: StepError,
    ) -> Result<StepResult, StepError> {
        match self.take_back(ctx).await {
            Ok(()) | Err(StepError::Journal(_)) => {}
            Err(error) => {
                return Err(StepError::Stop(format!(
                    "the switchover was broken off ({why}) and {from} could not be started again: {error}. NOBODY CAN \
                     WRITE NOW, and nothing was promoted. Undo this step as soon as its host answers, or there: remove \
                     standby.signal from the data directory and start the server. If the host is gone for good, park \
                     the run and resume it: resuming offers to fence it.",
                    from = self.job.told(&self.from),
                )));
            }
        }
        pause.ended(true)?;
        if ctx
            .facts()
            .get(&STOPPED_AT.of(self.from.as_str()))
            .is_some()
        {
            ctx.forget(&STOPPED_AT.of(self.from.as_str()))?;
        }
        if matches!(why, StepError::Journal(_)) {
            return Err(why);
        }
        Ok(StepResult::TakenBack(format!(
            "{} was given back after {:.0} ms and is in service; nothing was lost. Why: {why}",
            self.job.told(&self.from),
            pause.began.elapsed().as_secs_f64() * 1000.0
        )))
    }

    /// Starts the old side again as the primary it was. Never while the other side is one.
    pub(super) async fn take_back(&self, ctx: &Context) -> Result<(), StepError> {
        let ctx = &ctx.uncancelled();
        let began = Instant::now();
        let mut error = match self.try_back(ctx, began).await {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(error) => Some(error),
        };
        while began.elapsed() < INSIST_FOR {
            if let Some(error) = &error {
                if matches!(error, StepError::Stop(_)) {
                    break;
                }
                ctx.log(&format!("{} is not back yet: {error}", self.from));
            }
            tokio::time::sleep(EVERY).await;
            error = match self.try_back(ctx, began).await {
                Ok(true) => return Ok(()),
                Ok(false) => None,
                Err(error) => Some(error),
            };
        }
        Err(error.unwrap_or_else(|| StepError::TimedOut {
            what: format!("{} to serve again", self.job.told(&self.from)),
            waited: INSIST_FOR,
            seen: "it does not".to_owned(),
        }))
    }

    /// One look and what follows from it; true once the old side serves.
    async fn try_back(&self, ctx: &Context, began: Instant) -> Result<bool, StepError> {
        match self.job.look(&ctx.world, &self.from).await? {
            Found::Serving(state) if !state.standby => {
                rescue(ctx, &self.job.unsignal_action(&self.from)).await?;
                Ok(true)
            }
            Found::Serving(_) => {
                // Somebody started it, and the mark had it come up as a standby.
                self.refuse_two(ctx, &self.to).await?;
                rescue(ctx, &self.job.stop_action(&self.from, "fast")).await?;
                self.job.wait_gone(ctx, &self.from, INSIST_FOR).await?;
                Ok(false)
            }
            Found::Busy(reason) => {
                let starts = reason.contains("starting up") || reason.contains("not yet accepting");
                if !starts && began.elapsed() > PATIENCE {
                    ctx.log(&format!(
                        "{} neither stops nor serves: it is ended at once",
                        self.from
                    ));
                    // It may have ended by itself meanwhile.
                    let _ = ctx
                        .rescue(&self.job.stop_action(&self.from, "immediate"))
                        .await;
                    self.job.wait_gone(ctx, &self.from, PATIENCE).await?;
                }
                Ok(false)
            }
            Found::Down(_) => {
                self.refuse_two(ctx, &self.to).await?;
                rescue(ctx, &self.job.unsignal_action(&self.from)).await?;
                rescue(ctx, &self.job.start_action(&self.from)).await?;
                self.job
                    .wait_serving(ctx, &self.from, false, INSIST_FOR)
                    .await?;
                Ok(true)
            }
            Found::OutOfReach(reason) => {
                tokio::time::sleep(EVERY * 10).await;
                Err(StepError::TimedOut {
                    what: format!("the host of {} to answer", self.job.told(&self.from)),
                    waited: began.elapsed(),
                    seen: reason,
                })
            }
        }
    }

    /// An error when the other side takes writes: a second primary is never started.
    async fn refuse_two(&self, ctx: &Context, to: &Node) -> Result<(), StepError> {
        let found = self.job.look(&ctx.world, to).await?;
        if found.is_primary() {
            return Err(StepError::Stop(format!(
                "{} is {}: starting {} beside it would make two primaries",
                self.job.told(to),
                found.words(),
                self.from
            )));
        }
        Ok(())
    }
}
