//! The pre-flight checks: every statement on every major it claims, and for every check a case in which it fails.

mod control;
mod crafted;
mod faults;
mod ids;
#[path = "../support/missing.rs"]
mod missing;
mod pair;
mod proof;
mod statements;
mod worlds;
