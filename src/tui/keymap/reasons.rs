//! Why a key does nothing now.

use crate::event::{Outcome, StepState};
use crate::tui::model::{Half, Model};
use crate::tui::view_state::View;

pub fn nothing(_: &Model, _: &View) -> Option<String> {
    None
}

pub fn steering(model: &Model, _: &View) -> Option<String> {
    if model.read_only {
        Some("this screen is read-only: steer from the terminal that runs it".to_owned())
    } else if model.is_over() {
        let resume = match model.ended {
            Some(Outcome::Parked | Outcome::Stuck) if !model.header.disposable => {
                "; `greenlight resume` takes it up again"
            }
            _ => "",
        };
        Some(format!("this process is done with the run{resume}"))
    } else {
        None
    }
}

pub fn next(model: &Model, view: &View) -> Option<String> {
    if model.is_over() {
        return None;
    }
    steering(model, view).or_else(|| {
        if model.gate.is_some() {
            return None;
        }
        match model.steps.current().map(|step| &step.state) {
            Some(StepState::Failed { .. } | StepState::Unclear { .. }) => None,
            Some(StepState::Running) => Some("the step is under way".to_owned()),
            Some(StepState::Undoing) => Some("the step is being taken back".to_owned()),
            _ => Some("no step waits for you".to_owned()),
        }
    })
}

pub fn retry(model: &Model, view: &View) -> Option<String> {
    steering(model, view).or_else(|| match model.steps.current().map(|step| &step.state) {
        Some(StepState::Failed { .. } | StepState::Unclear { .. }) => None,
        _ => Some("the step in hand has not failed".to_owned()),
    })
}

pub fn take_as_done(model: &Model, view: &View) -> Option<String> {
    steering(model, view).or_else(|| match model.steps.current().map(|step| &step.state) {
        Some(StepState::Unclear { .. }) => None,
        _ => Some("the step in hand is not unclear".to_owned()),
    })
}

pub fn standing_still(model: &Model, view: &View) -> Option<String> {
    steering(model, view).or_else(|| {
        model
            .steps
            .any_running()
            .then(|| "a step is under way: wait for it, or park".to_owned())
    })
}

pub fn undo(model: &Model, view: &View) -> Option<String> {
    standing_still(model, view).or_else(|| {
        let applied = model.steps.last_applied();
        applied
            .is_none()
            .then(|| "no step has been done yet".to_owned())
    })
}

pub fn go_back(model: &Model, view: &View) -> Option<String> {
    standing_still(model, view).or_else(|| {
        (model.steps.half() == Half::Rollback)
            .then(|| "the run is on its way back already".to_owned())
    })
}

pub fn postpone(model: &Model, view: &View) -> Option<String> {
    steering(model, view).or_else(|| model.gate.is_none().then(|| "no gate is open".to_owned()))
}

pub fn give_back(model: &Model, view: &View) -> Option<String> {
    match &model.pause {
        Some(pause) if pause.ended.is_some() => Some("the write pause is over".to_owned()),
        Some(pause) if pause.crossed => {
            Some("the point of no return is crossed: the way back is a rollback".to_owned())
        }
        Some(_) => steering(model, view),
        None => Some("there is no write pause".to_owned()),
    }
}

pub fn pause_goes_on(model: &Model, _: &View) -> Option<String> {
    model
        .in_pause()
        .then(|| "the write pause goes on".to_owned())
}

pub fn no_step(model: &Model, _: &View) -> Option<String> {
    model
        .steps
        .current()
        .is_none()
        .then(|| "there is no step yet".to_owned())
}

pub fn no_diff(model: &Model, _: &View) -> Option<String> {
    model
        .objects
        .is_none()
        .then(|| "the objects have not been compared yet".to_owned())
}

pub fn no_row(_: &Model, view: &View) -> Option<String> {
    (view.row_count() == 0).then(|| "there is no row".to_owned())
}

pub fn nothing_to_export(_: &Model, view: &View) -> Option<String> {
    (view.row_count() == 0).then(|| "the table is empty".to_owned())
}
