//! The real binary on a real terminal: what it shows, what keys do, and how it leaves the terminal behind.

#[path = "../support/audit.rs"]
mod audit;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/call.rs"]
mod call;
mod cutover;
mod leaving;
mod pty;
mod start;
#[allow(dead_code, unused_imports, reason = "other tests use the rest of it")]
#[path = "../support/lab.rs"]
mod support;
