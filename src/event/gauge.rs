use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Light, PauseForecast};

/// The latest readings of a run; older ones may never be seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gauges {
    /// Forward or reverse link, by database.
    pub links: BTreeMap<String, LinkGauge>,
    /// Transactions per second on the serving side.
    pub tps: Option<f64>,
    /// Application sessions on BLUE.
    pub sessions_blue: Option<u64>,
    /// Application sessions on GREEN.
    pub sessions_green: Option<u64>,
    /// Age of the longest transaction on the serving side.
    pub longest_transaction: Option<Duration>,
    /// WAL kept on the publisher by our slots, bytes.
    pub wal_retained: Option<u64>,
    /// WAL written per second on the publisher, bytes.
    pub wal_rate: Option<f64>,
    /// Space for WAL, bytes, when known.
    pub wal_space: Option<u64>,
    /// Round trips to BLUE and GREEN.
    pub round_trip: [Option<Duration>; 2],
    /// What procedures without a replication link of ours look at, in the order it is shown.
    pub readings: Vec<Reading>,
    /// What a pause would take now.
    pub pause_forecast: Option<PauseForecast>,
    /// Why a switch should not begin now; empty for go, `None` while there is nothing to switch.
    pub no_go: Option<Vec<String>>,
    /// The link that has been started and was not level yet, in words: until it was, its lag is nothing to warn of.
    pub catching_up: Option<String>,
    /// Every guardrail with its light.
    pub lights: BTreeMap<String, Light>,
    /// Servers that did not answer the last round, with the reason.
    pub silent: BTreeMap<String, String>,
}

/// One thing that is measured, named and worded by its procedure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What is measured: `replay behind pg3`. Its history goes by this name.
    pub name: String,
    /// The reading with its unit, in words.
    pub text: String,
    /// The reading as a number, where its course matters.
    pub value: Option<f64>,
    /// Whether it is well.
    pub light: Light,
}

/// One replication link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkGauge {
    /// Bytes of WAL the subscriber has not confirmed.
    pub lag_bytes: Option<i64>,
    /// Age of the newest change applied, as far as it can be told.
    pub lag_time: Option<Duration>,
    /// Bytes applied per second.
    pub apply_rate: Option<f64>,
    /// Time to catch up at this rate.
    pub catch_up: Option<Duration>,
    /// True when a worker holds the link.
    pub active: bool,
}

impl Gauges {
    /// Hours until the space for WAL is used up; `None` when unknown or never.
    #[must_use]
    pub fn hours_until_full(&self) -> Option<f64> {
        let left = self.wal_space?.saturating_sub(self.wal_retained?) as f64;
        let rate = self.wal_rate.filter(|rate| *rate > 0.0)?;
        Some(left / rate / 3600.0)
    }
}
