//! What keeps being asked while a run goes on: pure judges of what was seen, and a board that speaks only when a light
//! changes. Asks nobody; `gauges` does.

mod growth;
mod judge;

pub use growth::Growth;
pub use judge::{IDS, Seen, SlotSeen};

use std::collections::BTreeMap;

use crate::engine::Trip;
use crate::event::{Gauges, Light};
use crate::profile::Profile;
use judge::Sight;

/// How many rounds in a row a sight must last before it counts: servers are asked side by side, not at one instant.
const ROUNDS: u32 = 3;

/// The lights, and how long a new sight has lasted.
#[derive(Debug, Default)]
pub struct Board {
    lit: BTreeMap<&'static str, Light>,
    waiting: BTreeMap<&'static str, u32>,
}

impl Board {
    /// Takes in one round; what changed its light is told, once each time.
    pub fn take(&mut self, gauges: &Gauges, seen: &Seen, profile: &Profile) -> Vec<Trip> {
        let mut sights: BTreeMap<&'static str, Sight> = BTreeMap::new();
        for sight in judge::all(gauges, seen, profile) {
            // Of several sights of one kind the worst speaks.
            if sight.light == Light::Stop || !sights.contains_key(sight.id) {
                sights.insert(sight.id, sight);
            }
        }
        // A server that does not answer makes nothing well.
        let known = gauges.silent.is_empty();
        self.waiting.retain(|id, _| sights.contains_key(id));
        let mut trips = Vec::new();
        self.lit.retain(|id, _| {
            let stays = !known || sights.contains_key(id);
            if !stays {
                trips.push(Trip {
                    id: (*id).to_owned(),
                    light: Light::Ok,
                    text: "well again".to_owned(),
                });
            }
            stays
        });
        for (id, sight) in sights {
            let rounds = self.waiting.entry(id).or_default();
            *rounds += 1;
            if *rounds < ROUNDS || self.lit.get(id) == Some(&sight.light) {
                continue;
            }
            self.lit.insert(id, sight.light);
            trips.push(Trip {
                id: id.to_owned(),
                light: sight.light,
                text: sight.text(),
            });
        }
        trips
    }

