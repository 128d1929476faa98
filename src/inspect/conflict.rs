//! Changes that could not be applied: which row the subscriber fell over, and whether that still stands.

use std::collections::HashSet;

use crate::domain::{Lsn, Node};
use crate::ports::{RdsApi, RdsError};

/// Whether errors of apply that were counted are still in the way of a link. Changes are applied in the order of their
/// commits, so once the link is beyond where the publisher's log stood when an error was counted, the change that
/// failed has been applied after all, or was skipped by hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApplyErrors {
    counted: u64,
    publisher_at: Lsn,
}

/// What a link's errors come to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// None was ever counted.
    Never,
    /// So many were counted, and the change that failed has not been passed.
    InTheWay(u64),
    /// So many were counted, and the link has come past all of them.
    Passed(u64),
}

impl ApplyErrors {
    /// Takes in a reading: errors counted by the subscriber, and, read *after* that, the publisher's end of WAL and what
    /// the subscriber has confirmed.
    pub fn take(&mut self, counted: u64, publisher_at: Lsn, confirmed: Option<Lsn>) -> Standing {
        if counted != self.counted {
            *self = Self {
                counted,
                publisher_at,
            };
        }
        match counted {
            0 => Standing::Never,
            _ if confirmed.is_some_and(|lsn| lsn >= self.publisher_at) => Standing::Passed(counted),
            _ => Standing::InTheWay(counted),
        }
    }
}

/// What the log of `instance` says about the change that `node` could not apply, in a sentence; `subscription` (its oid)
/// tells several links of one server apart.
pub async fn told_by_log(
    rds: &dyn RdsApi,
    node: &Node,
    instance: &str,
    subscription: Option<u32>,
) -> String {
    match read(rds, instance, subscription).await {
        Ok(Some(text)) => format!("{node}'s log says: {text}"),
        Ok(None) => format!("{node}'s log has no error of the link; look there for the row."),
        Err(error) => format!("{node}'s log could not be read: {error}"),
    }
}

