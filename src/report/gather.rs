use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::sections::outcome_word;
use super::{
    CheckReport, CompareReport, Confirmation, Entry, FactReport, Guardrail, PauseReport, Proof,
    Report, Sent, Statement, StepOutcome, StepReport,
};
use crate::event::{Event, StepState, What};
use crate::inspect::Comparison;
use crate::journal::RunView;
use crate::runbook::{FactKey, PauseEvent, Plan, Probe, StepResult};

impl Report {
    /// The report of a run, times in `zone`.
    #[must_use]
    pub fn of(run: &RunView, zone: &TimeZone) -> Self {
        let mut gathering = Gathering {
            zone,
            phrases: BTreeMap::new(),
            pause_began: None,
            running: String::new(),
            report: Self {
                run: run.id.clone(),
                profile: String::new(),
                procedure: run.plan.procedure.clone(),
                tools: Vec::new(),
                dry_run: false,
                rehearsal: false,
                began: None,
                last_record: None,
                took_ms: 0,
                outcome: None,
                driven_by: run.driven_by.clone(),
                confirmations: Vec::new(),
                steps: steps(&run.plan),
                pauses: Vec::new(),
                statements: Vec::new(),
                facts: Vec::new(),
                compares: Vec::new(),
                proofs: Vec::new(),
                checks: Vec::new(),
                guardrails: Vec::new(),
                course: Vec::new(),
            },
        };
        for event in &run.events {
            gathering.take(event);
        }
        if let [first, .., last] = run.events.as_slice() {
            let took = last.at.duration_since(first.at).as_millis();
            gathering.report.took_ms = u64::try_from(took).unwrap_or_default();
        }
        let began = run.events.first().map(|event| gathering.time(event.at));
        let last_record = run.events.last().map(|event| gathering.time(event.at));
        Self {
            began,
            last_record,
            ..gathering.report
        }
    }
}

fn steps(plan: &Plan) -> Vec<StepReport> {
    let halves = [(false, &plan.phases), (true, &plan.rollback)];
    let mut steps = Vec::new();
    for (rollback, phases) in halves {
        for phase in phases {
            steps.extend(phase.steps.iter().map(|step| StepReport {
                id: step.id.clone(),
                title: step.title.clone(),
                phase: phase.title.clone(),
                rollback,
                risk: step.risk,
                undo: step.undo,
                outcome: StepOutcome::NotBegun,
                text: String::new(),
                attempts: 0,
                began: None,
                ended: None,
                planned_ms: u64::try_from(step.info.planned.as_millis()).unwrap_or(u64::MAX),
                actual_ms: None,
            }));
        }
    }
    steps
}

struct Gathering<'a> {
    zone: &'a TimeZone,
    /// The phrase each step's gate asked for last.
    phrases: BTreeMap<String, Option<String>>,
    pause_began: Option<Timestamp>,
    /// The step that was begun last: facts do not say whose they are.
    running: String,
    report: Report,
}

