use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::super::ask::{Answering, AskError, Asking};
use super::super::finding::Finding;
use super::{SNAPSHOT, answer, blue, green, rds};
use crate::ports::{Instance, LogFile};
use crate::profile::Green;

/// Minutes that RDS keeps logs when nobody says otherwise.
const DEFAULT_RETENTION: u64 = 4320;
/// Levels of `log_min_messages` at which the lines of a recovery are not written.
const TOO_QUIET: [&str; 2] = ["fatal", "panic"];

async fn restored(asking: &Asking<'_>) -> Result<Instance, AskError> {
    let name = &asking.ctx.profile.green.address.identifier;
    let green = green(asking).await?;
    green.ok_or_else(|| AskError::Other(format!("RDS has no instance {name}")))
}

pub(super) fn ask_upgraded<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let snapshot = asking.ctx.facts.get(&SNAPSHOT);
        let target = &asking.ctx.profile.green.engine_version;
        answer(upgraded(
            &restored(asking).await?,
            target,
            snapshot.as_deref(),
        ))
    }
    .boxed()
}

fn upgraded(green: &Instance, target: &str, snapshot: Option<&str>) -> Finding {
    let from = snapshot.unwrap_or("a snapshot this run does not know");
    let seen = format!(
        "{} of {from} is {:?}, PostgreSQL {}",
        green.identifier, green.status, green.engine_version
    );
    if green.engine_version == target && green.status == "available" {
        Finding::pass(seen)
    } else {
        Finding::fail(format!("{seen}; wanted: available, {target}"))
    }
}

pub(super) fn ask_parity<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let (blue, green) = (blue(asking).await?, restored(asking).await?);
        answer(parity(&blue, &green, &asking.ctx.profile.green))
    }
    .boxed()
}

/// What differs though nobody asked for it.
fn parity(blue: &Instance, green: &Instance, wish: &Green) -> Finding {
    let differing = |list: &[Setting]| {
        list.iter()
            .filter(|(_, wanted, has)| wanted != has)
            .map(|(what, wanted, has)| format!("{what}: {has:?}, should be {wanted:?}"))
            .collect::<Vec<_>>()
    };
    let (hurts, missed) = (
        differing(&at_the_cutover(blue, green, wish)),
        differing(&later(blue, green)),
    );
    if !hurts.is_empty() {
        let all: Vec<_> = hurts.into_iter().chain(missed).collect();
        return Finding::fail(all.join("; "));
    }
    if missed.is_empty() {
        return Finding::pass(
            "GREEN has BLUE's settings, as far as the profile does not say otherwise",
        );
    }
    Finding::warn(missed.join("; "))
        .remedy("A restore cannot be given some of this: set it on GREEN before the cutover.")
}

/// A setting: its name, what it should be, what it is.
type Setting = (&'static str, String, String);

/// What hurts at the cutover when it differs.
fn at_the_cutover(blue: &Instance, green: &Instance, wish: &Green) -> Vec<Setting> {
    let wished = |wish: &Option<String>, blue: &str| wish.clone().unwrap_or(blue.to_owned());
    let groups = wish
        .security_groups
        .as_ref()
        .unwrap_or(&blue.security_groups);
    vec![
        (
            "class",
            wished(&wish.instance_class, &blue.class),
            green.class.clone(),
        ),
        (
            "security groups",
            sorted(groups),
            sorted(&green.security_groups),
        ),
        (
            "subnet group",
            wished(&wish.subnet_group, &blue.subnet_group),
            green.subnet_group.clone(),
        ),
        (
            "Multi-AZ",
            yes_no(wish.multi_az.unwrap_or(blue.multi_az)),
            yes_no(green.multi_az),
        ),
        (
            "IAM logins",
            yes_no(wish.iam_auth.unwrap_or(blue.iam_auth)),
            yes_no(green.iam_auth),
        ),
        ("public access", yes_no(false), yes_no(green.public)),
        (
            "storage type",
            wished(&wish.storage_type, &blue.storage_type),
            green.storage_type.clone(),
        ),
        (
            "encryption",
            yes_no(blue.encrypted),
            yes_no(green.encrypted),
        ),
    ]
}

/// What is missed only later.
fn later(blue: &Instance, green: &Instance) -> Vec<Setting> {
    vec![
        (
            "storage autoscaling",
            format!("{:?} GiB", blue.max_allocated_gib),
            format!("{:?} GiB", green.max_allocated_gib),
        ),
        (
            "backup retention",
            format!("{} days", blue.backup_retention_days),
            format!("{} days", green.backup_retention_days),
        ),
        (
            "deletion protection",
            yes_no(blue.deletion_protection),
            yes_no(green.deletion_protection),
        ),
        (
            "log exports",
            sorted(&blue.log_exports),
            sorted(&green.log_exports),
        ),
        (
            "CA",
            blue.ca_certificate.clone(),
            green.ca_certificate.clone(),
        ),
        (
            "maintenance window",
            blue.maintenance_window.clone(),
            green.maintenance_window.clone(),
        ),
        (
            "Enhanced Monitoring",
            format!("every {} s", blue.monitoring_interval_s),
            format!("every {} s", green.monitoring_interval_s),
        ),
        (
            "Performance Insights",
            yes_no(blue.performance_insights),
            yes_no(green.performance_insights),
        ),
        (
            "feature roles",
            sorted(&blue.feature_roles),
            sorted(&green.feature_roles),
        ),
    ]
}

fn sorted(groups: &[String]) -> String {
    let mut groups = groups.to_vec();
    groups.sort();
    groups.join(" ")
}

fn yes_no(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

pub(super) fn ask_logs<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let green = restored(asking).await?;
        let files = rds(asking)?.log_files(&green.identifier).await?;
        let group = rds(asking)?.parameter_group(&green.parameter_group).await?;
        answer(logs(&files, &group.values))
    }
    .boxed()
}

