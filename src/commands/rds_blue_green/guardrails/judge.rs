use crate::commands::board::{Sight, stop, warn};
use crate::domain::{ByteSize, human_bytes, human_duration};
use crate::event::Gauges;
use crate::profile::BlueGreen;

/// Every guardrail there is.
pub const IDS: [&str; 14] = [
    "operator-lock",
    "slot-safe",
    "negative-lag",
    "link-down",
    "apply-errors",
    "lag-growing",
    "schema-drift",
    "wal-disk",
    "wal-retained",
    "long-transaction",
    "open-on-both",
    "old-side-sessions",
    "server-restart",
    "server-replaced",
];

/// What one round saw beside the gauges. What is not known is empty, and judged by nobody.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The forward link is enabled and the run has not been switched.
    pub before_the_gate: bool,
    /// The session that holds the operator lock is gone.
    pub lock_lost: bool,
    /// Our slots.
    pub slots: Vec<SlotSeen>,
    /// Slots the run has made and still needs, and that are not there any more.
    pub slots_gone: Vec<String>,
    /// Databases whose subscription is enabled and has no worker.
    pub idle_workers: Vec<String>,
    /// Databases whose subscription is disabled although it should run.
    pub disabled: Vec<String>,
    /// Changes that a subscriber could not apply and that are still in the way: where, and what its log says.
    pub unapplied: Vec<String>,
    /// Bytes of lag when it began to grow, and now.
    pub lag_grew: Option<(u64, u64)>,
    /// Roles that may log in on both sides although the run has been switched.
    pub open_on_both: Vec<String>,
    /// Who is connected to the side that no longer serves and could write there.
    pub old_side: Option<String>,
    /// Databases whose schema on BLUE is not what it was when the slots were made.
    pub drifted: Option<Vec<String>>,
    /// Servers that were started anew.
    pub restarted: Vec<String>,
    /// Servers behind whose address stands another one now.
    pub replaced: Vec<String>,
}

/// One of our slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotSeen {
    /// Its name.
    pub name: String,
    /// `wal_status`, from 13 on.
    pub status: Option<String>,
    /// Bytes that may still be written before it is lost, where that is limited.
    pub room: Option<i64>,
}

/// Everything that one round shows.
pub(super) fn all(gauges: &Gauges, seen: &Seen, profile: &BlueGreen) -> Vec<Sight> {
    let mut sights = Vec::new();
    judge_slots(seen, profile, &mut sights);
    judge_link(gauges, seen, profile, &mut sights);
    judge_sides(seen, &mut sights);
    judge_space(gauges, profile, &mut sights);
    sights
}

fn judge_slots(seen: &Seen, profile: &BlueGreen, sights: &mut Vec<Sight>) {
    const ANEW: &str = "The changes it kept are gone. Take the run back and start again.";
    for slot in &seen.slots_gone {
        sights.push(stop("slot-safe", format!("slot {slot} is gone"), ANEW));
    }
    for SlotSeen { name, status, room } in &seen.slots {
        match status.as_deref() {
            Some("lost") => {
                sights.push(stop("slot-safe", format!("slot {name} is lost"), ANEW));
            }
            Some("unreserved") => sights.push(warn(
                "slot-safe",
                format!("slot {name} is unreserved: the server may remove WAL it needs"),
                "Let it catch up, or raise max_slot_wal_keep_size.",
            )),
            _ => {}
        }
        let least = profile.thresholds.slot_room;
        if let Some(room) = room
            .map(|room| u64::try_from(room).unwrap_or(0))
            .filter(|room| *room < least.0)
        {
            sights.push(warn(
                "slot-safe",
                format!(
                    "slot {name} is lost after {} more of WAL (less than {least})",
                    human_bytes(room)
                ),
                "Let it catch up, or raise max_slot_wal_keep_size.",
            ));
        }
    }
}

