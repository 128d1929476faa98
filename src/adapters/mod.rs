//! The outside world behind the ports: PostgreSQL, RDS, commands. The only place that names a driver crate or an SDK.

pub mod rds;
