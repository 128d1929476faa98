//! A run without a screen: an operator that answers gates from what it was given, and printers of events.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::print;
use crate::domain::visible_char;
use crate::event::{Event, Intent, Outcome, StepState, What};
use crate::runbook::{PauseEvent, StepId, StepResult};

/// The fact by which a deployment's end says what comes next.
const PROPOSED: &str = "proposed";

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printing {
    /// Nothing.
    Silent,
    /// One line an event, for people.
    Lines,
    /// One JSON object a line.
    Json,
}

/// What a run without a screen answers.
#[derive(Debug, Default)]
pub struct Answers {
    /// Phrases by step, each given once; a gate that waits for Enter takes any.
    pub given: BTreeMap<String, String>,
    /// Every gate is answered, as only a rehearsal may.
    pub all: bool,
    /// Sent instead of an answer when this step's gate opens, or when it is unclear.
    pub instead: BTreeMap<String, VecDeque<Intent>>,
    /// How long a gate whose checks refuse is tried again, once a second.
    pub patience: Duration,
}

/// Answers gates and prints, until the run has ended. A gate without an answer, a failed and an unclear step park it.
///
/// `rehearsal` must be what the run's header says: [`Answers::all`] holds only there. Events are also handed to `seen`.
pub async fn attend(
    mut answers: Answers,
    rehearsal: bool,
    printing: Printing,
    mut events: UnboundedReceiver<Event>,
    intents: UnboundedSender<Intent>,
    mut seen: impl FnMut(&Event),
) -> Option<Outcome> {
    answers.all &= rehearsal;
    let mut patience_left = answers.patience;
    let mut last_answer = None;
    let mut waiting = None;
    while let Some(event) = events.recv().await {
        // A wait that goes on says the same many times a second; once is enough for a log.
        let same = matches!(&event.what, What::Waiting { progress } if waiting.as_ref() == Some(&progress.text));
        if !same {
            show(&event, printing);
        }
        waiting = match &event.what {
            What::Waiting { progress } => Some(progress.text.clone()),
            _ => None,
        };
        seen(&event);
        let intent = match &event.what {
            What::Announced { dry_run: true, .. } => {
                answers.all = true;
                None
            }
            // What was to be answered was chosen before the deployment failed: somebody must look.
            What::Fact { name, value } if name == PROPOSED && value == "roll back" => {
                if !answers.all {
                    answers.given.clear();
                }
                None
            }
            What::Gate { phrase } => {
                let answer = answers.at_gate(event.step.as_ref(), phrase.as_deref());
                last_answer = Some(answer.clone());
                Some(answer)
            }
            What::GateRefused { .. } if !patience_left.is_zero() && answers.patient() => {
                let pause = Duration::from_secs(1).min(patience_left);
                patience_left -= pause;
                tokio::time::sleep(pause).await;
                last_answer.clone()
            }
            What::State {
                state: StepState::Unclear { .. },
            } => Some(answers.when_unclear(event.step.as_ref())),
            What::GateRefused { .. }
            | What::State {
                state: StepState::Failed { .. },
            } => Some(Intent::Park),
            What::Ended { outcome, .. } => return Some(*outcome),
            _ => None,
        };
        if let Some(intent) = intent {
            // An engine that is gone has sent its last event, which is read next.
            let _ = intents.send(intent);
        }
    }
    None
}

impl Answers {
    fn patient(&self) -> bool {
        !self.patience.is_zero()
    }

    fn pop_instead(&mut self, step: &StepId) -> Option<Intent> {
        self.instead.get_mut(step.as_str())?.pop_front()
    }

    /// What is sent for an unclear step.
    fn when_unclear(&mut self, step: Option<&StepId>) -> Intent {
        let intent = step.and_then(|step| self.pop_instead(step));
        intent.unwrap_or(Intent::Park)
    }

    fn at_gate(&mut self, step: Option<&StepId>, phrase: Option<&str>) -> Intent {
        let Some(step) = step else {
            return Intent::Park;
        };
        if let Some(intent) = self.pop_instead(step) {
            return intent;
        }
        let given = self.given.remove(step.as_str());
        let step = step.clone();
        match (phrase, given) {
            (None, Some(_)) => Intent::Next { step },
            (Some(_), Some(phrase)) => Intent::Confirm { step, phrase },
            (None, None) if self.all => Intent::Next { step },
            (Some(phrase), None) if self.all => Intent::Confirm {
                step,
                phrase: phrase.to_owned(),
            },
            (_, None) => Intent::Park,
        }
    }
}

fn show(event: &Event, printing: Printing) {
    let line = match printing {
        Printing::Silent => None,
        Printing::Json => serde_json::to_string(event).ok(),
        Printing::Lines => line(event),
    };
    if let Some(line) = line {
        // A reader that is gone does not stop a run; the journal has it all.
        let _ = print(&format!("{line}\n"));
    }
}

