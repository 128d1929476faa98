//! The switch: the write pause in which one side stops taking writes and the other starts.
//!
//! The order is the whole point. NOLOGIN is committed by itself before any session is ended, or sessions that reconnect
//! meanwhile survive. The fence row is written only once nobody else can write, so when it is seen on the other side,
//! everything before it has been applied. Nothing is opened before the sequences are set and the link is stopped, and
//! until then every way out gives the old side back.

mod canary;
mod dead_man;
mod drain;
mod fence;
mod open;
mod recheck;
mod sequences;
mod tally;

pub(crate) use fence::{login, nologin, sessions};
pub(crate) use open::{redirect_action, run_hook};

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use self::canary::Canary;
use self::drain::Drained;
use self::recheck::Recheck;
use super::job::{Direction, Job};
use super::link::Link;
use crate::domain::{Lsn, Node, Place, Sql};
use crate::runbook::{
    Action, Context, FactKey, Facts, PauseEvent, PauseForecast, Probe, Step, StepError, StepInfo,
    StepResult,
};

/// Roles that could log in on a side before it was fenced, to be restored exactly.
pub const LOGIN_BEFORE: FactKey<Vec<String>> = FactKey::new("login_before");
/// Where the new side's log stood after the last replicated change and before its first own write: the position from
/// which the link back must start.
pub const SWITCHED_AT: FactKey<Lsn> = FactKey::new("switched_at");
/// Set once the redirect hook has come through.
pub const REDIRECTED: FactKey<bool> = FactKey::new("redirected");

/// Where the old side's log stood once its fence rows were committed: whatever it holds beyond was written past the
/// fence and is not on the new side.
pub const FENCED_AT: FactKey<Lsn> = FactKey::new("fenced_at");

const PARTS: [&str; 8] = [
    "fence",
    "terminate",
    "fence proved",
    "drain",
    "sequences",
    "stop link",
    "open",
    "redirect",
];
const NO_RETURN_BEFORE: usize = 6;

/// How long the canary waits for the redirect hook once the other side is open.
const POINTED_SOON: Duration = Duration::from_millis(20);
/// How long the side that was opened is left to the applications that are coming back, all at once.
const COMING_BACK: Duration = Duration::from_millis(500);

/// The switch along one link: from its publisher to its subscriber.
pub struct Switch {
    job: Arc<Job>,
    link: Link,
    info: StepInfo,
}

impl Switch {
    /// A switch in the link's direction.
    #[must_use]
    pub fn new(job: &Arc<Job>, direction: Direction, mut info: StepInfo) -> Self {
        info.pause = true;
        Self {
            job: Arc::clone(job),
            link: Link::new(job, direction),
            info,
        }
    }

    fn from(&self) -> Node {
        self.link.direction.publisher()
    }

    fn to(&self) -> Node {
        self.link.direction.subscriber()
    }

    fn server(&self, node: &Node) -> Place {
        self.job.server(node)
    }

    /// The pause up to the point of no return. Any error leads to taking back.
    async fn close(
        &self,
        ctx: &Context,
        pause: &Pause<'_>,
        recheck: &Recheck,
        knockers: &[String],
    ) -> Result<Lsn, StepError> {
        let [fence, terminate] =
            ctx.intend([self.fence_action(&ctx.facts()), self.terminate_action()])?;
        pause.part(0, self.raise_fence(ctx, fence)).await?;
        pause.part(1, self.end_sessions(ctx, terminate)).await?;
        // Proof and drain ask different things of the same moment; GREEN opens only when both hold. What takes longest is
        // sent first, here and below.
        let mut drained = Drained::default();
        futures_util::try_join!(
            pause.part(3, self.drain(ctx, &mut drained)),
            pause.part(2, self.prove_fence(ctx)),
            self.knock(ctx, knockers),
        )?;
        // While the dead-man switch is still armed.
        self.recheck(ctx, recheck).await?;
        let mut switched_at = Lsn::default();
        futures_util::try_join!(
            pause.part(5, self.stop_link(ctx, &mut switched_at)),
            self.disarm(ctx),
            pause.part(4, self.set_sequences(ctx, &drained.sequences)),
            async { ctx.learn(&FENCED_AT.of(self.from().as_str()), &drained.fenced_at) },
        )?;
        ctx.pause(PauseEvent::Disarmed)?;
        // Asked once more, last of all: the dead-man switch may have fired at the last moment, and a session that was
        // being let in when the fence went up may have shown itself only now.
        self.prove_fence(ctx).await?;
        Ok(switched_at)
    }

