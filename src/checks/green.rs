//! GREEN before it serves: nobody on it, nothing inherited, room to apply, warm and analyzed.

use super::ask::{Ask, Asked, On};
use super::catalogue::{BUILT, BUILT_AND_GATE, GATE, listed, sql};
use super::check::Check;
use super::finding::Finding;
use super::judge::Judged;
use super::known::WARMED;
use crate::domain::human_bytes;
use crate::ports::Rows;

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("green-no-foreign-sessions", "Nobody is connected to GREEN", BUILT_AND_GATE, Ask::server(On::Green, sql!("green-no-foreign-sessions"), listed!("nobody is connected", "session on GREEN", "sessions on GREEN")))
        .why("Any write on GREEN before the cutover differs silently or stops apply.")
        .remedy("End these sessions, keep the applications' roles without LOGIN and GREEN's security group closed."),
    Check::block("green-origin-capacity", "Room for origins and workers", BUILT, Ask::server(On::Green, sql!("green-origin-capacity"), capacity))
        .why("Each subscription needs an origin and a worker; without one it never starts.")
        .remedy("Raise max_replication_slots (from 18 max_active_replication_origins), max_logical_replication_workers and max_worker_processes on GREEN; restart it now, while that is cheap."),
    Check::block("green-inherited-slots", "No slots came along", BUILT, Ask::server(On::Green, sql!("green-inherited-slots"), listed!("no slots came along", "slot came along", "slots came along")))
        .why("A copy of blocks carries BLUE's slots: they hold back WAL on GREEN and block upgrades.")
        .remedy("Drop them on GREEN."),
    Check::block("green-inherited-subscriptions", "No subscriptions came along", BUILT, Ask::databases(On::Green, sql!("green-inherited-subscriptions"), listed!("no subscriptions came along", "subscription came along", "subscriptions came along")))
        .why("An inherited subscription starts by itself and consumes the slot of the original: it takes production's data.")
        .remedy("Disable it, take its slot away (slot_name = NONE) and drop it, at once."),
    Check::block("green-statistics", "GREEN's tables are analyzed", GATE, Ask::databases(On::Green, sql!("green-statistics"), listed!("every table is analyzed", "table without statistics", "tables without statistics")))
        .why("An upgrade to before 18 loses the statistics: the first queries after the cutover are planned blindly.")
        .remedy("ANALYZE on GREEN."),
    Check::block("green-cold-storage", "GREEN's storage is warm", GATE, Ask::databases(On::Green, sql!("green-cold-storage"), cold))
        .why("A restored volume loads its blocks from S3 at first touch: the first minutes after the cutover look like an outage.")
        .remedy("Read every table and index on GREEN once (pg_prewarm in mode 'read', or a sequential scan)."),
    Check::block("reverse-slot-not-delayed", "The slot of the way back is ready", GATE, Ask::databases(On::Green, sql!("reverse-slot-not-delayed"), reverse_slot))
        .why("Making a slot waits for every write transaction: inside the write pause there is no time for it.")
        .remedy("Let maintenance on GREEN end, and make the slot before the cutover."),
];

fn capacity(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    let databases = asked.ctx.profile.databases.len();
    let origins = row
        .get::<usize>("origins")?
        .saturating_sub(row.get("origins_used")?);
    let (workers, processes): (usize, usize) = (row.get("workers")?, row.get("processes")?);
    let seen = format!(
        "{origins} origins free, {workers} replication workers of {processes} processes, {databases} databases"
    );
    // Nothing is copied and nothing applied in parallel: one worker a database, and one origin each way.
    Ok(
        if origins > databases && workers >= databases && processes > databases {
            Finding::pass(seen)
        } else {
            Finding::fail(seen)
        },
    )
}

/// What may be unread without anybody noticing, bytes.
const UNREAD: u64 = 256 << 20;

fn cold(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    let unread: u64 = row.get("unread")?;
    if asked.ctx.facts.get(&WARMED.of(&asked.place.database)) == Some(true) {
        return Ok(Finding::pass("everything was read once"));
    }
    let seen = format!(
        "{} have not been read since the restore",
        human_bytes(unread)
    );
    Ok(if unread > UNREAD {
        Finding::fail(format!(
            "{seen}, most of it in {}",
            row.opt::<String>("largest")?.unwrap_or_default()
        ))
    } else {
        Finding::pass(seen)
    })
}

fn reverse_slot(_: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    Ok(match (row.get("ready")?, row.opt::<String>("holders")?) {
        (true, _) => Finding::pass("the slot is there"),
        (false, Some(holders)) => Finding::fail(format!(
            "the slot is not there, and making it would wait for {holders}"
        )),
        (false, None) => Finding::fail("the slot is not there"),
    })
}
