//! What must be there after a roll back: everything that was acknowledged before the restore point and after the switch,
//! the shop's tables as they were before the deployment, and the same rows on all members.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::MEMBERS;
use crate::domain::Lsn;
use crate::rehearsal::cluster::Console;
use crate::rehearsal::lab::DATABASES;
use crate::rehearsal::lab::files::{self, Card, LabNode};
use crate::rehearsal::load::{self, Audit};
use crate::rehearsal::run::run;
use crate::rehearsal::{RehearsalError, minors};

const WALDUMP_LIMIT: Duration = Duration::from_secs(60);
/// How long members may take until they hold the same rows.
const SAME_LIMIT: Duration = Duration::from_secs(30);
const SEGMENT: u64 = 16 << 20;
/// What the writers write; all else is the shop's own and changes by deployments only.
const LOAD: &str = "audit_load.";

/// The checksum of each table, `shop.line` in `shop` as `shop: shop.line`.
type Checksums = BTreeMap<String, String>;

/// True when the lab in `dir` is one of `patroni-guard`.
#[must_use]
pub fn is_guarded(dir: &Path) -> bool {
    remembered(dir).is_file()
}

fn remembered(dir: &Path) -> PathBuf {
    dir.join("checksums.json")
}

/// Notes what the shop's tables hold before any deployment.
pub async fn remember(dir: &Path, leader: &Console) -> Result<(), RehearsalError> {
    let mut sums = checksums(leader).await?;
    sums.retain(|table, _| !table.contains(LOAD));
    let text = serde_json::to_string_pretty(&sums)
        .map_err(|e| RehearsalError::command("noting checksums", e.to_string()))?;
    let path = remembered(dir);
    std::fs::write(&path, text).map_err(RehearsalError::io("write", &path))
}

async fn checksums(console: &Console) -> Result<Checksums, RehearsalError> {
    let mut sums = Checksums::new();
    for database in DATABASES {
        let sql = include_str!("../../../assets/lab/checksums.sql");
        for row in console.sql(database, sql).await? {
            if let [Some(table), sum] = row.as_slice() {
                let sum = sum.clone().unwrap_or_default();
                sums.insert(format!("{database}: {table}"), sum);
            }
        }
    }
    Ok(sums)
}

/// Whoever the writers are pointed at.
pub fn leader(dir: &Path) -> Result<LabNode, RehearsalError> {
    let endpoint = files::read_endpoint(dir)?;
    let place = |url: &str| {
        let (_, rest) = url.split_once('@')?;
        rest.split_once('/').map(|(place, _)| place.to_owned())
    };
    nodes(dir)
        .into_iter()
        .find(|node| place(&node.url) == place(&endpoint))
        .ok_or_else(|| {
            RehearsalError::Unusable(format!(
                "the endpoint of the lab in {} is none of its members",
                dir.display()
            ))
        })
}

fn nodes(dir: &Path) -> Vec<LabNode> {
    let up = Card::read(dir).and_then(|card| card.up);
    up.map(|up| up.nodes).unwrap_or_default()
}

/// Compares what the writers remember with what the cluster holds, rolled back or not.
pub async fn audit(dir: &Path) -> Result<Audit, RehearsalError> {
    let leader = leader(dir)?;
    let gone = taken_back(dir, &leader.name).await?;
    let mut audit = load::audit_but(dir, gone.clone()).await?;
    let sums = checksums(&Console::by_url(&leader.name, &leader.url)?).await?;
    if gone.is_some() {
        let text = std::fs::read(remembered(dir)).unwrap_or_default();
        let before: Checksums = serde_json::from_slice(&text)
            .map_err(|e| RehearsalError::command("reading checksums", e.to_string()))?;
        let mut now = sums.clone();
        now.retain(|table, _| !table.contains(LOAD));
        audit.faults.extend(differences(
            &before,
            &now,
            &format!("{} and the restore point", leader.name),
        ));
    }
    // While writers write, no two members hold the same at any moment.
    if load::is_over(dir)? {
        for member in nodes(dir).iter().filter(|node| node.name != leader.name) {
            let wrong = differs_in_the_end(member, &sums, &leader.name).await;
            audit.faults.extend(wrong);
        }
    }
    Ok(audit)
}

fn differences(one: &Checksums, other: &Checksums, who: &str) -> Vec<String> {
    let tables = one
        .keys()
        .chain(other.keys().filter(|table| !one.contains_key(*table)));
    tables
        .filter(|table| one.get(*table) != other.get(*table))
        .map(|table| format!("{table} is not the same on {who}"))
        .collect()
}

