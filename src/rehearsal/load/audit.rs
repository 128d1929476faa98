use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::record::{self, Remembered};
use crate::rehearsal::RehearsalError;
use crate::rehearsal::lab::files;

const LIMIT: Duration = Duration::from_secs(60);

/// What became of everything that was acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Transactions whose commit was acknowledged.
    pub acknowledged: u64,
    /// Of them, those not (or not wholly) on the server that applications are pointed at.
    pub lost: u64,
    /// Effects that are there more than once.
    pub duplicated: u64,
    /// The longest gap between two acknowledged commits of one writer around a switch, or at all where there was none.
    pub longest_gap_ms: u64,
    /// That gap for each switch, in order: the slowest writer's.
    pub pauses_ms: Vec<u64>,
    /// The gap of the median writer for each switch: what most applications see.
    pub median_pauses_ms: Vec<u64>,
    /// Transactions whose outcome was never heard: neither lost nor duplicated.
    pub in_doubt: u64,
    /// Acknowledged transactions that a roll back to a restore point has taken back, as it should.
    #[serde(skip_serializing_if = "is_zero")]
    pub taken_back: u64,
    /// What else is wrong, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// True once every writer was stopped.
pub fn is_over(dir: &Path) -> Result<bool, RehearsalError> {
    let remembered = record::read_all(&files::load(dir))?;
    Ok(remembered.iter().all(|writer| writer.stopped.is_some()))
}

/// Compares what the writers remember with what the server behind the endpoint holds.
pub async fn audit(dir: &Path) -> Result<Audit, RehearsalError> {
    audit_but(dir, None).await
}

/// The same, where what was acknowledged at some time was taken back on purpose.
pub async fn audit_but(dir: &Path, gone: Option<Range<u64>>) -> Result<Audit, RehearsalError> {
    // Read before the server is asked: what comes later is there as well, but not looked for.
    let remembered = record::read_all(&files::load(dir))?;
    let switches = files::read_switches(dir);
    let around: Vec<_> = switches
        .iter()
        .map(|switch| gaps(&remembered, Some(switch)))
        .collect();
    let slowest = |gaps: &Vec<u64>| gaps.last().copied().unwrap_or(0);
    let mut audit = Audit {
        pauses_ms: around.iter().map(slowest).collect(),
        median_pauses_ms: around.iter().map(|gaps| median(gaps)).collect(),
        ..Audit::default()
    };
    audit.longest_gap_ms = match audit.pauses_ms.iter().max() {
        Some(&longest) => longest,
        None => slowest(&gaps(&remembered, None)),
    };
    let mut clients: BTreeMap<&str, Client> = BTreeMap::new();
    for writer in &remembered {
        if !clients.contains_key(writer.database.as_str()) {
            clients.insert(&writer.database, connect(dir, &writer.database).await?);
        }
        let held = held(&clients[writer.database.as_str()], writer.writer).await?;
        judge(&mut audit, writer, &held, gone.as_ref());
    }
    Ok(audit)
}

/// What the server holds of a writer.
#[derive(Debug, Default)]
struct Held {
    /// How often each number stands in `once` and in `loose`.
    rows: BTreeMap<u64, [u64; 2]>,
    /// How many updates the balance went through.
    changes: u64,
}

fn judge(audit: &mut Audit, writer: &Remembered, held: &Held, gone: Option<&Range<u64>>) {
    audit.acknowledged += writer.acknowledged.len() as u64;
    audit.in_doubt += writer.in_doubt.len() as u64;
    let missing = |seq: &u64| held.rows.get(seq).is_none_or(|counts| counts.contains(&0));
    // Numbers ascend as their acknowledgements do.
    let mut times = writer.at.iter();
    for seq in &writer.acknowledged {
        let at = times.next();
        if !missing(seq) {
            continue;
        }
        if gone.zip(at).is_some_and(|(gone, at)| gone.contains(at)) {
            audit.taken_back += 1;
        } else {
            audit.lost += 1;
        }
    }
    let again = |counts: &[u64; 2]| counts.iter().map(|c| c.saturating_sub(1)).sum::<u64>();
    audit.duplicated += held.rows.values().map(again).sum::<u64>();
    // Every transaction changes the balance once, so the count says whether updates went missing or came twice.
    let once = held.rows.values().filter(|counts| counts[0] > 0).count() as u64;
    audit.lost += once.saturating_sub(held.changes);
    audit.duplicated += held.changes.saturating_sub(once);
}

/// The longest gap of each writer, in milliseconds, ascending; around a switch: of those that reach into it.
fn gaps(remembered: &[Remembered], switch: Option<&Range<u64>>) -> Vec<u64> {
    let longest = |writer: &Remembered| {
        let end = writer.stopped.unwrap_or_else(record::now);
        let ends = writer.at.iter().skip(1).copied().chain([end]);
        let gaps = writer.at.iter().copied().zip(ends);
        let counting = gaps.filter(|(from, to)| {
            switch.is_none_or(|switch| *from < switch.end && *to > switch.start)
        });
        let longest = counting.map(|(from, to)| to.saturating_sub(from)).max();
        longest.unwrap_or(0).div_ceil(1000)
    };
    let mut gaps: Vec<_> = remembered.iter().map(longest).collect();
    gaps.sort_unstable();
    gaps
}

