//! The rehearsal's servers, stand-in, lab and load, against real PostgreSQL.

#[path = "../support/audit.rs"]
mod audit;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/call.rs"]
mod call;
mod cluster;
mod lab;
mod rds;
