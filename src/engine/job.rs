//! What is under way: one task at a time, its end (or its panic) posted to the driver's inbox.

use std::any::Any;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::machine::Input;
use crate::runbook::StepId;

pub(super) struct Job {
    task: JoinHandle<()>,
    cancel: CancellationToken,
    /// True when it only reads, so that it can be dropped at any point.
    reads: bool,
}

impl Job {
    /// Starts `work`; a panic in it becomes [`Input::Panicked`].
    pub(super) fn start(
        step: StepId,
        reads: bool,
        cancel: CancellationToken,
        inbox: UnboundedSender<Input>,
        work: impl Future<Output = Input> + Send + 'static,
    ) -> Self {
        let inner = tokio::spawn(work);
        let abort = inner.abort_handle();
        let task = tokio::spawn(async move {
            // Dropping the outer task takes the inner one along.
            let _guard = AbortOnDrop(abort);
            let input = match inner.await {
                Ok(input) => input,
                Err(error) if error.is_panic() => {
                    Input::Panicked(step, words(error.into_panic().as_ref()))
                }
                Err(_) => return,
            };
            // A driver that is gone wants no answer.
            let _ = inbox.send(input);
        });
        Self {
            task,
            cancel,
            reads,
        }
    }

    /// Asks it to come to a safe end.
    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Drops it when it only reads, else asks it to end and waits until it has.
    pub(super) async fn end(self) {
        self.cancel.cancel();
        if self.reads {
            self.task.abort();
        }
        // Its own panic was posted already; being aborted is what was asked for.
        let _ = self.task.await;
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}
