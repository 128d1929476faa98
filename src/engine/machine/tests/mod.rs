//! The pure machine: what each state answers to each event, and what holds whatever happens.

mod notation;
mod properties;
mod refusals;
mod sim;
mod table;

use async_trait::async_trait;

use crate::event::{Event, What};
use crate::runbook::{
    Action, Context, Danger, Facts, Gate, Phase, Probe, Risk, Runbook, Step, StepError, StepId,
    StepInfo, StepResult, Undo,
};

pub(super) const CUT_OVER: &str = "cut over shop";
pub(super) const ROLL_BACK: &str = "roll back shop";

/// A step that is only looked at: the machine never calls one.
struct Named(StepInfo);

#[async_trait]
impl Step for Named {
    fn info(&self) -> &StepInfo {
        &self.0
    }

    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        unreachable!("the machine does no IO")
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        Vec::new()
    }

    async fn apply(&self, _ctx: &Context) -> Result<StepResult, StepError> {
        unreachable!("the machine does no IO")
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        unreachable!("the machine does no IO")
    }
}

/// A runbook with every kind of step: one that reads, one that follows by itself, one behind Enter, the write pause
/// behind its phrase, one beyond it, one that ends the way back; and a rollback half.
pub(super) fn runbook() -> Runbook {
    let step = |id: &str| StepInfo::new(id, id, "why");
    let phrase = |id: &str, phrase: &str| {
        step(id)
            .gate(Gate::Phrase(phrase.to_owned()))
            .danger(Danger::default())
            .undo(Undo::RollForwardOnly, "the rollback half")
    };
    let pause = |mut info: StepInfo| {
        info.pause = true;
        info
    };
    let half = |id, steps: Vec<StepInfo>| {
        let steps = steps.into_iter().map(|info| Box::new(Named(info)) as _);
        vec![Phase {
            id,
            title: id.to_owned(),
            steps: steps.collect(),
        }]
    };
    Runbook {
        procedure: "test",
        forward: half(
            "forward",
            vec![
                step("look").risk(Risk::ReadOnly),
                step("make"),
                step("link").gate(Gate::Enter),
                pause(phrase("switch", CUT_OVER)),
                step("accept").undo(Undo::RollForwardOnly, "the rollback half"),
                phrase("finish", "finish shop").undo(Undo::Irreversible, "nothing leads back"),
            ],
        ),
        rollback: half(
            "rollback",
            vec![
                pause(phrase("return", ROLL_BACK)),
                step("clean").undo(Undo::RollForwardOnly, "nothing is left to go back to"),
            ],
        ),
        point_of_no_return: Some(StepId::new("switch")),
        way_back_ends: Some(StepId::new("finish")),
    }
}

pub(super) fn id(step: &str) -> StepId {
    StepId::new(step)
}

/// A note, as the driver journals it.
pub(super) fn event(step: Option<StepId>, what: What) -> Event {
    Event {
        at: jiff::Timestamp::UNIX_EPOCH,
        step,
        what,
    }
}
