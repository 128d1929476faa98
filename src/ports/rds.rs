use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Tags of an RDS resource.
pub type Tags = BTreeMap<String, String>;

/// The RDS control plane, as far as the procedure needs it. Calls are retried on throttling by the adapter.
#[async_trait]
pub trait RdsApi: Send + Sync {
    /// The account and principal behind the credentials, for instance `arn:aws:iam::123456789012:role/dba`.
    async fn caller(&self) -> Result<String, RdsError>;
    /// One instance by identifier.
    async fn instance(&self, identifier: &str) -> Result<Instance, RdsError>;
    /// One manual snapshot by identifier.
    async fn snapshot(&self, identifier: &str) -> Result<Snapshot, RdsError>;
    /// Takes a snapshot of an instance.
    async fn create_snapshot(
        &self,
        instance: &str,
        snapshot: &str,
        tags: &Tags,
    ) -> Result<Snapshot, RdsError>;
    /// Upgrades a snapshot in place.
    async fn upgrade_snapshot(
        &self,
        snapshot: &str,
        engine_version: &str,
    ) -> Result<Snapshot, RdsError>;
    /// Restores a new instance from a snapshot.
    async fn restore(&self, request: &RestoreRequest) -> Result<Instance, RdsError>;
    /// Changes an instance.
    async fn modify_instance(
        &self,
        identifier: &str,
        change: &InstanceChange,
    ) -> Result<Instance, RdsError>;
    /// Restarts an instance.
    async fn reboot_instance(&self, identifier: &str) -> Result<(), RdsError>;
    /// Deletes an instance, keeping a final snapshot when one is named.
    async fn delete_instance(
        &self,
        identifier: &str,
        final_snapshot: Option<&str>,
    ) -> Result<(), RdsError>;
    /// Deletes a manual snapshot.
    async fn delete_snapshot(&self, identifier: &str) -> Result<(), RdsError>;
    /// The log files of an instance.
    async fn log_files(&self, instance: &str) -> Result<Vec<LogFile>, RdsError>;
    /// A whole log file, from Marker "0", all portions joined.
    async fn log_text(&self, instance: &str, file: &str) -> Result<String, RdsError>;
    /// What is known of an engine version of PostgreSQL, with its valid upgrade targets.
    async fn engine_version(&self, version: &str) -> Result<EngineVersion, RdsError>;
    /// A parameter group with the values that are set in it.
    async fn parameter_group(&self, name: &str) -> Result<ParameterGroup, RdsError>;
    /// The availability zones in which the class can be ordered for this engine version; `None` when it is not offered.
    async fn class_zones(
        &self,
        engine_version: &str,
        class: &str,
    ) -> Result<Option<Vec<String>>, RdsError>;
    /// The account's quotas in this region.
    async fn quotas(&self) -> Result<Vec<Quota>, RdsError>;
    /// Maintenance that AWS wants to do on an instance.
    async fn pending_maintenance(
        &self,
        instance: &str,
    ) -> Result<Vec<PendingMaintenance>, RdsError>;
    /// What RDS recorded about an instance or snapshot lately.
    async fn events(&self, source: &str) -> Result<Vec<Event>, RdsError>;
    /// Names of the RDS proxies that target an instance.
    async fn proxies_of(&self, instance: &str) -> Result<Vec<String>, RdsError>;
    /// A fresh IAM authentication token for a database role; fifteen minutes of life.
    async fn auth_token(
        &self,
        host: &str,
        port: u16,
        role: &str,
    ) -> Result<secrecy::SecretString, RdsError>;
}

