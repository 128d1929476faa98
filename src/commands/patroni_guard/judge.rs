//! What a round means: guardrails, from what was seen alone.

use std::time::Duration;

use super::sights::{Phase, Seen};
use crate::commands::board::{Sight, stop, warn};
use crate::domain::{held_file, human_bytes, human_duration};
use crate::profile::PatroniGuard;

/// Every guardrail there is.
pub const IDS: [&str; 14] = [
    "operator-lock",
    "two-leaders",
    "other-leader",
    "timeline-changed",
    "held-promoted",
    "hold-lost",
    "point-passed",
    "walreceiver-gone",
    "slot-lost",
    "slot-low",
    "delay-ending",
    "disk-full",
    "dcs-unreachable",
    "member-down",
];
/// What one look proves.
pub(super) const AT_ONCE: &[&str] = &["held-promoted", "point-passed"];

const ON: &str = "The held member goes on following. The next step asks once more before it goes on with this leader.";
const LEFT: &str = "Decide now: roll back, or release.";

/// Everything that one round shows.
pub(super) fn sights(seen: &Seen, profile: &PatroniGuard) -> Vec<Sight> {
    let mut sights = Vec::new();
    if seen.lock_lost {
        sights.push(warn(
            "operator-lock",
            "the session that keeps other operators out is gone".to_owned(),
            "The copy of the Patroni file beside it still keeps another run from holding this member.",
        ));
    }
    if seen.dcs_silent {
        sights.push(warn(
            "dcs-unreachable",
            "Patroni answers, and none of its members sees the DCS".to_owned(),
            "Patroni takes the leader down without it. The hold stays; begin nothing until the DCS is back.",
        ));
    }
    if seen.phase.leads() {
        judge_leader(seen, &mut sights);
    }
    if seen.phase == Phase::Held {
        judge_hold(seen, profile, &mut sights);
        judge_wal(seen, profile, &mut sights);
    }
    sights
}

fn judge_leader(seen: &Seen, sights: &mut Vec<Sight>) {
    let primaries = seen.primaries();
    if primaries.len() > 1 {
        sights.push(stop(
            "two-leaders",
            format!("{} take writes", primaries.join(" and ")),
            "What is written to one of them is lost. Stop the one that Patroni does not list as the leader.",
        ));
    }
    if seen.phase != Phase::Free && primaries.contains(&seen.held.as_str()) {
        sights.push(stop(
            "held-promoted",
            format!("{} takes writes", seen.held),
            "The moment before the deployment is gone. Somebody promoted it by hand: find out who and why.",
        ));
    }
    for member in seen.cluster.iter().flat_map(|cluster| &cluster.members) {
        let apart = seen.phase == Phase::AtThePoint && member.name == seen.held;
        if !member.is_up() && !apart {
            sights.push(warn(
                "member-down",
                format!("{} is {}", member.name, member.state),
                "A roll back must see every member stopped, and bring it back.",
            ));
        }
    }
    let Some((leader, server)) = seen.leader().filter(|(leader, _)| *leader != seen.held) else {
        return;
    };
    let (Some((recorded, begun)), Some(timeline)) = (&seen.recorded, server.timeline) else {
        return;
    };
    if seen
        .asked
        .as_ref()
        .is_some_and(|(asked, at)| asked == leader && *at == timeline)
    {
        return;
    }
    if recorded != leader {
        sights.push(stop(
            "other-leader",
            format!("{leader} leads, no longer {recorded}"),
            ON,
        ));
    } else if *begun != timeline {
        sights.push(stop(
            "timeline-changed",
            format!("{leader} is on timeline {timeline}, no longer {begun}"),
            ON,
        ));
    }
}

