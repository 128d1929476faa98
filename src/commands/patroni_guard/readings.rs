//! What an operator reads while a member is held, lit as the guardrails are.

use std::time::Duration;

use super::judge::{delay_left, hours_left};
use super::sights::{Phase, Seen};
use crate::commands::board::Sight;
use crate::domain::{Lsn, human_bytes, human_duration};
use crate::event::{Light, Reading};
use crate::procedures::patroni_guard::sight::Server;
use crate::profile::PatroniGuard;

/// Readings under way; each is lit by its guardrails.
struct Board<'a> {
    judged: &'a [Sight],
    readings: Vec<Reading>,
}

impl Board<'_> {
    fn push(&mut self, name: &str, text: String, value: Option<f64>, ids: &[&str]) {
        let lit = self.judged.iter().filter(|sight| ids.contains(&sight.id));
        let light = match lit.map(|sight| u8::from(sight.light == Light::Stop)).max() {
            None => Light::Ok,
            Some(0) => Light::Warn,
            Some(_) => Light::Stop,
        };
        self.readings.push(Reading {
            name: name.to_owned(),
            text,
            value,
            light,
        });
    }
}

/// What an operator reads, most wanted first.
pub(super) fn readings(seen: &Seen, judged: &[Sight], profile: &PatroniGuard) -> Vec<Reading> {
    let mut board = Board {
        judged,
        readings: Vec::new(),
    };
    if let Some(code) = seen.deployed.filter(|code| *code != 0) {
        board.push(
            "deployment",
            format!("ended with {code}: roll back"),
            None,
            &[],
        );
    }
    let held = &seen.held;
    let server = seen.held_server().filter(|server| server.in_recovery);
    if seen.phase == Phase::Held {
        hold(seen, profile, &mut board);
    }
    if let Some(server) = server {
        let receives = if server.streaming {
            "streams"
        } else {
            "no walreceiver"
        };
        let back = server.received.zip(server.replayed);
        let back = back.map(|(received, replayed)| received.bytes_since(replayed).max(0));
        if let Some(back) = back {
            let text = human_bytes(back.unsigned_abs());
            board.push("held back", text, Some(back as f64), &["point-passed"]);
        }
        board.push(held, receives.to_owned(), None, &["walreceiver-gone"]);
    }
    members(seen, &mut board);
    for (member, kept) in &seen.kept {
        board.push(
            &format!("WAL on {member}"),
            human_bytes(*kept),
            Some(*kept as f64),
            &[],
        );
    }
    if let Some(slot) = seen.slot.as_ref().filter(|_| seen.phase == Phase::Held) {
        let room = slot
            .room
            .map(|room| format!(", room for {}", human_bytes(room.max(0).unsigned_abs())));
        let status = slot.status.clone().unwrap_or_else(|| "none".to_owned());
        board.push(
            "slot",
            status + &room.unwrap_or_default(),
            None,
            &["slot-lost", "slot-low"],
        );
    }
    disks(seen, profile, &mut board);
    if let (Some(server), Some(point)) = (server, &seen.point) {
        positions(server, point.lsn, &mut board);
    }
    board.readings
}

fn hold(seen: &Seen, profile: &PatroniGuard, board: &mut Board<'_>) {
    if let Some(since) = seen.held_since {
        let gone = Duration::try_from(seen.now.duration_since(since)).unwrap_or_default();
        let ids = ["hold-lost", "point-passed", "held-promoted"];
        board.push("held for", human_duration(whole(gone)), None, &ids);
    }
    if let Some(left) = delay_left(seen, profile) {
        board.push(
            "delay left",
            human_duration(whole(left)),
            None,
            &["delay-ending"],
        );
    }
}

/// Tenths of seconds only flicker.
fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// The members that are not held: role, state, lag by SQL.
fn members(seen: &Seen, board: &mut Board<'_>) {
    let written = seen.leader().and_then(|(_, server)| server.written);
    for (member, server) in seen
        .servers
        .iter()
        .filter(|(member, _)| **member != seen.held)
    {
        if !server.in_recovery {
            let timeline = server
                .timeline
                .map_or_else(String::new, |timeline| format!(", timeline {timeline}"));
            let ids = ["two-leaders", "other-leader", "timeline-changed"];
            board.push(member, format!("leads{timeline}"), None, &ids);
            continue;
        }
        let lag = written.zip(server.replayed);
        let lag = lag.map(|(written, replayed)| written.bytes_since(replayed).max(0));
        let behind = lag.map_or_else(String::new, |lag| {
            format!(", {} behind", human_bytes(lag.unsigned_abs()))
        });
        let state = if server.streaming {
            "streams"
        } else {
            "does not stream"
        };
        board.push(
            member,
            format!("{state}{behind}"),
            lag.map(|lag| lag as f64),
            &["member-down"],
        );
    }
}

fn disks(seen: &Seen, profile: &PatroniGuard, board: &mut Board<'_>) {
    for (member, free) in &seen.free {
        let hours = hours_left(*free, seen.rate).filter(|hours| *hours < 1000.0);
        let full = hours
            .map(|hours| format!(", full in {hours:.0} h"))
            .unwrap_or_default();
        let low = hours.is_some_and(|hours| hours < profile.thresholds.hours_until_full);
        let ids: &[&str] = if low { &["disk-full"] } else { &[] };
        let text = format!("{} free{full}", human_bytes(*free));
        board.push(&format!("disk of {member}"), text, Some(*free as f64), ids);
    }
}

fn positions(server: &Server, point: Lsn, board: &mut Board<'_>) {
    let at = |lsn: Option<Lsn>| lsn.map_or_else(|| "?".to_owned(), |lsn| lsn.to_string());
    board.push("replayed", at(server.replayed), None, &["point-passed"]);
    board.push("restore point", point.to_string(), None, &[]);
    board.push("received", at(server.received), None, &[]);
}
