//! Whether BLUE can publish: settings, room for slots and WAL, and what stands in the way of making a slot.

use std::time::Duration;

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, Asked, Asking, Needs, On};
use super::catalogue::{ALWAYS, EARLY, EARLY_AND_BUILT, EARLY_AND_GATE, listed, sql};
use super::check::Check;
use super::finding::Finding;
use super::judge::{Judged, few};
use crate::domain::{Lsn, Node, human_bytes};
use crate::ports::{Row, Rows, ValueError};

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("wal-level-logical", "Servers write logical WAL", EARLY_AND_BUILT, Ask::server(On::Each, sql!("wal-level-logical"), wal_level))
        .why("Without wal_level = logical there is no slot; GREEN needs it for the way back.")
        .remedy("RDS: rds.logical_replication = 1 in the parameter group, then reboot (an outage of its own: schedule it). Elsewhere: wal_level = logical, then restart."),
    Check::block("slots-free", "Room for slots and senders", EARLY_AND_BUILT, Ask::server(On::Each, sql!("slots-free"), slots_free))
        .why("Each database takes one slot and one sender; a refused slot ends the run half-way.")
        .remedy("Raise max_replication_slots and max_wal_senders (restart), or drop slots nobody needs."),
    Check::block("wal-keep-cap", "BLUE keeps WAL as long as it takes", EARLY_AND_GATE, Ask::server(On::Blue, sql!("wal-keep-cap"), wal_kept))
        .why("A slot past its limit is invalidated and cannot be revived: everything begins again.")
        .remedy("Set max_slot_wal_keep_size = -1, idle_replication_slot_timeout = 0 and wal_sender_timeout to at least 30 s for the run; set them back afterwards."),
    Check::block("wal-disk-runway", "BLUE's disk lasts until GREEN has caught up", EARLY, Ask::custom(Needs::Blue, "BLUE", runway))
        .why("WAL piles up on BLUE from the slot's creation until GREEN has caught up; a full disk stops production.")
        .remedy("Grow BLUE's storage or reduce its write load first; say under [thresholds] wal_space what the disk has for WAL."),
    Check::warn("foreign-slots", "No slots of others", EARLY_AND_GATE, Ask::server(On::Blue, sql!("foreign-slots"), listed!("no slots of others", "slot of others", "slots of others")))
        .why("Slots are not copied to GREEN: whoever reads from one loses the changes after the cutover.")
        .remedy("Agree on a hand-over with each consumer (stop it after the drain, make its slot on GREEN before opening), and drop dead slots."),
    Check::block("slot-name-free", "Names of the slots are free", EARLY, Ask::databases(On::Blue, sql!("slot-name-free"), listed!("the slot's name is free", "slot of that name", "slots of that name")))
        .why("A slot left over from another run begins at an old position and must not be taken for ours.")
        .remedy("Drop the slot if nobody reads from it, or start a new run."),
    Check::block("object-names-free", "Names of publication, schema and subscriptions are free", EARLY, Ask::databases(On::Blue, sql!("object-names-free"), listed!("nobody else uses our names", "object of our name that this run did not make", "objects of our names that this run did not make")))
        .why("What another run or somebody else made under our names must neither be used nor dropped.")
        .remedy("Finish or roll back the run it belongs to, drop what is left over, or choose other names under [names]."),
    Check::warn("existing-replication-topology", "BLUE is nobody's subscriber", EARLY, Ask::databases(On::Blue, sql!("existing-replication-topology"), topology))
        .why("A subscription's apply worker goes on writing through every fence.")
        .remedy("Move the subscription to GREEN first, or disable it before the fence and make it anew on GREEN."),
    Check::block("xid-holders", "No long transactions on BLUE", EARLY_AND_GATE, Ask::server(On::Blue, sql!("xid-holders"), listed!("no write transaction is old", "old write transaction", "old write transactions")))
        .why("Creating a slot waits for every write transaction in every database; the fence would have to kill them.")
        .remedy("Wait for these transactions or end them."),
    Check::block("prepared-xacts", "No prepared transactions", ALWAYS, Ask::server(On::Each, sql!("prepared-xacts"), listed!("no prepared transactions", "prepared transaction", "prepared transactions")))
        .why("A prepared transaction blocks the slot, makes the upgrade refuse, and in the snapshot holds locks that apply waits for.")
        .remedy("COMMIT PREPARED or ROLLBACK PREPARED each on BLUE; ROLLBACK PREPARED what came along to GREEN."),
    Check::warn("idle-in-transaction", "No transactions left open", EARLY, Ask::server(On::Blue, sql!("idle-in-transaction"), listed!("no transaction is left open", "transaction left open", "transactions left open")))
        .why("The fence ends these sessions: what they have not committed is lost.")
        .remedy("Tell the application's owner; set idle_in_transaction_session_timeout."),
    Check::warn("sync-replication-trap", "GREEN cannot become a synchronous standby", EARLY, Ask::server(On::Blue, sql!("sync-replication-trap"), sync_trap))
        .why("A pattern that matches the subscription makes every commit on BLUE wait for GREEN.")
        .remedy("Name the physical standbys in synchronous_standby_names one by one."),
    Check::warn("wraparound-runway", "Transaction ids last for the run", EARLY, Ask::server(On::Blue, sql!("wraparound-runway"), listed!("no database is near the wraparound of its transaction ids", "old database", "old databases")))
        .why("A slot holds back the freezing of catalog rows as long as it exists.")
        .remedy("VACUUM FREEZE first, or keep the run short."),
    Check::info("decoding-spill", "Decoding spilt to disk so far", EARLY, Ask::server(On::Blue, sql!("decoding-spill", from 14), listed!("no slot has spilt to disk", "slot has spilt to disk", "slots have spilt to disk")))
        .why("Large transactions are decoded on disk, beside the WAL that is kept.")
        .remedy("ALTER ROLE of the replication role SET logical_decoding_work_mem = '256MB'."),
    Check::warn("logical-decoding-memory-huge-tx", "No huge transactions", EARLY, Ask::databases(On::Blue, sql!("logical-decoding-memory-huge-tx"), huge))
        .why("A transaction is applied only after it was decoded whole: a nightly batch makes the lag jump and may fill the disk.")
        .remedy("Keep batches that write much out of the time between snapshot and cutover, or split them."),
    Check::warn("no-backup-running", "No backup is running", EARLY_AND_GATE, Ask::server(On::Blue, sql!("no-backup-running"), listed!("no backup is running", "backup is running", "backups are running")))
        .why("A backup competes for the disk that the snapshot and the catch-up need.")
        .remedy("Wait for the backup to end."),
];