/// A database instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Instance {
    /// `DBInstanceIdentifier`.
    pub identifier: String,
    /// `DBInstanceStatus`, raw.
    pub status: String,
    /// `EngineVersion`, `15.18`.
    pub engine_version: String,
    /// `Engine`.
    pub engine: String,
    /// `DBInstanceClass`.
    pub class: String,
    /// Endpoint, once there is one.
    pub endpoint: Option<(String, u16)>,
    /// `DBInstanceArn`.
    pub arn: String,
    /// `DbiResourceId`.
    pub resource_id: String,
    /// First parameter group and its apply status.
    pub parameter_group: String,
    /// `in-sync`, `pending-reboot`, `applying`.
    pub parameter_apply_status: String,
    /// Subnet group.
    pub subnet_group: String,
    /// Availability zones of the subnet group.
    pub subnet_zones: Vec<String>,
    /// VPC of the subnet group.
    pub vpc: String,
    /// VPC security group ids.
    pub security_groups: Vec<String>,
    /// `MultiAZ`.
    pub multi_az: bool,
    /// `IAMDatabaseAuthenticationEnabled`.
    pub iam_auth: bool,
    /// `PubliclyAccessible`.
    pub public: bool,
    /// `StorageType`.
    pub storage_type: String,
    /// `AllocatedStorage`, GiB.
    pub allocated_gib: i32,
    /// `MaxAllocatedStorage`, GiB.
    pub max_allocated_gib: Option<i32>,
    /// `Iops`.
    pub iops: Option<i32>,
    /// `StorageThroughput`, MiB per second.
    pub storage_throughput: Option<i32>,
    /// `StorageEncrypted`.
    pub encrypted: bool,
    /// `KmsKeyId`.
    pub kms_key: Option<String>,
    /// `CACertificateIdentifier`.
    pub ca_certificate: String,
    /// `CertificateDetails.ValidTill` of the server certificate.
    pub certificate_until: Option<Timestamp>,
    /// First option group.
    pub option_group: String,
    /// `CopyTagsToSnapshot`.
    pub copy_tags_to_snapshot: bool,
    /// `MonitoringInterval` of Enhanced Monitoring, seconds; 0 is off.
    pub monitoring_interval_s: i32,
    /// `MonitoringRoleArn`.
    pub monitoring_role: Option<String>,
    /// `PerformanceInsightsEnabled`.
    pub performance_insights: bool,
    /// Feature roles of `AssociatedRoles`.
    pub feature_roles: Vec<String>,
    /// `EngineLifecycleSupport`: whether RDS Extended Support may be billed.
    pub lifecycle_support: Option<String>,
    /// `BackupRetentionPeriod`, days.
    pub backup_retention_days: i32,
    /// `PreferredBackupWindow`, `hh:mm-hh:mm` UTC.
    pub backup_window: String,
    /// `PreferredMaintenanceWindow`, `ddd:hh:mm-ddd:hh:mm` UTC.
    pub maintenance_window: String,
    /// `DeletionProtection`.
    pub deletion_protection: bool,
    /// `AutoMinorVersionUpgrade`.
    pub auto_minor_upgrade: bool,
    /// `MasterUsername`.
    pub master_user: String,
    /// True when the master password is managed by Secrets Manager.
    pub managed_master_secret: bool,
    /// Identifiers of read replicas.
    pub read_replicas: Vec<String>,
    /// The instance this one replicates from.
    pub replica_of: Option<String>,
    /// The cluster it belongs to (Aurora, Multi-AZ DB cluster): another API altogether.
    pub cluster: Option<String>,
    /// Names of the fields of `PendingModifiedValues` that are set.
    pub pending_changes: Vec<String>,
    /// `EnabledCloudwatchLogsExports`.
    pub log_exports: Vec<String>,
    /// `TagList`.
    pub tags: Tags,
    /// `InstanceCreateTime`.
    pub created_at: Option<Timestamp>,
}

/// A manual snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// `DBSnapshotIdentifier`.
    pub identifier: String,
    /// `DBInstanceIdentifier` it was taken of.
    pub instance: String,
    /// `Status`, raw.
    pub status: String,
    /// `EngineVersion`.
    pub engine_version: String,
    /// `PercentProgress`.
    pub percent: i32,
    /// `SnapshotCreateTime`.
    pub created_at: Option<Timestamp>,
    /// `Encrypted`.
    pub encrypted: bool,
    /// `KmsKeyId`.
    pub kms_key: Option<String>,
    /// `TagList`.
    pub tags: Tags,
}

/// What a new instance is restored with. `None` leaves the choice to RDS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreRequest {
    /// The new instance.
    pub identifier: String,
    /// The snapshot it comes from.
    pub snapshot: String,
    /// `--db-instance-class`.
    pub class: Option<String>,
    /// `--db-parameter-group-name`.
    pub parameter_group: Option<String>,
    /// `--db-subnet-group-name`.
    pub subnet_group: Option<String>,
    /// `--vpc-security-group-ids`.
    pub security_groups: Vec<String>,
    /// `--multi-az`.
    pub multi_az: bool,
    /// `--enable-iam-database-authentication`.
    pub iam_auth: bool,
    /// `--publicly-accessible`; false unless BLUE is and the profile says so.
    pub public: bool,
    /// `--port`.
    pub port: Option<u16>,
    /// `--storage-type`.
    pub storage_type: Option<String>,
    /// `--iops`.
    pub iops: Option<i32>,
    /// `--storage-throughput`, MiB per second.
    pub storage_throughput: Option<i32>,
    /// `--option-group-name`; only needed where it is not a default one.
    pub option_group: Option<String>,
    /// `--copy-tags-to-snapshot`.
    pub copy_tags_to_snapshot: bool,
    /// `--engine-lifecycle-support`.
    pub lifecycle_support: Option<String>,
    /// `--deletion-protection`.
    pub deletion_protection: bool,
    /// `--auto-minor-version-upgrade`.
    pub auto_minor_upgrade: bool,
    /// `--enable-cloudwatch-logs-exports`.
    pub log_exports: Vec<String>,
    /// `--ca-certificate-identifier`.
    pub ca_certificate: Option<String>,
    /// `--tags`.
    pub tags: Tags,
}

