//! The pre-flight catalogue, grouped by what the checks look at: who asks where, and what the answer means.
//!
//! A check's judge is a pure function from rows to a verdict; its SQL is a file in `assets/sql/checks`. Checks read
//! only: the few that must try something do it in a transaction that is rolled back.

mod ask;
mod catalogue;
mod check;
mod coming;
mod finding;
mod green;
pub mod identity;
pub mod judge;
pub mod known;
pub mod link;
mod parity;
pub mod patroni;
mod publication;
pub mod publisher;
pub mod rds;
pub mod reach;
mod roles;
mod runner;
pub mod start;
pub mod tables;
pub mod tool;
mod upgrade;
pub mod vip;

pub use ask::{Answer, Answering, Ask, AskError, Asked, Asking, Needs, On, Scope, SqlFile};
pub use catalogue::{
    ALWAYS, BUILT, BUILT_AND_GATE, EARLY, EARLY_AND_BUILT, EARLY_AND_GATE, GATE, catalogue, find,
};
pub use check::{Check, CheckContext, Moment, Severity, Subject};
pub use finding::{Finding, FindingKind};
pub use judge::Judged;
pub use parity::fingerprint_sql;
pub use runner::{Lease, Sessions, run, run_all};
