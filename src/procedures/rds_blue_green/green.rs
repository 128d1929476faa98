//! Phase 3, right after the restore: GREEN is fenced before anything else, and what came along in the snapshot is kept
//! from running.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{Node, Place, Sql};
use crate::procedures::Job;
use crate::procedures::switch::{LOGIN_BEFORE, login, nologin};
use crate::runbook::{Action, Context, Facts, Probe, Step, StepError, StepInfo, StepResult};

/// Takes LOGIN from the application roles on GREEN.
pub struct FenceGreen {
    job: Arc<Job>,
    info: StepInfo,
}

impl FenceGreen {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "build.fence-green",
            "Fence GREEN",
            "GREEN came up with BLUE's roles and passwords. A single application write there would collide with \
             replication, so nobody but us may log in until the cutover.",
        );
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    fn server(&self) -> Place {
        self.job.server(&Node::green())
    }

    async fn can_log_in(&self, ctx: &Context) -> Result<Vec<String>, StepError> {
        let sql = Sql::new("SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname = ANY ({roles}) ORDER BY rolname")
            .literals("roles", &self.job.profile.fence.roles);
        ctx.read(&self.server(), &sql)
            .await?
            .iter()
            .map(|row| Ok(row.get("rolname")?))
            .collect()
    }
}

#[async_trait]
impl Step for FenceGreen {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let left = self.can_log_in(ctx).await?;
        let known = ctx
            .facts()
            .get(&LOGIN_BEFORE.of(Node::green().as_str()))
            .is_some();
        Ok(if left.is_empty() && known {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let roles = facts.get(&LOGIN_BEFORE.of(Node::green().as_str()));
        let roles: Vec<String> = roles.unwrap_or_else(|| self.job.profile.fence.roles.clone());
        vec![
            Action::sql(&self.server(), nologin(&roles))
                .undone_by([Action::sql(&self.server(), login(&roles))]),
        ]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let key = LOGIN_BEFORE.of(Node::green().as_str());
        let open = self.can_log_in(ctx).await?;
        if ctx.facts().get(&key).is_none() {
            ctx.learn(&key, &open)?;
        }
        if !open.is_empty() {
            ctx.send(&Action::sql(&self.server(), nologin(&open)))
                .await?;
        }
        // Sessions that were let in between the restore and the fence end here; what they wrote the continuity proof
        // and the data compare would show.
        let end = Sql::new(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE pid <> pg_backend_pid() AND usename = ANY ({roles})",
        )
        .literals("roles", &self.job.profile.fence.roles);
        ctx.send(&Action::sql(&self.server(), end)).await?;
        Ok(StepResult::Done(format!(
            "{} roles, none can log in",
            open.len()
        )))
    }

    /// GREEN goes away with the undo of its restore; it is never opened on the way.
    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// Stops what the snapshot brought along: subscriptions of others start by themselves, slots of others keep WAL.
pub struct CleanGreen {
    job: Arc<Job>,
    info: StepInfo,
}

impl CleanGreen {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "build.clean-green",
            "Quiet what came along",
            "A snapshot carries subscriptions and slots with it. An inherited subscription would compete with BLUE's for \
             its slot; an inherited slot would keep WAL for nobody and stand in the way of an upgrade.",
        );
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    /// Subscriptions on GREEN that this run did not make and that are enabled or still tied to a slot.
    async fn subscriptions(&self, ctx: &Context) -> Result<Vec<(Place, String)>, StepError> {
        let mut found = Vec::new();
        for at in self.job.places(&Node::green()) {
            let sql = Sql::new(
                "SELECT s.subname FROM pg_subscription s \
                 WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                   AND (s.subenabled OR s.subslotname IS NOT NULL) \
                   AND obj_description(s.oid, 'pg_subscription') IS DISTINCT FROM {mark}",
            )
            .literal("mark", &self.job.mark());
            for row in &ctx.read(&at, &sql).await? {
                found.push((at.clone(), row.get("subname")?));
            }
        }
        Ok(found)
    }

    /// Slots on GREEN that nobody uses and that are not this run's reverse slots.
    async fn slots(&self, ctx: &Context) -> Result<Vec<String>, StepError> {
        let reverse = self.job.profile.databases.iter();
        let reverse: Vec<_> = reverse
            .map(|d| self.job.slot(crate::procedures::job::Direction::Reverse, d))
            .collect();
        let sql = Sql::new("SELECT slot_name FROM pg_replication_slots WHERE NOT active AND slot_name <> ALL ({ours})")
            .literals("ours", &reverse);
        let rows = ctx.read(&self.job.server(&Node::green()), &sql).await?;
        rows.iter().map(|row| Ok(row.get("slot_name")?)).collect()
    }
}

#[async_trait]
impl Step for CleanGreen {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let clean = self.subscriptions(ctx).await?.is_empty() && self.slots(ctx).await?.is_empty();
        Ok(if clean {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let server = self.job.server(&Node::green());
        vec![
            Action::sql(&server, Sql::new("ALTER SUBSCRIPTION {inherited} DISABLE")),
            Action::sql(
                &server,
                Sql::new("ALTER SUBSCRIPTION {inherited} SET (slot_name = NONE)"),
            ),
            Action::sql(
                &server,
                Sql::new("SELECT pg_drop_replication_slot({inherited})"),
            ),
        ]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let subscriptions = self.subscriptions(ctx).await?;
        for (at, name) in &subscriptions {
            let alter = |text| Action::sql(at, Sql::new(text).ident("inherited", name));
            ctx.send(&alter("ALTER SUBSCRIPTION {inherited} DISABLE"))
                .await?;
            ctx.send(&alter(
                "ALTER SUBSCRIPTION {inherited} SET (slot_name = NONE)",
            ))
            .await?;
        }
        let slots = self.slots(ctx).await?;
        for slot in &slots {
            let drop =
                Sql::new("SELECT pg_drop_replication_slot({inherited})").literal("inherited", slot);
            ctx.send(&Action::sql(&self.job.server(&Node::green()), drop))
                .await?;
        }
        let text = format!(
            "{} subscriptions stopped, {} slots dropped",
            subscriptions.len(),
            slots.len()
        );
        Ok(if subscriptions.is_empty() {
            StepResult::Done(text)
        } else {
            let names: Vec<_> = subscriptions
                .iter()
                .map(|(at, name)| format!("{name} in {}", at.database))
                .collect();
            StepResult::Warning(format!(
                "{text}. {} came from BLUE and still run there; after the cutover point their publishers at GREEN by hand.",
                names.join(", ")
            ))
        })
    }

    /// GREEN goes away with the undo of its restore.
    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}
