//! The RDS major upgrade by snapshot and logical replication, from the first check to the rollback.

pub mod build;
pub mod log;
