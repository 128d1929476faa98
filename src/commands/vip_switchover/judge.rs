//! What the guardrails make of one round: pure.

use crate::commands::board::{Sight, stop, warn};

/// Every guardrail there is.
pub const IDS: [&str; 7] = [
    "operator-lock",
    "two-primaries",
    "another-primary",
    "address",
    "standby-follows",
    "slot-safe",
    "long-transaction",
];

/// Those that count the first time they are seen: what a server says of itself is true at once.
pub const AT_ONCE: &[&str] = &["two-primaries", "another-primary"];

/// What one round saw. What is not known is `None` or empty, and judged by nobody.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Who else holds the operator lock.
    pub other_operator: Option<String>,
    /// The servers that take writes, each with its timeline, for people.
    pub primaries: Vec<String>,
    /// The primary is another, or on another timeline, than the run has recorded.
    pub unexpected: Option<String>,
    /// Where the address is, when it is not on the primary alone.
    pub misplaced: Option<String>,
    /// The standby does not follow although it should, and what it does.
    pub not_following: Option<String>,
    /// Our slot, when it is about to be lost or is: its name, and `wal_status`.
    pub slot: Option<(String, String)>,
    /// A transaction that keeps the gate shut.
    pub long_transaction: Option<String>,
}

/// Everything that one round shows.
pub fn all(seen: &Seen) -> Vec<Sight> {
    let mut sights = Vec::new();
    if let Some(who) = &seen.other_operator {
        sights.push(stop("operator-lock", who.clone(), "Ask that operator."));
    }
    if seen.primaries.len() > 1 {
        sights.push(stop(
            "two-primaries",
            format!("two servers take writes: {}", seen.primaries.join(", ")),
            "Stop the one that applications do not use, and keep its data.",
        ));
    }
    if let Some(what) = &seen.unexpected {
        sights.push(stop(
            "another-primary",
            what.clone(),
            "Somebody else has promoted a server. Find out who before going on.",
        ));
    }
    if let Some(place) = &seen.misplaced {
        sights.push(stop(
            "address",
            format!("the address is {place}"),
            "Put it on the primary, and on it alone.",
        ));
    }
    if let Some(what) = &seen.not_following {
        sights.push(warn(
            "standby-follows",
            format!("the standby does not follow: {what}"),
            "Read its log. It must follow before a switchover.",
        ));
    }
    match &seen.slot {
        Some((name, status)) if status == "lost" => sights.push(stop(
            "slot-safe",
            format!("slot {name} is lost"),
            "What it kept is gone. Drop it, and take the run back to where it is made.",
        )),
        Some((name, status)) => sights.push(warn(
            "slot-safe",
            format!("slot {name} is {status}"),
            "Raise max_slot_wal_keep_size, or have its follower catch up.",
        )),
        None => {}
    }
    if let Some(which) = &seen.long_transaction {
        sights.push(warn(
            "long-transaction",
            which.clone(),
            "It is ended by the stop, and keeps the gate shut while it lasts.",
        ));
    }
    sights
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, IDS, Seen, all};
    use crate::commands::board::{Board, ROUNDS};
    use crate::event::Light;

    type Made = (&'static str, Light, fn(&mut Seen));

    const SIGHTS: [Made; 8] = [
        ("operator-lock", Light::Stop, |s| {
            s.other_operator = Some("another run".to_owned());
        }),
        ("two-primaries", Light::Stop, |s| {
            s.primaries = vec!["pg-a".to_owned(), "pg-b".to_owned()];
        }),
        ("another-primary", Light::Stop, |s| {
            s.unexpected = Some("pg-b".to_owned());
        }),
        ("address", Light::Stop, |s| {
            s.misplaced = Some("on neither side".to_owned());
        }),
        ("standby-follows", Light::Warn, |s| {
            s.not_following = Some("down".to_owned());
        }),
        ("slot-safe", Light::Stop, |s| {
            s.slot = Some(("s".to_owned(), "lost".to_owned()));
        }),
        ("slot-safe", Light::Warn, |s| {
            s.slot = Some(("s".to_owned(), "unreserved".to_owned()));
        }),
        ("long-transaction", Light::Warn, |s| {
            s.long_transaction = Some("pid 1".to_owned());
        }),
    ];

    #[test]
    fn every_guardrail_trips_once_and_turns_well_again() {
        let mut tripped = Vec::new();
        for (id, light, make) in SIGHTS {
            let mut seen = Seen::default();
            make(&mut seen);
            let mut board = Board::new(&IDS, AT_ONCE);
            let rounds = (0..ROUNDS * 2).flat_map(|_| board.take(all(&seen), true));
            let trips: Vec<_> = rounds.collect();
            assert_eq!(trips.len(), 1, "{id}: {trips:?}");
            assert_eq!((trips[0].id.as_str(), trips[0].light), (id, light));
            assert!(
                board.take(all(&Seen::default()), false).is_empty(),
                "{id}: silence makes nothing well"
            );
            assert_eq!(
                board.take(all(&Seen::default()), true)[0].light,
                Light::Ok,
                "{id}"
            );
            tripped.push(id);
        }
        assert!(IDS.iter().all(|id| tripped.contains(id)), "{tripped:?}");
    }

    #[test]
    fn one_primary_is_as_it_should_be() {
        let seen = Seen {
            primaries: vec!["pg-a".to_owned()],
            ..Seen::default()
        };
        assert!(all(&seen).is_empty());
    }
}
