//! Beforehand: a slot on the new side that keeps what the old one will need, and settings by which it will follow.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::job::{VipJob, other};
use crate::domain::{Node, Sql};
use crate::runbook::{
    Action, Context, FactKey, Facts, Probe, Step, StepError, StepInfo, StepResult,
};

/// Set of a side that named no server to follow before the run did.
const NAMED_NONE: FactKey<bool> = FactKey::new("followed_nobody");

/// Makes ready for `follower` to follow the other side once that is the primary.
pub struct Follow {
    job: Arc<VipJob>,
    follower: Node,
    info: StepInfo,
}

impl Follow {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, follower: Node, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            follower,
            info,
        }
    }

    fn leader(&self) -> Node {
        other(&self.follower)
    }

    fn slot(&self) -> String {
        self.job.slot(&self.follower)
    }

    fn create_action(&self) -> Action {
        let sql = Sql::new("SELECT pg_create_physical_replication_slot({slot}, true)");
        Action::sql(
            &self.job.place(&self.leader()),
            sql.literal("slot", &self.slot()),
        )
        .undone_by([drop_slot(&self.job, &self.leader(), &self.slot())])
    }

    fn settings_actions(&self) -> Vec<Action> {
        let at = self.job.place(&self.follower);
        let role = &self.job.profile.replication.role;
        let conninfo = self.job.conninfo(&self.follower, &self.leader(), role);
        vec![
            Action::sql(
                &at,
                Sql::new("ALTER SYSTEM SET primary_conninfo = {conninfo}")
                    .conninfo("conninfo", conninfo),
            ),
            Action::sql(
                &at,
                Sql::new("ALTER SYSTEM SET primary_slot_name = {slot}")
                    .literal("slot", &self.slot()),
            ),
            reload(&self.job, &self.follower),
        ]
    }

    /// Whether the slot is there; an error when it is no physical slot, or somebody else's is at work on it.
    async fn slot_is_there(&self, ctx: &Context) -> Result<bool, StepError> {
        let sql = Sql::new(
            "SELECT s.slot_type, s.active, s.restart_lsn IS NOT NULL AS reserved, to_jsonb(s)->>'wal_status' AS wal_status \
             FROM pg_replication_slots s WHERE s.slot_name = {slot}",
        );
        let sql = sql.literal("slot", &self.slot());
        let leader = self.job.place(&self.leader());
        let rows = ctx.read(&leader, &sql).await?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        let stop = |why: &str| {
            let (slot, at) = (self.slot(), self.job.told(&self.leader()));
            Err(StepError::Stop(format!(
                "{at}: slot {slot} {why}. Nothing was changed. Drop it, then go on."
            )))
        };
        if row.get::<String>("slot_type")? != "physical" {
            return stop("is a logical one, which this run did not make");
        }
        if row.opt::<String>("wal_status")?.as_deref() == Some("lost")
            || !row.get::<bool>("reserved")?
        {
            return stop("keeps nothing: it has been invalidated, or reserves no WAL");
        }
        Ok(true)
    }

    async fn settings(&self, ctx: &Context) -> Result<(String, String), StepError> {
        let sql = Sql::new(
            "SELECT current_setting('primary_conninfo') AS conninfo, current_setting('primary_slot_name') AS slot",
        );
        let rows = ctx.read(&self.job.place(&self.follower), &sql).await?;
        let row = rows.one()?;
        Ok((row.get("conninfo")?, row.get("slot")?))
    }

    async fn settings_are_ours(&self, ctx: &Context) -> Result<bool, StepError> {
        let role = &self.job.profile.replication.role;
        let wanted = self
            .job
            .conninfo(&self.follower, &self.leader(), role)
            .to_string();
        Ok(self.settings(ctx).await? == (wanted, self.slot()))
    }
}

