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

    fn wanted(&self, major: u32) -> Wanted {
        let megabytes = self.job.profile.guard.wal_keep_size.0.div_ceil(MEGABYTE);
        if major >= 13 {
            return Wanted {
                setting: "wal_keep_size",
                value: json!(format!("{megabytes}MB")),
                megabytes,
            };
        }
        Wanted {
            setting: "wal_keep_segments",
            value: json!(megabytes.div_ceil(16)),
            megabytes,
        }
    }

    async fn major(&self, ctx: &Context, leader: &Node) -> Result<u32, StepError> {
        let session = ctx.world.databases.shared(&self.job.server(leader)).await?;
        Ok(session.version().major())
    }

    async fn kept(&self, ctx: &Context, member: &Node, major: u32) -> Result<u64, StepError> {
        let sql = if major >= 13 {
            Sql::new(include_str!("../../../assets/sql/guard/wal_keep_size.sql"))
        } else {
            Sql::new(include_str!(
                "../../../assets/sql/guard/wal_keep_segments.sql"
            ))
        };
        let rows = ctx.read(&self.job.server(member), &sql).await?;
        Ok(rows.one()?.get("megabytes")?)
    }
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
        ctx.forget(&WAL_KEEP)?;
        return Ok(StepResult::Done(format!("{setting} is as it was")));
    }
    Err(last.map_or_else(
        || StepError::Stop("no member is known".to_owned()),
        StepError::from,
    ))
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
        let wanted = self.wanted(13);
        let leader = self.job.leader(facts);
        vec![Action::patroni(
            &leader,
            change(wanted.setting, &wanted.value),
        )]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let leader = relied_on(ctx, &self.job).await?;
        let major = self.major(ctx, &leader).await?;
        let wanted = self.wanted(major);
        let facts = ctx.facts();
        if facts.get(&WAL_KEEP).is_none() {
            if self.kept(ctx, &leader, major).await? >= wanted.megabytes {
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
            let kept = self.kept(ctx, &leader, major).await?;
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
