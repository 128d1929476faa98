use async_trait::async_trait;
use secrecy::SecretString;

use super::RdsClient;
use super::convert::{list, tag_list, text};
use super::error::failed;
use super::instance::instance;
use super::snapshot::snapshot;
use crate::ports::{
    EngineVersion, Instance, InstanceChange, LogFile, ParameterGroup, PendingMaintenance, Quota,
    RdsApi, RdsError, RdsErrorKind, RdsEvent, RestoreRequest, Snapshot, Tags,
};

#[async_trait]
impl RdsApi for RdsClient {
    async fn caller(&self) -> Result<String, RdsError> {
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| failed("GetCallerIdentity", &error))?;
        Ok(text(answer.arn()))
    }

    async fn instance(&self, identifier: &str) -> Result<Instance, RdsError> {
        const OPERATION: &str = "DescribeDBInstances";
        let call = self
            .rds
            .describe_db_instances()
            .db_instance_identifier(identifier);
        let answer = call
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        let found = answer.db_instances().first().map(instance);
        found.ok_or_else(|| absent(OPERATION, "instance", identifier))
    }

    async fn snapshot(&self, identifier: &str) -> Result<Snapshot, RdsError> {
        const OPERATION: &str = "DescribeDBSnapshots";
        let call = self
            .rds
            .describe_db_snapshots()
            .db_snapshot_identifier(identifier)
            .snapshot_type("manual");
        let answer = call
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        let found = answer.db_snapshots().first().map(snapshot);
        found.ok_or_else(|| absent(OPERATION, "snapshot", identifier))
    }

    async fn create_snapshot(
        &self,
        instance: &str,
        name: &str,
        tags: &Tags,
    ) -> Result<Snapshot, RdsError> {
        const OPERATION: &str = "CreateDBSnapshot";
        let call = self
            .rds
            .create_db_snapshot()
            .db_instance_identifier(instance)
            .db_snapshot_identifier(name)
            .set_tags(tag_list(tags));
        let answer = call
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        described(OPERATION, answer.db_snapshot().map(snapshot))
    }

    async fn upgrade_snapshot(
        &self,
        name: &str,
        engine_version: &str,
    ) -> Result<Snapshot, RdsError> {
        const OPERATION: &str = "ModifyDBSnapshot";
        let call = self
            .rds
            .modify_db_snapshot()
            .db_snapshot_identifier(name)
            .engine_version(engine_version);
        let answer = call
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        described(OPERATION, answer.db_snapshot().map(snapshot))
    }

    async fn restore(&self, request: &RestoreRequest) -> Result<Instance, RdsError> {
        const OPERATION: &str = "RestoreDBInstanceFromDBSnapshot";
        let call = self
            .rds
            .restore_db_instance_from_db_snapshot()
            .db_instance_identifier(&request.identifier)
            .db_snapshot_identifier(&request.snapshot)
            .set_db_instance_class(request.class.clone())
            .set_db_parameter_group_name(request.parameter_group.clone())
            .set_db_subnet_group_name(request.subnet_group.clone())
            .set_vpc_security_group_ids(list(&request.security_groups))
            .multi_az(request.multi_az)
            .enable_iam_database_authentication(request.iam_auth)
            .publicly_accessible(request.public)
            .set_port(request.port.map(i32::from))
            .set_storage_type(request.storage_type.clone())
            .set_iops(request.iops)
            .set_storage_throughput(request.storage_throughput)
            .set_option_group_name(request.option_group.clone())
            .copy_tags_to_snapshot(request.copy_tags_to_snapshot)
            .set_engine_lifecycle_support(request.lifecycle_support.clone())
            .deletion_protection(request.deletion_protection)
            .auto_minor_version_upgrade(request.auto_minor_upgrade)
            .set_enable_cloudwatch_logs_exports(list(&request.log_exports))
            .set_ca_certificate_identifier(request.ca_certificate.clone())
            .set_tags(tag_list(&request.tags));
        let answer = call
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        described(OPERATION, answer.db_instance().map(instance))
    }

    async fn modify_instance(
        &self,
        identifier: &str,
        change: &InstanceChange,
    ) -> Result<Instance, RdsError> {
        const OPERATION: &str = "ModifyDBInstance";
        let call = self
            .rds
            .modify_db_instance()
            .db_instance_identifier(identifier)
            .apply_immediately(true)
            .set_engine_version(change.engine_version.clone())
            .set_allow_major_version_upgrade(change.engine_version.as_ref().map(|_| true))
            .set_db_parameter_group_name(change.parameter_group.clone())
            .set_backup_retention_period(change.backup_retention_days)
            .set_deletion_protection(change.deletion_protection)
            .set_max_allocated_storage(change.max_allocated_gib)
            .set_preferred_maintenance_window(change.maintenance_window.clone());
        let answer = call
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        described(OPERATION, answer.db_instance().map(instance))
    }

    async fn reboot_instance(&self, identifier: &str) -> Result<(), RdsError> {
        let call = self
            .rds
            .reboot_db_instance()
            .db_instance_identifier(identifier);
        let answer = call.send().await;
        answer.map_err(|error| failed("RebootDBInstance", &error))?;
        Ok(())
    }

    async fn delete_instance(
        &self,
        identifier: &str,
        final_snapshot: Option<&str>,
    ) -> Result<(), RdsError> {
        let call = self
            .rds
            .delete_db_instance()
            .db_instance_identifier(identifier)
            .skip_final_snapshot(final_snapshot.is_none())
            .set_final_db_snapshot_identifier(final_snapshot.map(str::to_owned));
        let answer = call.send().await;
        answer.map_err(|error| failed("DeleteDBInstance", &error))?;
        Ok(())
    }

    async fn delete_snapshot(&self, identifier: &str) -> Result<(), RdsError> {
        let call = self
            .rds
            .delete_db_snapshot()
            .db_snapshot_identifier(identifier);
        let answer = call.send().await;
        answer.map_err(|error| failed("DeleteDBSnapshot", &error))?;
        Ok(())
    }

    async fn log_files(&self, instance: &str) -> Result<Vec<LogFile>, RdsError> {
        self.list_logs(instance).await
    }

    async fn log_text(&self, instance: &str, file: &str) -> Result<String, RdsError> {
        self.whole_log(instance, file).await
    }

    async fn engine_version(&self, version: &str) -> Result<EngineVersion, RdsError> {
        self.find_engine_version(version).await
    }

    async fn parameter_group(&self, name: &str) -> Result<ParameterGroup, RdsError> {
        self.read_parameter_group(name).await
    }

    async fn class_zones(
        &self,
        engine_version: &str,
        class: &str,
    ) -> Result<Option<Vec<String>>, RdsError> {
        self.zones_of_class(engine_version, class).await
    }

    async fn quotas(&self) -> Result<Vec<Quota>, RdsError> {
        self.account_quotas().await
    }

    async fn pending_maintenance(
        &self,
        instance: &str,
    ) -> Result<Vec<PendingMaintenance>, RdsError> {
        let arn = self.instance(instance).await?.arn;
        self.maintenance_of(&arn).await
    }

    async fn events(&self, source: &str) -> Result<Vec<RdsEvent>, RdsError> {
        self.events_of(source).await
    }

    async fn proxies_of(&self, instance: &str) -> Result<Vec<String>, RdsError> {
        self.proxies_that_target(instance).await
    }

    async fn auth_token(
        &self,
        host: &str,
        port: u16,
        role: &str,
    ) -> Result<SecretString, RdsError> {
        self.token(host, port, role).await
    }
}

/// An empty list where one thing was asked for by name.
pub(super) fn absent(operation: &'static str, what: &str, name: &str) -> RdsError {
    RdsError {
        operation,
        kind: RdsErrorKind::NotFound,
        code: None,
        message: format!("there is no {what} {name:?}"),
    }
}

/// The description that comes with every change; without it nobody knows what was done.
fn described<T>(operation: &'static str, value: Option<T>) -> Result<T, RdsError> {
    value.ok_or_else(|| RdsError {
        operation,
        kind: RdsErrorKind::Unreachable,
        code: None,
        message: "AWS answered without saying what was done".to_owned(),
    })
}