#[async_trait]
impl Step for Follow {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let (slot, settings) = (
            self.slot_is_there(ctx).await?,
            self.settings_are_ours(ctx).await?,
        );
        Ok(match (slot, settings) {
            (true, true) => Probe::Applied,
            (false, false) => Probe::NotApplied,
            (true, false) => Probe::Partial("the slot is there, the settings are not".to_owned()),
            (false, true) => Probe::Partial("the settings are there, the slot is not".to_owned()),
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let mut actions = vec![self.create_action()];
        actions.extend(self.settings_actions());
        actions
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        if !self.slot_is_there(ctx).await? {
            ctx.send(&self.create_action()).await?;
        }
        if !self.settings_are_ours(ctx).await? {
            let (conninfo, _) = self.settings(ctx).await?;
            let key = NAMED_NONE.of(self.follower.as_str());
            if conninfo.is_empty() && ctx.facts().get(&key).is_none() {
                ctx.learn(&key, &true)?;
            }
            ctx.send_all(&self.settings_actions()).await?;
            ctx.wait_for(
                "the settings to be read",
                Duration::from_millis(20),
                Duration::from_secs(10),
                || async {
                    let ours = self.settings_are_ours(ctx).await?;
                    Ok(if ours {
                        Ok(())
                    } else {
                        Err(crate::runbook::Progress::seen("the old ones"))
                    })
                },
            )
            .await?;
        }
        Ok(StepResult::Done(format!(
            "{} keeps WAL for {} in slot {}",
            self.leader(),
            self.job.told(&self.follower),
            self.slot()
        )))
    }

    /// A side that followed another before keeps naming ours: on a primary that means nothing.
    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        if ctx.facts().get(&NAMED_NONE.of(self.follower.as_str())) == Some(true)
            && self.settings_are_ours(ctx).await?
        {
            let at = self.job.place(&self.follower);
            ctx.send(&Action::sql(
                &at,
                Sql::new("ALTER SYSTEM RESET primary_conninfo"),
            ))
            .await?;
            ctx.send(&Action::sql(
                &at,
                Sql::new("ALTER SYSTEM RESET primary_slot_name"),
            ))
            .await?;
            ctx.send(&reload(&self.job, &self.follower)).await?;
        }
        if self.slot_is_there(ctx).await? {
            ctx.send(&drop_slot(&self.job, &self.leader(), &self.slot()))
                .await?;
        }
        Ok(())
    }
}

fn reload(job: &VipJob, node: &Node) -> Action {
    Action::sql(&job.place(node), Sql::new("SELECT pg_reload_conf()"))
}

/// Drops a physical slot; one that is in use refuses by itself.
pub(super) fn drop_slot(job: &VipJob, node: &Node, slot: &str) -> Action {
    let sql = Sql::new("SELECT pg_drop_replication_slot({slot})").literal("slot", slot);
    Action::sql(&job.place(node), sql)
}

/// Checkpoints on the old side, the new one and the old one again: what the stop writes is then little.
pub struct Checkpoints {
    job: Arc<VipJob>,
    nodes: Vec<Node>,
    info: StepInfo,
}

/// What a checkpoint may take.
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(1800);

impl Checkpoints {
    /// The step, in this order.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, nodes: Vec<Node>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            nodes,
            info,
        }
    }
}

/// A checkpoint, on a standby a restart point.
pub(super) fn checkpoint_action(job: &VipJob, node: &Node) -> Action {
    Action::sql(&job.place(node), Sql::new("CHECKPOINT")).within(CHECKPOINT_LIMIT)
}

#[async_trait]
impl Step for Checkpoints {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    /// A checkpoint does not last, and another one does no harm.
    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.nodes
            .iter()
            .map(|node| checkpoint_action(&self.job, node))
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        for node in &self.nodes {
            ctx.progress(&format!("a checkpoint on {}", self.job.told(node)), None);
            ctx.send(&checkpoint_action(&self.job, node)).await?;
        }
        Ok(StepResult::Done(format!(
            "{} checkpoints",
            self.nodes.len()
        )))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}