/// An event as one line for people; `None` for what says nothing by itself.
#[must_use]
pub fn line(event: &Event) -> Option<String> {
    let text = words(&event.what)?;
    let mut line = event.at.strftime("%H:%M:%S").to_string();
    if let Some(step) = &event.step {
        let _ = write!(line, "  {step}");
    }
    let _ = write!(line, "  {}", text.replace('\n', " "));
    Some(line.chars().map(visible_char).collect())
}

fn words(what: &What) -> Option<String> {
    Some(match what {
        What::Announced {
            run,
            profile,
            dry_run,
            resumed,
            ..
        } => format!(
            "run {run} of {profile} {}{}",
            if *resumed { "taken up again" } else { "begins" },
            if *dry_run { ", a dry run" } else { "" }
        ),
        What::State { state } => return state_words(state),
        What::Gate { phrase: None } => "waits for Enter".to_owned(),
        What::Gate {
            phrase: Some(phrase),
        } => format!("waits for the phrase: {phrase}"),
        What::GateRefused { reason } => format!("the gate stays shut: {reason}"),
        What::Confirmed { by } => format!("confirmed by {by}"),
        What::Intent { action, .. } => format!("{} ← {}", action.target, action.text),
        What::Outcome {
            took_us,
            error,
            answer,
            ..
        } => match error {
            Some(error) => format!("✘ {error}"),
            None => format!("✔ {answer}, {} ms", took_us / 1000),
        },
        What::Waiting { progress } => format!("… {}", progress.text),
        What::Log { text } => text.clone(),
        What::Proof { holds, text } => format!("{} {text}", if *holds { "✔" } else { "✘" }),
        What::Pause { pause } => return pause_words(pause),
        What::Check { result } => {
            format!(
                "{:?} {} {}: {}",
                result.verdict, result.id, result.node, result.evidence
            )
        }
        What::Guardrail { id, text, .. } => format!("guardrail {id}: {text}"),
        What::Parked { reason } => format!("⏸ parked: {reason}"),
        What::GoingBack { rollback: true } => "↶ rolling back".to_owned(),
        What::GoingBack { rollback: false } => "↶ undoing what was done".to_owned(),
        What::GoingOn => "going forward again".to_owned(),
        What::Refused { reason } => format!("not now: {reason}"),
        What::Ended { outcome, run } => format!("run {run} ended: {outcome:?}"),
        What::Preview { .. } | What::Probed { .. } | What::Fact { .. } => return None,
    })
}

fn state_words(state: &StepState) -> Option<String> {
    Some(match state {
        StepState::Running => "▶ now".to_owned(),
        StepState::Undoing => "↶ being taken back".to_owned(),
        StepState::Done { result, took_ms } => match result {
            StepResult::Done(text) => format!("✔ done in {took_ms} ms: {text}"),
            StepResult::Warning(text) => format!("⚠ done in {took_ms} ms: {text}"),
            StepResult::Skipped(text) => format!("– skipped: {text}"),
            StepResult::TakenBack(text) => format!("↶ taken back: {text}"),
        },
        StepState::Failed { error, .. } => format!("✘ failed: {error}"),
        StepState::Undone => "↶ taken back".to_owned(),
        StepState::Unclear { evidence } => format!("⚠ unclear: {evidence}"),
        StepState::Later | StepState::Waiting | StepState::Probing => return None,
    })
}

fn pause_words(pause: &PauseEvent) -> Option<String> {
    Some(match pause {
        PauseEvent::Begun { budget_ms, .. } => format!("write pause begins, budget {budget_ms} ms"),
        PauseEvent::Forecast { forecast } => format!("the pause should take about {forecast}"),
        PauseEvent::Armed { node, opens_in_ms } => {
            format!("{node} opens by itself in {opens_in_ms} ms, whatever happens here")
        }
        PauseEvent::Disarmed => "the dead-man switch is disarmed, and was seen gone".to_owned(),
        PauseEvent::PointOfNoReturn => "══ point of no return ══".to_owned(),
        PauseEvent::WayBackIsRollback => "══ from here the way back is the roll back ══".to_owned(),
        PauseEvent::Ended {
            took_us,
            taken_back,
        } => format!(
            "write pause over after {}.{:03} ms{}",
            took_us / 1000,
            took_us % 1000,
            if *taken_back { ", taken back" } else { "" }
        ),
        PauseEvent::Canary { seen } => seen.words(),
        PauseEvent::Part { .. } | PauseEvent::PartDone { .. } | PauseEvent::Left { .. } => {
            return None;
        }
    })
}

/// Who confirms, as the journal names them: user and host.
#[must_use]
pub fn operator() -> String {
    let user = std::env::var("SUDO_USER")
        .or_else(|_| std::env::var("USER"))
        .unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!("{user}@{host}")
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::event::{Event, What};

    #[test]
    fn a_line_stays_one_and_cannot_steer_a_terminal() {
        let event = Event {
            at: jiff::Timestamp::UNIX_EPOCH,
            step: None,
            what: What::Log {
                text: "role \u{1b}[2J\nx\r".to_owned(),
            },
        };
        assert_eq!(line(&event).unwrap(), "00:00:00  role ␛[2J x␍");
    }
}
