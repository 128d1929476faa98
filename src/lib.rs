//! Greenlight takes a PostgreSQL operator through near-zero-downtime upgrades and switchovers, step by step.
//!
//! Data flows one way: profile → procedure (builds the runbook) → engine (runs it) → events → journal, and from the
//! same events to model and view. `ARCHITECTURE.md` has the map.

pub mod adapters;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod domain;
pub mod engine;
pub mod event;
pub mod inspect;
pub mod journal;
pub mod ports;
pub mod procedures;
pub mod profile;
pub mod rehearsal;
pub mod report;
pub mod runbook;
pub mod tui;