impl Gathering<'_> {
    fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
            .to_string()
    }

    fn take(&mut self, event: &Event) {
        let at = self.time(event.at);
        let step = event
            .step
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        match &event.what {
            What::State { state } => self.state(&at, &step, state),
            What::Gate { phrase } => {
                self.phrases.insert(step, phrase.clone());
            }
            What::Confirmed { by } => self.report.confirmations.push(Confirmation {
                title: self.title(&step),
                phrase: self.phrases.get(&step).cloned().flatten(),
                by: by.clone(),
                at,
                step,
            }),
            What::Intent {
                intent,
                action,
                undo,
            } => self.report.statements.push(Statement {
                at,
                intent: *intent,
                step,
                action: action.clone(),
                undo: undo.clone(),
                result: Sent::NoOutcome,
                answer: String::new(),
                took_us: None,
            }),
            What::Outcome { .. } => self.outcome(&event.what),
            What::Fact { name, value } => self.fact(at, name, value),
            What::Proof { holds, text } => self.report.proofs.push(Proof {
                at,
                step,
                holds: *holds,
                text: text.clone(),
            }),
            What::Check { result } => {
                self.report.checks.retain(|check| {
                    (&check.step, &check.result.id, &check.result.node)
                        != (&step, &result.id, &result.node)
                });
                self.report.checks.push(CheckReport {
                    at,
                    step,
                    result: result.clone(),
                });
            }
            What::Guardrail { id, light, text } => self.report.guardrails.push(Guardrail {
                at,
                id: id.clone(),
                light: *light,
                text: text.clone(),
            }),
            What::Pause { pause } => self.pause(event.at, step, pause),
            What::Announced { .. } => self.announced(&at, &event.what),
            other => self.course(at, step, other),
        }
    }

    fn fact(&mut self, at: String, name: &str, value: &serde_json::Value) {
        let compared = FactKey::<Comparison>::new(Comparison::FACT);
        if let (Some(database), Ok(found)) = (compared.part(name), Comparison::deserialize(value)) {
            self.report.compares.push(CompareReport {
                at,
                step: self.running.clone(),
                database: database.to_owned(),
                found,
            });
            return;
        }
        self.report.facts.retain(|fact| fact.name != name);
        if !value.is_null() {
            self.report.facts.push(FactReport {
                at,
                name: name.to_owned(),
                value: value.clone(),
            });
        }
    }

    fn announced(&mut self, at: &str, what: &What) {
        let What::Announced {
            run,
            profile,
            tool,
            dry_run,
            rehearsal,
            resumed,
            ..
        } = what
        else {
            return;
        };
        // The folder may have been renamed; the journal knows better.
        self.report.run.clone_from(run);
        self.report.profile.clone_from(profile);
        self.report.dry_run = *dry_run;
        self.report.rehearsal = *rehearsal;
        self.report.outcome = None;
        if self.report.tools.last() != Some(tool) {
            self.report.tools.push(tool.clone());
        }
        let text = if *resumed { "taken up again" } else { "begun" };
        self.enter(at.to_owned(), String::new(), text.to_owned());
    }

    fn state(&mut self, at: &str, step: &str, state: &StepState) {
        let Some(step) = self.report.steps.iter_mut().find(|known| known.id == step) else {
            return;
        };
        let (outcome, text) = match state {
            StepState::Later => (StepOutcome::NotBegun, ""),
            StepState::Waiting => (StepOutcome::Waiting, ""),
            StepState::Probing => return,
            StepState::Running => {
                self.running.clone_from(&step.id);
                step.attempts += 1;
                step.began.get_or_insert_with(|| at.to_owned());
                (StepOutcome::UnderWay, "")
            }
            StepState::Undoing => (StepOutcome::UnderWay, "being taken back"),
            StepState::Done { result, .. } => match result {
                StepResult::Done(text) => (StepOutcome::Done, text.as_str()),
                StepResult::Warning(text) => (StepOutcome::Warning, text.as_str()),
                StepResult::Skipped(text) => (StepOutcome::Skipped, text.as_str()),
                StepResult::TakenBack(text) => (StepOutcome::TakenBack, text.as_str()),
            },
            StepState::Failed { error, .. } => (StepOutcome::Failed, error.as_str()),
            StepState::Undone => (StepOutcome::Undone, ""),
            StepState::Unclear { evidence } => (StepOutcome::Unclear, evidence.as_str()),
        };
        step.outcome = outcome;
        text.clone_into(&mut step.text);
        if let StepState::Done { took_ms, .. } | StepState::Failed { took_ms, .. } = state {
            step.actual_ms = Some(step.actual_ms.unwrap_or_default() + took_ms);
            step.ended = Some(at.to_owned());
        }
    }

    fn outcome(&mut self, what: &What) {
        let What::Outcome {
            intent,
            took_us,
            error,
            unknown,
            answer,
        } = what
        else {
            return;
        };
        let statements = self.report.statements.iter_mut();
        let Some(statement) = statements.rev().find(|known| known.intent == *intent) else {
            return;
        };
        statement.took_us = Some(*took_us);
        statement.answer = error.clone().unwrap_or_else(|| answer.clone());
        statement.result = match error {
            _ if *unknown => Sent::Unknown,
            Some(_) => Sent::Failed,
            None if self.report.dry_run => Sent::NotSent,
            None => Sent::Ok,
        };
    }

    fn pause(&mut self, at: Timestamp, step: String, event: &PauseEvent) {
        if let PauseEvent::Begun {
            parts, budget_ms, ..
        } = event
        {
            self.pause_began = Some(at);
            let begun = self.time(at);
            let pause = PauseReport::begun(begun, step, parts, *budget_ms);
            self.report.pauses.push(pause);
        } else if let (Some(pause), Some(began)) = (self.report.pauses.last_mut(), self.pause_began)
        {
            pause.go_on(
                u64::try_from(at.duration_since(began).as_micros()).ok(),
                event,
            );
        }
    }

    fn course(&mut self, at: String, step: String, what: &What) {
        let text = match what {
            What::GateRefused { reason } => format!("the gate stayed shut: {reason}"),
            What::Probed { probe } => match probe {
                Probe::NotApplied => "the servers were asked: not applied".to_owned(),
                Probe::Applied => "the servers were asked: applied".to_owned(),
                Probe::Partial(seen) => format!("the servers were asked: partly applied: {seen}"),
                Probe::TakeBack(seen) => format!("interrupted in the write pause: {seen}"),
                Probe::Unknown(seen) => {
                    format!("the servers were asked, and it is unclear: {seen}")
                }
            },
            What::Log { text } => text.clone(),
            What::Parked { reason } => format!("parked: {reason}"),
            What::GoingBack { rollback: true } => "turned to the rollback half".to_owned(),
            What::GoingBack { rollback: false } => "turned to undoing steps".to_owned(),
            What::GoingOn => "turned forward again".to_owned(),
            What::Refused { reason } => format!("refused: {reason}"),
            What::Ended { outcome, .. } => {
                self.report.outcome = Some(*outcome);
                format!("ended: {}", outcome_word(Some(*outcome)))
            }
            _ => return,
        };
        self.enter(at, step, text);
    }

    fn enter(&mut self, at: String, step: String, text: String) {
        self.report.course.push(Entry { at, step, text });
    }

    fn title(&self, step: &str) -> String {
        let steps = self.report.steps.iter();
        let mut known = steps.filter(|known| known.id == step);
        known
            .next()
            .map_or_else(String::new, |known| known.title.clone())
    }
}