    /// Stops the link and learns where the new side's log stands. Nothing arrives through the link any more: the drain
    /// has seen the last change of the old side.
    async fn stop_link(&self, ctx: &Context, switched_at: &mut Lsn) -> Result<String, StepError> {
        let disable: Vec<_> = self
            .link
            .subscribers()
            .iter()
            .map(|at| self.link.disable(at).undone_by([self.link.enable(at)]))
            .collect();
        ctx.send_together(&disable).await?;
        let position = Sql::new("SELECT pg_current_wal_insert_lsn() AS lsn");
        *switched_at = ctx
            .read(&self.server(&self.to()), &position)
            .await?
            .one()?
            .get("lsn")?;
        Ok(format!("{} stands at {switched_at}", self.to()))
    }

    /// Gives the old side back: its roles may log in again and the link runs on.
    async fn take_back(&self, ctx: &Context) -> Result<(), StepError> {
        self.lower_fence(ctx).await?;
        // Applications write again; what is left to do must not be taken for their being shut out.
        if let Err(error) = self.run_link(ctx).await {
            ctx.log(&format!(
                "{} is given back, but the {} could not be started again, which the next attempt does: {error}",
                self.from(),
                self.link.direction.name()
            ));
        }
        // Where it cannot be ended now it gives LOGIN to roles that have it, and arming anew ends it.
        if let Err(error) = self.disarm_any(ctx).await {
            ctx.log(&format!("the dead-man switch is still armed: {error}"));
        }
        match ctx.facts().get(&SWITCHED_AT.of(self.to().as_str())) {
            Some(_) => ctx.forget(&SWITCHED_AT.of(self.to().as_str())),
            None => Ok(()),
        }
    }

    /// Starts the link again where this pause has stopped it.
    async fn run_link(&self, ctx: &Context) -> Result<(), StepError> {
        for at in self.link.subscribers() {
            if self.link.look(ctx, &at).await?.is_some_and(|s| !s.enabled) {
                ctx.rescue(&self.link.enable(&at)).await?;
            }
        }
        Ok(())
    }

    /// Starts the link again where an earlier attempt stopped it and did not come to start it again.
    async fn mend_link(&self, ctx: &Context) -> Result<(), StepError> {
        for at in self.link.subscribers() {
            if self.link.look(ctx, &at).await?.is_some_and(|s| !s.enabled) {
                ctx.send(&self.link.enable(&at)).await?;
            }
        }
        Ok(())
    }

