use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::event::{Event, Light, Outcome, StepState, What};
use crate::runbook::{ShownAction, StepResult};

/// Lines kept on the screen; the journal has them all.
const KEPT: usize = 5_000;

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Something to read.
    Note,
    /// Sent, no answer yet.
    Sent,
    /// It went well.
    Done,
    /// The operator should look.
    Warn,
    /// It went wrong.
    Failed,
    /// Nobody knows whether it took effect.
    Unknown,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// Where it went; empty for what concerns no server.
    pub target: String,
    /// What, as it came; screens make it fit to show.
    pub text: String,
    /// What it tells.
    pub mark: Mark,
    /// How long it took.
    pub took: Option<Duration>,
    /// The answer or the error.
    pub answer: String,
}

/// The last lines of the run's log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    lines: VecDeque<LogLine>,
    /// Lines that were dropped at the front.
    dropped: usize,
    /// Actions without an answer: the intent and its line's number counted from the first ever.
    open: Vec<(u64, usize)>,
}

impl Log {
    /// The lines kept, oldest first.
    #[must_use]
    pub fn lines(&self) -> &VecDeque<LogLine> {
        &self.lines
    }

    /// Lines that are only in the journal by now.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Takes in what belongs into a log.
    pub fn apply(&mut self, event: &Event) {
        match &event.what {
            What::Intent { intent, action, .. } => self.sent(event.at, *intent, action),
            What::Outcome {
                intent,
                took_us,
                error,
                unknown,
                answer,
            } => {
                self.answered(
                    *intent,
                    Duration::from_micros(*took_us),
                    error.as_deref(),
                    *unknown,
                    answer,
                );
            }
            what => {
                if let Some((mark, text)) = line_of(what, event) {
                    self.push(LogLine {
                        at: event.at,
                        target: String::new(),
                        text,
                        mark,
                        took: None,
                        answer: String::new(),
                    });
                }
            }
        }
    }

    fn sent(&mut self, at: Timestamp, intent: u64, action: &ShownAction) {
        self.open.push((intent, self.dropped + self.lines.len()));
        self.push(LogLine {
            at,
            target: action.target.clone(),
            text: action.text.clone(),
            mark: Mark::Sent,
            took: None,
            answer: String::new(),
        });
    }

    fn answered(
        &mut self,
        intent: u64,
        took: Duration,
        error: Option<&str>,
        unknown: bool,
        answer: &str,
    ) {
        let Some(open) = self.open.iter().position(|(id, _)| *id == intent) else {
            return;
        };
        let (_, number) = self.open.swap_remove(open);
        let line = number
            .checked_sub(self.dropped)
            .and_then(|at| self.lines.get_mut(at));
        if let Some(line) = line {
            line.mark = match (unknown, error) {
                (true, _) => Mark::Unknown,
                (false, Some(_)) => Mark::Failed,
                (false, None) => Mark::Done,
            };
            line.took = Some(took);
            error.unwrap_or(answer).clone_into(&mut line.answer);
        }
    }

    fn push(&mut self, line: LogLine) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }
}

/// What an event that sends nothing says in the log.
fn line_of(what: &What, event: &Event) -> Option<(Mark, String)> {
    let step = event.step.as_ref().map_or("", |step| step.as_str());
    Some(match what {
        What::Announced {
            run, tool, resumed, ..
        } => {
            let verb = if *resumed { "taken up again" } else { "begun" };
            (Mark::Note, format!("run {run} {verb} by greenlight {tool}"))
        }
        What::Log { text } => (Mark::Note, text.clone()),
        What::Proof { holds: true, text } => (Mark::Done, text.clone()),
        What::Proof { holds: false, text } => (Mark::Failed, text.clone()),
        What::Confirmed { by } => (Mark::Note, format!("{step} confirmed by {by}")),
        What::GateRefused { reason } => (Mark::Warn, format!("{step} not confirmed: {reason}")),
        What::Guardrail { id, light, text } => {
            let mark = match light {
                Light::Ok => Mark::Done,
                Light::Warn => Mark::Warn,
                Light::Stop => Mark::Failed,
            };
            (mark, format!("guardrail {id}: {text}"))
        }
        What::Parked { reason } => (Mark::Warn, format!("parked: {reason}")),
        What::GoingBack { rollback: true } => (Mark::Warn, "rolling back".to_owned()),
        What::GoingBack { rollback: false } => (Mark::Warn, "undoing steps".to_owned()),
        What::GoingOn => (
            Mark::Note,
            "going on; the rollback was left before any of it was done".to_owned(),
        ),
        What::Refused { reason } => (Mark::Warn, reason.clone()),
        What::Ended { outcome, run } => ended(*outcome, run),
        What::State { state } => state_line(state, step)?,
        _ => return None,
    })
}

fn state_line(state: &StepState, step: &str) -> Option<(Mark, String)> {
    Some(match state {
        StepState::Done { result, .. } => match result {
            StepResult::Done(text) => (Mark::Done, format!("{step} done: {text}")),
            StepResult::Warning(text) => (Mark::Warn, format!("{step} done, but: {text}")),
            StepResult::Skipped(text) => (Mark::Note, format!("{step} skipped: {text}")),
            StepResult::TakenBack(text) => (Mark::Warn, format!("{step} taken back: {text}")),
        },
        StepState::Failed { error, .. } => (Mark::Failed, format!("{step} failed: {error}")),
        StepState::Unclear { evidence } => {
            (Mark::Unknown, format!("{step} is unclear: {evidence}"))
        }
        StepState::Undone => (Mark::Done, format!("{step} taken back")),
        StepState::Undoing => (Mark::Note, format!("{step}: taking it back")),
        StepState::Later | StepState::Waiting | StepState::Probing | StepState::Running => {
            return None;
        }
    })
}

fn ended(outcome: Outcome, run: &str) -> (Mark, String) {
    match outcome {
        Outcome::Done => (Mark::Done, format!("run {run} is done")),
        Outcome::Parked => (Mark::Warn, format!("run {run} is parked")),
        Outcome::RolledBack => (Mark::Done, format!("run {run} is rolled back")),
        Outcome::Stuck => (Mark::Failed, format!("run {run} needs a human")),
    }
}
