//! The switchover: the write pause in which the old primary is stopped, seen dead, and the other side promoted.
//!
//! The old side is stopped cleanly, its process seen gone, its control data seen shut down, and its last checkpoint seen
//! replayed on the other side. Until all of that holds every way out starts the old side again; nothing is promoted
//! without it. Before the old side could start again it is marked to come up as a standby, whoever starts it.

mod give_back;
mod pause;
mod promote;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::job::{FENCED, PASSED, STOPPED_AT, SYSTEM, TIMELINE, VipJob, other};
use super::prepare::checkpoint_action;
use super::server::Found;
use crate::domain::{Lsn, Node, Sql};
use crate::runbook::{
    Action, Context, Facts, PauseEvent, Probe, Progress, Step, StepError, StepInfo, StepResult,
};

/// How long lag is waited for to become as small as it gets before the pause begins.
const SETTLE: Duration = Duration::from_secs(30);

/// The switchover from one side to the other.
pub struct Switch {
    job: Arc<VipJob>,
    from: Node,
    to: Node,
    info: StepInfo,
}

impl Switch {
    /// A switchover away from `from`.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, from: Node, mut info: StepInfo) -> Self {
        info.pause = true;
        Self {
            job: Arc::clone(job),
            to: other(&from),
            from,
            info,
        }
    }

    fn has_passed(&self, facts: &Facts) -> bool {
        facts.get(&PASSED.of(self.to.as_str())) == Some(true)
    }

    /// The old host was fenced: nothing can be sent there, and nothing of it is seen.
    fn is_fenced(&self, facts: &Facts) -> bool {
        facts.get(&FENCED.of(self.from.as_str())) == Some(true)
    }

    /// The fact is on disk before the other side is promoted: after a crash it tells the two halves apart. It is the last
    /// that is written, so that whoever finds it knows the phrase to have been given.
    fn cross(&self, ctx: &Context) -> Result<(), StepError> {
        let to = self.to.as_str();
        // What was true of it as a primary before is not any more.
        if ctx.facts().get(&TIMELINE.of(to)).is_some() {
            ctx.forget(&TIMELINE.of(to))?;
            ctx.forget(&STOPPED_AT.of(to))?;
        }
        ctx.pause(PauseEvent::PointOfNoReturn)?;
        ctx.learn(&PASSED.of(to), &true)
    }

    /// Opens sessions, has little left to write at the stop, and waits for the other side to be close behind.
    async fn warm_up(&self, ctx: &Context) -> Result<(), StepError> {
        let owners = self.job.owners(&ctx.world, &ctx.facts()).await?;
        if !owners.only(&self.from) {
            return Err(StepError::Stop(format!(
                "the address is {}, not on {} alone. Nothing was stopped.",
                owners.words(),
                self.job.told(&self.from)
            )));
        }
        for node in [&self.from, &self.to, &self.from] {
            ctx.progress(&format!("a checkpoint on {}", self.job.told(node)), None);
            ctx.send(&checkpoint_action(&self.job, node)).await?;
        }
        let most = self.job.profile.budgets.lag_to_enter.0.min(1 << 20);
        ctx.wait_for(
            "the standby to be close behind",
            Duration::from_millis(5),
            SETTLE,
            || async {
                let behind = self.behind(ctx).await?;
                let near = u64::try_from(behind).unwrap_or(0) <= most;
                Ok(if near {
                    Ok(())
                } else {
                    Err(Progress::seen(format!("{behind} bytes behind")))
                })
            },
        )
        .await
    }

    /// Bytes that the other side has yet to replay.
    async fn behind(&self, ctx: &Context) -> Result<i64, StepError> {
        let written = Sql::new("SELECT pg_current_wal_lsn() AS lsn");
        let rows = ctx.read(&self.job.place(&self.from), &written).await?;
        let written: Lsn = rows.one()?.get("lsn")?;
        Ok(written.bytes_since(self.replayed(ctx).await?))
    }

    /// Where the other side's replay stands: one byte past the last record it has replayed.
    async fn replayed(&self, ctx: &Context) -> Result<Lsn, StepError> {
        let sql = Sql::new("SELECT pg_last_wal_replay_lsn() AS lsn");
        let rows = ctx.read(&self.job.place(&self.to), &sql).await?;
        Ok(rows.one()?.get("lsn")?)
    }

    /// What both sides and the address are, as one answer. Two primaries, another primary than recorded, a changed
    /// timeline, an address in the wrong place: a human looks.
    async fn judge(&self, ctx: &Context) -> Result<Probe, StepError> {
        let (from, to) = (
            self.job.look(&ctx.world, &self.from).await?,
            self.job.look(&ctx.world, &self.to).await?,
        );
        let seen = format!(
            "{} is {}, {} is {}",
            self.job.told(&self.from),
            from.words(),
            self.job.told(&self.to),
            to.words()
        );
        let unknown = |why: &str| {
            Ok(Probe::Unknown(format!(
                "{why}: {seen}. Nothing was changed just now."
            )))
        };
        if from.is_primary() && to.is_primary() {
            return unknown(
                "TWO PRIMARIES. Stop one of them before anything else, and keep its data",
            );
        }
        let facts = ctx.facts();
        for (node, found) in [(&self.from, &from), (&self.to, &to)] {
            let Found::Serving(state) = found else {
                continue;
            };
            if facts
                .get(&SYSTEM)
                .is_some_and(|system: String| system != state.system)
            {
                return unknown(&format!("{node} is another server than it was"));
            }
            let recorded = facts.get(&TIMELINE.of(node.as_str()));
            if !state.standby && recorded.is_some_and(|timeline| timeline != state.timeline) {
                return unknown(&format!(
                    "{node} is on another timeline than the run knows of"
                ));
            }
        }
        if self.has_passed(&facts) {
            return self.judge_passed(ctx, &from, &to, &seen).await;
        }
        if to.is_primary() {
            return unknown(&format!("{} was promoted, and not by this run", self.to));
        }
        match from {
            _ if self.is_fenced(&facts) => Ok(Probe::NotApplied),
            Found::Serving(state) if !state.standby => {
                let owners = self.job.owners(&ctx.world, &ctx.facts()).await?;
                if owners.only(&self.from) {
                    self.judge_untouched(ctx).await
                } else {
                    unknown(&format!("the address is {}", owners.words()))
                }
            }
            Found::Serving(_) | Found::Busy(_) | Found::Down(_) => Ok(Probe::TakeBack(seen)),
            Found::OutOfReach(_) => unknown(
                "the old primary cannot be reached, so it is not known to be dead and nothing is promoted. Park the run \
                 and resume it: while its host is out of reach, resuming offers to fence it",
            ),
        }
    }

    /// The old side serves and nothing was promoted: at most the mark that has it come up as a standby is left.
    async fn judge_untouched(&self, ctx: &Context) -> Result<Probe, StepError> {
        Ok(if self.is_marked(ctx, &self.from).await? {
            Probe::TakeBack(format!("{} is marked to come up as a standby", self.from))
        } else {
            Probe::NotApplied
        })
    }

    /// True when `standby.signal` stands in the data directory.
    async fn is_marked(&self, ctx: &Context, node: &Node) -> Result<bool, StepError> {
        let sql = Sql::new("SELECT size IS NOT NULL AS marked FROM pg_stat_file({file}, true)");
        let sql = sql.literal("file", "standby.signal");
        let rows = ctx.read(&self.job.place(node), &sql).await?;
        Ok(rows.one()?.get("marked")?)
    }

    async fn judge_passed(
        &self,
        ctx: &Context,
        from: &Found,
        to: &Found,
        seen: &str,
    ) -> Result<Probe, StepError> {
        if from.is_primary() {
            return Ok(Probe::Unknown(format!(
                "past the point of no return the old side takes writes: {seen}. Stop it before anything else; what was \
                 written to it since is on no other server"
            )));
        }
        if !to.is_primary() {
            return Ok(Probe::Partial(format!(
                "past the point of no return: {seen}"
            )));
        }
        let owners = if self.is_fenced(&ctx.facts()) {
            let owns = self.job.holds(&ctx.world, &self.to).await?;
            return Ok(if owns {
                Probe::Applied
            } else {
                Probe::Partial("the address is not there yet".to_owned())
            });
        } else {
            self.job.owners(&ctx.world, &ctx.facts()).await?
        };
        Ok(if owners.only(&self.to) {
            Probe::Applied
        } else {
            Probe::Partial(format!(
                "{} is promoted, the address is {}",
                self.to,
                owners.words()
            ))
        })
    }
}

