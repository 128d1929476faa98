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
        && !seen.stood
    {
        sights.push(stop(
            "point-passed",
            format!("{held} has replayed up to {replayed}, past the restore point at {}", point.lsn),
            "It cannot be rolled back to any more: the hold was lost. Release it, or restore from a backup.",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};

    use super::{AT_ONCE, IDS, Seen, sights};
    use crate::commands::board::{Board, ROUNDS};
    use crate::commands::patroni_guard::readings::readings;
    use crate::commands::patroni_guard::sights::{Phase, Slot};
    use crate::domain::{Lsn, held_file};
    use crate::event::Light;
    use crate::ports::{Cluster, Member, Role};
    use crate::procedures::patroni_guard::job::Point;
    use crate::procedures::patroni_guard::sight::Server;
    use crate::profile::{PatroniGuard, Profile, parse};

    fn profile() -> PatroniGuard {
        let sample = include_str!("../../../sample-profiles/patroni-guard.toml");
        match parse(Path::new("p.toml"), sample).expect("sound") {
            Profile::PatroniGuard(profile) => *profile,
            other => panic!("{}", other.procedure()),
        }
    }

    fn server(leads: bool, at: u64) -> Server {
        Server {
            in_recovery: !leads,
            received: (!leads).then_some(Lsn(500)),
            replayed: (!leads).then_some(Lsn(at)),
            written: leads.then_some(Lsn(at)),
            paused: false,
            timeline: Some(3),
            streaming: !leads,
            delay: Duration::ZERO,
            config_file: String::new(),
        }
    }

    fn member(name: &str, role: Role, tags: &[(&str, bool)]) -> Member {
        let tags = tags
            .iter()
            .map(|(tag, on)| ((*tag).to_owned(), (*on).into()));
        Member {
            name: name.to_owned(),
            role,
            state: "running".to_owned(),
            timeline: Some(3),
            tags: tags.collect(),
        }
    }

    /// pg1 leads, pg3 is held before the point at 400; an hour has gone by.
    fn held() -> Seen {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let mut third = server(false, 300);
        third.delay = Duration::from_secs(12 * 3600);
        Seen {
            phase: Phase::Held,
            now,
            held: "pg3".to_owned(),
            recorded: Some(("pg1".to_owned(), 3)),
            held_since: Some(Timestamp::UNIX_EPOCH),
            point: Some(Point {
                name: "predeploy".to_owned(),
                lsn: Lsn(400),
                timeline: 3,
                next_xid: 7,
                at: Timestamp::UNIX_EPOCH,
            }),
            servers: BTreeMap::from([
                ("pg1".to_owned(), server(true, 600)),
                ("pg2".to_owned(), server(false, 600)),
                ("pg3".to_owned(), third),
            ]),
            cluster: Some(Cluster {
                members: vec![
                    member("pg1", Role::Primary, &[]),
                    member("pg2", Role::Replica, &[]),
                    member("pg3", Role::Replica, &held_file::TAGS),
                ],
                paused: false,
                switchover: false,
            }),
            slot: Some(Slot {
                there: true,
                status: Some("reserved".to_owned()),
                room: Some(8 << 30),
            }),
            free: BTreeMap::from([("pg1".to_owned(), 40 << 30)]),
            rate: Some(1000.0),
            ..Seen::default()
        }
    }

    type Made = (&'static str, Light, fn(&mut Seen));

    fn third(seen: &mut Seen) -> &mut Server {
        seen.servers.get_mut("pg3").expect("there")
    }

    const SIGHTS: [Made; 18] = [
        ("operator-lock", Light::Warn, |s| s.lock_lost = true),
        ("two-leaders", Light::Stop, |s| {
            drop(s.servers.insert("pg2".to_owned(), server(true, 9)));
        }),
        ("other-leader", Light::Stop, |s| {
            s.recorded = Some(("pg2".to_owned(), 3));
        }),
        ("timeline-changed", Light::Stop, |s| {
            s.recorded = Some(("pg1".to_owned(), 2));
        }),
        ("held-promoted", Light::Stop, |s| {
            s.servers.remove("pg1");
            s.servers.insert("pg3".to_owned(), server(true, 9));
        }),
        ("hold-lost", Light::Stop, |s| {
            third(s).delay = Duration::ZERO;
        }),
        ("hold-lost", Light::Stop, |s| {
            if let Some(cluster) = &mut s.cluster {
                cluster.members[2].tags.clear();
            }
        }),
        ("point-passed", Light::Stop, |s| {
            third(s).replayed = Some(Lsn(400));
        }),
        ("walreceiver-gone", Light::Warn, |s| {
            third(s).streaming = false;
        }),
        ("slot-lost", Light::Warn, |s| {
            s.slot = Some(slot(false, None, None));
        }),
        ("slot-lost", Light::Warn, |s| {
            s.slot = Some(slot(true, Some("lost"), None));
        }),
        ("slot-low", Light::Warn, |s| {
            s.slot = Some(slot(true, Some("unreserved"), None));
        }),
        ("slot-low", Light::Warn, |s| {
            s.slot = Some(slot(true, Some("reserved"), Some(5)));
        }),
        ("delay-ending", Light::Warn, |s| {
            s.now += SignedDuration::from_mins(10 * 60 + 30);
        }),
        ("delay-ending", Light::Warn, |s| {
            s.now += SignedDuration::from_hours(20);
        }),
        ("disk-full", Light::Warn, |s| s.rate = Some(1e9)),
        ("dcs-unreachable", Light::Warn, |s| {
            s.cluster = None;
            s.dcs_silent = true;
        }),
        ("member-down", Light::Warn, |s| {
            if let Some(cluster) = &mut s.cluster {
                cluster.members[1].state = "start failed".to_owned();
            }
        }),
    ];

    fn slot(there: bool, status: Option<&str>, room: Option<i64>) -> Slot {
        Slot {
            there,
            status: status.map(str::to_owned),
            room,
        }
    }

    #[test]
    fn every_guardrail_trips_once_and_is_well_again() {
        let profile = profile();
        let mut tripped = Vec::new();
        for (id, light, spoil) in SIGHTS {
            let mut seen = held();
            spoil(&mut seen);
            let mut board = Board::new(&IDS, AT_ONCE);
            let rounds = (0..ROUNDS * 2).flat_map(|_| board.take(sights(&seen, &profile), true));
            let trips: Vec<_> = rounds.collect();
            let told: Vec<_> = trips
                .iter()
                .map(|trip| (trip.id.as_str(), trip.light))
                .collect();
            assert_eq!(told, [(id, light)]);
            let well = board.take(sights(&held(), &profile), true);
            assert_eq!((well[0].id.as_str(), well[0].light), (id, Light::Ok));
            tripped.push(id);
        }
        assert!(IDS.iter().all(|id| tripped.contains(id)), "{tripped:?}");
    }

    #[test]
    fn a_held_member_as_it_should_be_trips_nothing_and_reads_well() {
        let (seen, profile) = (held(), profile());
        let judged = sights(&seen, &profile);
        assert!(judged.is_empty(), "{judged:?}");
        let readings = readings(&seen, &judged, &profile);
        let text = |name: &str| {
            let found = readings.iter().find(|reading| reading.name == name);
            found.unwrap_or_else(|| panic!("{name}")).text.clone()
        };
        assert_eq!(
            (text("held for"), text("delay left")),
            ("1:00:00".to_owned(), "11:00:00".to_owned())
        );
        assert_eq!(
            (text("held back"), text("pg2")),
            ("200 B".to_owned(), "streams, 0 B behind".to_owned())
        );
        assert!(readings.iter().all(|reading| reading.light == Light::Ok));
    }

    #[test]
    fn what_the_operator_was_asked_about_does_not_stop_again() {
        let mut seen = held();
        seen.recorded = Some(("pg2".to_owned(), 2));
        seen.asked = Some(("pg1".to_owned(), 3));
        assert!(sights(&seen, &profile()).is_empty());
    }

    /// Given back to the hold, it reads on to the commit right behind the point.
    #[test]
    fn a_member_that_stood_at_the_point_is_a_few_bytes_past_it() {
        let mut seen = held();
        third(&mut seen).replayed = Some(Lsn(401));
        seen.stood = true;
        assert!(sights(&seen, &profile()).is_empty());
    }

    #[test]
    fn a_switch_under_way_is_no_alarm() {
        let mut seen = held();
        seen.phase = Phase::Switched;
        seen.servers.insert("pg3".to_owned(), server(true, 9));
        assert!(sights(&seen, &profile()).is_empty());
    }
}