/// A change of an instance, applied at once. `None` leaves a setting as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceChange {
    /// `--engine-version` with `--allow-major-version-upgrade`.
    pub engine_version: Option<String>,
    /// `--db-parameter-group-name`.
    pub parameter_group: Option<String>,
    /// `--backup-retention-period`, days.
    pub backup_retention_days: Option<i32>,
    /// `--deletion-protection`.
    pub deletion_protection: Option<bool>,
    /// `--max-allocated-storage`, GiB: storage autoscaling, which a restore cannot be given.
    pub max_allocated_gib: Option<i32>,
    /// `--preferred-maintenance-window`, which a restore cannot be given.
    pub maintenance_window: Option<String>,
}

/// A quota of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// `ManualSnapshots`, `DBInstances`, `AllocatedStorage`.
    pub name: String,
    /// What is used of it.
    pub used: i64,
    /// What there is of it.
    pub max: i64,
}

/// A log file of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// `LogFileName`, `error/postgresql.log.2026-11-21-03`.
    pub name: String,
    /// `LastWritten`, milliseconds since 1970.
    pub last_written_ms: i64,
    /// `Size`, bytes.
    pub size: i64,
}

/// An engine version of PostgreSQL on RDS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineVersion {
    /// `EngineVersion`.
    pub version: String,
    /// `DBParameterGroupFamily`, `postgres17`.
    pub family: String,
    /// `Status`: `available` or `deprecated`.
    pub status: String,
    /// Versions it can be upgraded to, minor and major ones.
    pub targets: Vec<String>,
}

/// A parameter group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterGroup {
    /// Its name.
    pub name: String,
    /// `DBParameterGroupFamily`.
    pub family: String,
    /// Values that are set, by parameter name.
    pub values: BTreeMap<String, String>,
}

/// Maintenance that AWS wants to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingMaintenance {
    /// `Action`, `system-update`.
    pub action: String,
    /// `CurrentApplyDate` or the earliest date AWS applies it by itself.
    pub applies_at: Option<Timestamp>,
    /// `Description`.
    pub description: String,
}

/// Something RDS recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Option<Timestamp>,
    /// What.
    pub message: String,
}

/// A call that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("RDS {operation}: {message}")]
pub struct RdsError {
    /// The API operation, `CreateDBSnapshot`.
    pub operation: &'static str,
    /// What kind of failure.
    pub kind: RdsErrorKind,
    /// The error code AWS gave, `InvalidDBSnapshotState`.
    pub code: Option<String>,
    /// AWS's message.
    pub message: String,
}

/// What may be done about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RdsErrorKind {
    /// The named resource does not exist.
    NotFound,
    /// A resource of that name exists already.
    AlreadyExists,
    /// The resource is in a state that does not allow the call.
    WrongState,
    /// Credentials have expired or are missing: sign in again and resume.
    Credentials,
    /// The principal may not do this.
    Denied,
    /// Still throttled after all retries.
    Throttled,
    /// AWS could not be reached or did not answer: the outcome is unknown.
    Unreachable,
    /// A quota, or anything else AWS refused.
    Refused,
}

/// The AWS command line that says the same as this restore, for plans, previews and reports.
#[must_use]
pub fn rds_shown(request: &RestoreRequest) -> String {
    let mut out = format!(
        "aws rds restore-db-instance-from-db-snapshot --db-instance-identifier {} --db-snapshot-identifier {}",
        request.identifier, request.snapshot
    );
    let mut option = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = write!(out, " --{name} {value}");
        }
    };
    option("db-instance-class", request.class.as_deref());
    option(
        "db-parameter-group-name",
        request.parameter_group.as_deref(),
    );
    option("db-subnet-group-name", request.subnet_group.as_deref());
    let groups = request.security_groups.join(" ");
    option(
        "vpc-security-group-ids",
        Some(groups.as_str()).filter(|g| !g.is_empty()),
    );
    option("port", request.port.map(|p| p.to_string()).as_deref());
    option("storage-type", request.storage_type.as_deref());
    option("iops", request.iops.map(|i| i.to_string()).as_deref());
    option(
        "storage-throughput",
        request.storage_throughput.map(|t| t.to_string()).as_deref(),
    );
    option("option-group-name", request.option_group.as_deref());
    option(
        "engine-lifecycle-support",
        request.lifecycle_support.as_deref(),
    );
    option(
        "ca-certificate-identifier",
        request.ca_certificate.as_deref(),
    );
    let exports = request.log_exports.join(" ");
    option(
        "enable-cloudwatch-logs-exports",
        Some(exports.as_str()).filter(|e| !e.is_empty()),
    );
    for (on, name) in [
        (request.multi_az, "multi-az"),
        (request.iam_auth, "enable-iam-database-authentication"),
        (request.public, "publicly-accessible"),
        (request.deletion_protection, "deletion-protection"),
        (request.auto_minor_upgrade, "auto-minor-version-upgrade"),
        (request.copy_tags_to_snapshot, "copy-tags-to-snapshot"),
    ] {
        let _ = write!(out, " --{}{name}", if on { "" } else { "no-" });
    }
    if !request.tags.is_empty() {
        out.push_str(" --tags");
        for (key, value) in &request.tags {
            let _ = write!(out, " Key={key},Value={value}");
        }
    }
    out
}
