use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use super::fault::{Fault, FaultKind, kill_self};
use super::machine::Input;
use crate::event::{Event, StepState, What};
use crate::journal::{Durability, Writer};
use crate::runbook::{
    Action, CheckResult, Facts, PauseEvent, Progress, Recorder, Reply, StepError, StepId,
};

/// Writes what happens to the journal and, in the same order, hands it to whoever looks on.
pub(super) struct Scribe {
    book: Mutex<Book>,
    events: UnboundedSender<Event>,
    inbox: UnboundedSender<Input>,
    fault: Option<Fault>,
}

struct Book {
    writer: Writer,
    facts: Facts,
    intents: u64,
    records: u64,
    outcomes: u64,
}

impl Scribe {
    pub(super) fn new(
        writer: Writer,
        facts: Facts,
        intents: u64,
        events: UnboundedSender<Event>,
        inbox: UnboundedSender<Input>,
        fault: Option<Fault>,
    ) -> Self {
        Self {
            book: Mutex::new(Book {
                writer,
                facts,
                intents,
                records: 0,
                outcomes: 0,
            }),
            events,
            inbox,
            fault,
        }
    }

    /// Journals, then tells.
    pub(super) fn note(&self, step: Option<&StepId>, what: What) -> Result<(), StepError> {
        let durability = durability(&what);
        self.write(&mut self.book(), step, what, durability)
    }

    /// Tells, without a record: what is shown again by a later process anyway.
    pub(super) fn tell(&self, at: Timestamp, step: Option<&StepId>, what: What) {
        // Nobody looking on is no reason to stop.
        let _ = self.events.send(Event {
            at,
            step: step.cloned(),
            what,
        });
    }

    fn write(
        &self,
        book: &mut Book,
        step: Option<&StepId>,
        what: What,
        durability: Durability,
    ) -> Result<(), StepError> {
        let event = Event {
            at: Timestamp::now(),
            step: step.cloned(),
            what,
        };
        book.records += 1;
        let fault = self.fault.and_then(|fault| fault.strikes(book.records));
        if fault == Some(FaultKind::FailRecord) {
            book.writer.close("a fault on purpose");
        }
        let written = book.writer.append(&event, durability);
        if fault == Some(FaultKind::KillRecord) {
            kill_self();
        }
        written.map_err(|error| StepError::Journal(error.to_string()))?;
        let _ = self.events.send(event);
        Ok(())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What must be on the disk before anything is done on its account.
fn durability(what: &What) -> Durability {
    match what {
        What::Announced { .. }
        | What::Gate { .. }
        | What::Confirmed { .. }
        | What::Intent { .. }
        | What::Fact { .. }
        | What::Parked { .. }
        | What::GoingBack { .. }
        | What::GoingOn
        | What::Ended { .. }
        | What::State {
            state:
                StepState::Done { .. }
                | StepState::Failed { .. }
                | StepState::Undone
                | StepState::Unclear { .. },
        } => Durability::Now,
        _ => Durability::Later,
    }
}

impl Recorder for Scribe {
    fn intent(&self, step: &StepId, action: &Action) -> Result<u64, StepError> {
        let intents = self.intents(step, &[action])?;
        Ok(intents[0])
    }

    fn intents(&self, step: &StepId, actions: &[&Action]) -> Result<Vec<u64>, StepError> {
        let mut book = self.book();
        let mut numbers = Vec::with_capacity(actions.len());
        for (index, action) in actions.iter().enumerate() {
            let intent = book.intents + 1;
            let what = What::Intent {
                intent,
                action: action.shown(),
                undo: action.undo.iter().map(Action::shown).collect(),
            };
            let durability = if index + 1 == actions.len() {
                Durability::Now
            } else {
                Durability::Later
            };
            self.write(&mut book, Some(step), what, durability)?;
            book.intents = intent;
            numbers.push(intent);
        }
        Ok(numbers)
    }

    fn outcome(
        &self,
        step: &StepId,
        intent: u64,
        took: Duration,
        result: Result<&Reply, &StepError>,
    ) -> Result<(), StepError> {
        let what = What::Outcome {
            intent,
            took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            error: result.err().map(ToString::to_string),
            unknown: result.is_err_and(StepError::outcome_unknown),
            answer: result.map_or_else(|_| String::new(), in_few_words),
        };
        let mut book = self.book();
        self.write(&mut book, Some(step), what, Durability::Later)?;
        book.outcomes += 1;
        let fault = self.fault.and_then(|fault| fault.strikes(book.outcomes));
        if fault == Some(FaultKind::KillAfter) {
            kill_self();
        }
        Ok(())
    }

    fn fact(&self, name: &str, value: serde_json::Value) -> Result<(), StepError> {
        let mut book = self.book();
        let what = What::Fact {
            name: name.to_owned(),
            value: value.clone(),
        };
        self.write(&mut book, None, what, Durability::Now)?;
        book.facts.insert(name, value);
        Ok(())
    }

    fn facts(&self) -> Facts {
        self.book().facts.clone()
    }

    fn progress(&self, step: &StepId, progress: Progress) {
        self.tell(Timestamp::now(), Some(step), What::Waiting { progress });
    }

    // A log line or a check's answer that cannot be written stops nothing: the next intent will.
    fn log(&self, step: &StepId, text: &str) {
        let text = text.to_owned();
        let _ = self.note(Some(step), What::Log { text });
    }

    fn proof(&self, step: &StepId, holds: bool, text: &str) -> Result<(), StepError> {
        let text = text.to_owned();
        self.note(Some(step), What::Proof { holds, text })
    }

    fn pause(&self, step: &StepId, event: PauseEvent) -> Result<(), StepError> {
        if matches!(event, PauseEvent::Left { .. }) {
            self.tell(Timestamp::now(), Some(step), What::Pause { pause: event });
            return Ok(());
        }
        if event.crosses() {
            // The driver outlives every step, so the inbox is open.
            let _ = self.inbox.send(Input::Crossed(step.clone()));
        }
        self.note(Some(step), What::Pause { pause: event })
    }

    fn check(&self, step: &StepId, result: &CheckResult) {
        let result = result.clone();
        let _ = self.note(Some(step), What::Check { result });
    }
}

fn in_few_words(reply: &Reply) -> String {
    match reply {
        Reply::Rows(rows) if rows.is_empty() => "ok".to_owned(),
        Reply::Rows(rows) if rows.len() == 1 => "1 row".to_owned(),
        Reply::Rows(rows) => format!("{} rows", rows.len()),
        Reply::Instance(instance) => format!("{}: {}", instance.identifier, instance.status),
        Reply::Snapshot(snapshot) => format!("{}: {}", snapshot.identifier, snapshot.status),
        Reply::Command(output) => match output.code {
            Some(code) => format!("exit code {code}"),
            None => "ended by a signal".to_owned(),
        },
        Reply::Done => "ok".to_owned(),
        Reply::Standing { pid } => format!("under way in server process {pid}"),
        Reply::NotSent => "not sent".to_owned(),
    }
}