    /// True when a subscription that has run is disabled: a statement of a killed attempt may come into force after that
    /// attempt was taken back, and with the link down the gate stays shut.
    async fn link_is_stopped(&self, ctx: &Context) -> Result<bool, StepError> {
        for at in self.link.subscribers() {
            let found = self.link.look(ctx, &at).await?;
            if found.is_some_and(|s| !s.enabled && s.origin.is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens sessions and asks on them what the pause will ask: then nothing in it waits for a connection, nor for a server
    /// to read its catalogs first.
    async fn warm_up(&self, ctx: &Context) -> Result<(), StepError> {
        let (from, to) = (self.from(), self.to());
        futures_util::try_join!(
            self.read_sequences(ctx, &from),
            self.read_sequences(ctx, &to),
            self.ask_for_leaks(ctx),
            self.ask_who_is_left(ctx, &[]),
        )?;
        self.remember_logins(ctx).await?;
        self.mend_link(ctx).await?;
        self.settle(ctx).await
    }
}

impl Switch {
    /// What the pause should take: nothing to speak of is behind any more, so draining is one commit more.
    async fn forecast(&self, ctx: &Context) -> Result<PauseForecast, StepError> {
        let mut round_trip = Duration::ZERO;
        for node in [self.from(), self.to()] {
            let asked = Instant::now();
            ctx.read(&self.server(&node), &Sql::new("SELECT 1")).await?;
            round_trip = round_trip.max(asked.elapsed());
        }
        let (from, sessions) = (self.server(&self.from()), self.sessions_sql(false));
        let sessions = ctx.read(&from, &sessions).await?.len() as u64;
        Ok(PauseForecast::of(round_trip, sessions, round_trip))
    }
}

#[async_trait]
impl Step for Switch {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let open = self.roles_open(ctx, &self.to()).await?;
        let fenced = self.fence_is_up(ctx).await?;
        let passed = ctx
            .facts()
            .get(&SWITCHED_AT.of(self.to().as_str()))
            .is_some();
        Ok(match (passed, open, fenced) {
            (true, true, _) => Probe::Applied,
            (false, true, _) => Probe::Unknown(format!(
                "application roles can log in to {}, which this run has not opened: two sides may be taking writes. \
                 Find out who opened it; take LOGIN away from {} on {} before going on.",
                self.to(),
                self.job.profile.fence.roles.join(", "),
                self.to(),
            )),
            (_, false, true) => Probe::TakeBack(format!(
                "{} is fenced and {} is not open",
                self.from(),
                self.to()
            )),
            (_, false, false) if self.link_is_stopped(ctx).await? => Probe::TakeBack(format!(
                "the {} was stopped by an attempt that did not come to start it again",
                self.link.direction.name()
            )),
            (_, false, false) => Probe::NotApplied,
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let before = facts.get(&LOGIN_BEFORE.of(self.from().as_str()));
        let roles = before.unwrap_or_else(|| self.job.profile.fence.roles.clone());
        let mut actions = vec![
            self.dead_man_action(&roles),
            self.fence_action(facts),
            self.terminate_action(),
        ];
        actions.extend(self.fence_row_actions("{token}"));
        actions.extend(self.job.places(&self.to()).iter().map(|at| {
            Action::sql(
                at,
                Sql::new("SELECT setval(sequence, last_value, is_called) FROM {sequences}"),
            )
        }));
        actions.extend(
            self.link
                .subscribers()
                .iter()
                .map(|at| self.link.disable(at)),
        );
        actions.push(self.disarm_action());
        actions.push(self.open_action(facts));
        actions.extend(self.redirect_action(facts));
        actions
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let canary = match Canary::start(ctx, &self.job) {
            Some(canary) => canary.warm(ctx).await,
            None => None,
        };
        self.warm_up(ctx).await?;
        let budget = self.job.profile.budgets.write_pause;
        let recheck = self.prepare_recheck(ctx).await;
        let knockers = self.find_knockers(ctx).await;
        let forecast = self.forecast(ctx).await?;
        let armed = self.arm(ctx).await?;
        let pause = Pause::begin(ctx, budget)?;
        canary.iter().for_each(Canary::hold_off);
        ctx.pause(PauseEvent::Forecast { forecast })?;
        self.tell_armed(&pause, armed)?;
        let closed = self.close(ctx, &pause, &recheck, &knockers).await;
        // The fact is on disk before the first role may log in: after a crash it tells the two halves apart.
        let decided = match closed {
            Ok(at) if pause.left() > Duration::ZERO => ctx
                .learn(&SWITCHED_AT.of(self.to().as_str()), &at)
                .and_then(|()| ctx.pause(PauseEvent::PointOfNoReturn)),
            Ok(_) => Err(pause.overrun("it was over before the other side could be opened")),
            Err(error) => Err(error),
        };
        if let Err(error) = decided {
            let given_back = self.give_back(ctx, &pause, error).await;
            canary.iter().for_each(Canary::come_back);
            if let (Some(canary), Ok(_)) = (canary, &given_back) {
                let ended = Instant::now();
                canary.tell(ctx, &self.from(), pause.began, ended).await;
            }
            return given_back;
        }
        let ctx = &ctx.uncancelled();
        let pointed = CancellationToken::new();
        let open = async {
            let opened = self.open(ctx, &pause).await;
            // It goes where applications are pointed at, and not in vain where that takes no longer than usual.
            let _ = tokio::time::timeout(POINTED_SOON, pointed.cancelled()).await;
            canary.iter().for_each(Canary::come_back);
            opened
        };
        let redirect = async {
            let redirected = self.redirect(ctx, &pause).await;
            pointed.cancel();
            redirected
        };
        let (opened, redirected) = futures_util::join!(open, redirect);
        opened?;
        ctx.pause(PauseEvent::Ended {
            took_us: micros(pause.began.elapsed()),
            taken_back: false,
        })?;
        let took = pause.began.elapsed();
        let ended = Instant::now();
        tokio::time::sleep(COMING_BACK).await;
        if let Some(canary) = canary {
            canary.tell(ctx, &self.to(), pause.began, ended).await;
        }
        let text = format!(
            "{} is open after {:.1} ms",
            self.to(),
            took.as_secs_f64() * 1000.0
        );
        Ok(match redirected {
            Ok(()) => StepResult::Done(text),
            Err(error) => StepResult::Warning(format!(
                "{text}, but the redirect hook did not come through: {error}. Applications may still be pointed at {}, \
                 which is fenced: point them at {} by hand, or mend the hook; the next step runs it again.",
                self.from(),
                self.to()
            )),
        })
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        if self.roles_open(ctx, &self.to()).await? {
            return Err(StepError::Stop(format!(
                "{} is open: beyond the point of no return the way back is the rollback half",
                self.to()
            )));
        }
        self.take_back(ctx).await
    }
}

impl Switch {
    /// Takes the pause back and says why; when even that fails, says so loudest of all.
    async fn give_back(
        &self,
        ctx: &Context,
        pause: &Pause<'_>,
        why: StepError,
    ) -> Result<StepResult, StepError> {
        match self.take_back(ctx).await {
            // What is given back is given back, also when the journal cannot say so any more.
            Ok(()) | Err(StepError::Journal(_)) => {}
            Err(error) => {
                return Err(StepError::Stop(format!(
                    "the write pause was broken off ({why}) and {from} could not be given back: {error}. {from} IS STILL \
                 FENCED. Undo this step as soon as {from} answers, or run there: ALTER ROLE … LOGIN for {roles}.",
                    from = self.from(),
                    roles = self.job.profile.fence.roles.join(", "),
                )));
            }
        }
        ctx.pause(PauseEvent::Ended {
            took_us: micros(pause.began.elapsed()),
            taken_back: true,
        })?;
        if matches!(why, StepError::Journal(_)) {
            return Err(why);
        }
        Ok(StepResult::TakenBack(format!(
            "{} was given back after {:.0} ms and is in service; nothing was lost. Why: {why}",
            self.from(),
            pause.began.elapsed().as_secs_f64() * 1000.0
        )))
    }
}

/// The stopwatch of a write pause.
struct Pause<'a> {
    ctx: &'a Context,
    began: Instant,
    budget: Duration,
}

impl<'a> Pause<'a> {
    fn begin(ctx: &'a Context, budget: Duration) -> Result<Self, StepError> {
        ctx.pause(PauseEvent::Begun {
            parts: PARTS.iter().map(ToString::to_string).collect(),
            no_return_before: NO_RETURN_BEFORE,
            budget_ms: u64::try_from(budget.as_millis()).unwrap_or(u64::MAX),
            old_side: None,
            new_side: None,
        })?;
        Ok(Self {
            ctx,
            began: Instant::now(),
            budget,
        })
    }

    fn left(&self) -> Duration {
        self.budget.saturating_sub(self.began.elapsed())
    }

    fn overrun(&self, what: &str) -> StepError {
        StepError::Stop(format!(
            "the write pause went over its budget of {:?}: {what}",
            self.budget
        ))
    }

    /// Runs a sub-step within what is left of the budget, and tells how it went.
    async fn part(
        &self,
        index: usize,
        work: impl Future<Output = Result<String, StepError>>,
    ) -> Result<(), StepError> {
        self.ctx.pause(PauseEvent::Part { index })?;
        let began = Instant::now();
        let done = tokio::time::timeout(self.left(), work).await;
        let detail = done.map_err(|_| self.overrun(PARTS[index]))??;
        self.told(index, began, detail)
    }

    fn told(&self, index: usize, began: Instant, detail: String) -> Result<(), StepError> {
        self.ctx.pause(PauseEvent::PartDone {
            index,
            took_us: micros(began.elapsed()),
            detail,
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