async fn differs_in_the_end(member: &LabNode, wanted: &Checksums, leader: &str) -> Vec<String> {
    let until = Instant::now() + SAME_LIMIT;
    let who = format!("{} and {leader}", member.name);
    loop {
        let found = match Console::by_url(&member.name, &member.url) {
            Ok(console) => checksums(&console).await,
            Err(error) => Err(error),
        };
        let wrong = match found {
            Ok(sums) => differences(wanted, &sums, &who),
            Err(error) => vec![error.to_string()],
        };
        if wrong.is_empty() || Instant::now() > until {
            return wrong;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The time whose acknowledgements a roll back has taken back, in microseconds since 1970; `None` when the leader's
/// timeline did not begin at a restore point.
///
/// It ends when the writers were pointed at the new leader, and begins with the last commit before the restore point:
/// the tool is not asked, the WAL says it.
async fn taken_back(dir: &Path, leader: &str) -> Result<Option<Range<u64>>, RehearsalError> {
    if !MEMBERS.contains(&leader) {
        return Ok(None);
    }
    let wal = files::servers(dir).join(leader).join("data/pg_wal");
    let Some((timeline, point)) = history(&wal).as_deref().and_then(restore_point) else {
        return Ok(None);
    };
    let Some(switch) = files::read_switches(dir).pop() else {
        return Ok(None);
    };
    let install = minors::any(super::MAJOR, &[])?;
    // The commit just before the point may stand in the segment before.
    let first = (point.0 / SEGMENT).saturating_sub(1).max(1) * SEGMENT;
    let start = Some(first).filter(|&at| segment(&wal, timeline, at).is_file());
    let start = Lsn(start.unwrap_or(point.0 / SEGMENT * SEGMENT));
    let mut waldump = Command::new(install.tool("pg_waldump"));
    waldump
        .env("TZ", "UTC")
        .arg("--path")
        .arg(&wal)
        .args(["--timeline", &timeline.to_string()])
        .args(["--rmgr", "Transaction"])
        .args(["--start", &start.to_string(), "--end", &point.to_string()]);
    let told = run(
        waldump,
        "reading the WAL before the restore point",
        WALDUMP_LIMIT,
    )
    .await?;
    let last = told.lines().rev().find_map(commit_time).ok_or_else(|| {
        RehearsalError::command(
            "reading the WAL before the restore point",
            "it holds no commit",
        )
    })?;
    Ok(Some(last..switch.start.max(last)))
}

/// The newest history file of a leader.
fn history(wal: &Path) -> Option<String> {
    let files = std::fs::read_dir(wal).ok()?.flatten();
    let files = files.map(|file| file.path());
    let newest = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "history"))
        .max()?;
    std::fs::read_to_string(newest).ok()
}

/// The timeline that was left at a restore point, and where.
fn restore_point(history: &str) -> Option<(u32, Lsn)> {
    let last = history.lines().rfind(|line| !line.trim().is_empty())?;
    let mut fields = last.split('\t');
    let (timeline, at) = (fields.next()?, fields.next()?);
    // A member that was given back to the hold is rolled back to the commit right behind the point.
    let reason = fields.next()?;
    let named = ["at restore point", "before transaction"]
        .iter()
        .any(|words| reason.starts_with(words));
    named.then_some((timeline.trim().parse().ok()?, at.parse().ok()?))
}

fn segment(wal: &Path, timeline: u32, at: u64) -> PathBuf {
    let (high, low) = (at >> 32, (at & 0xFFFF_FFFF) / SEGMENT);
    wal.join(format!("{timeline:08X}{high:08X}{low:08X}"))
}

/// When a transaction was committed, from a line of `pg_waldump` under TZ=UTC.
fn commit_time(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("desc: COMMIT ")?;
    let time = rest.split(" UTC").next()?;
    let time: jiff::civil::DateTime = time.parse().ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    u64::try_from(time.timestamp().as_microsecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::{commit_time, restore_point};
    use crate::domain::Lsn;

    #[test]
    fn a_history_says_where_a_restore_point_was_left() {
        let text = "1\t0/3000158\tno recovery target specified\n\n2\t0/5000A28\tat restore point \"predeploy_x\"\n";
        assert_eq!(restore_point(text), Some((2, Lsn(0x500_0A28))));
        let text = "1\t0/3000158\tno recovery target specified\n";
        assert_eq!(restore_point(text), None);
    }

    #[test]
    fn the_time_of_a_commit_is_read() {
        let line = "rmgr: Transaction len (rec/tot):     34/    34, tx:        745, lsn: 0/015A0A28, prev 0/015A09F0, \
                    desc: COMMIT 2026-11-21 10:00:00.123456 UTC";
        assert_eq!(commit_time(line), Some(1_795_255_200_123_456));
        assert_eq!(commit_time("desc: ABORT 2026-11-21 10:00:00.1 UTC"), None);
    }
}
