//! What holds whatever happens in whatever order; [`Sim`] judges each effect, the rest is here.

use proptest::collection::vec;
use proptest::prelude::*;

use super::notation;
use super::runbook;
use super::sim::{Job, Sim};
use crate::engine::machine::{Effect, Input};
use crate::engine::{Machine, Memory};
use crate::event::{Event, StepState, What};
use crate::runbook::StepId;

fn turns() -> impl Strategy<Value = Vec<(u8, u8)>> {
    vec((any::<u8>(), any::<u8>()), 0..120)
}

fn played(turns: &[(u8, u8)]) -> Sim {
    let mut sim = Sim::begin();
    for (what, which) in turns {
        sim.turn(*what, *which);
    }
    sim
}

/// The step that a process was at when the journal ends here: begun, forwards or backwards, and without an end.
fn under_way(journal: &[Event]) -> Option<(StepId, bool)> {
    journal
        .iter()
        .rev()
        .find_map(|event| match (&event.step, &event.what) {
            (Some(step), What::State { state }) => Some(match state {
                StepState::Running => Some((step.clone(), false)),
                StepState::Undoing => Some((step.clone(), true)),
                _ => None,
            }),
            _ => None,
        })
        .flatten()
}

fn first_effect(memory: &Memory) -> (Effect, Machine) {
    let mut machine = Machine::new(&runbook(), memory, "tester@here");
    let effects = machine.handle(Input::Started);
    let mut work = effects
        .into_iter()
        .filter(|effect| !matches!(effect, Effect::Note(..)));
    let first = work.next().unwrap();
    assert_eq!(work.next(), None, "more than one thing begins");
    (first, machine)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// One thing at a time, in order, behind its gate, nothing after the end or after being asked to stop, an undo only
    /// for what is there and never beyond the point of no return.
    #[test]
    fn every_effect_is_lawful(turns in turns()) {
        played(&turns);
    }

    /// A process that finds any beginning of the journal asks the servers about the step that was under way, or goes on
    /// undoing it.
    #[test]
    fn any_beginning_of_the_journal_leads_to_the_step_under_way(turns in turns()) {
        let journal = played(&turns).journal;
        for cut in 0..=journal.len() {
            let memory = Memory::of(&journal[..cut]);
            let (first, _) = first_effect(&memory);
            if let Some((step, backwards)) = under_way(&journal[..cut]) {
                let unwinding = memory.going_back == Some(false);
                let wanted = if unwinding && backwards { Effect::Undo(step) } else { Effect::Probe(step) };
                prop_assert_eq!(first, wanted, "cut at {}", cut);
            }
        }
    }

    /// A dangerous step never follows by itself in the process that takes the run up: it stops at its gate, or takes
    /// back what holds applications out. One that was cut short beyond the point of no return goes on, for there is
    /// nothing to ask.
    #[test]
    fn nothing_dangerous_is_applied_unasked(turns in turns(), answer in 0..5_usize) {
        let journal = played(&turns).journal;
        let memory = Memory::of(&journal);
        let (first, mut machine) = first_effect(&memory);
        let Effect::Probe(step) = first else { return Ok(()) };
        if !["switch", "return", "finish"].contains(&step.as_str()) {
            return Ok(());
        }
        let how = ["not-applied", "partial", "take-back", "unknown", "silence"][answer];
        let effects = machine.handle(notation::input(&format!("probed {step} {how}")));
        let applied = effects.iter().any(|effect| matches!(effect, Effect::Apply(_)));
        let beyond = memory.steps.get(&step).is_some_and(|known| known.crossed && !known.held);
        prop_assert_eq!(applied, beyond && how == "partial", "{}", notation::effects(&effects));
    }

    /// Being asked to stop ends the process as soon as what is under way has ended, and at once when nothing is.
    #[test]
    fn asking_to_stop_always_stops(turns in turns()) {
        let mut sim = played(&turns);
        if sim.outcome.is_some() {
            return Ok(());
        }
        sim.turn(12, 14);
        if let Some(Job::Apply(_) | Job::Undo(_)) = sim.job {
            prop_assert!(sim.outcome.is_none());
            sim.turn(0, 8);
        }
        prop_assert!(sim.outcome.is_some());
    }
}
