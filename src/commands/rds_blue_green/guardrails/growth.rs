use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Lag over the last while, to tell growth that lasts from the ups and downs of a busy server.
#[derive(Debug, Default)]
pub struct Growth {
    samples: VecDeque<(Instant, u64)>,
}

impl Growth {
    /// Takes in a reading. Lag at the window's beginning and now, when it was seen for the whole `window`, never fell
    /// back to where it began, and is above `least`.
    pub fn take(
        &mut self,
        at: Instant,
        lag: Option<u64>,
        window: Duration,
        least: u64,
    ) -> Option<(u64, u64)> {
        let Some(lag) = lag else {
            self.samples.clear();
            return None;
        };
        self.samples.push_back((at, lag));
        let old_enough = |sample: &(Instant, u64)| at.duration_since(sample.0) >= window;
        // The window begins with the youngest sample that is old enough.
        while self.samples.get(1).is_some_and(old_enough) {
            self.samples.pop_front();
        }
        let (_, first) = *self.samples.front().filter(|sample| old_enough(sample))?;
        let grows = self.samples.iter().skip(1).all(|(_, then)| *then > first);
        (grows && lag > least).then_some((first, lag))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Growth;

    fn after(lags: &[u64]) -> Option<(u64, u64)> {
        let (begin, mut growth) = (Instant::now(), Growth::default());
        let second = Duration::from_secs(1);
        let mut last = None;
        for (at, lag) in (0..).zip(lags) {
            last = growth.take(begin + second * at, Some(*lag), second * 3, 10);
        }
        last
    }

    #[test]
    fn only_growth_that_lasts_counts() {
        assert_eq!(after(&[11, 12, 13, 14]), Some((11, 14)));
        assert_eq!(after(&[11, 12, 13]), None, "not long enough");
        assert_eq!(after(&[11, 12, 11, 14]), None, "it fell back");
        assert_eq!(after(&[11, 9, 12, 13, 12]), Some((9, 12)));
        assert_eq!(after(&[1, 2, 3, 4]), None, "too small to matter");
        assert_eq!(after(&[20, 20, 20, 20, 20]), None, "steady");
    }
}
