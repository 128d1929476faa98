//! The engine: runs a runbook, keeps its journal, holds its gates.
//!
//! [`Machine`] is the pure transition function; [`drive`] does its IO. [`Clearance`] can only be minted by the gate.
//! Knows no screen, no driver crate, no SDK.

mod drive;
mod driver;
mod dry_run;
pub mod fault;
mod gate;
mod job;
mod machine;
mod recorder;
mod resume;
mod signals;

pub use drive::{Drive, GateChecks, Header, NoGateChecks, Trip, drive};
pub use dry_run::DryRun;
pub use gate::{Answer, Clearance};
pub use machine::{Effect, Failure, Input, Machine};
pub use resume::{Memory, Remembered, plan_differences};
pub use signals::cancel_on_signals;
