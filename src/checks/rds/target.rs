use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::super::ask::{Answering, AskError, Asking};
use super::super::finding::Finding;
use super::super::judge::few;
use super::{answer, blue, rds};
use crate::domain::PgVersion;
use crate::ports::{EngineVersion, ParameterGroup, Quota, RdsErrorKind};

/// Parameters that newer majors no longer have, with the major that dropped each.
const DROPPED: [(&str, u32); 7] = [
    ("wal_keep_segments", 13),
    ("stats_temp_directory", 15),
    ("vacuum_defer_cleanup_age", 16),
    ("promote_trigger_file", 16),
    ("force_parallel_mode", 16),
    ("old_snapshot_threshold", 17),
    ("db_user_namespace", 17),
];

pub(super) fn ask_version<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let target = &asking.ctx.profile.green.engine_version;
        let from = blue(asking).await?.engine_version;
        let from = rds(asking)?.engine_version(&from).await?;
        let to = match rds(asking)?.engine_version(target).await {
            Ok(to) => Some(to),
            Err(error) if error.kind == RdsErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        answer(version(&from, target, to.as_ref()))
    }
    .boxed()
}

fn version(from: &EngineVersion, target: &str, to: Option<&EngineVersion>) -> Finding {
    let Some(to) = to else {
        return Finding::fail(format!("RDS has no PostgreSQL {target}"));
    };
    if !from.targets.iter().any(|version| version == target) {
        return Finding::fail(format!(
            "RDS does not upgrade {} to {target}; it goes to: {}",
            from.version,
            few(&from.targets)
        ));
    }
    if to.status != "available" {
        return Finding::fail(format!("PostgreSQL {target} is {:?} on RDS", to.status));
    }
    Finding::pass(format!("{} goes to {target}", from.version))
}

pub(super) fn ask_class<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let blue = blue(asking).await?;
        let green = &asking.ctx.profile.green;
        let class = green.instance_class.as_deref().unwrap_or(&blue.class);
        let zones = rds(asking)?
            .class_zones(&green.engine_version, class)
            .await?;
        let multi_az = green.multi_az.unwrap_or(blue.multi_az);
        // A subnet group of its own may span other zones than BLUE's.
        let same = green
            .subnet_group
            .as_ref()
            .is_none_or(|g| *g == blue.subnet_group);
        let subnets = if same { &blue.subnet_zones[..] } else { &[] };
        answer(class_offered(class, zones.as_deref(), subnets, multi_az))
    }
    .boxed()
}

fn class_offered(
    class: &str,
    zones: Option<&[String]>,
    subnets: &[String],
    multi_az: bool,
) -> Finding {
    let Some(zones) = zones else {
        return Finding::fail(format!("{class} is not offered for the target version"));
    };
    if zones.is_empty() || subnets.is_empty() {
        return Finding::pass(format!(
            "{class} is offered; in which of the subnet group's zones was not told"
        ));
    }
    let usable: Vec<_> = zones.iter().filter(|zone| subnets.contains(zone)).collect();
    let seen = format!("{class} is offered in {}", few(&usable));
    match usable.len() {
        0 => Finding::fail(format!(
            "{class} is offered in {}, the subnet group has {}",
            few(zones),
            few(subnets)
        )),
        1 if multi_az => Finding::fail(format!("{seen} only, and Multi-AZ needs two zones")),
        1 => Finding::warn(format!("{seen} only: no room to fail over to")),
        _ => Finding::pass(seen),
    }
}

pub(super) fn ask_group<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let green = &asking.ctx.profile.green;
        let Some(name) = &green.parameter_group else {
            return answer(Finding::fail(
                "the profile names no parameter group for GREEN: RDS would take its default one, without \
                 rds.logical_replication",
            ));
        };
        let blue = blue(asking).await?;
        let of_blue = rds(asking)?.parameter_group(&blue.parameter_group).await?;
        let of_green = match rds(asking)?.parameter_group(name).await {
            Ok(group) => group,
            Err(error) if error.kind == RdsErrorKind::NotFound => {
                return answer(Finding::fail(format!("there is no parameter group {name}")));
            }
            Err(error) => return Err(error.into()),
        };
        let Some(target) = PgVersion::from_dotted(&green.engine_version) else {
            return Err(AskError::Other(format!(
                "{} is no version",
                green.engine_version
            )));
        };
        answer(group(&of_green, &of_blue, target.major()))
    }
    .boxed()
}

