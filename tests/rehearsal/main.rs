//! The rehearsal's servers, stand-in, lab and load, against real PostgreSQL.

mod cluster;
mod lab;
mod rds;