fn judge_hold(seen: &Seen, profile: &PatroniGuard, sights: &mut Vec<Sight>) {
    const LOST: &str = "The way back may be gone: do not go on deploying before you know.";
    let held = &seen.held;
    let listed = seen
        .cluster
        .as_ref()
        .and_then(|cluster| cluster.member(held));
    if let Some(member) = listed {
        let gone: Vec<_> = held_file::TAGS
            .iter()
            .filter(|(tag, on)| *on && !member.has(tag))
            .map(|(tag, _)| *tag)
            .collect();
        if !gone.is_empty() {
            sights.push(stop(
                "hold-lost",
                format!("{held} has lost its tags {}", gone.join(", ")),
                LOST,
            ));
        }
    }
    let Some(server) = seen.held_server() else {
        return;
    };
    if server.in_recovery && server.delay != profile.guard.delay {
        let delay = human_duration(server.delay);
        sights.push(stop(
            "hold-lost",
            format!("{held}'s delay is {delay}"),
            LOST,
        ));
    }
    if let (Some(point), Some(replayed)) = (&seen.point, server.replayed)
        && replayed >= point.lsn
        && server.in_recovery
        && seen.held_since.is_some()
    {
        sights.push(stop(
            "point-passed",
            format!("{held} has replayed up to {replayed}, past the restore point at {}", point.lsn),
            "It cannot be rolled back to any more, unless it stood there before and was given back to the hold.",
        ));
    }
    if server.in_recovery && !server.streaming {
        sights.push(warn(
            "walreceiver-gone",
            format!("{held} receives no WAL"),
            "While replay is held back it is not started again: the way back stands, WAL piles up on the leader, and a \
             release may have to copy the member anew.",
        ));
    }
    if let Some(left) =
        delay_left(seen, profile).filter(|left| *left < profile.thresholds.delay_left)
    {
        sights.push(warn(
            "delay-ending",
            format!("the delay is over in {}", human_duration(left)),
            LEFT,
        ));
    }
}

fn judge_wal(seen: &Seen, profile: &PatroniGuard, sights: &mut Vec<Sight>) {
    const ROOM: &str =
        "Past it a dropped walreceiver never comes back: decide, or raise max_slot_wal_keep_size.";
    let held = &seen.held;
    if let Some(slot) = &seen.slot {
        if !slot.there {
            sights.push(warn(
                "slot-lost",
                format!("{held}'s slot on the leader is gone"),
                ROOM,
            ));
        }
        match slot.status.as_deref() {
            Some("lost") => sights.push(warn("slot-lost", format!("{held}'s slot is lost"), ROOM)),
            Some("unreserved") => sights.push(warn(
                "slot-low",
                format!("{held}'s slot is unreserved"),
                ROOM,
            )),
            _ => {}
        }
        let room = slot.room.map(|room| u64::try_from(room).unwrap_or(0));
        if let Some(room) = room.filter(|room| *room < profile.thresholds.slot_room.0) {
            let saw = format!(
                "{held}'s slot is lost after {} more of WAL",
                human_bytes(room)
            );
            sights.push(warn("slot-low", saw, ROOM));
        }
    }
    for (member, free) in &seen.free {
        if let Some(hours) = hours_left(*free, seen.rate)
            .filter(|hours| *hours < profile.thresholds.hours_until_full)
        {
            sights.push(warn(
                "disk-full",
                format!("{member}'s disk is full in {hours:.1} hours at the present rate"),
                "A full disk stops the leader. Grow it, or decide.",
            ));
        }
    }
}

pub(super) fn hours_left(free: u64, rate: Option<f64>) -> Option<f64> {
    let rate = rate.filter(|rate| *rate >= 1.0)?;
    Some(free as f64 / rate / 3600.0)
}

/// What is left of the delay: the commit before the restore point is replayed when it is over.
pub(super) fn delay_left(seen: &Seen, profile: &PatroniGuard) -> Option<Duration> {
    let since = seen
        .point
        .as_ref()
        .map(|point| point.at)
        .or(seen.held_since)?;
    let gone = Duration::try_from(seen.now.duration_since(since)).unwrap_or_default();
    Some(profile.guard.delay.saturating_sub(gone))
}