fn logs(files: &[LogFile], set: &BTreeMap<String, String>) -> Finding {
    let value = |name: &str| set.get(name).map(String::as_str);
    if files.is_empty() {
        return Finding::fail("RDS lists no log of GREEN");
    }
    if let Some(where_to) = value("log_destination").filter(|to| !to.contains("stderr")) {
        return Finding::fail(format!(
            "log_destination is {where_to:?}: the log that RDS hands out is written to stderr"
        ));
    }
    if let Some(level) = value("log_min_messages").filter(|level| TOO_QUIET.contains(level)) {
        return Finding::fail(format!(
            "log_min_messages is {level:?}: the lines of the recovery are not written"
        ));
    }
    let retention = value("rds.log_retention_period")
        .and_then(|minutes| minutes.parse().ok())
        .unwrap_or(DEFAULT_RETENTION);
    let seen = format!(
        "{} log files, kept for {} hours",
        files.len(),
        retention / 60
    );
    if retention < DEFAULT_RETENTION {
        return Finding::warn(seen);
    }
    Finding::pass(seen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::finding::FindingKind::{Fail, Pass, Warn};
    use super::{logs, parity, upgraded};
    use crate::ports::{Instance, LogFile};
    use crate::profile::Green;

    #[test]
    fn the_version_counts_not_the_state() {
        let mut green = Instance {
            status: "available".to_owned(),
            engine_version: "17.10".to_owned(),
            ..Instance::default()
        };
        assert_eq!(upgraded(&green, "17.10", Some("s")).kind, Pass);
        green.engine_version = "15.18".to_owned();
        assert_eq!(upgraded(&green, "17.10", Some("s")).kind, Fail);
    }

    #[test]
    fn what_hurts_blocks_and_what_is_missed_later_warns() {
        let blue = Instance {
            class: "db.r6g.large".to_owned(),
            security_groups: vec!["b".to_owned(), "a".to_owned()],
            public: true,
            ..Instance::default()
        };
        let mut green = Instance {
            security_groups: vec!["a".to_owned(), "b".to_owned()],
            public: false,
            ..blue.clone()
        };
        let wish = Green::default();
        assert_eq!(parity(&blue, &green, &wish).kind, Pass);
        green.max_allocated_gib = Some(10);
        assert_eq!(parity(&blue, &green, &wish).kind, Warn);
        green.security_groups.pop();
        let finding = parity(&blue, &green, &wish);
        assert_eq!(finding.kind, Fail);
        assert!(finding.evidence.contains("security groups"));
        let wished = Green {
            security_groups: Some(vec!["a".to_owned()]),
            ..Green::default()
        };
        assert_eq!(parity(&blue, &green, &wished).kind, Warn);
        green.public = true;
        assert_eq!(parity(&blue, &green, &wished).kind, Fail);
    }

    #[test]
    fn the_log_must_be_there_and_hold_the_recovery() {
        let files = [LogFile {
            name: "error/postgresql.log.2026-11-21-03".to_owned(),
            last_written_ms: 0,
            size: 1,
        }];
        let set = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert_eq!(logs(&files, &BTreeMap::new()).kind, Pass);
        assert_eq!(logs(&[], &BTreeMap::new()).kind, Fail);
        assert_eq!(logs(&files, &set("log_destination", "csvlog")).kind, Fail);
        assert_eq!(logs(&files, &set("log_min_messages", "panic")).kind, Fail);
        let short = set("rds.log_retention_period", "1440");
        assert_eq!(logs(&files, &short).kind, Warn);
    }
}
