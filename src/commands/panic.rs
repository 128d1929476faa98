//! `greenlight panic`: back to where writes were safe, now, from a second terminal.
//!
//! Whoever drives the run is told to stop, which gives the old side back where a write pause is under way. Beyond the
//! point of no return the rollback half follows at once, its gate answered by the phrase that was typed here; its checks
//! are asked all the same.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::headless::{Answers, Printing};
use super::run::{Ready, take_up};
use super::{Ended, Failure, say};
use crate::cli::PanicArgs;
use crate::engine::Memory;
use crate::event::{Intent, Outcome, StepState};
use crate::journal::{RunView, Runs};
use crate::runbook::{PlanPhase, PlanStep, StepId, StepResult};

/// How long the process that drives the run may take to stop: the longest a write pause is finished or taken back in.
const STOP_LIMIT: Duration = Duration::from_secs(90);

/// `greenlight panic RUN`
pub async fn run(args: &PanicArgs) -> Ended {
    let runs = Runs::locate(args.store.runs_dir.as_deref())?;
    let view = runs.view(&args.run)?;
    let back = steps(&view.plan.rollback).find(|step| step.gate.phrase.is_some());
    let (Some(back), Some(phrase)) = (back, back.and_then(|step| step.gate.phrase.clone())) else {
        return Err(Failure::new(format!(
            "{} has no rollback: stop its process, then `greenlight resume {}`",
            view.plan.procedure, view.id
        )));
    };
    confirmed(args, &view, &phrase)?;
    if let Some(driver) = &view.driven_by {
        stop(&runs, &view.id, driver).await?;
    }
    let view = runs.view(&view.id)?;
    let memory = Memory::of(&view.events);
    let point = view.plan.point_of_no_return.as_ref();
    let beyond = point
        .and_then(|id| memory.steps.get(id))
        .and_then(|step| step.state.as_ref())
        .is_some_and(|state| {
            matches!(state, StepState::Done { result, .. } if !matches!(result, StepResult::TakenBack(_)))
        });
    let crossed = beyond || memory.steps.values().any(|step| step.crossed);
    if let Some(point) = point.filter(|point| crossed && !beyond && !is_pause(&view, point)) {
        // What it began elsewhere is not waited for: how that ended does not matter any more.
        let as_done = Intent::TakeAsDone {
            step: point.clone(),
        };
        let answers = Answers {
            instead: [(point.to_string(), [as_done].into())].into(),
            ..Answers::default()
        };
        let ready = take_up(&runs, &view.id, None).await?;
        ready.headless(answers, Printing::Lines, |_| {}).await;
    }
    if crossed && memory.outcome != Some(Outcome::RolledBack) {
        // What waits for Enter before the step that was confirmed belongs to it.
        let before = steps(&view.plan.rollback).take_while(|step| step.id != back.id);
        let entered = before.filter(|step| step.gate.kind == "enter");
        let mut given: BTreeMap<_, _> = entered
            .map(|step| (step.id.clone(), String::new()))
            .collect();
        given.insert(back.id.clone(), phrase);
        let answers = Answers {
            given,
            ..Answers::default()
        };
        let ready = take_up(&runs, &view.id, Some(Intent::GoBack)).await?;
        return carry_out(ready, answers).await;
    }
    if in_a_pause(&view, &memory) {
        // Its process died: taking the run up gives the old side back before anything else.
        let ready = take_up(&runs, &view.id, None).await?;
        return carry_out(ready, Answers::default()).await;
    }
    say(&format!(
        "run {id} is parked before the point of no return: nothing was switched. `greenlight resume {id}` goes on, \
         `greenlight rollback {id}` undoes what was prepared.",
        id = view.id
    ));
    Ok(ExitCode::from(Outcome::Parked.exit_code()))
}

async fn carry_out(ready: Ready, answers: Answers) -> Ended {
    let outcome = ready.headless(answers, Printing::Lines, |_| {}).await;
    Ok(ExitCode::from(outcome.exit_code()))
}

fn steps(phases: &[PlanPhase]) -> impl Iterator<Item = &PlanStep> {
    phases.iter().flat_map(|phase| &phase.steps)
}

fn is_pause(view: &RunView, id: &StepId) -> bool {
    steps(&view.plan.phases).any(|step| step.info.pause && step.info.id == *id)
}

fn in_a_pause(view: &RunView, memory: &Memory) -> bool {
    let pauses = steps(&view.plan.phases).filter(|step| step.info.pause);
    pauses
        .filter_map(|step| memory.steps.get(&step.info.id))
        .any(|step| matches!(step.state, Some(StepState::Running | StepState::Undoing)))
}

/// Nothing is stopped before the phrase has been typed.
fn confirmed(args: &PanicArgs, view: &RunView, phrase: &str) -> Result<(), Failure> {
    let typed = match &args.confirm {
        Some(typed) => typed.clone(),
        None if io::stdin().is_terminal() => {
            say(&format!(
                "Run {} is stopped, a write pause is given back, and a cutover that is complete is rolled back at once.\n\
                 Type  {phrase}  and press Enter; anything else leaves all as it is.",
                view.id
            ));
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line)?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
        None => {
            return Err(Failure::new(format!(
                "there is no terminal here: use --confirm '{phrase}'"
            )));
        }
    };
    if typed == phrase {
        return Ok(());
    }
    Err(Failure::new(format!(
        "that is not the phrase ({phrase}). Nothing was changed."
    )))
}

/// Has the process that drives the run come to a safe end, and waits for it.
async fn stop(runs: &Runs, id: &str, driver: &str) -> Result<(), Failure> {
    let process = driver
        .strip_prefix("process ")
        .and_then(|number| number.parse().ok())
        .and_then(Pid::from_raw)
        .ok_or_else(|| {
            Failure::new(format!(
                "run {id} is driven, but not known by whom: {driver:?}"
            ))
        })?;
    say(&format!("stopping {driver}, which drives run {id}"));
    kill_process(process, Signal::TERM)?;
    let began = Instant::now();
    while runs.view(id)?.driven_by.is_some() {
        if began.elapsed() > STOP_LIMIT {
            return Err(Failure::new(format!(
                "{driver} has not stopped within {STOP_LIMIT:?}. End it with kill -9 and call this again: a write pause \
                 ends by itself when its budget is over, and the run is taken up where it stands."
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
