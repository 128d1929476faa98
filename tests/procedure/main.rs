//! The whole procedure, by the real binary, against real servers with writers on them.

mod again;
mod bad_days;
mod canary;
mod cases;
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
mod watch;
mod whole;