fn wal_level(_: &Asked<'_>, rows: &Rows) -> Judged {
    let mut seen = Vec::new();
    let mut logical = false;
    for row in rows {
        let (name, setting): (String, String) = (row.get("name")?, row.get("setting")?);
        let pending: bool = row.get("pending_restart")?;
        logical |= name == "wal_level" && setting == "logical" && !pending;
        seen.push(format!(
            "{name} = {setting}{}",
            if pending {
                " until the next restart"
            } else {
                ""
            }
        ));
    }
    let seen = seen.join(", ");
    Ok(if logical {
        Finding::pass(seen)
    } else {
        Finding::fail(seen)
    })
}

fn slots_free(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    let need = asked.ctx.profile.databases.len() + 1;
    let free = |all, used| {
        Ok::<_, ValueError>(
            row.get::<usize>(all)?
                .saturating_sub(row.get::<usize>(used)?),
        )
    };
    let (slots, senders) = (
        free("slots", "slots_used")?,
        free("senders", "senders_used")?,
    );
    let seen = format!(
        "{slots} slots and {senders} senders free, {need} needed (one a database, one spare)"
    );
    Ok(if slots.min(senders) >= need {
        Finding::pass(seen)
    } else {
        Finding::fail(seen)
    })
}

fn wal_kept(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let least_mb =
        i64::try_from(asked.ctx.profile.thresholds.wal_retained.0 >> 20).unwrap_or(i64::MAX);
    let mut short = Vec::new();
    for row in rows {
        let (name, setting): (String, i64) = (row.get("name")?, row.get("setting")?);
        let fine = match name.as_str() {
            "max_slot_wal_keep_size" => setting == -1 || setting >= least_mb,
            "idle_replication_slot_timeout" => setting == 0,
            _ => setting == 0 || setting >= 30_000,
        };
        if !fine {
            short.push(format!(
                "{name} = {setting} {}",
                row.opt::<String>("unit")?.unwrap_or_default()
            ));
        }
    }
    Ok(if short.is_empty() {
        Finding::pass("nothing cuts the WAL of a slot short")
    } else {
        Finding::fail(short.join(", "))
    })
}

