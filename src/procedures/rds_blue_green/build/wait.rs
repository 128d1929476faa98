use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::ports::{Instance, RdsApi, RdsError, RdsErrorKind, Snapshot};
use crate::profile::BlueGreen;
use crate::runbook::{Context, Progress, StepError};

/// Polls in a row that may find nothing: RDS lists new things a moment late.
const UNLISTED_POLLS: u32 = 8;

/// What RDS describes, as far as waiting for it goes.
pub(super) trait Described: Send + Sized {
    /// `snapshot`, `instance`.
    const WHAT: &'static str;
    /// Asks RDS.
    fn ask(rds: &dyn RdsApi, name: &str) -> impl Future<Output = Result<Self, RdsError>> + Send;
    /// Its status, raw.
    fn status(&self) -> &str;
    /// Its engine version.
    fn version(&self) -> &str;
    /// How it goes, in words, with the share done where RDS tells.
    fn progress(&self) -> Progress;
}

impl Described for Snapshot {
    const WHAT: &'static str = "snapshot";

    async fn ask(rds: &dyn RdsApi, name: &str) -> Result<Self, RdsError> {
        rds.snapshot(name).await
    }

    fn status(&self) -> &str {
        &self.status
    }

    fn version(&self) -> &str {
        &self.engine_version
    }

    fn progress(&self) -> Progress {
        let text = format!(
            "snapshot {} is {:?}, PostgreSQL {}",
            self.identifier, self.status, self.engine_version
        );
        let progress = Progress::seen(text);
        // Of an upgrade RDS tells no share: it says 100 all the while.
        if self.status == "upgrading" {
            progress
        } else {
            progress.share(f64::from(self.percent.clamp(0, 100)) / 100.0)
        }
    }
}

impl Described for Instance {
    const WHAT: &'static str = "instance";

    async fn ask(rds: &dyn RdsApi, name: &str) -> Result<Self, RdsError> {
        rds.instance(name).await
    }

    fn status(&self) -> &str {
        &self.status
    }

    fn version(&self) -> &str {
        &self.engine_version
    }

    fn progress(&self) -> Progress {
        Progress::seen(format!(
            "instance {} is {:?}, PostgreSQL {}",
            self.identifier, self.status, self.engine_version
        ))
    }
}

/// True for states that lead nowhere by themselves. What is not known here is waited for and shown as it is.
pub(super) fn is_terminal(status: &str) -> bool {
    matches!(
        status,
        "failed"
            | "unavailable"
            | "restore-error"
            | "storage-full"
            | "insufficient-capacity"
            | "stopped"
            | "stopping"
            | "deleting"
            | "deleted"
    ) || status.starts_with("incompatible-")
        || status.starts_with("inaccessible-encryption-credentials")
}

/// How long to leave between two questions.
pub(super) fn poll_every(profile: &BlueGreen) -> Duration {
    // The stand-in of a rehearsal has no quota of calls and works in seconds.
    if profile.rds.endpoint_url.is_some() {
        Duration::from_millis(200)
    } else {
        Duration::from_secs(15)
    }
}

/// Describes `name` again and again until `done` has an answer; a terminal state, refused calls and lost credentials
/// stop the wait at once, throttling and a lost line do not.
pub(super) async fn until<D: Described, T: Send>(
    ctx: &Context,
    name: &str,
    what: &str,
    (every, limit): (Duration, Duration),
    done: impl FnMut(D) -> Result<Result<T, Progress>, StepError> + Send,
) -> Result<T, StepError> {
    let rds = ctx.rds()?;
    // The futures borrow what the closure cannot lend them mutably.
    let judge = Mutex::new((done, 0));
    ctx.wait_for(what, every, limit, || async {
        let described = D::ask(rds.as_ref(), name).await;
        let mut judge = judge.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, unlisted) = &mut *judge;
        match described {
            Ok(found) => {
                *unlisted = 0;
                if is_terminal(found.status()) {
                    return Err(dead(&found, name));
                }
                done(found)
            }
            Err(error) if error.kind == RdsErrorKind::NotFound && *unlisted < UNLISTED_POLLS => {
                *unlisted += 1;
                Ok(Err(Progress::seen(format!("RDS does not list {name} yet"))))
            }
            Err(error)
                if matches!(
                    error.kind,
                    RdsErrorKind::Throttled | RdsErrorKind::Unreachable
                ) =>
            {
                Ok(Err(Progress::seen(format!("{error}; asking again"))))
            }
            Err(error) => Err(error.into()),
        }
    })
    .await
}

fn dead<D: Described>(found: &D, name: &str) -> StepError {
    StepError::Stop(format!(
        "RDS: {what} {name} is {status:?} and will not get out of it by itself. BLUE serves on, nothing else was \
         changed. Look at the events of {name} in the RDS console; then undo this step, which deletes what this run \
         made, and do it again",
        what = D::WHAT,
        status = found.status(),
    ))
}

/// Waits until nothing of that name is left.
pub(super) async fn until_gone<D: Described>(
    ctx: &Context,
    name: &str,
    (every, limit): (Duration, Duration),
) -> Result<(), StepError> {
    let rds = ctx.rds()?;
    let what = format!("the deletion of {} {name}", D::WHAT);
    ctx.wait_for(&what, every, limit, || async {
        match D::ask(rds.as_ref(), name).await {
            Ok(found) => Ok(Err(found.progress())),
            Err(error) => match error.kind {
                RdsErrorKind::NotFound => Ok(Ok(())),
                RdsErrorKind::Throttled | RdsErrorKind::Unreachable => {
                    Ok(Err(Progress::seen(format!("{error}; asking again"))))
                }
                _ => Err(error.into()),
            },
        }
    })
    .await
}

/// Describes `name`; `None` when there is no such thing.
pub(super) async fn find<D: Described>(ctx: &Context, name: &str) -> Result<Option<D>, StepError> {
    match D::ask(ctx.rds()?.as_ref(), name).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == RdsErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_terminal;

    #[test]
    fn states_that_lead_nowhere_are_known_and_unknown_ones_are_waited_for() {
        for status in [
            "failed",
            "incompatible-parameters",
            "incompatible-network",
            "restore-error",
            "storage-full",
            "inaccessible-encryption-credentials-recoverable",
            "deleting",
            "unavailable",
        ] {
            assert!(is_terminal(status), "{status}");
        }
        for status in [
            "available",
            "creating",
            "backing-up",
            "upgrading",
            "storage-optimization",
            "something-new",
        ] {
            assert!(!is_terminal(status), "{status}");
        }
    }
}
