//! Faults on purpose, for rehearsals and tests: what happens when the tool or a server dies at a given action.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::ports::OnLine;
use crate::runbook::{Action, Executor, Reply, StepError};

/// A fault at the n-th action or journal record of this process, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// At which action or record.
    pub at: u64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The process is killed before the action is sent.
    KillBefore,
    /// The process is killed when the action has been answered.
    KillAfter,
    /// The action is refused, nothing is sent.
    FailBefore,
    /// The action takes effect, its answer is lost.
    FailAfter,
    /// The action is never answered.
    Hang,
    /// The process is killed when the record has been written.
    KillRecord,
    /// The record cannot be written.
    FailRecord,
}

/// The variable a rehearsal reads its fault from, `kill-before:12`.
pub const VARIABLE: &str = "GREENLIGHT_FAULT";

impl Fault {
    /// The fault asked for by [`VARIABLE`]; an error when it does not read.
    pub fn from_environment() -> Result<Option<Self>, String> {
        match std::env::var(VARIABLE) {
            Ok(text) => text.parse().map(Some),
            Err(_) => Ok(None),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(kind, at)| {
            let kind = match kind {
                "kill-before" => FaultKind::KillBefore,
                "kill-after" => FaultKind::KillAfter,
                "fail-before" => FaultKind::FailBefore,
                "fail-after" => FaultKind::FailAfter,
                "hang" => FaultKind::Hang,
                "kill-record" => FaultKind::KillRecord,
                "fail-record" => FaultKind::FailRecord,
                _ => return None,
            };
            let at = at.parse().ok()?;
            Some(Self { kind, at })
        });
        parsed.ok_or_else(|| {
            format!(
                "{VARIABLE}={text}: expected KIND:N with kill-before, kill-after, fail-before, fail-after, hang, \
                 kill-record or fail-record"
            )
        })
    }
}

/// An executor with a fault at one action.
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
        let kind = (number == self.fault.at).then_some(self.fault.kind);
        match kind {
            Some(FaultKind::KillBefore) => kill_self(),
            Some(FaultKind::FailBefore) => {
                return Err(StepError::Stop(format!(
                    "a fault on purpose before action {number}"
                )));
            }
            Some(FaultKind::Hang) => std::future::pending().await,
            _ => {}
        }
        let reply = self.inner.execute(action, on_line).await;
        match kind {
            Some(FaultKind::KillAfter) => kill_self(),
            Some(FaultKind::FailAfter) => Err(StepError::Unanswered {
                what: action.shown().text,
                waited: action.limit,
            }),
            _ => reply,
        }
    }

    fn is_dry_run(&self) -> bool {
        self.inner.is_dry_run()
    }
}

/// Ends this process as `kill -9` does: nothing is flushed, nothing is dropped.
pub(super) fn kill_self() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}
