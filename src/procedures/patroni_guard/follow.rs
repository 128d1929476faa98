//! Whether a member follows its leader: by its server's word and the leader's timeline, never by Patroni's alone. A
//! member that diverged answers 200 on `/replica`, too.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::job::Job;
use super::sight::{Server, cluster, server};
use super::timelines::same_history;
use crate::domain::{Lsn, Node, human_bytes};
use crate::runbook::{Action, Context, PatroniCall, Progress, StepError};

const EVERY: Duration = Duration::from_millis(100);
/// A follower this close to its leader has caught up, bytes.
const LEVEL: i64 = 16 << 10;
/// A follower without a walreceiver that replays nothing is left alone at least this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a wait for a follower came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Level,
    Stuck,
}

/// How a follower came to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By itself: streaming, or `pg_rewind`.
    Itself,
    /// Its data was made anew from the leader's.
    Reinit,
}

/// Waits until `follower` streams from `leader` on its timeline and is level with it; where it stands still, it is made
/// anew from the leader.
pub(super) async fn follows(
    ctx: &Context,
    job: &Job,
    leader: &Node,
    follower: &Node,
    limit: Duration,
) -> Result<By, StepError> {
    let patience = patience(ctx, leader).await;
    if level(ctx, job, leader, follower, limit, patience).await? == Came::Level {
        return Ok(By::Itself);
    }
    ctx.log(&format!(
        "{follower} gets no WAL from {leader} and does not come back by itself: its data is made anew from {leader}'s"
    ));
    ctx.send(&reinitialize(follower)).await?;
    // Until Patroni has stopped it, it would be seen to stand still.
    tokio::time::sleep(patience).await;
    match level(
        ctx,
        job,
        leader,
        follower,
        job.profile.budgets.rejoin,
        patience * 4,
    )
    .await?
    {
        Came::Level => Ok(By::Reinit),
        Came::Stuck => Err(StepError::Stop(format!(
            "{follower} was made anew and does not follow {leader}. Look: {}; then retry.",
            job.ctl("list")
        ))),
    }
}

/// Has a member throw its data away and copy the leader's.
pub(super) fn reinitialize(member: &Node) -> Action {
    Action::patroni(member, PatroniCall::Reinitialize)
}

/// Patroni makes a member's slot in one of its rounds: three of them, at least.
async fn patience(ctx: &Context, leader: &Node) -> Duration {
    let rounds = async {
        let config = ctx.world.patroni().ok()?.config(leader).await.ok()?;
        config["loop_wait"].as_u64()
    };
    let round = rounds.await.unwrap_or(10).min(60);
    PATIENCE.max(Duration::from_secs(3 * round))
}

async fn level(
    ctx: &Context,
    job: &Job,
    leader: &Node,
    follower: &Node,
    limit: Duration,
    patience: Duration,
) -> Result<Came, StepError> {
    let still = Still::default();
    let databases = ctx.world.databases.as_ref();
    let (ahead, behind) = (job.server(leader), job.server(follower));
    ctx.wait_for(&format!("{follower} to follow {leader}"), EVERY, limit, || async {
        let (first, seen) = futures_util::join!(server(databases, &ahead), server(databases, &behind));
        let first = first?;
        let Some(written) = first.written else {
            return Err(StepError::Stop(format!(
                "{leader} does not lead any more. Look: {}; then retry.",
                job.ctl("list")
            )));
        };
        let Ok(seen) = seen else {
            let cluster = cluster(&ctx.world, std::slice::from_ref(leader)).await;
            return Ok(Err(Progress::seen(if cluster.is_some_and(|cluster| cluster.paused) {
                let resume = job.ctl("resume");
                format!("in maintenance mode (pause) Patroni does not start {follower}: {resume}")
            } else {
                format!("{follower} does not answer yet")
            })));
        };
        if !seen.in_recovery {
            return Err(StepError::Stop(format!(
                "{follower} takes writes beside {leader}: two leaders. Stop one of them, then retry."
            )));
        }
        let mut on_it = seen.streaming && seen.timeline == first.timeline;
        if let (true, Some(timeline)) = (on_it, first.timeline) {
            match same_history(databases, job, (leader, follower), timeline).await {
                Ok(same) => on_it = same,
                Err(error) => return Ok(Err(Progress::seen(error.to_string()))),
            }
        }
        let lag = seen.replayed.map(|replayed| written.bytes_since(replayed));
        Ok(match lag {
            Some(lag) if on_it && lag < LEVEL => Ok(Came::Level),
            Some(lag) if on_it => Err(Progress::seen(format!(
                "{follower} is {} behind",
                human_bytes(lag.unsigned_abs())
            ))),
            _ if still.for_longer_than(patience, &seen, on_it) => Ok(Came::Stuck),
            _ => Err(Progress::seen(format!("{follower} does not stream on the leader's timeline yet"))),
        })
    })
    .await
}

/// Since when a follower has stood still, and where.
#[derive(Default)]
struct Still(Mutex<Option<(Option<Lsn>, Instant)>>);

impl Still {
    fn for_longer_than(&self, patience: Duration, seen: &Server, streams: bool) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            _ if streams => *last = None,
            Some((at, since)) if at == seen.replayed => return since.elapsed() >= patience,
            _ => *last = Some((seen.replayed, Instant::now())),
        }
        false
    }
}
