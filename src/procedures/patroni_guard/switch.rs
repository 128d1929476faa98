use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;

use super::hands::send;
use super::job::{AUTOSTART_OFF, Job, POINT, PROMOTED, PROMOTING, STOOD, STOPPED_AT, TIMELINE};
use super::sight::{Sight, relied_on, server};
use crate::domain::{Node, Sql};
use crate::ports::Role;
use crate::runbook::{
    Action, Context, Facts, PauseEvent, Probe, Progress, Step, StepError, StepInfo, StepResult,
    millis,
};

const EVERY: Duration = Duration::from_millis(50);
/// A server at its target is promoted within this.
const SOON: Duration = Duration::from_secs(3);

/// A Patroni that is stopped stops its server, but for one that it was only starting: left for this long, it is stopped
/// here.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

/// The parts of the write outage; the last two are the next step's.
pub(super) const PARTS: [&str; 5] = [
    "stop the leader",
    "prove all stopped",
    "promote",
    "restart under Patroni",
    "lead and write",
];
const NO_RETURN_BEFORE: usize = 2;

/// Stops every other member, proves them stopped, and promotes the held one.
pub struct Switch {
    job: Arc<Job>,
    info: StepInfo,
}

impl Switch {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    /// Ends the recovery at its target, which is the promotion. `pg_promote` does the same, but a server that is paused
    /// at its target looks for it once a second only.
    fn promote(&self) -> Action {
        let sql = Sql::new("SELECT pg_wal_replay_resume()");
        Action::sql(&self.job.server(&self.job.held()), sql)
    }

    fn promote_still(&self) -> Action {
        let limit = self.job.profile.budgets.promote;
        let seconds = i64::try_from(limit.as_secs()).unwrap_or(60).max(1);
        let sql =
            Sql::new("SELECT pg_promote(true, {seconds}) AS promoted").number("seconds", seconds);
        Action::sql(&self.job.server(&self.job.held()), sql).within(limit + Duration::from_secs(5))
    }

    /// Those that are to be stopped, the leader last.
    fn to_stop(&self, facts: &Facts) -> Vec<Node> {
        let mut members = self.job.others(facts);
        members.push(self.job.leader(facts));
        members
    }

    async fn stop_all(&self, ctx: &Context, leader: &Node) -> Result<Instant, StepError> {
        let (job, facts) = (&self.job, ctx.facts());
        ctx.learn(&AUTOSTART_OFF, &true)?;
        for member in self.to_stop(&facts) {
            if let Some(action) = job.autostart(&member, false)? {
                send(ctx, &action).await?;
            }
        }
        // The others first: with the leader gone one of them would take its place.
        let others = job.others(&facts);
        let stops = others
            .iter()
            .map(async |member| send(ctx, &job.stop(member)?).await);
        futures_util::future::try_join_all(stops).await?;
        for member in &others {
            self.proven_stopped(ctx, member).await?;
        }
        ctx.learn(&STOPPED_AT, &Timestamp::now())?;
        ctx.pause(PauseEvent::Begun {
            parts: PARTS.map(str::to_owned).to_vec(),
            no_return_before: NO_RETURN_BEFORE,
            budget_ms: millis(job.profile.budgets.write_pause),
            old_side: Some(leader.to_string()),
            new_side: Some(job.profile.hold.clone()),
        })?;
        let began = Instant::now();
        part(ctx, 0, async {
            send(ctx, &job.stop(leader)?).await?;
            Ok(leader.to_string())
        })
        .await?;
        part(ctx, 1, async {
            self.proven_stopped(ctx, leader).await?;
            Ok(format!("{} members", others.len() + 1))
        })
        .await?;
        Ok(began)
    }

    /// Neither Patroni nor a server is left, and the data says that it was shut down.
    async fn proven_stopped(&self, ctx: &Context, member: &Node) -> Result<(), StepError> {
        let job = &self.job;
        let limit = job.profile.budgets.stop;
        match self.gone(ctx, member, limit.min(LEFT_BEHIND)).await {
            Err(StepError::TimedOut { .. }) => {
                let alone = !job.patroni_runs(ctx, member).await?;
                if alone && job.server_runs(ctx, member).await? {
                    send(ctx, &job.stop_by_hand(member)?).await?;
                }
                self.gone(ctx, member, limit).await
            }
            answer => answer,
        }?;
        let state = job.state_on_disk(ctx, member).await?;
        if state.starts_with("shut down") {
            return Ok(());
        }
        Err(StepError::Stop(format!(
            "{member}: its data is {state:?}, not shut down: it was not stopped cleanly"
        )))
    }

    /// Waits until neither Patroni nor a server is left.
    async fn gone(&self, ctx: &Context, member: &Node, limit: Duration) -> Result<(), StepError> {
        let job = &self.job;
        ctx.wait_for(&format!("{member} to be gone"), EVERY, limit, || async {
            let (patroni, running) = futures_util::try_join!(
                job.patroni_runs(ctx, member),
                job.server_runs(ctx, member)
            )?;
            Ok(match (patroni, running) {
                (false, false) => Ok(()),
                (true, _) => Err(Progress::seen(format!("{member}: its Patroni still runs"))),
                (false, true) => Err(Progress::seen(format!("{member}: its server still runs"))),
            })
        })
        .await
    }

