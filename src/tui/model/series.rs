use std::collections::VecDeque;

use crate::event::Gauges;

/// Samples kept of each gauge: ten minutes at one a second.
const KEPT: usize = 600;

/// The recent past of one gauge, a sample a second; `None` where there was no reading.
#[derive(Debug, Clone, Default)]
pub struct Series(VecDeque<Option<f64>>);

impl Series {
    fn push(&mut self, value: Option<f64>) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// The last `count` samples, oldest first.
    pub fn last(&self, count: usize) -> impl Iterator<Item = Option<f64>> {
        self.0
            .iter()
            .skip(self.0.len().saturating_sub(count))
            .copied()
    }

    /// The highest sample of the last `count`.
    #[must_use]
    pub fn peak(&self, count: usize) -> Option<f64> {
        self.last(count).flatten().reduce(f64::max)
    }
}

/// The gauges that have a history.
#[derive(Debug, Clone, Default)]
pub struct SeriesSet {
    /// Lag of all links together, bytes.
    pub lag: Series,
    /// Apply rate of all links together, bytes per second.
    pub apply: Series,
    /// WAL kept, bytes.
    pub wal: Series,
    /// Sessions on BLUE.
    pub sessions: Series,
    /// Transactions per second.
    pub tps: Series,
}

impl SeriesSet {
    /// Adds a sample of every gauge.
    pub fn sample(&mut self, gauges: &Gauges) {
        self.lag.push(lag_bytes(gauges).map(|bytes| bytes as f64));
        self.apply.push(apply_rate(gauges));
        self.wal.push(gauges.wal_retained.map(|bytes| bytes as f64));
        self.sessions
            .push(gauges.sessions_blue.map(|count| count as f64));
        self.tps.push(gauges.tps);
    }
}

/// Lag of all links together, bytes; `None` while no link has a reading.
#[must_use]
pub fn lag_bytes(gauges: &Gauges) -> Option<i64> {
    sum(gauges.links.values().map(|link| link.lag_bytes))
}

/// Apply rate of all links together, bytes per second.
#[must_use]
pub fn apply_rate(gauges: &Gauges) -> Option<f64> {
    gauges
        .links
        .values()
        .filter_map(|link| link.apply_rate)
        .reduce(|a, b| a + b)
}

fn sum(values: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    values.flatten().reduce(i64::saturating_add)
}
