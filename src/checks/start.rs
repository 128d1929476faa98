//! The start position: that it was found, belongs to this snapshot, and is where the origin stands.

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, Asked, Asking, Needs, On};
use super::catalogue::{BUILT, BUILT_AND_GATE, listed, sql};
use super::check::Check;
use super::finding::Finding;
use super::judge::Judged;
use super::known::{SLOT_LSN, SNAPSHOT_BRACKET, START_LSN};
use crate::domain::{Lsn, Node, Sql};
use crate::ports::Rows;

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::info("seed-lsn-function", "RDS names the same start position", BUILT, Ask::custom(Needs::Green, "GREEN", function))
        .why("rds_tools.logical_seed_lsn() says on newer RDS releases what is read from the log: a cross-check.")
        .remedy("Do not enable the link before it is understood why the two positions differ."),
    Check::block("seed-lsn-from-log", "The start position was found", BUILT, Ask::custom(Needs::Green, "GREEN", from_log))
        .why("Apply must begin one byte after the last record the snapshot's recovery replayed.")
        .remedy("Fetch the log of the snapshot's own recovery (kept for three days) and find the start position there."),
    Check::block("seed-lsn-bracket", "The start position belongs to this snapshot", BUILT, Ask::databases(On::Blue, sql!("seed-lsn-bracket"), bracket))
        .why("A position of another boot or another history loses commits or applies them twice, without any error.")
        .remedy("Never enable the link with it. When the slot is younger than the snapshot, take a new snapshot."),
    Check::block("origin-position", "The origin stands at the start position", BUILT, Ask::databases(On::Green, sql!("origin-position"), origin))
        .why("The origin decides what is applied; it moves backwards too, without complaint.")
        .remedy("Disable the subscription, wait for its worker to end, and advance the origin to the start position."),
    Check::block("origin-not-ahead", "No slot is ahead of BLUE", BUILT_AND_GATE, Ask::databases(On::Blue, sql!("origin-not-ahead"), listed!("no slot is ahead of BLUE's WAL", "slot is ahead of BLUE", "slots are ahead of BLUE")))
        .why("An origin beyond BLUE's WAL is accepted, and everything below it is skipped for ever, with a lag of zero.")
        .remedy("Disable the link at once; nothing can be got back from the slot: new slot, new snapshot."),
];

/// Whether the start position is known, and whether RDS agrees with it.
#[must_use]
pub fn judge_function(named: Option<Lsn>, found: Option<Lsn>) -> Finding {
    match (named, found) {
        (None, _) => Finding::skip("rds_tools.logical_seed_lsn() is not there"),
        (Some(named), None) => Finding::pass(format!("RDS names {named}")),
        (Some(named), Some(found)) if named == found => {
            Finding::pass(format!("RDS names {named} too"))
        }
        (Some(named), Some(found)) => {
            Finding::warn(format!("RDS names {named}, the log says {found}"))
        }
    }
}

fn function<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let Some(server) = asking.ctx.server(&Node::green()) else {
            return Ok(Vec::new());
        };
        let there =
            Sql::new("SELECT to_regprocedure('rds_tools.logical_seed_lsn()') IS NOT NULL AS there");
        let named = if asking
            .sessions
            .query(&server, &there)
            .await?
            .one()?
            .get("there")?
        {
            let read = Sql::new("SELECT rds_tools.logical_seed_lsn() AS seed");
            asking
                .sessions
                .query(&server, &read)
                .await?
                .one()?
                .opt("seed")?
        } else {
            None
        };
        Ok(vec![Answer::new(
            "GREEN",
            judge_function(named, asking.ctx.facts.get(&START_LSN)),
        )])
    }
    .boxed()
}

fn from_log<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    let finding = match asking.ctx.facts.get(&START_LSN) {
        Some(start) => Finding::pass(format!("apply begins at {start}")),
        None => Finding::fail("no start position is known"),
    };
    async move { Ok(vec![Answer::new("GREEN", finding)]) }.boxed()
}

fn bracket(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let Some(start) = asked.ctx.facts.get(&START_LSN) else {
        return Ok(Finding::fail("no start position is known"));
    };
    let Some(row) = rows.first() else {
        return Ok(Finding::fail("BLUE's slot is not there"));
    };
    // Once apply reads from the slot its position moves on: what counts is where the slot was made.
    let made = asked.ctx.facts.get(&SLOT_LSN.of(&asked.place.database));
    let slot = made.map_or_else(|| row.get("slot_lsn"), Ok)?;
    let insert: Lsn = row.get("insert_lsn")?;
    let outside = |low: Lsn, high: Lsn| start < low || start > high;
    if outside(slot, insert) {
        return Ok(Finding::fail(format!(
            "{start} does not lie between the slot's {slot} and BLUE's {insert}"
        )));
    }
    Ok(match asked.ctx.facts.get(&SNAPSHOT_BRACKET) {
        Some((before, after)) if outside(before, after) => Finding::fail(format!(
            "{start} does not lie between {before} (before the snapshot) and {after} (after it)"
        )),
        Some((before, after)) => Finding::pass(format!(
            "{before} ≤ {start} ≤ {after}, and the slot begins at {slot}"
        )),
        None => Finding::warn(format!(
            "{slot} ≤ {start} ≤ {insert}, but the snapshot was not bracketed"
        )),
    })
}

fn origin(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let (Some(row), Some(start)) = (rows.first(), asked.ctx.facts.get(&START_LSN)) else {
        return Ok(Finding::skip("no subscription or no start position yet"));
    };
    Ok(
        match (
            row.opt::<Lsn>("remote_lsn")?.filter(|lsn| *lsn != Lsn(0)),
            row.get("enabled")?,
        ) {
            (None, true) => {
                Finding::fail("the subscription is enabled, and its origin was never set")
            }
            (None, false) => Finding::skip("the origin has not been advanced yet"),
            (Some(at), false) if at != start => {
                Finding::fail(format!("the origin stands at {at}, not at {start}"))
            }
            (Some(at), true) if at < start => {
                Finding::fail(format!("the origin stands at {at}, before {start}"))
            }
            (Some(at), _) => Finding::pass(format!("the origin stands at {at}")),
        },
    )
}