/// The newest file may have begun a moment ago, so the one before is looked into as well.
async fn read(
    rds: &dyn RdsApi,
    instance: &str,
    subscription: Option<u32>,
) -> Result<Option<String>, RdsError> {
    let mut files = rds.log_files(instance).await?;
    files.sort_by_key(|file| std::cmp::Reverse(file.last_written_ms));
    for file in files.iter().take(2) {
        let text = rds.log_text(instance, &file.name).await?;
        if let Some(found) = last_error(&text, subscription) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What the link's own processes call themselves when they begin or end.
const WORKER: &str = "logical replication";
/// Words of errors that only a link has, for logs in which its processes cannot be told from others.
const OF_A_LINK: [&str; 4] = [
    "logical replication",
    "the publisher",
    "WAL stream",
    "replication slot",
];

/// The last ERROR of an apply worker with its DETAIL and CONTEXT, or failing that the last one that a process of logical
/// replication wrote: some say nothing of what was being applied. Never an ERROR of anybody else.
fn last_error(log: &str, subscription: Option<u32>) -> Option<String> {
    let lines: Vec<_> = log.lines().collect();
    let origin = subscription.map(|oid| format!("\"pg_{oid}\""));
    let errors = || {
        let at = |&at: &usize| lines[at].contains("ERROR:  ");
        (0..lines.len())
            .rev()
            .filter(at)
            .map(|at| told(&lines[at..]))
    };
    // The origin is named from version 15 on.
    let of_this = |text: &String| origin.as_ref().is_some_and(|origin| text.contains(origin));
    let of_apply = |text: &String| text.contains("processing remote data");
    errors()
        .find(of_this)
        .or_else(|| errors().find(of_apply))
        .or_else(|| last_of_workers(&lines))
}

/// The last ERROR of a process of logical replication, which its words or its other lines give away.
fn last_of_workers(lines: &[&str]) -> Option<String> {
    let workers: HashSet<_> = lines
        .iter()
        .filter(|line| line.contains("LOG:  ") && line.contains(WORKER))
        .filter_map(|line| match line.split_once("(PID ") {
            // The postmaster tells of its end.
            Some((_, rest)) => rest.split(')').next(),
            None => process(line),
        })
        .collect();
    let at = (0..lines.len()).rev().find(|&at| {
        let Some((_, words)) = lines[at].split_once("ERROR:  ") else {
            return false;
        };
        OF_A_LINK.iter().any(|of| words.contains(of))
            || process(lines[at]).is_some_and(|pid| workers.contains(pid))
    })?;
    Some(told(&lines[at..]))
}

/// The process a line is of, as RDS and the default `log_line_prefix` have it: `[123]`.
fn process(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once('[')?;
    let (pid, _) = rest.split_once(']')?;
    pid.bytes().all(|b| b.is_ascii_digit()).then_some(pid)
}

/// An ERROR and what belongs to it, up to the next message.
fn told(lines: &[&str]) -> String {
    let words =
        |line: &str, word: &str| line.find(word).map(|start| line[start..].trim().to_owned());
    let mut text = words(lines[0], "ERROR:  ").unwrap_or_default();
    if let Some(time) = lines[0].get(..19).filter(|time| is_time(time)) {
        text = format!("{time} {text}");
    }
    for line in &lines[1..] {
        let more = words(line, "DETAIL:  ").or_else(|| words(line, "CONTEXT:  "));
        let (between, more) = match &more {
            Some(more) => ("; ", more.as_str()),
            // A message goes on in lines that begin with a tab.
            None if line.starts_with('\t') => (" ", line.trim()),
            None => break,
        };
        text.push_str(between);
        text.push_str(more);
    }
    text
}

fn is_time(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_digit() || "-: ".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{ApplyErrors, Standing, last_error};
    use crate::domain::Lsn;

    #[test]
    fn an_error_is_in_the_way_until_the_link_is_past_it() {
        let mut errors = ApplyErrors::default();
        assert_eq!(errors.take(0, Lsn(10), Some(Lsn(10))), Standing::Never);
        assert_eq!(
            errors.take(1, Lsn(20), Some(Lsn(15))),
            Standing::InTheWay(1)
        );
        assert_eq!(
            errors.take(1, Lsn(30), Some(Lsn(19))),
            Standing::InTheWay(1)
        );
        assert_eq!(errors.take(1, Lsn(40), Some(Lsn(20))), Standing::Passed(1));
        assert_eq!(
            errors.take(2, Lsn(50), Some(Lsn(45))),
            Standing::InTheWay(2)
        );
        assert_eq!(errors.take(2, Lsn(50), Some(Lsn(50))), Standing::Passed(2));
    }

    const LOG: &str = "2026-11-21 06:00:00 UTC::@:[1]:ERROR:  an older one\n\
        2026-11-21 06:00:01 UTC::@:[2]:LOG:  x\n\
        2026-11-21 06:00:02 UTC::@:[3]:ERROR:  conflict detected on relation \"shop.orders\": conflict=insert_exists\n\
        2026-11-21 06:00:02 UTC::@:[3]:DETAIL:  Key already exists in unique index \"orders_pkey\".\n\
        \tKey (id)=(7); remote row (7, x).\n\
        2026-11-21 06:00:02 UTC::@:[3]:CONTEXT:  processing remote data for replication origin \"pg_16\"\n\
        2026-11-21 06:00:03 UTC::@:[5]:ERROR:  duplicate key\n\
        2026-11-21 06:00:03 UTC::@:[5]:CONTEXT:  processing remote data for replication origin \"pg_17\"\n\
        2026-11-21 06:00:04 UTC::@:[4]:LOG:  background worker exited\n\
        2026-11-21 06:00:05 UTC::@:[6]:DETAIL:  of something else\n\
        2026-11-21 06:00:06 UTC::@:[7]:ERROR:  an application's own\n";

    #[test]
    fn the_error_of_apply_comes_with_its_row() {
        assert_eq!(
            last_error(LOG, Some(16)).as_deref(),
            Some(
                "2026-11-21 06:00:02 ERROR:  conflict detected on relation \"shop.orders\": conflict=insert_exists; \
                 DETAIL:  Key already exists in unique index \"orders_pkey\". Key (id)=(7); remote row (7, x).; \
                 CONTEXT:  processing remote data for replication origin \"pg_16\""
            )
        );
        let other = last_error(LOG, Some(99)).expect("one of apply");
        assert!(other.contains("\"pg_17\""), "{other}");
        assert_eq!(last_error("all quiet", None), None);
    }

    #[test]
    fn an_error_without_a_row_must_be_the_links() {
        let foreign = "t:[9]:ERROR:  unrecognized configuration parameter \"pool_mode\"\n";
        assert_eq!(last_error(foreign, None), None);
        let words = "t:[1]:ERROR:  could not receive data from WAL stream: server closed\n";
        let began =
            "t:[1]:LOG:  logical replication apply worker for subscription \"s\" has started\n";
        let ended = "t:[2]:LOG:  background worker \"logical replication worker\" (PID 1) exited with exit code 1\n";
        let missing = "t:[1]:ERROR:  relation is missing\n";
        for (log, told) in [
            (words.to_owned(), "could not receive data from WAL stream"),
            (format!("{began}{missing}"), "relation is missing"),
            (format!("{missing}{ended}"), "relation is missing"),
        ] {
            let found = last_error(&format!("{log}{foreign}"), Some(16)).expect("the link's");
            assert!(found.contains(told), "{found}");
        }
        assert_eq!(last_error(&format!("{missing}{foreign}"), None), None);
    }
}
