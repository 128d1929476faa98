use aws_sdk_rds::types::{DbInstance, PendingModifiedValues};

use super::convert::{tags, text, time};
use crate::ports::Instance;

/// An instance as the port describes it.
pub(super) fn instance(from: &DbInstance) -> Instance {
    let group = from.db_parameter_groups().first();
    let subnets = from.db_subnet_group();
    let endpoint = from.endpoint().and_then(|endpoint| {
        let port = u16::try_from(endpoint.port()?).ok()?;
        Some((endpoint.address()?.to_owned(), port))
    });
    Instance {
        identifier: text(from.db_instance_identifier()),
        status: text(from.db_instance_status()),
        engine_version: text(from.engine_version()),
        engine: text(from.engine()),
        class: text(from.db_instance_class()),
        endpoint,
        arn: text(from.db_instance_arn()),
        resource_id: text(from.dbi_resource_id()),
        parameter_group: text(group.and_then(|g| g.db_parameter_group_name())),
        parameter_apply_status: text(group.and_then(|g| g.parameter_apply_status())),
        subnet_group: text(subnets.and_then(|s| s.db_subnet_group_name())),
        subnet_zones: subnets.map(zones).unwrap_or_default(),
        vpc: text(subnets.and_then(|s| s.vpc_id())),
        security_groups: from
            .vpc_security_groups()
            .iter()
            .filter_map(|group| group.vpc_security_group_id().map(str::to_owned))
            .collect(),
        multi_az: from.multi_az().unwrap_or_default(),
        iam_auth: from
            .iam_database_authentication_enabled()
            .unwrap_or_default(),
        public: from.publicly_accessible().unwrap_or_default(),
        storage_type: text(from.storage_type()),
        allocated_gib: from.allocated_storage().unwrap_or_default(),
        max_allocated_gib: from.max_allocated_storage(),
        iops: from.iops(),
        storage_throughput: from.storage_throughput(),
        encrypted: from.storage_encrypted().unwrap_or_default(),
        kms_key: from.kms_key_id().map(str::to_owned),
        ca_certificate: text(from.ca_certificate_identifier()),
        certificate_until: time(from.certificate_details().and_then(|c| c.valid_till())),
        option_group: text(
            from.option_group_memberships()
                .first()
                .and_then(|option| option.option_group_name()),
        ),
        copy_tags_to_snapshot: from.copy_tags_to_snapshot().unwrap_or_default(),
        monitoring_interval_s: from.monitoring_interval().unwrap_or_default(),
        monitoring_role: from.monitoring_role_arn().map(str::to_owned),
        performance_insights: from.performance_insights_enabled().unwrap_or_default(),
        feature_roles: from
            .associated_roles()
            .iter()
            .filter_map(|role| role.role_arn().map(str::to_owned))
            .collect(),
        lifecycle_support: from.engine_lifecycle_support().map(str::to_owned),
        backup_retention_days: from.backup_retention_period().unwrap_or_default(),
        backup_window: text(from.preferred_backup_window()),
        maintenance_window: text(from.preferred_maintenance_window()),
        deletion_protection: from.deletion_protection().unwrap_or_default(),
        auto_minor_upgrade: from.auto_minor_version_upgrade().unwrap_or_default(),
        master_user: text(from.master_username()),
        managed_master_secret: from.master_user_secret().is_some(),
        read_replicas: from.read_replica_db_instance_identifiers().to_vec(),
        replica_of: from
            .read_replica_source_db_instance_identifier()
            .map(str::to_owned),
        cluster: from.db_cluster_identifier().map(str::to_owned),
        pending_changes: from
            .pending_modified_values()
            .map(pending)
            .unwrap_or_default(),
        log_exports: from.enabled_cloudwatch_logs_exports().to_vec(),
        tags: tags(from.tag_list()),
        created_at: time(from.instance_create_time()),
    }
}

fn zones(group: &aws_sdk_rds::types::DbSubnetGroup) -> Vec<String> {
    let mut zones: Vec<_> = group
        .subnets()
        .iter()
        .filter_map(|subnet| subnet.subnet_availability_zone()?.name().map(str::to_owned))
        .collect();
    zones.sort();
    zones.dedup();
    zones
}

/// Names of the pending changes, as the API spells them. Each field is either there or not: RDS clears it when it is done.
fn pending(values: &PendingModifiedValues) -> Vec<String> {
    let set = [
        ("DBInstanceClass", values.db_instance_class().is_some()),
        ("AllocatedStorage", values.allocated_storage().is_some()),
        (
            "MasterUserPassword",
            values.master_user_password().is_some(),
        ),
        ("Port", values.port().is_some()),
        (
            "BackupRetentionPeriod",
            values.backup_retention_period().is_some(),
        ),
        ("MultiAZ", values.multi_az().is_some()),
        ("EngineVersion", values.engine_version().is_some()),
        ("Iops", values.iops().is_some()),
        ("StorageThroughput", values.storage_throughput().is_some()),
        (
            "DBInstanceIdentifier",
            values.db_instance_identifier().is_some(),
        ),
        ("StorageType", values.storage_type().is_some()),
        (
            "CACertificateIdentifier",
            values.ca_certificate_identifier().is_some(),
        ),
        ("DBSubnetGroupName", values.db_subnet_group_name().is_some()),
        (
            "PendingCloudwatchLogsExports",
            values.pending_cloudwatch_logs_exports().is_some(),
        ),
        (
            "IAMDatabaseAuthenticationEnabled",
            values.iam_database_authentication_enabled().is_some(),
        ),
        (
            "DedicatedLogVolume",
            values.dedicated_log_volume().is_some(),
        ),
    ];
    set.iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(name, _)| (*name).to_owned())
        .collect()
}