    /// Every guardrail with its light.
    #[must_use]
    pub fn lights(&self) -> BTreeMap<String, Light> {
        let light = |id: &&'static str| {
            let light = self.lit.get(id).copied().unwrap_or(Light::Ok);
            ((*id).to_owned(), light)
        };
        IDS.iter().map(light).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Board, IDS, ROUNDS, Seen, SlotSeen};
    use crate::event::{Gauges, Light, LinkGauge};
    use crate::profile::{Profile, parse};

    fn profile() -> Profile {
        let sample = include_str!("../../../sample-profiles/rds-blue-green.toml");
        parse(Path::new("p.toml"), sample).expect("sound")
    }

    fn slot(status: &str, room: Option<i64>) -> SlotSeen {
        SlotSeen {
            name: "s".to_owned(),
            status: Some(status.to_owned()),
            room,
        }
    }

    /// Everything that can be seen, each with the light it turns on.
    fn sights() -> Vec<(&'static str, Light, Gauges, Seen)> {
        let place = || vec!["GREEN · shop".to_owned()];
        let seen = |id, light, seen: Seen| (id, light, Gauges::default(), seen);
        let gauged = |id, gauges: Gauges| (id, Light::Warn, gauges, Seen::linked());
        let mut negative = Gauges::default();
        let link = LinkGauge {
            lag_bytes: Some(-8),
            ..LinkGauge::default()
        };
        negative.links.insert("shop".to_owned(), link);
        let none = Seen::default;
        vec![
            seen(
                "operator-lock",
                Light::Stop,
                Seen {
                    lock_lost: true,
                    ..none()
                },
            ),
            seen(
                "slot-safe",
                Light::Stop,
                Seen {
                    slots: vec![slot("lost", None)],
                    ..none()
                },
            ),
            seen(
                "slot-safe",
                Light::Stop,
                Seen {
                    slots_gone: place(),
                    ..none()
                },
            ),
            seen(
                "slot-safe",
                Light::Warn,
                Seen {
                    slots: vec![slot("unreserved", None)],
                    ..none()
                },
            ),
            seen(
                "slot-safe",
                Light::Warn,
                Seen {
                    slots: vec![slot("reserved", Some(1 << 20))],
                    ..none()
                },
            ),
            seen(
                "link-down",
                Light::Warn,
                Seen {
                    idle_workers: place(),
                    ..none()
                },
            ),
            seen(
                "link-down",
                Light::Warn,
                Seen {
                    disabled: place(),
                    ..none()
                },
            ),
            seen(
                "apply-errors",
                Light::Warn,
                Seen {
                    unapplied: place(),
                    ..none()
                },
            ),
            seen(
                "open-on-both",
                Light::Stop,
                Seen {
                    open_on_both: vec!["app".to_owned()],
                    ..none()
                },
            ),
            seen(
                "old-side-sessions",
                Light::Stop,
                Seen {
                    old_side: Some("BLUE: app".to_owned()),
                    ..none()
                },
            ),
            seen(
                "schema-drift",
                Light::Warn,
                Seen {
                    drifted: Some(place()),
                    ..none()
                },
            ),
            seen(
                "lag-growing",
                Light::Warn,
                Seen {
                    lag_grew: Some((1, 9)),
                    ..none()
                },
            ),
            seen(
                "server-restart",
                Light::Warn,
                Seen {
                    restarted: place(),
                    ..none()
                },
            ),
            seen(
                "server-replaced",
                Light::Stop,
                Seen {
                    replaced: place(),
                    ..none()
                },
            ),
            ("negative-lag", Light::Stop, negative, none()),
            gauged(
                "wal-disk",
                Gauges {
                    wal_retained: Some(2000),
                    wal_space: Some(5600),
                    wal_rate: Some(1.0),
                    ..Gauges::default()
                },
            ),
            gauged(
                "wal-retained",
                Gauges {
                    wal_retained: Some(50 << 30),
                    ..Gauges::default()
                },
            ),
            gauged(
                "long-transaction",
                Gauges {
                    longest_transaction: Some(std::time::Duration::from_secs(31)),
                    ..Gauges::default()
                },
            ),
        ]
    }

    #[test]
    fn every_guardrail_trips_once_and_says_what_it_did() {
        let profile = profile();
        let mut tripped = Vec::new();
        for (id, light, gauges, seen) in sights() {
            let mut board = Board::default();
            let rounds = (0..ROUNDS * 2).flat_map(|_| board.take(&gauges, &seen, &profile));
            let trips: Vec<_> = rounds.collect();
            assert_eq!(trips.len(), 1, "once, not every round: {trips:?}");
            assert_eq!((trips[0].id.as_str(), trips[0].light), (id, light));
            let did = match light {
                Light::Stop => "nothing new is begun",
                _ => "The run goes on",
            };
            assert!(trips[0].text.contains(did), "{id}: {}", trips[0].text);
            assert_eq!(board.lights()[id], light);
            let mut silent = Gauges::default();
            silent.silent.insert("GREEN".to_owned(), "down".to_owned());
            let unknown = board.take(&silent, &Seen::default(), &profile);
            assert!(unknown.is_empty(), "{unknown:?}");
            let well = board.take(&Gauges::default(), &Seen::default(), &profile);
            assert_eq!(well[0].light, Light::Ok, "{id}");
            assert_eq!(board.lights()[id], Light::Ok, "{id}");
            tripped.push(id);
        }
        assert!(IDS.iter().all(|id| tripped.contains(id)), "{tripped:?}");
    }

    #[test]
    fn nothing_trips_when_all_is_well_or_unknown() {
        let mut board = Board::default();
        for _ in 0..ROUNDS * 2 {
            let trips = board.take(&Gauges::default(), &Seen::default(), &profile());
            assert!(trips.is_empty(), "{trips:?}");
        }
    }
}
