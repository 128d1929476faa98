use aws_sdk_rds::types::{
    OrderableDbInstanceOption, ResourcePendingMaintenanceActions, SourceType,
};

use super::RdsClient;
use super::api::absent;
use super::convert::{text, time};
use super::error::failed;
use crate::ports::{
    EngineVersion, ParameterGroup, PendingMaintenance, Quota, RdsError, RdsErrorKind, RdsEvent,
};

const ENGINE: &str = "postgres";

/// How far back events are asked for, minutes. AWS keeps them for fourteen days.
const EVENTS_MINUTES: i32 = 3 * 24 * 60;

impl RdsClient {
    pub(super) async fn find_engine_version(
        &self,
        version: &str,
    ) -> Result<EngineVersion, RdsError> {
        const OPERATION: &str = "DescribeDBEngineVersions";
        // Without IncludeAll a retired minor is answered with an empty list.
        let call = self
            .rds
            .describe_db_engine_versions()
            .engine(ENGINE)
            .engine_version(version)
            .include_all(true);
        let answer = call
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        let exact = answer
            .db_engine_versions()
            .iter()
            .find(|found| found.engine_version() == Some(version))
            .ok_or_else(|| absent(OPERATION, "engine version of PostgreSQL", version))?;
        Ok(EngineVersion {
            version: text(exact.engine_version()),
            family: text(exact.db_parameter_group_family()),
            status: text(exact.status()),
            targets: exact
                .valid_upgrade_target()
                .iter()
                .filter_map(|target| target.engine_version().map(str::to_owned))
                .collect(),
        })
    }

    pub(super) async fn read_parameter_group(
        &self,
        name: &str,
    ) -> Result<ParameterGroup, RdsError> {
        const GROUPS: &str = "DescribeDBParameterGroups";
        let call = self
            .rds
            .describe_db_parameter_groups()
            .db_parameter_group_name(name);
        let answer = call.send().await.map_err(|error| failed(GROUPS, &error))?;
        let group = answer
            .db_parameter_groups()
            .first()
            .ok_or_else(|| absent(GROUPS, "parameter group", name))?;
        // "user" are the values somebody set; all others are the engine's or AWS's own.
        let parameters = self
            .rds
            .describe_db_parameters()
            .db_parameter_group_name(name)
            .source("user")
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|error| failed("DescribeDBParameters", &error))?;
        Ok(ParameterGroup {
            name: text(group.db_parameter_group_name()),
            family: text(group.db_parameter_group_family()),
            values: parameters
                .iter()
                .filter_map(|parameter| {
                    let name = parameter.parameter_name()?.to_owned();
                    Some((name, parameter.parameter_value()?.to_owned()))
                })
                .collect(),
        })
    }

    pub(super) async fn zones_of_class(
        &self,
        engine_version: &str,
        class: &str,
    ) -> Result<Option<Vec<String>>, RdsError> {
        let options = self
            .rds
            .describe_orderable_db_instance_options()
            .engine(ENGINE)
            .engine_version(engine_version)
            .db_instance_class(class)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|error| failed("DescribeOrderableDBInstanceOptions", &error))?;
        let mut zones: Vec<_> = options
            .iter()
            .flat_map(OrderableDbInstanceOption::availability_zones)
            .filter_map(|zone| zone.name().map(str::to_owned))
            .collect();
        zones.sort();
        zones.dedup();
        Ok((!options.is_empty()).then_some(zones))
    }

    pub(super) async fn account_quotas(&self) -> Result<Vec<Quota>, RdsError> {
        let answer = self.rds.describe_account_attributes().send().await;
        let answer = answer.map_err(|error| failed("DescribeAccountAttributes", &error))?;
        let quota = |quota: &aws_sdk_rds::types::AccountQuota| {
            Some(Quota {
                name: quota.account_quota_name()?.to_owned(),
                used: quota.used()?,
                max: quota.max()?,
            })
        };
        Ok(answer.account_quotas().iter().filter_map(quota).collect())
    }

    pub(super) async fn maintenance_of(
        &self,
        arn: &str,
    ) -> Result<Vec<PendingMaintenance>, RdsError> {
        let call = self
            .rds
            .describe_pending_maintenance_actions()
            .resource_identifier(arn);
        let answer = call
            .send()
            .await
            .map_err(|error| failed("DescribePendingMaintenanceActions", &error))?;
        let actions = answer
            .pending_maintenance_actions()
            .iter()
            .flat_map(ResourcePendingMaintenanceActions::pending_maintenance_action_details);
        Ok(actions
            .map(|action| {
                let applies_at = action
                    .current_apply_date()
                    .or(action.auto_applied_after_date())
                    .or(action.forced_apply_date());
                PendingMaintenance {
                    action: text(action.action()),
                    applies_at: time(applies_at),
                    description: text(action.description()),
                }
            })
            .collect())
    }

    /// Events name their source by kind and name; ours may be an instance or a snapshot.
    pub(super) async fn events_of(&self, source: &str) -> Result<Vec<RdsEvent>, RdsError> {
        let mut events = Vec::new();
        for kind in [SourceType::DbInstance, SourceType::DbSnapshot] {
            let found = self
                .rds
                .describe_events()
                .source_identifier(source)
                .source_type(kind)
                .duration(EVENTS_MINUTES)
                .into_paginator()
                .items()
                .send()
                .try_collect()
                .await
                .map_err(|error| failed("DescribeEvents", &error));
            match found {
                Ok(found) => events.extend(found.iter().map(|event| RdsEvent {
                    at: time(event.date()),
                    message: text(event.message()),
                })),
                Err(error) if error.kind == RdsErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        events.sort_by_key(|event| event.at);
        Ok(events)
    }

    pub(super) async fn proxies_that_target(
        &self,
        instance: &str,
    ) -> Result<Vec<String>, RdsError> {
        let proxies = self
            .rds
            .describe_db_proxies()
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|error| failed("DescribeDBProxies", &error))?;
        let mut names = Vec::new();
        for name in proxies.iter().filter_map(|proxy| proxy.db_proxy_name()) {
            let targets = self
                .rds
                .describe_db_proxy_targets()
                .db_proxy_name(name)
                .into_paginator()
                .items()
                .send()
                .try_collect()
                .await
                .map_err(|error| failed("DescribeDBProxyTargets", &error))?;
            if targets
                .iter()
                .any(|target| target.rds_resource_id() == Some(instance))
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}
