//! Everything the screen shows, folded from events. No IO, no keys, no looks: those are `app`, `update`, `theme`.

mod checks;
mod clock;
mod data;
mod log;
mod pause;
mod series;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub use checks::{CheckKey, Checks};
pub use clock::elapsed;
pub use data::{ComparedTable, Data};
pub use log::{Log, LogLine, Mark};
pub use pause::{Part, PartState, Pause};
pub use series::{Series, SeriesSet, worst_link};
pub use steps::{Half, PhaseView, Proof, StepView, Steps};

use crate::event::{Event, Gauges, Light, Outcome, What};
use crate::inspect::ObjectDiff;
use crate::runbook::{StepId, Verdict};

/// What is known before the first event.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// The profile's name.
    pub profile: String,
    /// BLUE's version, as shown: `15.18`.
    pub blue_version: String,
    /// GREEN's version, as shown.
    pub green_version: String,
    /// What the two sides are called, where not BLUE and GREEN.
    pub sides: Option<(String, String)>,
    /// True when the servers, and the run with them, go once the screen closes.
    pub disposable: bool,
}

/// The run as it was announced.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The procedure's id.
    pub procedure: String,
    /// True for a dry run.
    pub dry_run: bool,
    /// True in a rehearsal.
    pub rehearsal: bool,
    /// When it began.
    pub begun: Timestamp,
}

/// A gate that waits for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenGate {
    /// The step behind it.
    pub step: StepId,
    /// The phrase to type; `None` waits for Enter.
    pub phrase: Option<String>,
    /// Why the last answer was not accepted.
    pub refused: Option<String>,
    /// Since when it waits.
    pub since: Timestamp,
}

/// A guardrail's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Its light.
    pub light: Light,
    /// What it saw.
    pub text: String,
    /// When.
    pub at: Timestamp,
}

/// The side that applications write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// The current server.
    Blue,
    /// The next one.
    Green,
}

/// Everything shown.
#[derive(Debug, Clone)]
pub struct Model {
    /// Known beforehand.
    pub header: Header,
    /// True when nobody at this screen may steer.
    pub read_only: bool,
    /// The clock, moved by [`Model::tick`].
    pub now: Timestamp,
    /// The run, once announced.
    pub run: Option<Run>,
    /// The runbook and how far it is.
    pub steps: Steps,
    /// The gate that waits.
    pub gate: Option<OpenGate>,
    /// The checks' answers.
    pub checks: Checks,
    /// The write pause, while it lasts and afterwards.
    pub pause: Option<Pause>,
    /// Guardrails by id.
    pub guards: BTreeMap<String, Guard>,
    /// The log.
    pub log: Log,
    /// The latest readings.
    pub gauges: Gauges,
    /// Their history, a sample a second.
    pub series: SeriesSet,
    /// The object diff, once there is one.
    pub objects: Option<Arc<ObjectDiff>>,
    /// The data compare.
    pub data: Data,
    /// Why the run stands still.
    pub parked: Option<String>,
    /// How the run ended.
    pub ended: Option<Outcome>,
    /// True when the events stopped without a last one.
    pub lost: bool,
}

impl Model {
    /// A model before the first event.
    #[must_use]
    pub fn new(header: Header, read_only: bool, now: Timestamp) -> Self {
        Self {
            header,
            read_only,
            now,
            run: None,
            steps: Steps::default(),
            gate: None,
            checks: Checks::default(),
            pause: None,
            guards: BTreeMap::new(),
            log: Log::default(),
            gauges: Gauges::default(),
            series: SeriesSet::default(),
            objects: None,
            data: Data::default(),
            parked: None,
            ended: None,
            lost: false,
        }
    }

    /// Takes in one event.
    pub fn apply(&mut self, event: &Event) {
        self.now = self.now.max(event.at);
        self.apply_to_run(event);
        self.steps.apply(event);
        self.checks.apply(event);
        self.log.apply(event);
        self.data.apply(event);
        match &event.what {
            What::Pause { pause } => Pause::apply(&mut self.pause, event, pause),
            What::Gate { phrase } => {
                self.gate = event.step.clone().map(|step| OpenGate {
                    step,
                    phrase: phrase.clone(),
                    refused: None,
                    since: event.at,
                });
            }
            What::GateRefused { reason } => {
                if let Some(gate) = &mut self.gate {
                    gate.refused = Some(reason.clone());
                }
            }
            What::Guardrail { id, light, text } => {
                let guard = Guard {
                    light: *light,
                    text: text.clone(),
                    at: event.at,
                };
                self.guards.insert(id.clone(), guard);
            }
            _ => {}
        }
        self.close_gate_of_another_state(event);
    }

