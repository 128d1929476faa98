//! The procedures: each folder reads from top to bottom like the runbook it is.

pub mod rds_blue_green;
