//! What both servers say, taken together.

use std::collections::BTreeMap;

use super::super::ask::{Ask, Asked, Scope, SqlFile};
use super::super::catalogue::EARLY;
use super::super::check::Check;
use super::super::finding::Finding;
use super::super::judge::{Judged, few};
use crate::ports::{Rows, ValueError};
use crate::profile::VipSwitchover;

const FACTS: SqlFile = &[(10, include_str!("../../../assets/sql/checks/vip/facts.sql"))];
/// `pg_promote` and `standby.signal` came with it.
const OLDEST: i32 = 12;

const PLATFORM: SqlFile = &[(
    12,
    include_str!("../../../assets/sql/checks/vip/same-platform.sql"),
)];

const fn both(
    sql: SqlFile,
    judge: fn(&Asked<'_, VipSwitchover>, &Rows, &Rows) -> Judged,
) -> Ask<VipSwitchover> {
    Ask::Pair {
        scope: Scope::Server,
        sql,
        judge,
    }
}

/// The checks of this page.
pub(super) const CHECKS: &[Check<VipSwitchover>] = &[
    Check::block("same-system", "Both are copies of one", EARLY, both(FACTS, same_system))
        .why("Servers of different origin share a name at most: the standby would not have the rows.")
        .remedy("Check host and port of both nodes in the profile."),
    Check::block("same-major", "Both run the same major version", EARLY, both(FACTS, same_major))
        .why("A standby replays only what its own major version writes, and promotion as done here came with 12.")
        .remedy("This procedure is for minor upgrades: use rds-blue-green or logical replication for a new major version."),
    Check::block("standby-sizes", "The standby is not smaller", EARLY, both(FACTS, standby_sizes))
        .why("A standby with less than the primary refuses to replay, and as a primary turns sessions away.")
        .remedy("Raise these settings on the standby and restart it."),
    Check::warn("same-platform", "Both sort text alike", EARLY, both(PLATFORM, same_platform))
        .why("Another C library may sort text in another way: indexes would be wrong after the switchover.")
        .remedy("Bring glibc and ICU of both hosts to one version, or rebuild indexes on text where they differ."),
];

fn same_system(_: &Asked<'_, VipSwitchover>, blue: &Rows, green: &Rows) -> Judged {
    let (blue, green) = (
        blue.one()?.get::<String>("system")?,
        green.one()?.get::<String>("system")?,
    );
    Ok(if blue == green {
        Finding::pass(format!("system identifier {blue}"))
    } else {
        Finding::fail(format!("system identifiers {blue} and {green}"))
    })
}

fn same_major(_: &Asked<'_, VipSwitchover>, blue: &Rows, green: &Rows) -> Judged {
    let (blue, green) = (
        blue.one()?.get::<i32>("major")?,
        green.one()?.get::<i32>("major")?,
    );
    Ok(if blue != green {
        Finding::fail(format!("{blue} and {green}"))
    } else if blue < OLDEST {
        Finding::fail(format!("{blue}; this procedure needs {OLDEST} or newer"))
    } else {
        Finding::pass(format!("{blue}"))
    })
}

fn standby_sizes(_: &Asked<'_, VipSwitchover>, blue: &Rows, green: &Rows) -> Judged {
    let (blue, green) = (sizes(blue)?, sizes(green)?);
    let smaller = blue.iter().filter_map(|(name, size)| {
        let there = green.get(name).copied().unwrap_or(0);
        (there < *size).then(|| format!("{name}: {size} on the primary, {there} on the standby"))
    });
    let smaller: Vec<_> = smaller.collect();
    Ok(if smaller.is_empty() {
        Finding::pass("none of its settings is below the primary's")
    } else {
        Finding::fail(few(&smaller))
    })
}

fn sizes(rows: &Rows) -> Result<BTreeMap<String, i64>, ValueError> {
    let text: String = rows.one()?.get("sizes")?;
    serde_json::from_str(&text).map_err(|error| ValueError {
        column: "sizes".to_owned(),
        problem: error.to_string(),
    })
}

fn same_platform(_: &Asked<'_, VipSwitchover>, blue: &Rows, green: &Rows) -> Judged {
    let platform = |rows: &Rows| {
        Ok::<_, ValueError>(rows.one()?.opt::<String>("platform")?.unwrap_or_default())
    };
    let (blue, green) = (platform(blue)?, platform(green)?);
    Ok(if blue == green {
        Finding::pass(blue)
    } else {
        Finding::fail(format!("{blue} and {green}"))
    })
}