    async fn promoted(&self, ctx: &Context, limit: Duration) -> Result<u32, StepError> {
        let (job, held) = (&self.job, self.job.held());
        ctx.wait_for(&format!("{held} to take writes"), EVERY, limit, || async {
            let seen = server(ctx.world.databases.as_ref(), &job.server(&held)).await?;
            Ok(match seen.timeline {
                Some(timeline) if !seen.in_recovery => Ok(timeline),
                _ => Err(Progress::seen(format!("{held} is still in recovery"))),
            })
        })
        .await
    }

    async fn must_stand(&self, ctx: &Context) -> Result<(), StepError> {
        let (job, held) = (&self.job, self.job.held());
        let point = ctx.known(&POINT)?;
        let stood = ctx.facts().get(&STOOD).unwrap_or(false);
        let seen = server(ctx.world.databases.as_ref(), &job.server(&held)).await?;
        let promoting = ctx.facts().get(&PROMOTING).is_some();
        // Once its promotion was sent it need not be paused any more, and may be through with it by now.
        if Job::stands_at(&seen, &point, stood)
            || promoting && (!seen.in_recovery || Job::is_at(&seen, &point, stood))
        {
            return Ok(());
        }
        Err(StepError::Stop(format!(
            "{held} does not stand at {} ({}): it has replayed up to {}. Nothing was changed by this. Undo the step before, \
             and recover it again.",
            point.name,
            point.lsn,
            seen.replayed
                .map_or_else(|| "nowhere".to_owned(), |lsn| lsn.to_string())
        )))
    }

    /// Starts what was stopped: the leader, and the others once it leads.
    async fn give_back(&self, ctx: &Context) -> Result<(), StepError> {
        let ctx = &ctx.uncancelled();
        let (job, facts) = (&self.job, ctx.facts());
        let leader = job.leader(&facts);
        if !job.patroni_runs(ctx, &leader).await? {
            ctx.rescue(&job.start(&leader)?).await?;
        }
        let patroni = ctx.world.patroni()?;
        ctx.wait_for(
            &format!("{leader} to lead again"),
            EVERY,
            job.profile.budgets.promote,
            || async {
                Ok(match patroni.serves_as(&leader, Role::Primary).await {
                    // Patroni says so as soon as it has begun to promote it.
                    Ok(true) => self.takes_writes(ctx, &leader).await,
                    Ok(false) => Err(Progress::seen(format!(
                        "{leader}: /primary does not answer 200 yet"
                    ))),
                    Err(error) => Err(Progress::seen(error.to_string())),
                })
            },
        )
        .await?;
        if let Some(since) = facts.get(&STOPPED_AT) {
            ctx.pause(PauseEvent::Ended {
                took_us: since_us(since),
                taken_back: true,
            })?;
            ctx.forget(&STOPPED_AT)?;
        }
        // Patroni has had it begin a timeline of its own. Unread, the next step asks about it.
        let seen = server(ctx.world.databases.as_ref(), &job.server(&leader)).await;
        if let Some(timeline) = seen.ok().and_then(|seen| seen.timeline) {
            ctx.learn(&TIMELINE, &timeline)?;
        }
        for member in job.others(&facts) {
            if !job.patroni_runs(ctx, &member).await? {
                ctx.rescue(&job.start(&member)?).await?;
            }
        }
        for member in self.to_stop(&facts) {
            if let Some(action) = job.autostart(&member, true)? {
                ctx.rescue(&action).await?;
            }
        }
        ctx.forget(&AUTOSTART_OFF)?;
        ctx.forget(&PROMOTING)
    }

    async fn takes_writes(&self, ctx: &Context, member: &Node) -> Result<(), Progress> {
        let seen = server(ctx.world.databases.as_ref(), &self.job.server(member)).await;
        match seen {
            Ok(seen) if !seen.in_recovery => Ok(()),
            Ok(_) => Err(Progress::seen(format!("{member} is still in recovery"))),
            Err(error) => Err(Progress::seen(error.to_string())),
        }
    }

    async fn taken_back(&self, ctx: &Context, why: &StepError) -> Result<StepResult, StepError> {
        let leader = self.job.leader(&ctx.facts());
        self.give_back(ctx).await.map_err(|error| {
            StepError::Stop(format!(
                "{why}. {leader} was to be started again, and that failed: {error}. Nobody takes writes: start Patroni on \
                 {leader} by hand; {} has not been promoted.",
                self.job.held()
            ))
        })?;
        Ok(StepResult::TakenBack(format!(
            "{leader} leads again, nothing is lost: {why}"
        )))
    }
}

/// Microseconds since `then`.
pub(super) fn since_us(then: Timestamp) -> u64 {
    u64::try_from(Timestamp::now().duration_since(then).as_micros()).unwrap_or(0)
}