    /// A gate is over once its step is confirmed, or is anything but waiting, or the run stands still.
    fn close_gate_of_another_state(&mut self, event: &Event) {
        let Some(gate) = &self.gate else { return };
        let closes = match &event.what {
            What::Confirmed { .. } | What::State { .. }
                if event.step.as_ref() != Some(&gate.step) =>
            {
                false
            }
            What::State { state } => *state != crate::event::StepState::Waiting,
            What::Confirmed { .. }
            | What::Parked { .. }
            | What::GoingBack { .. }
            | What::Ended { .. } => true,
            _ => false,
        };
        if closes {
            self.gate = None;
        }
    }

    /// What the way forward is called.
    #[must_use]
    pub fn way_forward(&self) -> &'static str {
        match self.run.as_ref().map(|run| run.procedure.as_str()) {
            Some("patroni-guard") => "Guard",
            Some("vip-switchover") => "Switchover",
            _ => "Upgrade",
        }
    }

    fn apply_to_run(&mut self, event: &Event) {
        match &event.what {
            What::Announced {
                run,
                profile,
                plan,
                dry_run,
                rehearsal,
                blue_version,
                green_version,
                sides,
                ..
            } => {
                let begun = self.run.as_ref().map_or(event.at, |run| run.begun);
                let header = &mut self.header;
                header.profile.clone_from(profile);
                if sides.is_some() {
                    header.sides.clone_from(sides);
                }
                // A journal of an older version does not tell them.
                if !blue_version.is_empty() {
                    header.blue_version.clone_from(blue_version);
                    header.green_version.clone_from(green_version);
                }
                self.run = Some(Run {
                    id: run.clone(),
                    procedure: plan.procedure.clone(),
                    dry_run: *dry_run,
                    rehearsal: *rehearsal,
                    begun,
                });
                self.parked = None;
                self.ended = None;
                self.lost = false;
            }
            What::Parked { reason } => self.parked = Some(reason.clone()),
            What::Ended { outcome, .. } => self.ended = Some(*outcome),
            _ => {}
        }
    }

    /// Moves the clock.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// Takes a sample of the gauges for their history; called once a second.
    pub fn sample(&mut self) {
        self.series.sample(&self.gauges);
    }

    /// The worst light of all guardrails; a server that does not answer counts as a warning.
    #[must_use]
    pub fn light(&self) -> Light {
        let lights = self.guards.values().map(|guard| guard.light);
        if lights.clone().any(|light| light == Light::Stop) {
            Light::Stop
        } else if lights.clone().any(|light| light == Light::Warn) || !self.gauges.silent.is_empty()
        {
            Light::Warn
        } else {
            Light::Ok
        }
    }

    /// Why a switch should not begin now: empty for go, `None` while there is nothing to switch.
    #[must_use]
    pub fn no_go(&self) -> Option<Vec<String>> {
        let mut reasons = self.gauges.no_go.clone()?;
        let blocked = self.checks.all().iter();
        let blocked = blocked.filter(|check| check.gate && check.verdict == Verdict::Block);
        reasons.extend(blocked.map(|check| format!("check {}", check.id)));
        Some(reasons)
    }

    /// The side that applications write to, or wrote to until the pause that goes on.
    #[must_use]
    pub fn serving(&self) -> Serving {
        let switched = |half| {
            let step = self
                .steps
                .all()
                .iter()
                .find(|s| s.half == half && s.plan.info.pause);
            step.is_some_and(|step| {
                let crossed = |pause: &Pause| {
                    pause.crossed && pause.step.as_ref() == Some(&step.plan.info.id)
                };
                step.is_done() || self.pause.as_ref().is_some_and(crossed)
            })
        };
        if switched(Half::Forward) && !switched(Half::Rollback) {
            Serving::Green
        } else {
            Serving::Blue
        }
    }

    /// True while the write pause lasts.
    #[must_use]
    pub fn in_pause(&self) -> bool {
        self.pause
            .as_ref()
            .is_some_and(|pause| pause.ended.is_none())
            && self.ended.is_none()
    }

    /// True once nothing more will come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ended.is_some() || self.lost
    }
}

#[cfg(test)]
pub(super) mod tests;
