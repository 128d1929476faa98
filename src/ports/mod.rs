//! What the house needs from the world, as narrow traits: databases, the RDS control plane, commands on hosts.
//!
//! Procedures, checks and inspections speak to these; `adapters` implement them; tests may too. Nothing here knows a
//! driver or an SDK.

mod command;
mod database;
mod patroni;
mod rds;

pub use command::{CommandError, CommandOutput, CommandSpec, Commands, Hosts, OnLine};
pub use database::{Databases, DbError, DbErrorKind, FromText, Row, Rows, Session, ValueError};
pub use patroni::{
    Cluster, Member, MemberStatus, PatroniApi, PatroniError, PatroniErrorKind, Role, Timeline,
};
pub use rds::{
    EngineVersion, Event as RdsEvent, Instance, InstanceChange, LogFile, ParameterGroup,
    PendingMaintenance, Quota, RdsApi, RdsError, RdsErrorKind, RestoreRequest, Snapshot, Tags,
    rds_shown,
};
