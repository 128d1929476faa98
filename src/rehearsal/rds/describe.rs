//! Instances, snapshots and events as RDS writes them.

use super::wire::Xml;
use super::world::Happening;
use crate::ports::{Instance, Snapshot, Tags};

/// The fields of a `DBInstance`.
pub fn instance(xml: &mut Xml, told: &Instance) {
    xml.text("DBInstanceIdentifier", &told.identifier);
    xml.text("DBInstanceClass", &told.class);
    xml.text("Engine", &told.engine);
    xml.text("EngineVersion", &told.engine_version);
    xml.text("DBInstanceStatus", &told.status);
    xml.text("MasterUsername", &told.master_user);
    if let Some((host, port)) = &told.endpoint {
        xml.element("Endpoint", |xml| {
            xml.text("Address", host);
            xml.text("Port", port);
        });
    }
    xml.text("AllocatedStorage", told.allocated_gib);
    xml.optional("MaxAllocatedStorage", told.max_allocated_gib);
    xml.optional("Iops", told.iops);
    xml.optional("InstanceCreateTime", told.created_at);
    xml.text("PreferredBackupWindow", &told.backup_window);
    xml.text("PreferredMaintenanceWindow", &told.maintenance_window);
    xml.text("BackupRetentionPeriod", told.backup_retention_days);
    xml.list(
        "VpcSecurityGroups",
        "VpcSecurityGroupMembership",
        &told.security_groups,
        |xml, group| {
            xml.text("VpcSecurityGroupId", group);
            xml.text("Status", "active");
        },
    );
    xml.element("DBParameterGroups", |xml| {
        xml.element("DBParameterGroup", |xml| {
            xml.text("DBParameterGroupName", &told.parameter_group);
            xml.text("ParameterApplyStatus", &told.parameter_apply_status);
        });
    });
    xml.element("DBSubnetGroup", |xml| {
        xml.text("DBSubnetGroupName", &told.subnet_group);
        xml.text("VpcId", "vpc-lab");
        xml.text("SubnetGroupStatus", "Complete");
    });
    xml.element("PendingModifiedValues", |xml| {
        for name in &told.pending_changes {
            xml.text(name, "pending");
        }
    });
    xml.text("MultiAZ", told.multi_az);
    xml.text("AutoMinorVersionUpgrade", told.auto_minor_upgrade);
    xml.words(
        "ReadReplicaDBInstanceIdentifiers",
        "ReadReplicaDBInstanceIdentifier",
        &told.read_replicas,
    );
    xml.optional(
        "ReadReplicaSourceDBInstanceIdentifier",
        told.replica_of.as_ref(),
    );
    xml.text("LicenseModel", "postgresql-license");
    xml.text("PubliclyAccessible", told.public);
    xml.text("StorageType", &told.storage_type);
    xml.text("StorageEncrypted", told.encrypted);
    xml.optional("KmsKeyId", told.kms_key.as_ref());
    xml.text("DbiResourceId", &told.resource_id);
    xml.text("CACertificateIdentifier", &told.ca_certificate);
    xml.text("DBInstanceArn", &told.arn);
    xml.text("IAMDatabaseAuthenticationEnabled", told.iam_auth);
    xml.text("DeletionProtection", told.deletion_protection);
    xml.words("EnabledCloudwatchLogsExports", "member", &told.log_exports);
    tags(xml, &told.tags);
}

/// The fields of a `DBSnapshot`.
pub fn snapshot(xml: &mut Xml, told: &Snapshot, of: &Instance) {
    xml.text("DBSnapshotIdentifier", &told.identifier);
    xml.text("DBInstanceIdentifier", &told.instance);
    xml.optional("SnapshotCreateTime", told.created_at);
    xml.text("Engine", "postgres");
    xml.text("EngineVersion", &told.engine_version);
    xml.text("Status", &told.status);
    xml.text("PercentProgress", told.percent);
    xml.text("SnapshotType", "manual");
    xml.text("AllocatedStorage", of.allocated_gib);
    xml.text("StorageType", &of.storage_type);
    xml.text("MasterUsername", &of.master_user);
    xml.text("Encrypted", told.encrypted);
    xml.optional("KmsKeyId", told.kms_key.as_ref());
    xml.text("DBSnapshotArn", snapshot_arn(&told.identifier));
    xml.text("DbiResourceId", &of.resource_id);
    xml.text("IAMDatabaseAuthenticationEnabled", of.iam_auth);
    tags(xml, &told.tags);
}

/// A `TagList`.
pub fn tags(xml: &mut Xml, tags: &Tags) {
    xml.list("TagList", "Tag", tags, |xml, (key, value)| {
        xml.text("Key", key);
        xml.text("Value", value);
    });
}

/// The fields of an `Event`.
pub fn event(xml: &mut Xml, event: &Happening) {
    xml.text("SourceIdentifier", &event.source);
    xml.text("SourceType", event.kind);
    xml.text("Message", &event.message);
    xml.words("EventCategories", "EventCategory", ["notification"]);
    xml.text("Date", event.at);
}

/// The ARN of an instance.
pub fn instance_arn(identifier: &str) -> String {
    arn("db", identifier)
}

/// The ARN of a snapshot.
pub fn snapshot_arn(identifier: &str) -> String {
    arn("snapshot", identifier)
}

fn arn(kind: &str, identifier: &str) -> String {
    use super::world::{ACCOUNT, REGION};
    format!("arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:{identifier}")
}
