//! The old side follows the new one, by the cheapest way that is safe: started as a standby after a switchover that was
//! seen to be clean, else rewound, else copied anew beside its old data.

mod copy;
mod rewind;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::job::{STOPPED_AT, VipJob, other};
use super::server::{Control, Found, send};
use crate::domain::{Node, Sql};
use crate::profile::Mover;
use crate::runbook::{
    Action, Context, Facts, Probe, Progress, Step, StepError, StepInfo, StepResult,
};

/// For a server that lacks nothing to be following.
const CLEAN_LIMIT: Duration = Duration::from_secs(60);
/// For a server to stop.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// How long the address is watched after keepalived has joined again on the old side.
const WATCHED: Duration = Duration::from_secs(5);

/// Has a side follow the other.
pub struct Rejoin {
    job: Arc<VipJob>,
    node: Node,
    info: StepInfo,
}

/// How a side can join again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It holds nothing that the other side has not: started as a standby.
    Clean,
    /// It may hold more than the other side: that is taken off it.
    Rewind,
    /// It cannot be rewound.
    Copy,
}

impl Rejoin {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, node: Node, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            node,
            info,
        }
    }

    fn leader(&self) -> Node {
        other(&self.node)
    }

    /// What was seen dead at a checkpoint that the other side has replayed, and has not run as a primary since.
    fn is_clean(&self, facts: &Facts, control: &Control) -> bool {
        let stopped = facts.get(&STOPPED_AT.of(self.node.as_str()));
        let since = control.state == "shut down in recovery";
        stopped.is_some_and(|at| since || (control.is_clean() && control.checkpoint == at))
    }

    /// Starts it as a standby and waits until it follows.
    async fn start(&self, ctx: &Context, limit: Duration) -> Result<(), StepError> {
        send(ctx, &self.job.signal_action(&self.node)).await?;
        send(ctx, &self.job.start_action(&self.node)).await?;
        self.job.wait_serving(ctx, &self.node, true, limit).await?;
        wait_streaming(ctx, &self.job, &self.node, limit).await
    }

    /// Stops what runs without following, so that its data can be worked on.
    async fn stop(&self, ctx: &Context) -> Result<(), StepError> {
        send(ctx, &self.job.stop_action(&self.node, "fast")).await?;
        self.job.wait_gone(ctx, &self.node, STOP_LIMIT).await
    }

    async fn join(&self, ctx: &Context) -> Result<Way, StepError> {
        self.end_copy(ctx).await?;
        let told = self.job.told(&self.node);
        let rewinding = self.was_rewinding(ctx).await?;
        let control = match self.job.look(&ctx.world, &self.node).await? {
            Found::Serving(state) if state.standby => {
                // Somebody started it: the mark had it come up as a standby, and it may need a moment.
                if !rewinding
                    && wait_streaming(ctx, &self.job, &self.node, CLEAN_LIMIT / 4)
                        .await
                        .is_ok()
                {
                    return Ok(Way::Clean);
                }
                ctx.log(&format!("{told} runs and does not follow: it is stopped"));
                self.stop(ctx).await?;
                self.job.control(&ctx.world, &self.node).await?
            }
            Found::Down(control) => control,
            found => {
                return Err(StepError::Stop(format!(
                    "{told} is {}, so it cannot join again yet. {} serves and is not touched.",
                    found.words(),
                    self.leader()
                )));
            }
        };
        let fresh = self.is_fresh(ctx).await?;
        // pg_rewind writes the label and the control data last.
        let rewound = fresh && control.is_recovering();
        if rewinding && !rewound {
            ctx.log(&format!(
                "a rewind of {told} was cut short, which leaves data of both sides: it is copied anew"
            ));
            return self.join_by_copy(ctx).await;
        }
        if rewinding {
            self.end_rewind(ctx).await?;
        }
        let way = match fresh {
            true if rewound => Way::Rewind,
            true => Way::Copy,
            false => Way::Clean,
        };
        // What follows or was made to follow has nothing of its own; recovering apart from the other side it would begin
        // a history of its own on the same timeline, which pg_rewind does not see.
        let follows = fresh || control.is_recovering() || self.is_clean(&ctx.facts(), &control);
        if follows && self.try_start(ctx, way).await? {
            return Ok(way);
        }
        if self.rewind(ctx).await? && self.try_start(ctx, Way::Rewind).await? {
            return Ok(Way::Rewind);
        }
        self.join_by_copy(ctx).await
    }

    async fn join_by_copy(&self, ctx: &Context) -> Result<Way, StepError> {
        self.copy(ctx).await?;
        self.start(ctx, self.job.profile.budgets.rejoin).await?;
        Ok(Way::Copy)
    }

    /// Starts it; where it does not follow it is stopped again, and another way is tried.
    async fn try_start(&self, ctx: &Context, way: Way) -> Result<bool, StepError> {
        match self.start(ctx, CLEAN_LIMIT).await {
            Ok(()) => return Ok(true),
            Err(error @ (StepError::Cancelled | StepError::Journal(_))) => return Err(error),
            Err(error) => ctx.log(&format!(
                "{} did not follow after {}: {error}",
                self.job.told(&self.node),
                match way {
                    Way::Clean => "a clean start",
                    Way::Rewind => "it was rewound",
                    Way::Copy => "it was copied",
                }
            )),
        }
        self.stop_if_running(ctx).await?;
        Ok(false)
    }

    async fn stop_if_running(&self, ctx: &Context) -> Result<(), StepError> {
        if self.job.is_running(&ctx.world, &self.node).await? {
            self.stop(ctx).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Step for Rejoin {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let found = self.job.look(&ctx.world, &self.node).await?;
        let told = format!("{} is {}", self.job.told(&self.node), found.words());
        Ok(match found {
            Found::Serving(state) if !state.standby => Probe::Unknown(format!(
                "TWO PRIMARIES: {told}, and {} serves. What was written to it since the switchover is on no other \
                 server. Stop it, keep its data, then try again: it is rewound or copied anew",
                self.leader()
            )),
            Found::Serving(_)
                if streaming(ctx, &self.job, &self.node).await?.is_ok()
                    && !self.was_rewinding(ctx).await? =>
            {
                Probe::Applied
            }
            Found::Serving(_) | Found::Busy(_) => Probe::Partial(told),
            Found::Down(_) | Found::OutOfReach(_) => Probe::NotApplied,
        })
    }

    /// The cheapest way; the others are shown where they are taken.
    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        vec![
            self.job.signal_action(&self.node),
            self.job.start_action(&self.node),
        ]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        // A host that was lost may have kept the address.
        let owners = self.job.owners(&ctx.world, &ctx.facts()).await?;
        if owners.of(&self.node) && owners.of(&self.leader()) {
            self.job.drop_address(ctx, &self.leader()).await?;
        }
        let way = self.join(ctx).await?;
        let text = match way {
            Way::Clean => "it lacked nothing and was started as a standby",
            Way::Rewind => "rewound to where the two parted",
            Way::Copy => "copied anew; the old data stands beside it",
        };
        let told = self.job.told(&self.node);
        ctx.proof(true, &format!("{told} follows {}: {text}", self.leader()))?;
        let text = format!("{told} follows {}: {text}", self.leader());
        Ok(if way == Way::Clean {
            StepResult::Done(text)
        } else {
            StepResult::Warning(text)
        })
    }

    /// A standby more does no harm, and one less would.
    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// Whether `node` follows the other side: streaming through its slot; else what was seen.
pub(super) async fn streaming(
    ctx: &Context,
    job: &VipJob,
    node: &Node,
) -> Result<Result<i64, String>, StepError> {
    let sql = Sql::new(include_str!("../../../../assets/sql/vip/follower.sql"));
    // Before the run has made its slot, the other side is followed by whatever slot was there.
    let sql = sql
        .literal("application", job.application_name(node))
        .literal("slot", &job.slot(node));
    let rows = ctx.read(&job.place(&other(node)), &sql).await?;
    let Some(row) = rows.first() else {
        return Ok(Err("not connected".to_owned()));
    };
    let state: String = row.opt("state")?.unwrap_or_default();
    let behind: Option<i64> = row.opt("behind")?;
    Ok(match behind {
        Some(behind) if state == "streaming" => Ok(behind),
        _ => Err(state),
    })
}

/// Waits until `node` follows the other side.
pub(super) async fn wait_streaming(
    ctx: &Context,
    job: &VipJob,
    node: &Node,
    limit: Duration,
) -> Result<(), StepError> {
    let what = format!("{} to follow {}", job.told(node), other(node));
    let every = Duration::from_millis(10);
    ctx.wait_for(&what, every, limit, || async {
        Ok(match streaming(ctx, job, node).await? {
            Ok(_) => Ok(()),
            Err(seen) => Err(Progress::seen(seen)),
        })
    })
    .await
}

/// keepalived joins again on the old side, once the new one owns the address.
pub struct JoinAddress {
    job: Arc<VipJob>,
    node: Node,
    info: StepInfo,
}

impl JoinAddress {
    /// The step; `None` where the address is not keepalived's.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, node: Node, info: StepInfo) -> Option<Self> {
        matches!(job.profile.address.by, Mover::Keepalived { .. }).then(|| Self {
            job: Arc::clone(job),
            node,
            info,
        })
    }

    fn actions_of(&self) -> Option<(Action, Action)> {
        let Mover::Keepalived { release, join } = &self.job.profile.address.by else {
            return None;
        };
        let (release, join) = (
            self.job.root_action(&self.node, release),
            self.job.root_action(&self.node, join),
        );
        Some((join, release))
    }
}

#[async_trait]
impl Step for JoinAddress {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.actions_of()
            .into_iter()
            .map(|(join, release)| join.undone_by([release]))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let Some((join, release)) = self.actions_of() else {
            return Ok(StepResult::Skipped(
                "keepalived does not own the address".to_owned(),
            ));
        };
        send(ctx, &join).await?;
        let serving = other(&self.node);
        let began = std::time::Instant::now();
        while began.elapsed() < WATCHED {
            let owners = self.job.owners(&ctx.world, &ctx.facts()).await?;
            if owners.of(&self.node) {
                send(ctx, &release).await?;
                return Err(StepError::Stop(format!(
                    "keepalived on {} took the address back from {serving}, and was made to let go again. Give {serving} the \
                     higher priority, or set nopreempt, then try again.",
                    self.job.told(&self.node)
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(StepResult::Done(format!("the address stays on {serving}")))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        match self.actions_of() {
            Some((_, release)) => send(ctx, &release).await.map(drop),
            None => Ok(()),
        }
    }
}
