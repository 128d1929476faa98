//! Parameter groups, of which the stand-in has two for each major version: the default one, without logical
//! replication, and `lab-postgresNN`, with it.

use std::collections::BTreeMap;

use crate::ports::ParameterGroup;
use crate::rehearsal::Install;

/// The family of an engine version: `postgres17` of `17.10`.
pub fn family(version: &str) -> String {
    let major = version.split('.').next().unwrap_or_default();
    format!("postgres{major}")
}

/// All parameter groups.
pub fn all(installs: &[Install]) -> Vec<ParameterGroup> {
    let mut majors: Vec<_> = installs.iter().map(|i| i.version.major()).collect();
    majors.sort_unstable();
    majors.dedup();
    majors
        .into_iter()
        .flat_map(|major| {
            let family = format!("postgres{major}");
            let group = |name: String, logical: &str| ParameterGroup {
                name,
                family: family.clone(),
                values: values(logical),
            };
            [
                group(format!("default.{family}"), "0"),
                group(format!("lab-{family}"), "1"),
            ]
        })
        .collect()
}

fn values(logical: &str) -> BTreeMap<String, String> {
    [
        ("rds.logical_replication", logical),
        ("rds.force_ssl", "0"),
        ("max_replication_slots", "20"),
        ("max_wal_senders", "20"),
        ("max_logical_replication_workers", "10"),
        ("max_worker_processes", "20"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The server settings that a group means: `rds.logical_replication` stands for `wal_level`.
pub fn settings(installs: &[Install], group: &str) -> Vec<(String, String)> {
    let found = all(installs).into_iter().find(|g| g.name == group);
    let mut out: Vec<_> = found
        .map(|g| g.values)
        .unwrap_or_default()
        .into_iter()
        .collect();
    let logical = out
        .iter()
        .any(|(name, value)| name == "rds.logical_replication" && value == "1");
    for (name, value) in &mut out {
        if name.starts_with("rds.") {
            let word = if value == "1" { "on" } else { "off" };
            word.clone_into(value);
        }
    }
    let level = if logical { "logical" } else { "replica" };
    out.push(("wal_level".to_owned(), level.to_owned()));
    out
}