fn judge_link(gauges: &Gauges, seen: &Seen, profile: &BlueGreen, sights: &mut Vec<Sight>) {
    for (database, link) in &gauges.links {
        if let Some(lag) = link.lag_bytes.filter(|lag| *lag < 0) {
            let beyond = human_bytes(lag.unsigned_abs());
            sights.push(stop(
                "negative-lag",
                format!("{database}: the slot stands {beyond} beyond the end of the WAL"),
                "What is written up to there would be skipped: the publisher was restored or failed over. Take the run \
                 back and start again.",
            ));
        }
    }
    if !seen.idle_workers.is_empty() {
        sights.push(warn(
            "link-down",
            format!("no worker applies in {}", seen.idle_workers.join(", ")),
            "It is started anew by itself every few seconds; the subscriber's log has the reason.",
        ));
    }
    if !seen.disabled.is_empty() {
        sights.push(warn(
            "link-down",
            format!("the subscription is disabled in {}", seen.disabled.join(", ")),
            "It disables itself at a change it cannot apply; mend that, then ALTER SUBSCRIPTION … ENABLE.",
        ));
    }
    if !seen.unapplied.is_empty() {
        sights.push(warn(
            "apply-errors",
            format!(
                "a change could not be applied, and all after it waits. {}",
                seen.unapplied.join(" ")
            ),
            "Mend the row there; where the subscription is disabled, enable it again.",
        ));
    }
    if let Some((then, now)) = seen.lag_grew {
        let (then, now) = (human_bytes(then), human_bytes(now));
        let long = human_duration(profile.thresholds.lag_growing);
        sights.push(warn(
            "lag-growing",
            format!("lag has grown for {long}, from {then} to {now}, and never fell back"),
            "Find what holds up apply (a lock, a missing index, cold storage), or wait for the load to pass.",
        ));
    }
    let longest = profile.budgets.longest_transaction;
    if let Some(age) = gauges
        .longest_transaction
        .filter(|age| seen.before_the_gate && *age > longest)
    {
        let (age, longest) = (human_duration(age), human_duration(longest));
        sights.push(warn(
            "long-transaction",
            format!("a transaction has been open for {age}; the cutover allows {longest}"),
            "The gate stays shut meanwhile. Wait for it or end it.",
        ));
    }
    if let Some(drifted) = seen.drifted.as_ref().filter(|drifted| !drifted.is_empty()) {
        sights.push(warn(
            "schema-drift",
            format!(
                "BLUE: the schema of {} changed since the slots were made",
                drifted.join(", ")
            ),
            "DDL is not replicated: make the same change on GREEN, additions there first; a new table needs ALTER \
             SUBSCRIPTION … REFRESH PUBLICATION.",
        ));
    }
}

fn judge_sides(seen: &Seen, sights: &mut Vec<Sight>) {
    if seen.lock_lost {
        sights.push(stop(
            "operator-lock",
            "BLUE: the session that keeps other operators out is gone, so another run could begin"
                .to_owned(),
            "Look at BLUE, park, then resume.",
        ));
    }
    for server in &seen.replaced {
        sights.push(stop(
            "server-replaced",
            format!("{server}: a failover, or a restore"),
            "Its slots, origins and last commits may not be the ones the run relies on. Compare both sides, and if in doubt \
             take the run back and start again.",
        ));
    }
    for server in &seen.restarted {
        sights.push(warn(
            "server-restart",
            format!("{server}: a restart, a crash, or a Multi-AZ failover"),
            "The link comes up again by itself; see that it does before going on.",
        ));
    }
    if !seen.open_on_both.is_empty() {
        sights.push(stop(
            "open-on-both",
            format!(
                "{} may log in on BLUE and on GREEN: rows written to both would part",
                seen.open_on_both.join(", ")
            ),
            "Take LOGIN from them on the side that does not serve.",
        ));
    }
    if let Some(who) = &seen.old_side {
        sights.push(stop(
            "old-side-sessions",
            format!("sessions are back on the side that no longer serves: {who}"),
            "What they write there is lost or comes into conflict. End them, and take LOGIN from their roles.",
        ));
    }
}

const ROOM: &str =
    "Grow the storage, speed up apply, or take the run back before the disk is full.";

/// Whether the WAL our slots keep will fit.
fn judge_space(gauges: &Gauges, profile: &BlueGreen, sights: &mut Vec<Sight>) {
    let thresholds = &profile.thresholds;
    if let Some(hours) = gauges
        .hours_until_full()
        .filter(|hours| *hours < thresholds.hours_until_full)
    {
        sights.push(warn(
            "wal-disk",
            format!("the space for WAL is used up in {hours:.1} hours at the present rate"),
            ROOM,
        ));
    }
    if let Some(kept) = gauges
        .wal_retained
        .filter(|kept| *kept > thresholds.wal_retained.0)
    {
        sights.push(warn(
            "wal-retained",
            format!(
                "our slots keep {} of WAL, more than the profile allows ({})",
                ByteSize(kept),
                thresholds.wal_retained
            ),
            ROOM,
        ));
    }
}