fn topology(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let named = |row: &Row| {
        Ok::<_, ValueError>(format!(
            "{} {}",
            row.get::<String>("kind")?,
            row.get::<String>("name")?
        ))
    };
    let (mut bad, mut others) = (Vec::new(), Vec::new());
    for row in rows {
        let is_subscription = row.get::<String>("kind")? == "subscription";
        if is_subscription || row.get("ours")? {
            bad.push(named(row)?);
        } else {
            others.push(named(row)?);
        }
    }
    Ok(match (bad.is_empty(), others.is_empty()) {
        (false, _) => Finding::fail(format!("in {}: {}", asked.place.database, few(&bad))),
        (true, false) => Finding::pass(format!("only {}", few(&others))),
        (true, true) => Finding::pass("no publications, no subscriptions"),
    })
}

fn sync_trap(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let names: String = rows.one()?.get("names")?;
    let trap = names.contains('*') || names.contains(asked.ctx.profile.names.subscription.as_str());
    let seen = format!("synchronous_standby_names = {names:?}");
    Ok(if trap {
        Finding::fail(seen)
    } else {
        Finding::pass(seen)
    })
}

/// Rows a transaction has written on average before batches are suspected.
const MANY_ROWS: f64 = 10_000.0;

fn huge(_: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    let (commits, written): (f64, f64) = (row.get("commits")?, row.get("rows_written")?);
    let seen = format!("{written} rows written in {commits} transactions");
    Ok(if written > MANY_ROWS * commits.max(1.0) {
        Finding::fail(seen)
    } else {
        Finding::pass(seen)
    })
}

/// What is known of BLUE's WAL and the room for it.
#[derive(Debug, Clone, Copy)]
pub struct Runway {
    /// Bytes of WAL a second.
    pub rate: f64,
    /// Bytes that slots hold back already.
    pub retained: u64,
    /// Bytes the disk has for WAL, where that is known.
    pub space: Option<u64>,
    /// How long GREEN may take to catch up.
    pub needed: Duration,
}

/// Whether the disk lasts three times as long as needed.
#[must_use]
pub fn judge_runway(runway: &Runway) -> Finding {
    let wanted = runway.rate * 3.0 * runway.needed.as_secs_f64();
    let hours = runway.needed.as_secs_f64() / 3600.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes, shown to people"
    )]
    let seen = format!(
        "{}/s of WAL now; three times the {hours:.1} hours budgeted make {}",
        human_bytes(runway.rate.max(0.0) as u64),
        human_bytes(wanted.max(0.0) as u64)
    );
    match runway.space {
        None => Finding::warn(format!("{seen}; what the disk has for it is not known")),
        Some(space) => {
            let free = space.saturating_sub(runway.retained);
            let seen = format!("{seen}; {} are free for it", human_bytes(free));
            if free as f64 >= wanted {
                Finding::pass(seen)
            } else {
                Finding::fail(seen)
            }
        }
    }
}

fn runway<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let Some(server) = asking.ctx.server(&Node::blue()) else {
            return Ok(Vec::new());
        };
        let sql = asking.ctx.sql(
            include_str!("../../assets/sql/checks/wal-disk-runway.sql"),
            &server,
        );
        let first = asking.sessions.query(&server, &sql).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let second = asking.sessions.query(&server, &sql).await?;
        let (first, second) = (first.one()?, second.one()?);
        let bytes = second.get::<Lsn>("lsn")?.bytes_since(first.get("lsn")?);
        let seconds = second.get::<f64>("at")? - first.get::<f64>("at")?;
        let budgets = &asking.ctx.profile.budgets;
        let runway = Runway {
            rate: bytes as f64 / seconds.max(0.1),
            retained: second.get("retained")?,
            space: asking.ctx.profile.thresholds.wal_space.map(|space| space.0),
            needed: budgets.snapshot + budgets.upgrade + budgets.restore + budgets.catch_up,
        };
        Ok(vec![Answer::new("BLUE", judge_runway(&runway))])
    }
    .boxed()
}
