//! What keeps being asked while a run goes on: pure judges of what was seen, for the board. Asks nobody; `sights` does.

mod go;
mod growth;
mod judge;

pub use go::no_go;
pub use growth::Growth;
pub use judge::{IDS, Seen, SlotSeen};

use std::collections::BTreeMap;

use crate::commands::board;
use crate::engine::Trip;
use crate::event::{Gauges, Light};
use crate::profile::BlueGreen;

/// What one server says of itself is true at once, and a run that is taken up must not go on for seconds.
const AT_ONCE: &[&str] = &["server-replaced"];

/// The board of this procedure.
#[derive(Debug)]
pub struct Board(board::Board);

impl Default for Board {
    fn default() -> Self {
        Self(board::Board::new(&IDS, AT_ONCE))
    }
}

impl Board {
    /// Takes in one round; what changed its light is told, once each time.
    pub fn take(&mut self, gauges: &Gauges, seen: &Seen, profile: &BlueGreen) -> Vec<Trip> {
        // A server that does not answer makes nothing well.
        let known = gauges.silent.is_empty();
        self.0.take(judge::all(gauges, seen, profile), known)
    }

    /// Every guardrail with its light.
    #[must_use]
    pub fn lights(&self) -> BTreeMap<String, Light> {
        self.0.lights()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Board, IDS, Seen, SlotSeen};
    use crate::commands::board::ROUNDS;
    use crate::event::{Gauges, Light};
    use crate::profile::{BlueGreen, parse};

    fn profile() -> BlueGreen {
        let sample = include_str!("../../../../sample-profiles/rds-blue-green.toml");
        parse(Path::new("p.toml"), sample)
            .expect("sound")
            .blue_green()
            .expect("one")
    }

    type Made = (&'static str, Light, fn(&mut Gauges, &mut Seen));

    /// Everything that can be seen, each with the light it turns on.
    const SIGHTS: [Made; 18] = [
        ("operator-lock", Light::Stop, |_, s| s.lock_lost = true),
        ("slot-safe", Light::Stop, |_, s| {
            s.slots = slot("lost", None);
        }),
        ("slot-safe", Light::Stop, |_, s| s.slots_gone = place()),
        ("slot-safe", Light::Warn, |_, s| {
            s.slots = slot("unreserved", None);
        }),
        ("slot-safe", Light::Warn, |_, s| {
            s.slots = slot("reserved", Some(1 << 20));
        }),
        ("link-down", Light::Warn, |_, s| s.idle_workers = place()),
        ("link-down", Light::Warn, |_, s| s.disabled = place()),
        ("apply-errors", Light::Warn, |_, s| s.unapplied = place()),
        ("open-on-both", Light::Stop, |_, s| s.open_on_both = place()),
        ("old-side-sessions", Light::Stop, |_, s| {
            s.old_side = Some("BLUE: app".to_owned());
        }),
        ("schema-drift", Light::Warn, |_, s| {
            s.drifted = Some(place());
        }),
        ("lag-growing", Light::Warn, |_, s| s.lag_grew = Some((1, 9))),
        ("server-restart", Light::Warn, |_, s| s.restarted = place()),
        ("server-replaced", Light::Stop, |_, s| s.replaced = place()),
        ("negative-lag", Light::Stop, |g, _| {
            g.links.entry("shop".to_owned()).or_default().lag_bytes = Some(-8);
        }),
        ("wal-disk", Light::Warn, |g, _| {
            (g.wal_retained, g.wal_space, g.wal_rate) = (Some(2000), Some(5600), Some(1.0));
        }),
        ("wal-retained", Light::Warn, |g, _| {
            g.wal_retained = Some(50 << 30);
        }),
        ("long-transaction", Light::Warn, |g, s| {
            s.before_the_gate = true;
            g.longest_transaction = Some(std::time::Duration::from_secs(31));
        }),
    ];

    fn slot(status: &str, room: Option<i64>) -> Vec<SlotSeen> {
        vec![SlotSeen {
            name: "s".to_owned(),
            status: Some(status.to_owned()),
            room,
        }]
    }

    fn place() -> Vec<String> {
        vec!["GREEN · shop".to_owned()]
    }

    #[test]
    fn every_guardrail_trips_once_and_says_what_it_did() {
        let profile = profile();
        let mut tripped = Vec::new();
        for (id, light, make) in SIGHTS {
            let (mut gauges, mut seen) = (Gauges::default(), Seen::default());
            make(&mut gauges, &mut seen);
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
