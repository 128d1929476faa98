//! The process dies, an action fails or is sent twice, at every action in turn: it goes on or gives the old primary
//! back, nothing is lost, and there are never two primaries. A sample here; the whole of it in the sweep.

use super::support::{A, B, BACK_TO_A, CLOSE, DONE, OVER_TO_B, ROLLED_BACK, UPGRADE, Vip};

/// More processes than a run needs.
const ENOUGH: usize = 60;

/// Takes up the run again and again, each process struck at a later one of its actions, until one comes through.
async fn struck(lab: &Vip, kind: &str, back: bool) {
    let confirmed = [OVER_TO_B, UPGRADE, CLOSE, BACK_TO_A];
    let confirmed = if back {
        &confirmed[..]
    } else {
        &confirmed[..3]
    };
    for at in 1..ENOUGH {
        let fault = format!("{kind}:{at}");
        let ended = if back && at == 1 {
            lab.roll_back(confirmed, Some(&fault))
        } else {
            lab.resume(confirmed, Some(&fault))
        };
        let primaries = lab.primaries().await;
        assert!(
            primaries.len() < 2,
            "{fault}: {primaries:?}\n{}",
            ended.said
        );
        if ended.code == if back { ROLLED_BACK } else { DONE } {
            assert_eq!(primaries, [if back { A } else { B }], "{fault}");
            lab.assert_nothing_lost();
            return;
        }
    }
    panic!("{kind}: not through after {ENOUGH} processes");
}

#[tokio::test]
async fn killed_at_every_action_in_turn_it_goes_on() {
    let Some(lab) = Vip::up(2) else { return };
    lab.run(&[]);
    struck(&lab, "kill-sent", false).await;
}

#[tokio::test]
async fn an_action_that_is_refused_or_whose_answer_is_lost_is_no_loss_of_rows() {
    let Some(lab) = Vip::up(2) else { return };
    lab.run(&[]);
    struck(&lab, "fail", false).await;
}
