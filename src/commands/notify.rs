//! The profile's notify hook: told when a run is parked, cut over, rolled back or finished.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::event::{Event, Outcome, What};
use crate::ports::{CommandSpec, Commands};
use crate::profile::Hook;
use crate::runbook::PauseEvent;

/// Hands all events on and calls the hook for those it wants to hear of. The last event waits for its hook: the process
/// ends with it.
#[must_use]
pub fn notified(
    hook: Option<Hook>,
    run: &str,
    commands: Arc<dyn Commands>,
    mut events: UnboundedReceiver<Event>,
) -> UnboundedReceiver<Event> {
    let Some(hook) = hook else { return events };
    let (onward, heard) = unbounded_channel();
    let run = run.to_owned();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let Some(name) = told_of(&event) {
                let call = tell(hook.clone(), name, run.clone(), Arc::clone(&commands));
                if matches!(event.what, What::Ended { .. }) {
                    call.await;
                } else {
                    tokio::spawn(call);
                }
            }
            if onward.send(event).is_err() {
                return;
            }
        }
    });
    heard
}

/// What the hook calls an event; `None` for one it does not hear of.
fn told_of(event: &Event) -> Option<&'static str> {
    match &event.what {
        What::Pause {
            pause: PauseEvent::Ended {
                taken_back: false, ..
            },
        } if event
            .step
            .as_ref()
            .is_some_and(|step| step.as_str() == "cutover.switch") =>
        {
            Some("cut-over")
        }
        What::Ended { outcome, .. } => Some(match outcome {
            Outcome::Done => "finished",
            Outcome::RolledBack => "rolled-back",
            Outcome::Parked | Outcome::Stuck => "parked",
        }),
        _ => None,
    }
}

async fn tell(hook: Hook, event: &'static str, run: String, commands: Arc<dyn Commands>) {
    let fill = |word: &String| word.replace("{event}", event).replace("{run}", &run);
    let argv: Vec<_> = hook.argv.iter().map(fill).collect();
    let spec = CommandSpec {
        argv,
        env: Vec::new(),
        input: None,
        limit: hook.limit,
    };
    // A message that does not go out must not hold up a run; the log file says so.
    match commands
        .run(&spec, &|line| tracing::info!("notify hook: {line}"))
        .await
    {
        Ok(output) if output.code == Some(0) => {}
        Ok(output) => tracing::warn!(
            "the notify hook ended with {:?}: {}",
            output.code,
            output.output
        ),
        Err(error) => tracing::warn!("the notify hook failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use tokio::sync::mpsc::unbounded_channel;

    use super::notified;
    use crate::adapters::LocalCommands;
    use crate::event::{Event, Outcome, What};
    use crate::profile::Hook;

    #[tokio::test]
    async fn the_hook_has_run_when_the_last_event_arrives() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("{event}-{run}");
        let argv = vec!["touch".to_owned(), file.to_string_lossy().into_owned()];
        let hook = Hook {
            argv,
            limit: Duration::from_secs(10),
        };
        let (send, events) = unbounded_channel();
        let commands = std::sync::Arc::new(LocalCommands::default());
        let mut heard = notified(Some(hook), "7f3a", commands, events);
        let what = What::Ended {
            outcome: Outcome::RolledBack,
            run: "7f3a".to_owned(),
        };
        send.send(Event {
            at: Timestamp::now(),
            step: None,
            what,
        })
        .expect("a listener");
        assert!(heard.recv().await.is_some());
        assert!(dir.path().join("rolled-back-7f3a").exists());
    }
}
