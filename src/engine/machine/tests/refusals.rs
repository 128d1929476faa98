//! What is refused, in which words, and that a refusal changes nothing.

use super::notation;
use super::table::reached;
use crate::engine::machine::Effect;
use crate::event::What;

const REFUSALS: [(&str, &str, &str); 34] = [
    // Going back.
    (
        "TO_SWITCH; probed switch not-applied; go-back",
        "go-back",
        "going back already",
    ),
    ("SWITCHED; go-back", "go-back", "going back already"),
    (
        "SWITCHING; crossed switch",
        "go-back",
        "finish it first (retry), then roll back",
    ),
    (
        "SWITCHING; crossed switch; ended switch failed",
        "go-back",
        "finish it first (retry), then roll back",
    ),
    (FINISHING, "go-back", "finish has ended the way back"),
    (FINISH_FAILED, "go-back", "finish has ended the way back"),
    // Undoing one step.
    (
        "TO_MAKE; probed make not-applied",
        "undo-last",
        "something is under way",
    ),
    (
        "TO_SWITCH; probed switch not-applied; undo-last",
        "undo-last",
        "something is under way",
    ),
    (
        "TO_SWITCH; probed switch not-applied; go-back; undone link failed",
        "undo-last",
        "being undone already",
    ),
    (
        "TO_MAKE",
        "undo-last",
        "nothing has been done that could be undone",
    ),
    (
        "SWITCHING; crossed switch; ended switch failed",
        "undo-last",
        "crossed the point of no return",
    ),
    (
        "SWITCHED; probed accept partial",
        "undo-last",
        "something is under way",
    ),
    (
        ACCEPTED,
        "undo-last",
        "cannot be undone by itself: the rollback half",
    ),
    (
        FINISH_FAILED,
        "undo-last",
        "cannot be undone by itself: nothing leads back",
    ),
    // Gates.
    (
        "TO_LINK; probed link not-applied",
        "next switch",
        "link waits, not switch",
    ),
    (
        "TO_LINK; probed link not-applied",
        "confirm link",
        "asks for Enter",
    ),
    (
        "TO_LINK; probed link not-applied; next link",
        "next link",
        "are being asked",
    ),
    (
        "TO_LINK; probed link not-applied; next link",
        "checked link block",
        "lag on GREEN: behind",
    ),
    (
        "TO_SWITCH; probed switch not-applied",
        "next switch",
        "asks for its phrase",
    ),
    (
        "TO_SWITCH; probed switch not-applied",
        "mistype switch",
        "that is not the phrase",
    ),
    (
        "TO_SWITCH; probed switch not-applied; confirm switch",
        "confirm switch",
        "are being asked",
    ),
    (
        "TO_SWITCH; probed switch not-applied; confirm switch",
        "checked switch block",
        "lag on GREEN: behind",
    ),
    ("SWITCHING", "confirm switch", "does not wait for this now"),
    ("TO_MAKE", "next make", "does not wait for this now"),
    ("TO_MAKE", "recheck", "checks are asked again at a gate"),
    ("SWITCHING", "recheck", "checks are asked again at a gate"),
    // A step that stands still.
    (
        "TO_MAKE; probed make not-applied",
        "retry make",
        "neither failed nor is it unclear",
    ),
    (
        "TO_MAKE; probed make not-applied; ended make failed",
        "retry link",
        "neither failed nor is it unclear",
    ),
    (
        "TO_MAKE; probed make not-applied; ended make failed",
        "take-as-done make",
        "is not unclear",
    ),
    (
        "TO_MAKE; probed make unknown",
        "take-as-done link",
        "is not unclear",
    ),
    // Giving back.
    (
        "TO_MAKE; probed make not-applied",
        "give-back",
        "no write pause is under way",
    ),
    (
        "TO_SWITCH; probed switch not-applied",
        "give-back",
        "no write pause is under way",
    ),
    ("SWITCHING; crossed switch", "give-back", "has been crossed"),
    (ACCEPTED, "give-back", "no write pause is under way"),
];

const ACCEPTED: &str =
    "SWITCHED; probed accept not-applied; ended accept done; probed finish not-applied";
const FINISHING: &str = "SWITCHED; probed accept not-applied; ended accept done; \
     probed finish not-applied; confirm finish; checked finish pass";
const FINISH_FAILED: &str = "SWITCHED; probed accept not-applied; ended accept done; \
     probed finish not-applied; confirm finish; checked finish pass; ended finish failed";

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    for (path, event, words) in REFUSALS {
        let effects = reached(path).handle(notation::input(event));
        let said = effects.iter().find_map(|effect| match effect {
            Effect::Note(_, What::Refused { reason } | What::GateRefused { reason }) => {
                Some(reason.as_str())
            }
            _ => None,
        });
        let said = said.unwrap_or_default();
        assert!(said.contains(words), "{path}; {event}: {said:?}");
        let only_words = effects
            .iter()
            .all(|effect| matches!(effect, Effect::Note(..) | Effect::Preview(_)));
        assert!(only_words, "{path}; {event}: {effects:?}");
    }
}

#[test]
fn what_the_operator_is_refused_changes_nothing() {
    for (path, event, _) in REFUSALS {
        if event.starts_with("checked") {
            // The answer of the checks opens the gate again.
            continue;
        }
        let mut machine = reached(path);
        let before = format!("{machine:?}");
        machine.handle(notation::input(event));
        assert_eq!(format!("{machine:?}"), before, "{path}; {event}");
    }
}
