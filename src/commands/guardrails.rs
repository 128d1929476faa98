//! What keeps being asked while a run goes on: pure judges of what was seen, and a board that speaks only when a light
//! changes.

use std::collections::BTreeMap;

use crate::engine::Trip;
use crate::event::{Gauges, Light};
use crate::profile::Thresholds;

/// How many rounds in a row a sight must last before it counts: servers are asked side by side, not at one instant.
const ROUNDS: u32 = 3;

/// What one round saw beside the gauges. `None` is not known, and judged by nobody.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The session that holds the operator lock is gone.
    pub lock_lost: bool,
    /// `wal_status` of our slots that are not safe, in words.
    pub unsafe_slots: Vec<(String, String)>,
    /// Databases whose subscription is enabled and has no worker.
    pub idle_workers: Vec<String>,
    /// Changes that a subscriber could not apply and that are still in the way: where, and what its log says.
    pub unapplied: Vec<String>,
    /// Roles that may log in on both sides although the run has been switched.
    pub open_on_both: Vec<String>,
    /// Databases whose schema on BLUE is not what it was when the slots were made.
    pub drifted: Option<Vec<String>>,
}

/// The lights, and how long a new sight has lasted.
#[derive(Debug, Default)]
pub struct Board {
    lights: BTreeMap<&'static str, Light>,
    waiting: BTreeMap<&'static str, u32>,
}