#[async_trait]
impl Step for Switch {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        self.judge(ctx).await
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let order = [&self.from, &self.to, &self.from];
        let mut actions: Vec<_> = order.map(|node| checkpoint_action(&self.job, node)).into();
        if !self.is_fenced(facts) {
            actions.push(self.stop_action());
            actions.push(self.mark_action());
        }
        actions.push(self.promote_action());
        actions.push(self.write_action());
        actions.extend(self.job.move_actions(&self.from, &self.to, facts));
        actions
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let facts = ctx.facts();
        if self.has_passed(&facts) {
            let pause = self.begin(ctx)?;
            return self.complete(&ctx.uncancelled(), &pause, true).await;
        }
        let fenced = self.is_fenced(&facts);
        if !fenced {
            self.warm_up(ctx).await?;
        }
        let pause = self.begin(ctx)?;
        let closed = if fenced {
            self.close_fenced(ctx, &pause).await
        } else {
            self.close(ctx, &pause).await
        };
        let decided = match closed {
            Ok(()) if !pause.left().is_zero() => self.cross(ctx),
            Ok(()) => Err(pause.overrun("it was over before the other side could be promoted")),
            Err(error) => Err(error),
        };
        match decided {
            Err(error) if fenced => Err(error),
            Err(error) => self.give_back(ctx, &pause, error).await,
            Ok(()) => self.complete(&ctx.uncancelled(), &pause, false).await,
        }
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        if self.has_passed(&ctx.facts()) {
            return Err(StepError::Stop(format!(
                "{} is promoted: beyond the point of no return the way back is the rollback half",
                self.to
            )));
        }
        self.take_back(ctx).await?;
        if ctx
            .facts()
            .get(&STOPPED_AT.of(self.from.as_str()))
            .is_some()
        {
            ctx.forget(&STOPPED_AT.of(self.from.as_str()))?;
        }
        Ok(())
    }
}
