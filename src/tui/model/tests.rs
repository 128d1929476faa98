use jiff::Timestamp;

use super::{Header, Model, PartState};
use crate::event::{Event, Light, Outcome, StepState, What};
use crate::runbook::{StepId, Verdict};

/// The run of `tests/scenarios/upgrade.jsonl` up to the gate with this number (the first is 1), or to its end.
pub fn played(gates: usize) -> Model {
    let mut model = Model::new(header(), false, Timestamp::UNIX_EPOCH);
    let mut seen = 0;
    for line in include_str!("../../../tests/scenarios/upgrade.jsonl").lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        if value["do"] == "gate" {
            seen += 1;
            if seen == gates {
                break;
            }
        } else if value["do"].is_null() {
            model.apply(&serde_json::from_value(value).unwrap());
        }
    }
    let later = model
        .now
        .checked_add(jiff::SignedDuration::from_secs(5))
        .unwrap();
    model.tick(later);
    model
}

/// The same run in the middle of its write pause, the drain under way.
pub fn pausing() -> Model {
    let mut model = Model::new(header(), false, Timestamp::UNIX_EPOCH);
    for line in include_str!("../../../tests/scenarios/upgrade.jsonl").lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        if value["do"].is_null() {
            model.apply(&serde_json::from_value(value.clone()).unwrap());
        }
        if value["pause"] == "part" && value["index"] == 3 {
            break;
        }
    }
    let later = jiff::SignedDuration::from_millis(1_234);
    model.tick(model.now.checked_add(later).unwrap());
    model
}

/// The same run at the gate of its rollback.
pub fn rolling_back() -> Model {
    let mut model = played(99);
    model.ended = None;
    let step = StepId::new("back.switch");
    let phrase = Some("roll back to shop-prod-blue".to_owned());
    let state = StepState::Waiting;
    for (step, what) in [
        (None, What::GoingBack { rollback: true }),
        (Some(step.clone()), What::State { state }),
        (Some(step), What::Gate { phrase }),
    ] {
        let at = model.now;
        model.apply(&Event { at, step, what });
    }
    model
}

fn header() -> Header {
    Header {
        profile: "shop-prod".to_owned(),
        blue_version: "15.18".to_owned(),
        green_version: "17.10".to_owned(),
        sides: None,
        disposable: false,
    }
}

#[test]
fn a_gate_is_open_until_it_is_confirmed() {
    let mut model = played(1);
    let gate = model.gate.clone().unwrap();
    assert_eq!(gate.step, StepId::new("prepare.publication"));
    model.apply(&Event {
        at: model.now,
        step: Some(gate.step),
        what: What::Confirmed {
            by: "op".to_owned(),
        },
    });
    assert_eq!(model.gate, None);
}

#[test]
fn a_later_answer_replaces_an_earlier_one() {
    let model = played(1);
    assert_eq!(model.checks.count(Verdict::Block), 0);
    assert_eq!(model.checks.all().len(), 5);
    assert_eq!(model.checks.all()[0].verdict, Verdict::Warn);
}

#[test]
fn the_whole_run_folds_to_its_end() {
    let model = played(99);
    assert_eq!(model.ended, Some(Outcome::Done));
    let pause = model.pause.as_ref().unwrap();
    assert!(pause.crossed);
    assert_eq!(pause.lasted(model.now).as_micros(), 41_200);
    assert!(
        pause
            .parts
            .iter()
            .all(|part| matches!(part.state, PartState::Done { .. }))
    );
    assert_eq!(model.light(), Light::Ok);
    assert_eq!(model.data.tables[0].name, "shop.shop.orders");
    assert!(!model.data.tables[0].equal);
}

#[test]
fn a_late_state_of_another_step_leaves_the_gate_open() {
    let mut model = played(2);
    model.apply(&Event {
        at: model.now,
        step: Some(StepId::new("prepare.slot")),
        what: What::State {
            state: StepState::Probing,
        },
    });
    assert!(model.gate.is_some());
}

#[test]
fn going_back_is_the_rollback_once_its_step_came_through() {
    assert!(!played(1).steps.is_beyond_return());
    assert!(!pausing().steps.is_beyond_return());
    assert!(played(99).steps.is_beyond_return());
}
