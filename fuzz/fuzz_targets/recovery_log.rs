//! A start position is found within the bracket or not at all.
#![no_main]

use greenlight::domain::Lsn;
use greenlight::procedures::rds_blue_green::log::{Bracket, StartLsn, start_lsn};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u64, u64, Option<u32>)| {
    let (log, from, to, second) = input;
    let created = second.and_then(|second| jiff::Timestamp::from_second(second.into()).ok());
    let bracket = Bracket {
        flush_before: Lsn(from),
        insert_after: Lsn(to),
    };
    if let StartLsn::Found(found) = start_lsn(log, created, bracket) {
        assert!(bracket.holds(found.lsn));
        assert!(log.contains(found.line.as_str()));
        assert_eq!(found.start(), Lsn(found.lsn.0 + 1));
    }
});
