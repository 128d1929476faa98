//! What became of the canary's rows, and how long it waited: pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::runbook::CanarySeen;

/// What the canary remembers.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Numbers whose commit was acknowledged, in order, and when word of it came.
    pub(super) acknowledged: Vec<(i64, Instant)>,
    /// Numbers sent whose outcome was never heard.
    pub(super) in_doubt: Vec<i64>,
    /// Why the last attempt failed.
    pub(super) failure: Option<String>,
}

impl Tally {
    /// The longest time between two acknowledgements of those that reach into the pause, which lasted from `began` to
    /// `ended`; `None` when none came after it.
    pub(super) fn pause(&self, began: Instant, ended: Instant) -> Option<Duration> {
        let last = self.acknowledged.last().filter(|(_, at)| *at > ended);
        last?;
        let pairs = self.acknowledged.windows(2);
        let gaps = pairs.filter_map(|pair| match pair {
            [(_, from), (_, to)] if *from < ended && *to > began => Some(to.duration_since(*from)),
            _ => None,
        });
        gaps.max()
    }

    /// What there is to tell; `held` is how often each number stands on the side in service, where that is known.
    pub(super) fn seen(
        &self,
        pause: Option<Duration>,
        held: Option<&BTreeMap<i64, u64>>,
    ) -> CanarySeen {
        let missing = |held: &BTreeMap<i64, u64>| {
            let acknowledged = self.acknowledged.iter();
            acknowledged
                .filter(|(seq, _)| !held.contains_key(seq))
                .count() as u64
        };
        let again =
            |held: &BTreeMap<i64, u64>| held.values().map(|count| count.saturating_sub(1)).sum();
        CanarySeen {
            pause_us: pause.map(super::micros),
            acknowledged: self.acknowledged.len() as u64,
            lost: held.map(missing),
            doubled: held.map(again),
            in_doubt: self.in_doubt.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(start: Instant, at_ms: &[u64]) -> Tally {
        let at = at_ms.iter().map(|ms| start + Duration::from_millis(*ms));
        Tally {
            acknowledged: (1..).zip(at).collect(),
            ..Tally::default()
        }
    }

    #[test]
    fn the_pause_is_the_longest_wait_that_reaches_into_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let ms = Duration::from_millis;
        // A wait before the pause is none of its business, a row acknowledged in its first moments neither.
        let seen = tally(start, &[0, 500, 520, 601, 690, 710]);
        assert_eq!(seen.pause(at(600), at(680)), Some(ms(89)));
        // The first row came through before the end was noted.
        let seen = tally(start, &[0, 20, 90, 110]);
        assert_eq!(seen.pause(at(25), at(100)), Some(ms(70)));
        // None came through afterwards.
        let seen = tally(start, &[0, 20, 27]);
        assert_eq!(seen.pause(at(25), at(100)), None);
        assert_eq!(Tally::default().pause(at(25), at(100)), None);
    }

    #[test]
    fn losses_and_doubles_are_told_apart_from_doubts() {
        let start = Instant::now();
        let mut tally = tally(start, &[1, 2, 3, 4]);
        tally.in_doubt = vec![5, 6];
        let held = BTreeMap::from([(1, 1), (2, 3), (4, 1), (5, 1)]);
        let seen = tally.seen(Some(Duration::from_millis(7)), Some(&held));
        assert_eq!(
            seen,
            CanarySeen {
                pause_us: Some(7000),
                acknowledged: 4,
                lost: Some(1),
                doubled: Some(2),
                in_doubt: 2,
            }
        );
        let seen = tally.seen(None, None);
        assert_eq!((seen.lost, seen.doubled), (None, None));
    }
}
