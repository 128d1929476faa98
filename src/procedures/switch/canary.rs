//! The canary: writes numbered rows as an application would while the switch goes on. It stands beside the write pause,
//! never in it: nothing waits for it before applications write again, and what goes wrong with it is a line in the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::tally::Tally;
use crate::domain::{Node, Sql};
use crate::ports::{Databases, DbErrorKind, Session};
use crate::procedures::Job;
use crate::runbook::{Context, PauseEvent, StepError};

/// Rows that are to be through before anything else is done: few would say little about what is lost or doubled.
const ROWS: usize = 10;
/// For them to come through; where none does the switch goes on without a canary.
const WARM: Duration = Duration::from_secs(2);
/// For the first row to come through after the pause.
const AFTERWARDS: Duration = Duration::from_secs(5);
/// For one row; after that its outcome counts as unknown.
const ROW: Duration = Duration::from_secs(2);

/// A canary at work. Dropped, it stops.
pub(super) struct Canary {
    tally: Arc<Mutex<Tally>>,
    acknowledged: watch::Receiver<Option<Instant>>,
    held_off: watch::Sender<bool>,
    _stop: DropGuard,
    job: Arc<Job>,
    run: String,
}

impl Canary {
    /// Lets a canary go where the profile has one.
    pub(super) fn start(ctx: &Context, job: &Arc<Job>) -> Option<Self> {
        let every = job.profile.canary.as_ref()?.every;
        let stop = CancellationToken::new();
        let tally = Arc::<Mutex<Tally>>::default();
        let (heard, acknowledged) = watch::channel(None);
        let (held_off, off) = watch::channel(false);
        // No attempt of the run, nor its way back, counts the rows of another.
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let run = format!("{} {}", ctx.run, since.unwrap_or_default().as_micros());
        let writer = Writer {
            databases: Arc::clone(&ctx.world.databases),
            insert: Sql::new("INSERT INTO {canary} VALUES ({run}, {seq}, clock_timestamp())")
                .qualified("canary", job.schema(), "canary")
                .literal("run", &run),
            tally: Arc::clone(&tally),
            heard,
            off,
        };
        let told = stop.clone();
        tokio::spawn(async move { told.run_until_cancelled(writer.write(every)).await });
        Some(Self {
            tally,
            acknowledged,
            held_off,
            _stop: stop.drop_guard(),
            job: Arc::clone(job),
            run,
        })
    }

    /// Waits a moment for its first rows; a canary that brings none through is let go, and the switch goes without.
    pub(super) async fn warm(mut self, ctx: &Context) -> Option<Self> {
        let tally = Arc::clone(&self.tally);
        let enough = |_: &Option<Instant>| copy(&tally).acknowledged.len() >= ROWS;
        let _ = timeout(WARM, self.acknowledged.wait_for(enough)).await;
        if !self.tally().acknowledged.is_empty() {
            return Some(self);
        }
        let why = self.tally().failure;
        ctx.log(&format!(
            "the canary brought no row through, so what an application sees of the pause will not be measured: {}",
            why.as_deref().unwrap_or("it got no answer")
        ));
        None
    }

    /// Lets it write for as long as its connection lives and not knock after that: a login that is refused costs the
    /// server a process, in the middle of the pause.
    pub(super) fn hold_off(&self) {
        self.held_off.send_replace(true);
    }

    /// Applications may come back, and the canary with them.
    pub(super) fn come_back(&self) {
        self.held_off.send_replace(false);
    }

    /// Waits until a row comes through after the pause, which lasted from `began` to `ended`, counts those of the side
    /// that is in service now, and tells.
    pub(super) async fn tell(
        mut self,
        ctx: &Context,
        serving: &Node,
        began: Instant,
        ended: Instant,
    ) {
        let after = self
            .acknowledged
            .wait_for(|at| at.is_some_and(|at| at > ended));
        let _ = timeout(AFTERWARDS, after).await;
        // Read before the server is asked: what comes later is there as well, but not looked for.
        let tally = self.tally();
        let pause = tally.pause(began, ended);
        if pause.is_none() {
            let why = tally.failure.as_deref().unwrap_or("it got no answer");
            ctx.log(&format!(
                "the canary brought no row through after the pause: {why}"
            ));
        }
        let held = match timeout(AFTERWARDS, self.held(ctx, serving)).await {
            Ok(Ok(held)) => Some(held),
            Ok(Err(error)) => {
                ctx.log(&format!("the canary's rows could not be counted: {error}"));
                None
            }
            Err(_) => {
                ctx.log("the canary's rows could not be counted: no answer");
                None
            }
        };
        let seen = tally.seen(pause, held.as_ref());
        // The switch is through; a journal that cannot be written is complained about by what comes next.
        let _ = ctx.pause(PauseEvent::Canary { seen });
    }

    fn tally(&self) -> Tally {
        copy(&self.tally)
    }

    /// How often each of its numbers stands on `serving`.
    async fn held(&self, ctx: &Context, serving: &Node) -> Result<BTreeMap<i64, u64>, StepError> {
        let sql =
            Sql::new("SELECT seq, count(*) AS count FROM {canary} WHERE run = {run} GROUP BY seq")
                .qualified("canary", self.job.schema(), "canary")
                .literal("run", &self.run);
        let mut held = BTreeMap::new();
        for at in self.job.places(serving) {
            for row in &ctx.read(&at, &sql).await? {
                *held.entry(row.get("seq")?).or_default() += row.get::<u64>("count")?;
            }
        }
        Ok(held)
    }
}

fn copy(tally: &Mutex<Tally>) -> Tally {
    tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The task that writes.
struct Writer {
    databases: Arc<dyn Databases>,
    insert: Sql,
    tally: Arc<Mutex<Tally>>,
    heard: watch::Sender<Option<Instant>>,
    off: watch::Receiver<bool>,
}

impl Writer {
    /// Writes until it is stopped. A connection on which anything fails is given up, as an application's pool does.
    async fn write(mut self, every: Duration) {
        let mut clock = interval(every);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut session: Option<Arc<dyn Session>> = None;
        for seq in 1.. {
            clock.tick().await;
            if session.is_none() {
                let _ = self.off.wait_for(|off| !off).await;
            }
            let open = match session.take() {
                Some(open) => open,
                None => match self.databases.application().await {
                    Ok(open) => open,
                    Err(error) => {
                        self.note(|tally| tally.failure = Some(error.message));
                        continue;
                    }
                },
            };
            if self.row(open.as_ref(), seq).await {
                session = Some(open);
            }
        }
    }

    /// Writes one row; true when it was acknowledged.
    async fn row(&self, session: &dyn Session, seq: i64) -> bool {
        let insert = self.insert.clone().number("seq", seq);
        match timeout(ROW, session.query(&insert)).await {
            Ok(Ok(_)) => {
                let now = Instant::now();
                self.note(|tally| tally.acknowledged.push((seq, now)));
                self.heard.send_replace(Some(now));
                return true;
            }
            Ok(Err(error)) => self.note(|tally| {
                if error.kind == DbErrorKind::Unknown {
                    tally.in_doubt.push(seq);
                }
                tally.failure = Some(error.message);
            }),
            Err(_) => self.note(|tally| {
                tally.in_doubt.push(seq);
                tally.failure = Some(format!("no answer within {ROW:?}"));
            }),
        }
        false
    }

    fn note(&self, what: impl FnOnce(&mut Tally)) {
        what(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
