use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::job::{Job, LEADER, WAL_KEEP, WalKeep};
use super::sight::relied_on;
use crate::domain::{Node, Sql};
use crate::runbook::{
    Action, Context, Facts, PatroniCall, Probe, Progress, Step, StepError, StepInfo, StepResult,
};

const MEGABYTE: u64 = 1 << 20;
/// Megabytes of a WAL file, unless the cluster was made with others.
const SEGMENT: u64 = 16;
/// A server whose Patroni has just looked has read its file by then; to reload it once more does no harm.
const AT_ONCE: Duration = Duration::from_secs(3);
/// Patroni looks at its configuration once in this time at the latest, unless it was told to take longer.
const ROUND: Duration = Duration::from_secs(15);

/// Has leader and replicas keep more WAL while a member is held.
pub struct KeepWal {
    job: Arc<Job>,
    info: StepInfo,
}

/// The setting and its value on a server of this version.
struct Wanted {
    setting: &'static str,
    value: Value,
    megabytes: u64,
}

impl KeepWal {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }
}

impl Wanted {
    /// What the profile wants, as a server of this version calls it.
    fn on(job: &Job, major: u32) -> Self {
        let megabytes = job.profile.guard.wal_keep_size.0.div_ceil(MEGABYTE);
        if major >= 13 {
            return Self {
                setting: "wal_keep_size",
                value: json!(format!("{megabytes}MB")),
                megabytes,
            };
        }
        let segments = megabytes.div_ceil(SEGMENT);
        Self {
            setting: "wal_keep_segments",
            value: json!(segments),
            megabytes: segments * SEGMENT,
        }
    }
}

async fn major(ctx: &Context, job: &Job, member: &Node) -> Result<u32, StepError> {
    let session = ctx.world.databases.shared(&job.server(member)).await?;
    Ok(session.version().major())
}

/// What a server keeps now, in megabytes.
async fn kept(ctx: &Context, job: &Job, member: &Node) -> Result<u64, StepError> {
    let sql = if major(ctx, job, member).await? >= 13 {
        Sql::new(include_str!("../../../assets/sql/guard/wal_keep_size.sql"))
    } else {
        Sql::new(include_str!(
            "../../../assets/sql/guard/wal_keep_segments.sql"
        ))
    };
    let rows = ctx.read(&job.server(member), &sql).await?;
    Ok(rows.one()?.get("megabytes")?)
}

/// The dynamic configuration's change that gives a setting this value.
fn change(setting: &str, value: &Value) -> PatroniCall {
    PatroniCall::PatchConfig(json!({"postgresql": {"parameters": {setting: value}}}))
}

fn standing(config: &Value, setting: &str) -> Option<Value> {
    config["postgresql"]["parameters"].get(setting).cloned()
}

/// What would be sent to put it back.
pub(super) fn giving_back(job: &Job, facts: &Facts) -> Vec<Action> {
    let order = |before: WalKeep| {
        let value = before.was.unwrap_or(Value::Null);
        Action::patroni(&job.leader(facts), change(&before.setting, &value))
    };
    facts.get(&WAL_KEEP).map(order).into_iter().collect()
}

/// Puts back what stood in the dynamic configuration before, on the first member that takes it.
pub(super) async fn put_back(ctx: &Context, job: &Job) -> Result<StepResult, StepError> {
    let Some(WalKeep { setting, was }) = ctx.facts().get(&WAL_KEEP) else {
        return Ok(StepResult::Skipped("it was not changed".to_owned()));
    };
    let mut last = None;
    for member in job.members() {
        if let Err(error) = ctx.world.patroni()?.config(&member).await {
            last = Some(error);
            continue;
        }
        // Sent whatever is shown: Patroni answers with what it last read from the DCS, and what was raised a moment ago
        // would look as before.
        let value = was.clone().unwrap_or(Value::Null);
        ctx.send(&Action::patroni(&member, change(&setting, &value)))
            .await?;
        let limit = job.profile.budgets.hold;
        let what = format!("{setting} to stand there as before");
        ctx.wait_for(&what, Duration::from_millis(200), limit, || async {
            let config = ctx.world.patroni()?.config(&member).await?;
            Ok(if standing(&config, &setting) == was {
                Ok(())
            } else {
                Err(Progress::seen(format!("{member} does not show it yet")))
            })
        })
        .await?;
        let late = have_let_go(ctx, job, AT_ONCE).await?;
        for member in &late {
            ctx.send(&Action::patroni(member, PatroniCall::Reload))
                .await?;
        }
        let left = if late.is_empty() {
            late
        } else {
            have_let_go(ctx, job, ROUND).await?
        };
        ctx.forget(&WAL_KEEP)?;
        return Ok(if left.is_empty() {
            StepResult::Done(format!("{setting} is as it was"))
        } else {
            StepResult::Warning(format!(
                "{setting} is as it was for Patroni, and the servers of {} have not read it: reload them",
                names(&left)
            ))
        });
    }
    Err(last.map_or_else(
        || StepError::Stop("no member is known".to_owned()),
        StepError::from,
    ))
}