/// Of an even number the higher of the two in the middle.
fn median(ascending: &[u64]) -> u64 {
    ascending.get(ascending.len() / 2).copied().unwrap_or(0)
}

async fn connect(dir: &Path, database: &str) -> Result<Client, RehearsalError> {
    let url = files::read_endpoint(dir)?;
    let mut config: Config = url
        .parse()
        .map_err(|e: tokio_postgres::Error| refused(&e))?;
    config
        .dbname(database)
        .connect_timeout(LIMIT)
        .application_name("greenlight audit");
    let (client, connection) = config.connect(NoTls).await.map_err(|e| refused(&e))?;
    tokio::spawn(connection);
    Ok(client)
}

async fn held(client: &Client, writer: usize) -> Result<Held, RehearsalError> {
    // One statement, one snapshot: rows and count belong together. no quoting: a number only.
    let sql = format!(
        "SELECT seq, sum(o) AS once, sum(l) AS loose FROM (\
         SELECT seq, 1 AS o, 0 AS l FROM audit_load.once WHERE writer = {writer} \
         UNION ALL SELECT seq, 0, 1 FROM audit_load.loose WHERE writer = {writer}) AS rows GROUP BY seq \
         UNION ALL SELECT 0, coalesce(sum(changes), 0), 0 FROM audit_load.balance WHERE writer = {writer}"
    );
    let messages = tokio::time::timeout(LIMIT, client.simple_query(&sql))
        .await
        .map_err(|_| RehearsalError::TimedOut {
            what: "the audit".to_owned(),
            limit: LIMIT,
        })?
        .map_err(|e| refused(&e))?;
    let mut held = Held::default();
    for message in messages {
        let SimpleQueryMessage::Row(row) = message else {
            continue;
        };
        let number = |at| {
            row.get(at)
                .and_then(|text: &str| text.parse::<u64>().ok())
                .unwrap_or(0)
        };
        match number(0) {
            // Numbers begin at 1.
            0 => held.changes = number(1),
            seq => {
                held.rows.insert(seq, [number(1), number(2)]);
            }
        }
    }
    Ok(held)
}

fn refused(error: &tokio_postgres::Error) -> RehearsalError {
    let reason = error
        .as_db_error()
        .map_or_else(|| error.to_string(), |db| db.message().to_owned());
    RehearsalError::Sql {
        server: "behind the endpoint".to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::{Audit, Held, Remembered, gaps, judge, median};

    #[test]
    fn losses_and_doubles_are_told_apart() {
        let writer = Remembered {
            acknowledged: [1, 2, 3, 4].into(),
            in_doubt: [5].into(),
            ..Remembered::default()
        };
        let held = Held {
            rows: [(1, [1, 1]), (2, [1, 2]), (3, [1, 0]), (5, [1, 1])].into(),
            changes: 4,
        };
        let mut audit = Audit::default();
        judge(&mut audit, &writer, &held, None);
        assert_eq!(
            (
                audit.acknowledged,
                audit.lost,
                audit.duplicated,
                audit.in_doubt
            ),
            (4, 2, 1, 1)
        );
        let held = Held { changes: 6, ..held };
        let mut audit = Audit::default();
        judge(&mut audit, &writer, &held, None);
        assert_eq!((audit.lost, audit.duplicated), (2, 3));
    }

    #[test]
    fn what_a_roll_back_took_back_is_not_lost() {
        let writer = Remembered {
            acknowledged: [1, 2, 3, 4, 5].into(),
            at: vec![100, 200, 300, 400, 500],
            ..Remembered::default()
        };
        let held = Held {
            rows: [(1, [1, 1]), (5, [1, 1])].into(),
            changes: 2,
        };
        let mut audit = Audit::default();
        judge(&mut audit, &writer, &held, Some(&(250..450)));
        assert_eq!((audit.lost, audit.taken_back), (1, 2));
    }

    #[test]
    fn gaps_count_around_the_switch() {
        let writer = |at: &[u64], stopped| Remembered {
            at: at.to_vec(),
            stopped: Some(stopped),
            ..Remembered::default()
        };
        let slow = writer(&[0, 900_000, 5_000_000, 5_030_500, 5_040_000], 5_050_000);
        let quick = writer(&[5_009_000, 5_011_000], 5_012_000);
        let all = [slow, quick];
        assert_eq!(gaps(&all, Some(&(5_010_000..6_010_000))), [2, 31]);
        assert_eq!(gaps(&[writer(&[0, 900_000], 3_000_000)], None), [2100]);
        assert_eq!(
            (median(&[2, 31]), median(&[1, 2, 9]), median(&[])),
            (31, 2, 0)
        );
    }
}
