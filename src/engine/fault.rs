//! Faults on purpose, for rehearsals and tests: what happens when the tool or a server dies at a given action.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::ports::{DbError, DbErrorKind, OnLine};
use crate::runbook::{Action, Executor, Reply, StepError, Target};

/// A fault at the n-th action or journal record of this process, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// At which action or record.
    pub at: u64,
    /// At every one from the first to the last of these as well.
    pub more: Option<(u64, u64)>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The process is killed before the action is sent; its intent is in the journal.
    KillBefore,
    /// The process is killed when the action has taken effect, before its outcome is journalled.
    KillSent,
    /// The process is killed when the action's outcome has been journalled.
    KillAfter,
    /// The action is refused: it has no effect.
    Fail,
    /// The action has no effect and is never answered, so its limit passes.
    Hang,
    /// The same, told at once: a sweep over all actions cannot wait for all their limits.
    Timeout,
    /// The action takes effect, the connection is cut before its answer comes.
    Cut,
    /// The action is sent twice; the second answer counts.
    Twice,
    /// The task that was to send the action panics.
    Panic,
    /// The process is killed when the record has been written.
    KillRecord,
    /// The record cannot be written.
    FailRecord,
}

/// The variable a rehearsal reads its fault from: `kill-before:12`; `cut:3-5` for the third to the fifth action; `cut:3+`
/// for the third and every later one; `fail:3,7+` for the third, and for every one from the seventh on.
pub const VARIABLE: &str = "GREENLIGHT_FAULT";

const KINDS: [(&str, FaultKind); 11] = [
    ("kill-before", FaultKind::KillBefore),
    ("kill-sent", FaultKind::KillSent),
    ("kill-after", FaultKind::KillAfter),
    ("fail", FaultKind::Fail),
    ("hang", FaultKind::Hang),
    ("timeout", FaultKind::Timeout),
    ("cut", FaultKind::Cut),
    ("twice", FaultKind::Twice),
    ("panic", FaultKind::Panic),
    ("kill-record", FaultKind::KillRecord),
    ("fail-record", FaultKind::FailRecord),
];

impl Fault {
    /// The fault asked for by [`VARIABLE`]; an error when it does not read.
    pub fn from_environment() -> Result<Option<Self>, String> {
        match std::env::var(VARIABLE) {
            Ok(text) => text.parse().map(Some),
            Err(_) => Ok(None),
        }
    }

    /// What goes wrong with this one, if anything.
    pub(super) fn strikes(&self, number: u64) -> Option<FaultKind> {
        let more = |(first, last)| (first..=last).contains(&number);
        (number == self.at || self.more.is_some_and(more)).then_some(self.kind)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(name, at)| {
            let (_, kind) = KINDS.iter().find(|(known, _)| *known == name)?;
            let (at, more) = match (at.strip_suffix('+'), at.split_once('-')) {
                (Some(both), _) => {
                    let (at, from) = both.split_once(',').unwrap_or((both, both));
                    (at, Some((from.parse().ok()?, u64::MAX)))
                }
                (None, Some((at, last))) => (at, Some((at.parse().ok()?, last.parse().ok()?))),
                (None, None) => (at, None),
            };
            Some(Self {
                kind: *kind,
                at: at.parse().ok()?,
                more,
            })
        });
        parsed.ok_or_else(|| {
            let kinds: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
            format!(
                "{VARIABLE}={text}: expected KIND:N, KIND:N-M, KIND:N+ or KIND:N,M+ with one of {}",
                kinds.join(", ")
            )
        })
    }
}

/// An executor with a fault at some of its actions.
pub struct Faulty {
    inner: Arc<dyn Executor>,
    fault: Fault,
    sent: AtomicU64,
}

impl Faulty {
    /// `inner`, with `fault`.
    #[must_use]
    pub fn new(inner: Arc<dyn Executor>, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            sent: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl Executor for Faulty {
    async fn execute(&self, action: &Action, on_line: OnLine<'_>) -> Result<Reply, StepError> {
        let number = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
        match self.fault.strikes(number) {
            Some(FaultKind::KillBefore) => kill_self(),
            Some(FaultKind::KillSent) => {
                let _ = self.inner.execute(action, on_line).await;
                kill_self()
            }
            Some(FaultKind::Fail) => Err(refused(action, number)),
            Some(FaultKind::Hang) => std::future::pending().await,
            Some(FaultKind::Timeout) => Err(StepError::Unanswered {
                what: action.shown().text,
                waited: action.limit,
            }),
            Some(FaultKind::Cut) => {
                let _ = self.inner.execute(action, on_line).await;
                Err(cut(action))
            }
            Some(FaultKind::Twice) => {
                let _ = self.inner.execute(action, on_line).await;
                self.inner.execute(action, on_line).await
            }
            // proven: asked for by whoever rehearses
            Some(FaultKind::Panic) => panic!("a fault on purpose at action {number}"),
            // What strikes a record, the scribe sees to.
            Some(FaultKind::KillAfter | FaultKind::KillRecord | FaultKind::FailRecord) | None => {
                self.inner.execute(action, on_line).await
            }
        }
    }

    fn is_dry_run(&self) -> bool {
        self.inner.is_dry_run()
    }
}

fn refused(action: &Action, number: u64) -> StepError {
    let reason = format!("refused on purpose at action {number}");
    database_error(action, DbErrorKind::Refused, &reason).unwrap_or(StepError::Stop(reason))
}

fn cut(action: &Action) -> StepError {
    let reason = "the connection was cut on purpose before the answer came";
    database_error(action, DbErrorKind::Unknown, reason).unwrap_or_else(|| StepError::Unanswered {
        what: action.shown().text,
        waited: action.limit,
    })
}

fn database_error(action: &Action, kind: DbErrorKind, message: &str) -> Option<StepError> {
    let Target::Database(place) = &action.target else {
        return None;
    };
    Some(StepError::Database(DbError {
        place: place.clone(),
        kind,
        sqlstate: None,
        message: message.to_owned(),
        detail: None,
    }))
}

/// Ends this process as `kill -9` does: nothing is flushed, nothing is dropped.
pub(super) fn kill_self() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind};

    #[test]
    fn a_fault_strikes_once_or_from_then_on() {
        let once: Fault = "cut:3".parse().unwrap();
        let on: Fault = "cut:3+".parse().unwrap();
        let strikes = |fault: Fault| (1..=4).map(move |n| fault.strikes(n).is_some());
        assert!(strikes(once).eq([false, false, true, false]));
        assert!(strikes(on).eq([false, false, true, true]));
        assert!(strikes("cut:1,3+".parse().unwrap()).eq([true, false, true, true]));
        assert!(strikes("cut:2-3".parse().unwrap()).eq([false, true, true, false]));
        assert_eq!(on.strikes(4), Some(FaultKind::Cut));
    }

    #[test]
    fn what_is_no_fault_is_refused_with_what_would_be() {
        for wrong in [
            "", "cut", "cut:", "cut:x", "cut:-1", "cut:1-", "bite:3", "cut:3++", "cut:1,3",
        ] {
            let refused = wrong.parse::<Fault>().unwrap_err();
            assert!(refused.contains("kill-before"), "{wrong}: {refused}");
        }
    }
}