/// Waits until no server keeps what was raised; those that still do. Patroni writes a server's file in its own round, and
/// one that was being started meanwhile has read the file of before.
async fn have_let_go(ctx: &Context, job: &Job, limit: Duration) -> Result<Vec<Node>, StepError> {
    let every = Duration::from_millis(200);
    let what = "every server to have read it";
    let waited = ctx.wait_for(what, every, limit, || async {
        let left = raised_on(ctx, job).await;
        Ok(if left.is_empty() {
            Ok(())
        } else {
            Err(Progress::seen(format!("{} not yet", names(&left))))
        })
    });
    match waited.await {
        Ok(()) => Ok(Vec::new()),
        Err(StepError::TimedOut { .. }) => Ok(raised_on(ctx, job).await),
        Err(error) => Err(error),
    }
}

/// A server that is down reads its file when it starts.
async fn raised_on(ctx: &Context, job: &Job) -> Vec<Node> {
    let mut raised = Vec::new();
    for member in job.members() {
        let Ok(major) = major(ctx, job, &member).await else {
            continue;
        };
        let wanted = Wanted::on(job, major).megabytes;
        if matches!(kept(ctx, job, &member).await, Ok(kept) if kept == wanted) {
            raised.push(member);
        }
    }
    raised
}

fn names(members: &[Node]) -> String {
    let names: Vec<_> = members.iter().map(ToString::to_string).collect();
    names.join(", ")
}

#[async_trait]
impl Step for KeepWal {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        Ok(if ctx.facts().get(&WAL_KEEP).is_some() {
            // Sent again, it is the same.
            Probe::Partial("it was begun".to_owned())
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let wanted = Wanted::on(&self.job, 13);
        let leader = self.job.leader(facts);
        vec![Action::patroni(
            &leader,
            change(wanted.setting, &wanted.value),
        )]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let leader = relied_on(ctx, &self.job).await?;
        let wanted = Wanted::on(&self.job, major(ctx, &self.job, &leader).await?);
        let facts = ctx.facts();
        if facts.get(&WAL_KEEP).is_none() {
            if kept(ctx, &self.job, &leader).await? >= wanted.megabytes {
                let text = format!(
                    "{} keeps as much already",
                    facts.get(&LEADER).unwrap_or_default()
                );
                return Ok(StepResult::Skipped(text));
            }
            let config = ctx.world.patroni()?.config(&leader).await?;
            let before = WalKeep {
                setting: wanted.setting.to_owned(),
                was: standing(&config, wanted.setting),
            };
            ctx.learn(&WAL_KEEP, &before)?;
        }
        let order = Action::patroni(&leader, change(wanted.setting, &wanted.value));
        ctx.send(&order).await?;
        let limit = self.job.profile.budgets.hold;
        let what = format!("{leader} to keep {} MB of WAL", wanted.megabytes);
        ctx.wait_for(&what, Duration::from_millis(200), limit, || async {
            let kept = kept(ctx, &self.job, &leader).await?;
            Ok(if kept >= wanted.megabytes {
                Ok(())
            } else {
                Err(Progress::seen(format!("{leader} keeps {kept} MB")))
            })
        })
        .await?;
        Ok(StepResult::Done(format!(
            "{} MB are kept",
            wanted.megabytes
        )))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        put_back(ctx, &self.job).await.map(drop)
    }
}