fn group(green: &ParameterGroup, blue: &ParameterGroup, major: u32) -> Finding {
    let family = format!("postgres{major}");
    if green.family != family {
        return Finding::fail(format!(
            "{} is of family {}, the target needs {family}",
            green.name, green.family
        ));
    }
    if green
        .values
        .get("rds.logical_replication")
        .map(String::as_str)
        != Some("1")
    {
        return Finding::fail(format!(
            "{} does not set rds.logical_replication = 1",
            green.name
        ));
    }
    let differ = not_carried_over(&green.values, &blue.values, major);
    if differ.is_empty() {
        return Finding::pass(format!(
            "{} ({family}) has rds.logical_replication = 1 and all that was set for BLUE",
            green.name
        ));
    }
    Finding::warn(format!(
        "{} differs from BLUE's {}: {}",
        green.name,
        blue.name,
        few(&differ)
    ))
    .remedy("Carry these values over, or drop them on purpose.")
}

fn not_carried_over(
    green: &BTreeMap<String, String>,
    blue: &BTreeMap<String, String>,
    major: u32,
) -> Vec<String> {
    let dropped = |name: &str| {
        DROPPED
            .iter()
            .any(|(known, since)| *known == name && major >= *since)
    };
    blue.iter()
        .filter(|(name, value)| green.get(*name) != Some(value) && !dropped(name))
        .map(|(name, value)| {
            let now = green.get(name).map_or("not set", String::as_str);
            format!("{name} = {value}, on GREEN {now}")
        })
        .collect()
}

pub(super) fn ask_snapshot<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let ctx = asking.ctx;
        let name = format!("{}-{}", ctx.profile.rds.snapshot_prefix, ctx.run);
        let taken = match rds(asking)?.snapshot(&name).await {
            Ok(found) => found.tags.get("greenlight:run").map(String::as_str) != Some(ctx.run),
            Err(error) if error.kind == RdsErrorKind::NotFound => false,
            Err(error) => return Err(error.into()),
        };
        let green = &ctx.profile.green.address.identifier;
        let green_there = match rds(asking)?.instance(green).await {
            Ok(found) => found.tags.get("greenlight:run").map(String::as_str) != Some(ctx.run),
            Err(error) if error.kind == RdsErrorKind::NotFound => false,
            Err(error) => return Err(error.into()),
        };
        if green_there {
            return answer(
                Finding::fail(format!(
                    "an instance {green} exists, and this run did not make it"
                ))
                .remedy("Name another identifier under [green], or delete that instance."),
            );
        }
        let quotas = rds(asking)?.quotas().await;
        let quotas = quotas.as_deref().map_err(ToString::to_string);
        answer(snapshot_plan(&name, taken, quotas))
    }
    .boxed()
}

