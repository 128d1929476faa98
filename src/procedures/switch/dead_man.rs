//! The dead-man switch: a session on the old side that gives LOGIN back by itself when the budget is over, whatever has
//! become of this program, its machine or the network.
//!
//! It is armed before the fence goes up and seen asleep; it is ended, and seen gone, before the point of no return. One
//! that is left over from a process that died would open the old side in the middle of a later pause, so arming ends
//! whatever is there first.

use std::time::{Duration, Instant};

use super::fence::{login, roles_before};
use super::{Pause, Switch};
use crate::domain::Sql;
use crate::runbook::{Action, Context, PauseEvent, Reply, StepError};

/// How long it is waited for to fall asleep, or to be gone.
const LIMIT: Duration = Duration::from_secs(5);

impl Switch {
    /// The statement that sleeps and then opens.
    pub(super) fn dead_man_action(&self, roles: &[String]) -> Action {
        let budget = self.job.profile.budgets.write_pause;
        let seconds = i64::try_from(budget.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
        let sleep = Sql::new("BEGIN PERFORM pg_catalog.pg_sleep({seconds}); {open}; END")
            .number("seconds", seconds)
            .statement("open", login(roles));
        let standing = Sql::new("DO {sleep}").literal("sleep", &sleep.shown());
        Action::standing(&self.server(&self.from()), standing, budget + LIMIT)
            .undone_by([self.disarm_action()])
    }

    pub(super) fn disarm_action(&self) -> Action {
        Action::sql(
            &self.server(&self.from()),
            Sql::new(include_str!("../../../assets/sql/switch/disarm.sql")),
        )
    }

    /// Arms it and sees it asleep. Nothing is fenced yet: when this fails, nothing was changed.
    pub(super) async fn arm(&self, ctx: &Context) -> Result<Instant, StepError> {
        let from = self.from();
        self.disarm_any(ctx).await?;
        let armed = Instant::now();
        let reply = ctx
            .send(&self.dead_man_action(&roles_before(ctx, &from)))
            .await
            .map_err(|error| unarmed(&from, &error.to_string()))?;
        let Reply::Standing { pid } = reply else {
            return Err(unarmed(&from, "it has no server process"));
        };
        let asleep = Sql::new(
            "SELECT wait_event = 'PgSleep' AS asleep FROM pg_stat_activity WHERE pid = {pid}",
        )
        .number("pid", pid.into());
        while armed.elapsed() < LIMIT {
            let rows = ctx.read(&self.server(&from), &asleep).await?;
            match rows.first().map(|row| row.opt::<bool>("asleep")) {
                Some(Ok(Some(true))) => return Ok(armed),
                Some(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                None => return Err(unarmed(&from, "its session ended at once")),
            }
        }
        Err(unarmed(&from, "it did not begin to wait"))
    }

    /// Ends one that is there, whoever armed it.
    pub(super) async fn disarm_any(&self, ctx: &Context) -> Result<(), StepError> {
        if self.is_armed(ctx).await? {
            self.disarm(ctx).await?;
        }
        Ok(())
    }

    async fn is_armed(&self, ctx: &Context) -> Result<bool, StepError> {
        let armed = Sql::new(include_str!("../../../assets/sql/switch/armed.sql"));
        Ok(!ctx
            .read(&self.server(&self.from()), &armed)
            .await?
            .is_empty())
    }

    /// Ends it and sees it gone. It may have fired at the last moment: who can log in must be read again after this.
    pub(super) async fn disarm(&self, ctx: &Context) -> Result<(), StepError> {
        ctx.rescue(&self.disarm_action()).await?;
        let began = Instant::now();
        while self.is_armed(ctx).await? {
            if began.elapsed() > LIMIT {
                return Err(StepError::TimedOut {
                    what: format!("the dead-man switch on {} to end", self.from()),
                    waited: LIMIT,
                    seen: "its session is still there".to_owned(),
                });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Says until when the old side stays closed at most.
    pub(super) fn tell_armed(&self, pause: &Pause<'_>, armed: Instant) -> Result<(), StepError> {
        let left = self
            .job
            .profile
            .budgets
            .write_pause
            .saturating_sub(armed.elapsed());
        pause.ctx.pause(PauseEvent::Armed {
            node: self.from().to_string(),
            opens_in_ms: crate::runbook::millis(left),
        })
    }
}

fn unarmed(from: &crate::domain::Node, why: &str) -> StepError {
    StepError::Stop(format!(
        "the dead-man switch cannot be armed on {from}: {why}. Nothing was fenced. Without it {from} would stay closed if \
         this machine died in the pause."
    ))
}
