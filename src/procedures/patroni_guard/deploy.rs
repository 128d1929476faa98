use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::hold::must_be_held;
use super::job::{DEPLOYED, DEPLOYING, Job, POINT, PROPOSED};
use super::mark::standing;
use super::sight::{relied_on, server};
use crate::ports::CommandError;
use crate::runbook::{
    Action, Context, Facts, PauseEvent, Probe, Reply, Step, StepError, StepInfo, StepResult,
};

/// A deployment that the run carries out may take this long; longer than any delay.
const LONGEST: Duration = Duration::from_secs(25 * 24 * 3600);

/// The deployment: begun elsewhere from here on, or carried out as a command.
pub struct Deploy {
    job: Arc<Job>,
    info: StepInfo,
}

impl Deploy {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    fn command(&self) -> Option<Action> {
        let argv = self.job.deploy.as_ref()?;
        let env = vec![("GREENLIGHT_RUN".to_owned(), self.job.run.clone())];
        Some(Action::command(argv, env, LONGEST))
    }
}

#[async_trait]
impl Step for Deploy {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        let facts = ctx.facts();
        Ok(match (facts.get(&DEPLOYED), facts.get(&DEPLOYING)) {
            (Some(_), _) => Probe::Applied,
            (None, Some(_)) => Probe::Unknown(
                "the deployment was begun, and how it ended is not known. Look at it: take it as done to go on to release \
                 or roll back, or retry to begin it again"
                    .to_owned(),
            ),
            (None, None) => Probe::NotApplied,
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.command().into_iter().collect()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let (job, held) = (&self.job, self.job.held());
        relied_on(ctx, job).await?;
        must_be_held(ctx, job).await?;
        let point = ctx.known(&POINT)?;
        let seen = server(ctx.world.databases.as_ref(), &job.server(&held)).await?;
        standing(&seen, point.lsn).map_err(|why| {
            StepError::Stop(format!(
                "{held}: {why}. Do not begin the deployment; take the run back and begin anew."
            ))
        })?;
        // From here on undoing the hold would throw the way back away.
        ctx.pause(PauseEvent::WayBackIsRollback)?;
        let Some(command) = self.command() else {
            return Ok(StepResult::Done(
                "begin it now; decide here when it is through".to_owned(),
            ));
        };
        ctx.learn(&DEPLOYING, &true)?;
        let told = match ctx.send_until_stopped(&command).await {
            Ok(Reply::Command(told)) => Some(told),
            Ok(_) => return Ok(StepResult::Done("nothing was sent".to_owned())),
            Err(StepError::Cancelled) => None,
            Err(error) => {
                if matches!(error, StepError::Command(CommandError::Start { .. })) {
                    ctx.forget(&DEPLOYING)?;
                }
                return Err(error);
            }
        };
        let code = told.as_ref().and_then(|told| told.code).unwrap_or(-1);
        // First what is proposed: whoever answers gates from a list must not release after a failure.
        let proposed = if code == 0 { "release" } else { "roll back" };
        ctx.learn(&PROPOSED, &proposed.to_owned())?;
        ctx.learn(&DEPLOYED, &code)?;
        let roll_back = format!("roll back (greenlight rollback {})", job.run);
        Ok(match told {
            Some(_) if code == 0 => {
                StepResult::Done("the deployment ended with 0: look at it, then release".to_owned())
            }
            Some(_) => {
                StepResult::Warning(format!("the deployment ended with {code}: {roll_back}"))
            }
            None => StepResult::Warning(format!(
                "the run was asked to stop, and ended the deployment half-way: {roll_back}"
            )),
        })
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}
