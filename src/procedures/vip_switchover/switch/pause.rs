use std::time::{Duration, Instant};

use super::Switch;
use crate::runbook::{Context, PauseEvent, StepError};

pub(super) const STOP: usize = 0;
pub(super) const VERIFY: usize = 1;
pub(super) const PROMOTE: usize = 2;
pub(super) const ADDRESS: usize = 3;
pub(super) const LOOK: usize = 4;

const PARTS: [&str; 5] = [
    "stop",
    "seen dead and replayed",
    "promote",
    "move the address",
    "seen from outside",
];

/// The stopwatch of a write pause.
pub(super) struct Pause<'a> {
    ctx: &'a Context,
    pub(super) began: Instant,
    budget: Duration,
}

impl Switch {
    pub(super) fn begin<'a>(&self, ctx: &'a Context) -> Result<Pause<'a>, StepError> {
        let budget = self.job.profile.budgets.write_pause;
        ctx.pause(PauseEvent::Begun {
            parts: PARTS.iter().map(ToString::to_string).collect(),
            no_return_before: PROMOTE,
            budget_ms: crate::runbook::millis(budget),
            old_side: Some(self.from.to_string()),
            new_side: Some(self.to.to_string()),
        })?;
        Ok(Pause {
            ctx,
            began: Instant::now(),
            budget,
        })
    }
}

impl Pause<'_> {
    pub(super) fn left(&self) -> Duration {
        self.budget.saturating_sub(self.began.elapsed())
    }

    pub(super) fn overrun(&self, what: &str) -> StepError {
        StepError::Stop(format!(
            "the write pause went over its budget of {:?}: {what}",
            self.budget
        ))
    }

    /// Runs a sub-step within `limit`, and within what is left of the budget, and tells how it went.
    pub(super) async fn part<T>(
        &self,
        index: usize,
        limit: Duration,
        work: impl Future<Output = Result<(T, String), StepError>>,
    ) -> Result<T, StepError> {
        self.ctx.pause(PauseEvent::Part { index })?;
        let began = Instant::now();
        let done = tokio::time::timeout(self.left().min(limit), work).await;
        let (value, detail) = done.map_err(|_| self.overrun(PARTS[index]))??;
        self.told(index, began, detail)?;
        Ok(value)
    }

    /// Runs a sub-step beyond the point of no return, where nothing stops for a line that cannot be journalled and no
    /// budget gives anything back.
    pub(super) async fn final_part<T>(
        &self,
        index: usize,
        work: impl Future<Output = Result<(T, String), StepError>>,
    ) -> Result<T, StepError> {
        let _ = self.ctx.pause(PauseEvent::Part { index });
        let began = Instant::now();
        let (value, detail) = work.await?;
        let _ = self.told(index, began, detail);
        Ok(value)
    }

    fn told(&self, index: usize, began: Instant, detail: String) -> Result<(), StepError> {
        self.ctx.pause(PauseEvent::PartDone {
            index,
            took_us: micros(began.elapsed()),
            detail,
        })
    }

    pub(super) fn ended(&self, taken_back: bool) -> Result<(), StepError> {
        self.ctx.pause(PauseEvent::Ended {
            took_us: micros(self.began.elapsed()),
            taken_back,
        })
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
