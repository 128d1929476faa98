//! The ends of a run: nothing of ours stays behind.

use std::sync::Arc;

use async_trait::async_trait;

use super::prepare::{Publication, Tables};
use crate::domain::{Node, Sql};
use crate::procedures::Job;
use crate::profile::BlueAfter;
use crate::runbook::{
    Action, Context, FactKey, Facts, Gate, Phase, Probe, RdsCall, Step, StepError, StepInfo,
    StepResult, Undo,
};

/// Drops publication, tables and replication role on one side.
pub struct Clean {
    job: Arc<Job>,
    node: Node,
    publication: Publication,
    tables: Tables,
    info: StepInfo,
}

impl Clean {
    /// The step for one side.
    #[must_use]
    pub fn new(job: &Arc<Job>, node: Node, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            node,
            publication: Publication::new(job),
            tables: Tables::new(job),
            info,
        }
    }
}

#[async_trait]
impl Step for Clean {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let mut left = 0;
        let places = self.job.places(&self.node);
        for at in &places {
            left += usize::from(self.publication.is_there(ctx, at).await?);
            left += usize::from(self.tables.is_there(ctx, at).await?);
        }
        Ok(match left {
            0 => Probe::Applied,
            left if left == 2 * places.len() => Probe::NotApplied,
            left => Probe::Partial(format!("{left} of our objects are left on {}", self.node)),
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        let places = self.job.places(&self.node);
        places
            .iter()
            .flat_map(|at| {
                [
                    self.publication.drop_action(at),
                    self.tables.drop_action(at),
                ]
            })
            .collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        for at in self.job.places(&self.node) {
            if self.publication.is_there(ctx, &at).await? {
                ctx.send(&self.publication.drop_action(&at)).await?;
            }
            if self.tables.is_there(ctx, &at).await? {
                ctx.send(&self.tables.drop_action(&at)).await?;
            }
        }
        Ok(StepResult::Done(format!(
            "nothing of ours is left on {}",
            self.node
        )))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Err(StepError::Stop("what was cleaned up is gone".to_owned()))
    }
}

const BLUE_DELETED: FactKey<bool> = FactKey::new("blue_deleted");

/// Deletes BLUE, a last snapshot taken; only where the profile asks for it.
pub struct DeleteBlue {
    job: Arc<Job>,
    info: StepInfo,
}

impl DeleteBlue {
    /// The phase with this step; none where BLUE stays.
    #[must_use]
    pub fn phase(job: &Arc<Job>) -> Option<Phase> {
        if job.profile.blue_after == BlueAfter::Keep {
            return None;
        }
        let info = StepInfo::new(
            "finish.delete-blue",
            "Delete BLUE",
            "The profile asks for it. A final snapshot is taken by RDS before the instance goes.",
        )
        .undo(
            Undo::Irreversible,
            "A new instance can be restored from the final snapshot; nothing else leads back.",
        )
        .gate(Gate::Phrase(job.phrase("delete")))
        .danger(crate::runbook::Danger {
            heading: format!("DELETE {}", job.profile.blue.identifier),
            consequences: vec![
                "The old instance is deleted. GREEN is in service and is not touched.".to_owned(),
            ],
        });
        let step = Self {
            job: Arc::clone(job),
            info,
        };
        Some(Phase {
            id: "delete",
            title: "Delete BLUE".to_owned(),
            steps: vec![Box::new(step)],
        })
    }

    fn delete(&self) -> Action {
        let instance = self.job.profile.blue.identifier.clone();
        let final_snapshot = Some(format!(
            "{}-final-{}",
            self.job.profile.rds.snapshot_prefix, self.job.run
        ));
        Action::rds(RdsCall::DeleteInstance {
            instance,
            final_snapshot,
        })
    }
}

#[async_trait]
impl Step for DeleteBlue {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let done = ctx.facts().get(&BLUE_DELETED) == Some(true);
        Ok(if done {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        vec![self.delete()]
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let open = Sql::new(
            "SELECT count(*) AS open FROM pg_roles WHERE rolcanlogin AND rolname = ANY ({roles})",
        )
        .literals("roles", &self.job.profile.fence.roles);
        let open: i64 = ctx
            .read(&self.job.server(&Node::blue()), &open)
            .await?
            .one()?
            .get("open")?;
        if open > 0 {
            return Err(StepError::Stop(format!(
                "BLUE is not deleted: {open} application roles can log in to it"
            )));
        }
        ctx.send(&self.delete()).await?;
        ctx.learn(&BLUE_DELETED, &true)?;
        Ok(StepResult::Done(format!(
            "{} is being deleted",
            self.job.profile.blue.identifier
        )))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Err(StepError::Stop(
            "a deleted instance can only be restored from its final snapshot".to_owned(),
        ))
    }
}
