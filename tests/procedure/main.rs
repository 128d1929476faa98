//! The whole procedure, by the real binary, against real servers with writers on them.

mod again;
#[path = "../support/audit.rs"]
mod audit;
mod bad_days;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/call.rs"]
mod call;
mod canary;
#[path = "../support/chain/mod.rs"]
mod chain;
mod crash;
mod data;
mod dead_man;
mod faults;
mod guardrails;
mod hostile;
#[path = "../support/missing.rs"]
mod missing;
mod on_the_way;
mod pairs;
mod panic;
mod passfile;
mod pause;
mod proxy;
mod refusals;
mod secrets;
mod start_lsn;
#[path = "../support/lab.rs"]
mod support;
mod trouble;
mod whole;
