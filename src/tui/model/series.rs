use std::collections::{BTreeMap, VecDeque};

use crate::event::{Gauges, LinkGauge};

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
    /// Lag of the link that is furthest behind, bytes.
    pub lag: Series,
    /// Its apply rate, bytes per second.
    pub apply: Series,
    /// WAL kept, bytes.
    pub wal: Series,
    /// Sessions on BLUE.
    pub sessions: Series,
    /// Transactions per second.
    pub tps: Series,
    /// Readings of the procedure, by name.
    pub readings: BTreeMap<String, Series>,
}

impl SeriesSet {
    /// Adds a sample of every gauge.
    pub fn sample(&mut self, gauges: &Gauges) {
        let link = worst_link(gauges);
        self.lag.push(
            link.and_then(|link| link.lag_bytes)
                .map(|bytes| bytes as f64),
        );
        self.apply.push(link.and_then(|link| link.apply_rate));
        self.wal.push(gauges.wal_retained.map(|bytes| bytes as f64));
        self.sessions
            .push(gauges.sessions_blue.map(|count| count as f64));
        self.tps.push(gauges.tps);
        for reading in &gauges.readings {
            let series = self.readings.entry(reading.name.clone()).or_default();
            series.push(reading.value);
        }
    }
}

/// The link that is furthest behind: links of one server read the same WAL, so their sum would say nothing.
#[must_use]
pub fn worst_link(gauges: &Gauges) -> Option<&LinkGauge> {
    gauges.links.values().max_by_key(|link| link.lag_bytes)
}
