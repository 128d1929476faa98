//! A run without a world: chance answers for the servers and the operator, and every effect is judged as it comes.

use std::collections::BTreeSet;

use super::{event, notation, runbook};
use crate::engine::machine::{Effect, Input};
use crate::engine::{Machine, Memory};
use crate::event::{Event, Intent, Outcome, StepState, What};
use crate::runbook::{Gate, PauseEvent, Probe, Risk, Runbook, StepId, StepInfo, StepResult};

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Job {
    Probe(StepId),
    Check(StepId),
    Apply(StepId),
    Undo(StepId),
}

impl Job {
    fn changes(&self) -> bool {
        matches!(self, Self::Apply(_) | Self::Undo(_))
    }

    fn step(&self) -> &StepId {
        match self {
            Self::Probe(step) | Self::Check(step) | Self::Apply(step) | Self::Undo(step) => step,
        }
    }
}

pub(super) struct Sim {
    runbook: Runbook,
    machine: Machine,
    pub(super) journal: Vec<Event>,
    pub(super) job: Option<Job>,
    pub(super) outcome: Option<Outcome>,
    /// What may be on the servers: applied by some process, or seen there by a probe.
    touched: BTreeSet<StepId>,
    /// Beyond the point of no return.
    crossed: BTreeSet<StepId>,
    /// The step whose exact phrase was typed last.
    typed: Option<StepId>,
    /// Somebody asked to stop.
    stopping: bool,
}

impl Sim {
    pub(super) fn begin() -> Self {
        let runbook = runbook();
        let machine = Machine::new(&runbook, &Memory::default(), "tester@here");
        let mut sim = Self {
            runbook,
            machine,
            journal: Vec::new(),
            job: None,
            outcome: None,
            touched: BTreeSet::new(),
            crossed: BTreeSet::new(),
            typed: None,
            stopping: false,
        };
        sim.take(&Input::Started);
        sim
    }

    /// One turn, chosen by two numbers: mostly what is under way gets an answer, else somebody wants something.
    pub(super) fn turn(&mut self, what: u8, which: u8) {
        if self.outcome.is_some() {
            return self.another_process();
        }
        let text = match (what % 16, self.job.clone()) {
            (0..=8, Some(job)) => Self::answer(&job, which),
            (0..=12, _) => self.wish(which),
            (13, Some(Job::Apply(step))) if self.info(&step).pause => format!("crossed {step}"),
            (13, Some(job)) => format!("panicked {}", job.step()),
            (14, _) => return self.another_process(),
            _ => Self::stray(which),
        };
        self.take(&notation::input(&text));
    }