type Sight = (&'static str, Light, String);

impl Board {
    /// Takes in one round; what changed its light is told.
    pub fn take(&mut self, gauges: &Gauges, seen: &Seen, thresholds: &Thresholds) -> Vec<Trip> {
        let mut sights: BTreeMap<&'static str, (Light, String)> = BTreeMap::new();
        for (id, light, text) in judge(gauges, seen, thresholds) {
            // Of several sights of one kind the worst speaks.
            if light == Light::Stop || !sights.contains_key(id) {
                sights.insert(id, (light, text));
            }
        }
        self.waiting.retain(|id, _| sights.contains_key(id));
        let mut trips = Vec::new();
        // Back to green without a word in the log: only what asks for attention is told, once each time.
        self.lights.retain(|id, _| sights.contains_key(id));
        for (id, (light, text)) in sights {
            let rounds = self.waiting.entry(id).or_default();
            *rounds += 1;
            if *rounds < ROUNDS || self.lights.get(id) == Some(&light) {
                continue;
            }
            self.lights.insert(id, light);
            trips.push(Trip {
                id: id.to_owned(),
                light,
                text,
            });
        }
        trips
    }
}

fn judge(gauges: &Gauges, seen: &Seen, thresholds: &Thresholds) -> Vec<Sight> {
    let mut sights = Vec::new();
    let mut see = |id, light, text| sights.push((id, light, text));
    if seen.lock_lost {
        see(
            "operator-lock",
            Light::Stop,
            "BLUE: the session that keeps other operators out is gone, so another run could begin. Nothing new is \
             started. Look at BLUE, then resume."
                .to_owned(),
        );
    }
    for (slot, status) in &seen.unsafe_slots {
        let light = if status == "lost" {
            Light::Stop
        } else {
            Light::Warn
        };
        let text = match light {
            Light::Stop => {
                format!(
                    "slot {slot} is lost: the changes it kept are gone. Take the run back and start again."
                )
            }
            _ => format!(
                "slot {slot} is {status}: the server may remove WAL it needs. Let it catch up, or raise \
                 max_slot_wal_keep_size."
            ),
        };
        see("slot-safe", light, text);
    }
    for (database, link) in &gauges.links {
        if let Some(lag) = link.lag_bytes.filter(|lag| *lag < 0) {
            see(
                "negative-lag",
                Light::Stop,
                format!(
                    "{database}: the slot stands {} bytes beyond the end of the WAL; what is written up to there would \
                     be skipped. Do not cut over: the publisher was restored or failed over.",
                    lag.unsigned_abs()
                ),
            );
        }
    }
    if !seen.idle_workers.is_empty() {
        see(
            "apply-worker",
            Light::Warn,
            format!(
                "no worker applies in {}: see the subscriber's log for the reason",
                seen.idle_workers.join(", ")
            ),
        );
    }
    if !seen.unapplied.is_empty() {
        see(
            "apply-errors",
            Light::Warn,
            format!(
                "a change could not be applied, and all after it waits. {} Mend the row there; if the subscription is \
                 disabled, enable it again.",
                seen.unapplied.join(" ")
            ),
        );
    }
    if !seen.open_on_both.is_empty() {
        see(
            "open-on-both",
            Light::Stop,
            format!(
                "{} may log in on BLUE and on GREEN: rows written to both would part. Take LOGIN from them on the side \
                 that does not serve.",
                seen.open_on_both.join(", ")
            ),
        );
    }
    if let Some(drifted) = seen.drifted.as_ref().filter(|drifted| !drifted.is_empty()) {
        see(
            "schema-drift",
            Light::Warn,
            format!(
                "BLUE: the schema of {} changed since the slots were made. DDL is not replicated: make the same change \
                 on GREEN, additions there first.",
                drifted.join(", ")
            ),
        );
    }
    judge_space(gauges, thresholds, see);
    sights
}

/// Whether the WAL our slots keep will fit.
fn judge_space(
    gauges: &Gauges,
    thresholds: &Thresholds,
    mut see: impl FnMut(&'static str, Light, String),
) {
    if let Some(hours) = gauges
        .hours_until_full()
        .filter(|hours| *hours < thresholds.hours_until_full)
    {
        see(
            "wal-disk",
            Light::Warn,
            format!("the space for WAL is used up in {hours:.1} hours at the present rate"),
        );
    }
    if let Some(kept) = gauges
        .wal_retained
        .filter(|kept| *kept > thresholds.wal_retained.0)
    {
        see(
            "wal-retained",
            Light::Warn,
            format!(
                "our slots keep {} of WAL, more than the profile allows ({})",
                crate::domain::ByteSize(kept),
                thresholds.wal_retained
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Board, ROUNDS, Seen};
    use crate::domain::ByteSize;
    use crate::event::{Gauges, Light, LinkGauge};
    use crate::profile::Thresholds;

    fn tripped(gauges: &Gauges, seen: &Seen) -> Vec<(String, Light)> {
        let thresholds = Thresholds {
            wal_retained: ByteSize(1000),
            wal_space: None,
            hours_until_full: 6.0,
            slot_room: ByteSize(1 << 20),
            lag_growing: std::time::Duration::from_secs(60),
            schema_every: std::time::Duration::from_secs(60),
        };
        let mut board = Board::default();
        let mut trips = Vec::new();
        for _ in 0..ROUNDS * 2 {
            trips.extend(board.take(gauges, seen, &thresholds));
        }
        trips
            .into_iter()
            .map(|trip| (trip.id, trip.light))
            .collect()
    }

    fn one(seen: &Seen) -> (String, Light) {
        let trips = tripped(&Gauges::default(), seen);
        assert_eq!(trips.len(), 1, "once, not every round: {trips:?}");
        trips[0].clone()
    }

    #[test]
    fn nothing_trips_when_all_is_well_or_unknown() {
        assert!(tripped(&Gauges::default(), &Seen::default()).is_empty());
    }

    #[test]
    fn what_would_lose_rows_stops_the_run() {
        let lock = one(&Seen {
            lock_lost: true,
            ..Seen::default()
        });
        assert_eq!(lock, ("operator-lock".to_owned(), Light::Stop));
        let slot = one(&Seen {
            unsafe_slots: vec![("s".to_owned(), "lost".to_owned())],
            ..Seen::default()
        });
        assert_eq!(slot, ("slot-safe".to_owned(), Light::Stop));
        let both = one(&Seen {
            open_on_both: vec!["app".to_owned()],
            ..Seen::default()
        });
        assert_eq!(both, ("open-on-both".to_owned(), Light::Stop));
        let mut gauges = Gauges::default();
        gauges.links.insert(
            "shop".to_owned(),
            LinkGauge {
                lag_bytes: Some(-8),
                ..LinkGauge::default()
            },
        );
        let negative = tripped(&gauges, &Seen::default());
        assert_eq!(negative, [("negative-lag".to_owned(), Light::Stop)]);
    }

    #[test]
    fn what_wants_a_look_warns() {
        let all = [
            Seen {
                unsafe_slots: vec![("s".to_owned(), "unreserved".to_owned())],
                ..Seen::default()
            },
            Seen {
                idle_workers: vec!["shop".to_owned()],
                ..Seen::default()
            },
            Seen {
                unapplied: vec!["GREEN · shop: a row.".to_owned()],
                ..Seen::default()
            },
            Seen {
                drifted: Some(vec!["shop".to_owned()]),
                ..Seen::default()
            },
        ];
        let ids: Vec<_> = all.iter().map(one).collect();
        let expected = ["slot-safe", "apply-worker", "apply-errors", "schema-drift"];
        assert_eq!(ids, expected.map(|id| (id.to_owned(), Light::Warn)));
    }

    #[test]
    fn a_disk_that_fills_up_warns() {
        let gauges = Gauges {
            wal_retained: Some(2000),
            wal_space: Some(5600),
            wal_rate: Some(1.0),
            ..Gauges::default()
        };
        let ids: Vec<_> = tripped(&gauges, &Seen::default())
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        assert_eq!(ids, ["wal-disk", "wal-retained"]);
    }
}
