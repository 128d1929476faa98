//! The words between the engine and whoever looks on or steers: events, gauges, intents. Types only.

mod gauge;
mod happening;
mod intent;

pub use gauge::{Gauges, LinkGauge, Reading};
pub use happening::{Event, Light, Outcome, StepState, What};
pub use intent::Intent;

pub use crate::runbook::PauseForecast;
