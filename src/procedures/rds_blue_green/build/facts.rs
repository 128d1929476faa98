use jiff::Timestamp;

use crate::domain::Lsn;
use crate::ports::Instance;
use crate::runbook::FactKey;

pub use crate::checks::rds::SNAPSHOT;

/// BLUE's `pg_current_wal_flush_lsn()` before the snapshot was asked for: the bracket's lower end.
pub const SNAPSHOT_FLUSH_BEFORE: FactKey<Lsn> = FactKey::new("snapshot_flush_before");

/// BLUE's `pg_current_wal_insert_lsn()` after the snapshot was complete: the bracket's upper end.
pub const SNAPSHOT_INSERT_AFTER: FactKey<Lsn> = FactKey::new("snapshot_insert_after");

/// When RDS says the snapshot was taken.
pub const SNAPSHOT_CREATED: FactKey<Timestamp> = FactKey::new("snapshot_created");

/// Id of the last probe row that was acknowledged on BLUE; one for each database.
pub const LAST_PROBE: FactKey<i64> = FactKey::new("last_probe");

/// Host at which the tool reaches GREEN: [`crate::procedures::job::HOST`] of GREEN.
pub const GREEN_HOST: FactKey<String> = FactKey::new("host[GREEN]");

/// Port at which the tool reaches GREEN: [`crate::procedures::job::PORT`] of GREEN.
pub const GREEN_PORT: FactKey<u16> = FactKey::new("port[GREEN]");

/// `DbiResourceId` of GREEN, which IAM policies for its roles must name.
pub const GREEN_RESOURCE: FactKey<String> = FactKey::new("green_resource_id");

/// BLUE as RDS described it when the snapshot was taken: what the profile leaves open is read from it.
pub const BLUE_INSTANCE: FactKey<Instance> = FactKey::new("blue_instance");
