//! Beyond the point of no return: the new side is opened and applications are pointed at it.

use std::time::{Duration, Instant};

use super::fence::{login, roles_before};
use super::{LOGIN_BEFORE, Pause, REDIRECTED, Switch};
use crate::procedures::job::{HOST, PORT};
use crate::runbook::{Action, Context, Facts, PauseEvent, Reply, StepError};

/// How long opening is tried again while the new side does not answer.
const OPEN_FOR: Duration = Duration::from_secs(60);

impl Switch {
    pub(super) fn open_action(&self, facts: &Facts) -> Action {
        let roles = facts.get(&LOGIN_BEFORE.of(self.from().as_str()));
        let roles = roles.unwrap_or_else(|| self.job.profile.fence.roles.clone());
        Action::sql(&self.server(&self.to()), login(&roles))
    }

    /// Gives LOGIN on the new side to the roles that had it on the old one.
    ///
    /// Until this is through nobody can write anywhere, so a server that does not answer is asked again; saying LOGIN
    /// twice does no harm, so an unknown outcome is no obstacle. A journal that breaks here is none either: that the
    /// point of no return is behind is on the disk, and neither side could write until somebody frees it.
    pub(super) async fn open(&self, ctx: &Context, pause: &Pause<'_>) -> Result<(), StepError> {
        begin_part(ctx, 6);
        let began = Instant::now();
        let action = self.open_action(&ctx.facts());
        loop {
            match ctx.rescue(&action).await {
                Ok(_) => break,
                Err(error @ (StepError::Database(_) | StepError::Unanswered { .. }))
                    if began.elapsed() < OPEN_FOR =>
                {
                    ctx.log(&format!("{} could not be opened yet: {error}", self.to()));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => {
                    return Err(StepError::Stop(format!(
                        "{to} could not be opened: {error}. {from} is fenced and drained, {to} has everything; nobody can \
                         write now. Resume as soon as {to} answers, or take this step back to give {from} back.",
                        to = self.to(),
                        from = self.from(),
                    )));
                }
            }
        }
        // A later switch back must know who could log in here, and a probe in between must not take this for a fence.
        let opened = roles_before(ctx, &self.from());
        ctx.learn(&LOGIN_BEFORE.of(self.to().as_str()), &opened)?;
        pause.told(6, began, format!("{} roles may log in", opened.len()))
    }

    pub(super) fn redirect_action(&self, facts: &Facts) -> Option<Action> {
        redirect_action(&self.job, &self.to(), facts)
    }

    pub(super) async fn redirect(&self, ctx: &Context, pause: &Pause<'_>) -> Result<(), StepError> {
        begin_part(ctx, 7);
        let began = Instant::now();
        let Some(action) = self.redirect_action(&ctx.facts()) else {
            ctx.learn(&REDIRECTED.of(self.to().as_str()), &true)?;
            return pause.told(
                7,
                began,
                "no hook: applications follow by themselves".to_owned(),
            );
        };
        came_through(&action, &ctx.rescue(&action).await?)?;
        ctx.learn(&REDIRECTED.of(self.to().as_str()), &true)?;
        pause.told(7, began, format!("applications point at {}", self.to()))
    }
}

/// Beyond the point of no return nothing stops for a line that cannot be journalled.
fn begin_part(ctx: &Context, index: usize) {
    let _ = ctx.pause(PauseEvent::Part { index });
}

/// The redirect hook with its values; `None` when the profile has no hook.
pub(crate) fn redirect_action(
    job: &crate::procedures::Job,
    to: &crate::domain::Node,
    facts: &Facts,
) -> Option<Action> {
    let hook = job.profile.hooks.redirect.as_ref()?;
    let known = |name: &str, value: Option<String>| {
        (
            name.to_owned(),
            value.unwrap_or_else(|| format!("{{{name}}}")),
        )
    };
    let values = [
        known("node", Some(to.to_string())),
        known("host", facts.get(&HOST.of(to.as_str()))),
        known(
            "port",
            facts
                .get(&PORT.of(to.as_str()))
                .map(|port| port.to_string()),
        ),
    ];
    let fill = |word: &String| {
        values.iter().fold(word.clone(), |word, (name, value)| {
            word.replace(&format!("{{{name}}}"), value)
        })
    };
    let argv: Vec<_> = hook.argv.iter().map(fill).collect();
    Some(Action::command(&argv, Vec::new(), hook.limit))
}

/// Runs a hook; any end but exit code 0 is an error with its output.
pub(crate) async fn run_hook(ctx: &Context, action: &Action) -> Result<(), StepError> {
    came_through(action, &ctx.send(action).await?)
}

fn came_through(action: &Action, reply: &Reply) -> Result<(), StepError> {
    match reply {
        Reply::Command(output) if output.code != Some(0) => {
            let code = output
                .code
                .map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            Err(StepError::Stop(format!(
                "{} ended with {code}: {}",
                action.shown().text,
                output.output.trim()
            )))
        }
        _ => Ok(()),
    }
}