fn snapshot_plan(name: &str, taken: bool, quotas: Result<&[Quota], String>) -> Finding {
    let sound = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.contains("--")
        && !name.ends_with('-')
        && name.len() <= 255;
    if !sound {
        return Finding::fail(format!(
            "{name:?} is no name for a snapshot: a letter first, then letters, digits and single hyphens"
        ))
        .remedy("Choose another snapshot_prefix under [rds].");
    }
    if taken {
        return Finding::fail(format!(
            "a snapshot {name} exists, and this run did not make it"
        ));
    }
    let quotas = match quotas {
        Ok(quotas) => quotas,
        Err(error) => {
            return Finding::warn(format!(
                "{name} is free; the account's quotas could not be read: {error}"
            ))
            .remedy("Confirm that the account has room for a manual snapshot and an instance.");
        }
    };
    let full: Vec<_> = quotas
        .iter()
        .filter(|quota| matches!(quota.name.as_str(), "ManualSnapshots" | "DBInstances"))
        .filter(|quota| quota.used >= quota.max)
        .map(|quota| format!("{} {} of {}", quota.name, quota.used, quota.max))
        .collect();
    if full.is_empty() {
        Finding::pass(format!("{name} is free, and the quotas have room"))
    } else {
        Finding::fail(format!("no room is left: {}", full.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::FindingKind::{Fail, Pass, Warn};
    use super::{class_offered, group, snapshot_plan, version};
    use crate::ports::{EngineVersion, ParameterGroup, Quota};

    #[test]
    fn the_target_must_be_listed_and_available() {
        let from = EngineVersion {
            version: "15.18".to_owned(),
            targets: vec!["16.14".to_owned(), "17.10".to_owned()],
            ..EngineVersion::default()
        };
        let to = |status: &str| EngineVersion {
            status: status.to_owned(),
            ..EngineVersion::default()
        };
        let available = to("available");
        assert_eq!(version(&from, "17.10", Some(&available)).kind, Pass);
        assert_eq!(version(&from, "18.6", Some(&available)).kind, Fail);
        assert_eq!(version(&from, "17.10", Some(&to("deprecated"))).kind, Fail);
        assert_eq!(version(&from, "17.10", None).kind, Fail);
    }

    #[test]
    fn the_class_must_be_offered_where_the_subnets_are() {
        let zones = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let (ab, a, c) = (zones(&["a", "b"]), zones(&["a"]), zones(&["c"]));
        assert_eq!(class_offered("x", None, &ab, false).kind, Fail);
        assert_eq!(class_offered("x", Some(&ab), &ab, true).kind, Pass);
        assert_eq!(class_offered("x", Some(&a), &ab, false).kind, Warn);
        assert_eq!(class_offered("x", Some(&a), &ab, true).kind, Fail);
        assert_eq!(class_offered("x", Some(&c), &ab, false).kind, Fail);
        assert_eq!(class_offered("x", Some(&[]), &ab, false).kind, Pass);
    }

    fn parameters(family: &str, values: &[(&str, &str)]) -> ParameterGroup {
        ParameterGroup {
            name: "g".to_owned(),
            family: family.to_owned(),
            values: values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn the_group_must_fit_replicate_and_carry_over() {
        let logical = ("rds.logical_replication", "1");
        let blue = parameters(
            "postgres15",
            &[
                logical,
                ("work_mem", "65536"),
                ("vacuum_defer_cleanup_age", "0"),
            ],
        );
        let judge = |family, values: &[_]| group(&parameters(family, values), &blue, 17).kind;
        assert_eq!(judge("postgres17", &[logical, ("work_mem", "65536")]), Pass);
        assert_eq!(judge("postgres17", &[logical]), Warn);
        assert_eq!(judge("postgres17", &[("work_mem", "65536")]), Fail);
        assert_eq!(judge("postgres16", &[logical, ("work_mem", "65536")]), Fail);
    }

    #[test]
    fn the_snapshot_needs_a_name_and_room() {
        let quota = |used| {
            [Quota {
                name: "ManualSnapshots".to_owned(),
                used,
                max: 100,
            }]
        };
        let name = "greenlight-shop-7f3a";
        assert_eq!(snapshot_plan(name, false, Ok(&quota(3))).kind, Pass);
        assert_eq!(snapshot_plan(name, false, Ok(&quota(100))).kind, Fail);
        assert_eq!(snapshot_plan(name, true, Ok(&quota(3))).kind, Fail);
        assert_eq!(
            snapshot_plan(name, false, Err("denied".to_owned())).kind,
            Warn
        );
        for bad in ["7f3a", "green light", "a--b", "shop-", "shöp"] {
            assert_eq!(snapshot_plan(bad, false, Ok(&quota(3))).kind, Fail, "{bad}");
        }
    }
}