/// One part of the write outage.
pub(super) async fn part(
    ctx: &Context,
    index: usize,
    work: impl Future<Output = Result<String, StepError>> + Send,
) -> Result<(), StepError> {
    ctx.pause(PauseEvent::Part { index })?;
    let began = Instant::now();
    let detail = work.await?;
    ctx.pause(PauseEvent::PartDone {
        index,
        took_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        detail,
    })
}

#[async_trait]
impl Step for Switch {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let (job, facts) = (&self.job, ctx.facts());
        let held = job.held();
        let seen = server(ctx.world.databases.as_ref(), &job.server(&held)).await;
        let begun = facts.get(&PROMOTING).is_some();
        match seen {
            Ok(seen) if !seen.in_recovery && begun => {
                if let Some(timeline) = seen.timeline {
                    ctx.learn(&PROMOTED, &timeline)?;
                }
                return Ok(Probe::Applied);
            }
            Ok(seen) if !seen.in_recovery => {
                return Ok(Probe::Unknown(format!(
                    "{held} takes writes, and this run has not promoted it"
                )));
            }
            // The next step restarts it: what it did before is known.
            Err(_) if facts.get(&PROMOTED).is_some() => return Ok(Probe::Applied),
            Err(error) if begun => {
                return Ok(Probe::Unknown(format!(
                    "{held} was being promoted and does not answer: {error}"
                )));
            }
            Ok(_) if begun => return Ok(Probe::Partial(format!("{held} was being promoted"))),
            Ok(_) | Err(_) => {}
        }
        let mut stopped = Vec::new();
        for member in self.to_stop(&facts) {
            if !job.patroni_runs(ctx, &member).await? {
                stopped.push(member.to_string());
            }
        }
        Ok(
            if stopped.is_empty() && facts.get(&AUTOSTART_OFF).is_none() {
                Probe::NotApplied
            } else if stopped.is_empty() {
                Probe::TakeBack(format!(
                    "autostart is switched off on some members, and {held} is not promoted"
                ))
            } else {
                Probe::TakeBack(format!(
                    "Patroni is stopped on {}, and {held} is not promoted",
                    stopped.join(", ")
                ))
            },
        )
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let members = self.to_stop(facts);
        let off = members
            .iter()
            .filter_map(|member| self.job.autostart(member, false).ok().flatten());
        let mut actions: Vec<_> = off.collect();
        actions.extend(members.iter().map(|member| {
            // Who leads is not known before the run begins.
            self.job
                .stop(member)
                .unwrap_or_else(|_| Action::on_host(member, vec!["{stop}".to_owned()], EVERY))
        }));
        actions.push(self.promote());
        actions
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let (job, held) = (&self.job, self.job.held());
        let budget = job.profile.budgets.write_pause;
        self.must_stand(ctx).await?;
        if ctx.facts().get(&PROMOTING).is_some() {
            for member in self.to_stop(&ctx.facts()) {
                self.proven_stopped(ctx, &member).await?;
            }
        } else {
            let leader = relied_on(ctx, job).await?;
            Sight::take(ctx, job).await.not_in_maintenance(job)?;
            job.tell_timelines(ctx, &leader, &ctx.known(&POINT)?)
                .await?;
            let began = match self.stop_all(ctx, &leader).await {
                Ok(began) => began,
                Err(why) => return self.taken_back(ctx, &why).await,
            };
            let late = began.elapsed() > budget;
            if late || ctx.is_cancelled() {
                let why = if late {
                    StepError::Stop("it took longer than budgets.write_pause allows".to_owned())
                } else {
                    StepError::Cancelled
                };
                return self.taken_back(ctx, &why).await;
            }
            if let Err(why) = self.must_stand(ctx).await {
                return self.taken_back(ctx, &why).await;
            }
        }
        let ctx = &ctx.uncancelled();
        ctx.learn(&PROMOTING, &true)?;
        ctx.pause(PauseEvent::PointOfNoReturn)?;
        part(ctx, 2, async {
            // One that is not paused any more is on its way already.
            if server(ctx.world.databases.as_ref(), &job.server(&held))
                .await?
                .paused
            {
                ctx.send(&self.promote()).await?;
            }
            let timeline = match self.promoted(ctx, SOON).await {
                Err(StepError::TimedOut { .. }) => {
                    ctx.send(&self.promote_still()).await?;
                    self.promoted(ctx, job.profile.budgets.promote).await?
                }
                answer => answer?,
            };
            ctx.learn(&PROMOTED, &timeline)?;
            Ok(format!("timeline {timeline}"))
        })
        .await?;
        Ok(StepResult::Done(format!(
            "{held} is promoted; all others are stopped"
        )))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        let held = self.job.held();
        let seen = server(ctx.world.databases.as_ref(), &self.job.server(&held)).await?;
        if !seen.in_recovery || ctx.facts().get(&PROMOTED).is_some() {
            return Err(StepError::Stop(format!(
                "{held} was promoted: the old leader must not be started as one. Go on with the roll back."
            )));
        }
        self.give_back(ctx).await
    }
}