    fn answer(job: &Job, which: u8) -> String {
        let pick = |of: &[&'static str]| of[usize::from(which) % of.len()];
        match job {
            Job::Probe(step) => {
                let how = pick(&[
                    "not-applied",
                    "not-applied",
                    "not-applied",
                    "applied",
                    "partial",
                    "take-back",
                    "unknown",
                    "silence",
                ]);
                format!("probed {step} {how}")
            }
            Job::Check(step) => format!("checked {step} {}", pick(&["pass", "pass", "block"])),
            Job::Apply(step) => {
                let how = pick(&[
                    "done",
                    "done",
                    "done",
                    "done",
                    "warning",
                    "skipped",
                    "taken-back",
                    "failed",
                    "lost",
                ]);
                format!("ended {step} {how}")
            }
            Job::Undo(step) => format!("undone {step} {}", pick(&["done", "done", "failed"])),
        }
    }

    /// What an operator, a guardrail or a signal may want, mostly about the step in hand.
    fn wish(&self, which: u8) -> String {
        let last = self.journal.iter().rev().find_map(|e| e.step.clone());
        let step = last.unwrap_or_else(|| StepId::new("look"));
        let wishes = [
            "next STEP",
            "next STEP",
            "confirm STEP",
            "confirm STEP",
            "confirm STEP",
            "mistype STEP",
            "retry STEP",
            "retry STEP",
            "take-as-done STEP",
            "undo-last",
            "go-back",
            "give-back",
            "recheck",
            "park",
            "cancelled",
            "guardrail",
        ];
        wishes[usize::from(which) % wishes.len()].replace("STEP", step.as_str())
    }

    /// An answer that nobody asked for, or the end of the journal.
    fn stray(which: u8) -> String {
        let strays = [
            "probed finish applied",
            "ended finish done",
            "undone look done",
            "checked finish pass",
            "started",
            "journal-lost",
        ];
        strays[usize::from(which) % strays.len()].to_owned()
    }

    /// The process is gone; another takes the run up from its journal.
    fn another_process(&mut self) {
        self.machine = Machine::new(&self.runbook, &Memory::of(&self.journal), "tester@here");
        self.job = None;
        self.outcome = None;
        self.typed = None;
        self.stopping = false;
        self.take(&Input::Started);
    }

    fn info(&self, step: &StepId) -> &StepInfo {
        self.runbook.step(step).unwrap().info()
    }

    fn take(&mut self, input: &Input) {
        // A machine that was only woken by what it refused is woken again, as the driver does by parking it.
        if matches!(input, Input::Started) && !self.machine.is_asleep() {
            return;
        }
        self.observe(input);
        let effects = self.machine.handle(input.clone());
        for effect in effects {
            self.judge(effect, input);
        }
    }

    fn observe(&mut self, input: &Input) {
        match input {
            Input::Probed(step, _) if self.job == Some(Job::Probe(step.clone())) => self.job = None,
            Input::GateChecked(step, _) if self.job == Some(Job::Check(step.clone())) => {
                self.job = None;
            }
            Input::StepEnded(step, _, _) if self.job == Some(Job::Apply(step.clone())) => {
                self.job = None;
            }
            Input::UndoEnded(step, _, _) if self.job == Some(Job::Undo(step.clone())) => {
                self.job = None;
            }
            Input::Panicked(..) => self.job = None,
            Input::Crossed(step) => {
                let pause = PauseEvent::PointOfNoReturn;
                let note = event(Some(step.clone()), What::Pause { pause });
                self.journal.push(note);
                self.crossed.insert(step.clone());
            }
            Input::Cancelled | Input::Intent(Intent::Park) => self.stopping = true,
            Input::Intent(Intent::Confirm { step, phrase }) => {
                let gate = &self.info(step).gate;
                if matches!(gate, Gate::Phrase(wanted) if wanted == phrase) {
                    self.typed = Some(step.clone());
                }
            }
            _ => {}
        }
    }

    fn judge(&mut self, effect: Effect, cause: &Input) {
        assert_eq!(self.outcome, None, "{effect:?} after the end");
        match effect {
            Effect::Note(step, what) => self.note(step, what),
            Effect::Preview(_) => {}
            Effect::Probe(step) => self.start(Job::Probe(step), cause),
            Effect::CheckGate(step) => self.start(Job::Check(step), cause),
            Effect::Apply(clearance) => self.apply(clearance.step(), cause),
            Effect::Undo(step) => {
                assert!(self.touched.contains(&step), "{step} left nothing to undo");
                assert!(!self.crossed.contains(&step), "{step} was crossed");
                self.start(Job::Undo(step), cause);
            }
            Effect::Cancel => {
                assert!(self.job.as_ref().is_some_and(Job::changes));
            }
            Effect::End(outcome) => self.outcome = Some(outcome),
        }
    }

    fn start(&mut self, job: Job, cause: &Input) {
        // Only a pause whose task is gone is taken back even then: applications are shut out.
        let rescues = matches!((&job, cause), (Job::Undo(step), Input::Panicked(..)) if self.info(step).pause);
        assert!(
            rescues || !self.stopping,
            "{job:?} begins after the run was asked to stop"
        );
        let busy = self.job.as_ref().filter(|job| job.changes());
        assert_eq!(busy, None, "{job:?} begins meanwhile");
        self.job = Some(job);
    }

    fn apply(&mut self, step: &StepId, cause: &Input) {
        let running = What::State {
            state: StepState::Running,
        };
        let last = self.journal.last().unwrap();
        assert_eq!((last.step.as_ref(), &last.what), (Some(step), &running));
        let beyond =
            self.crossed.contains(step) && matches!(cause, Input::Probed(_, Ok(Probe::Partial(_))));
        if self.info(step).risk == Risk::Dangerous && !beyond {
            assert_eq!(
                self.typed.take().as_ref(),
                Some(step),
                "no phrase was typed"
            );
            let passed = matches!(cause, Input::GateChecked(checked, report)
                if checked == step && report.blocking().next().is_none());
            assert!(passed, "{step} is applied because of {cause:?}");
        }
        let memory = Memory::of(&self.journal);
        let back = !self.runbook.steps(false).any(|s| s.info().id == *step);
        assert_eq!(back, memory.going_back == Some(true));
        let before = self.runbook.steps(back).map(|s| &s.info().id);
        for earlier in before.take_while(|other| *other != step) {
            let state = memory.steps.get(earlier).and_then(|s| s.state.clone());
            assert!(is_finished(state.as_ref()), "{step} overtakes {earlier}");
        }
        self.touched.insert(step.clone());
        self.start(Job::Apply(step.clone()), cause);
    }

    fn note(&mut self, step: Option<StepId>, what: What) {
        if matches!(what, What::Gate { .. }) {
            // What was typed at the gate before it opened anew counts no more.
            self.typed = None;
        }
        if let Some(step) = &step {
            match &what {
                What::Probed { probe } => {
                    if *probe != Probe::NotApplied {
                        self.touched.insert(step.clone());
                    }
                    if matches!(probe, Probe::NotApplied | Probe::TakeBack(_)) {
                        self.crossed.remove(step);
                    }
                }
                What::State {
                    state: StepState::Undone,
                } => {
                    self.touched.remove(step);
                }
                What::State {
                    state:
                        StepState::Done {
                            result: StepResult::TakenBack(_),
                            ..
                        },
                } => {
                    self.touched.remove(step);
                    self.crossed.remove(step);
                }
                _ => {}
            }
        }
        self.journal.push(event(step, what));
    }
}

pub(super) fn is_finished(state: Option<&StepState>) -> bool {
    matches!(state, Some(StepState::Done { result, .. }) if !matches!(result, StepResult::TakenBack(_)))
}
