//! The start LSN, read from GREEN's own log.
//!
//! `redo done at X/Y` names the *start* of the last record that the snapshot's crash recovery replayed. Logical decoding
//! skips a transaction only when its COMMIT record starts before the start LSN. So replication starts exactly one byte
//! further on: at the position itself the last commit would be applied twice, one record later a commit would be lost
//! without any error.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::Lsn;

/// BLUE's positions around the snapshot: what the snapshot holds ends somewhere between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bracket {
    /// `pg_current_wal_flush_lsn()` before the snapshot was asked for.
    pub flush_before: Lsn,
    /// `pg_current_wal_insert_lsn()` after it was complete.
    pub insert_after: Lsn,
}

impl Bracket {
    /// True when the snapshot's last record can start at `lsn`.
    #[must_use]
    pub fn holds(&self, lsn: Lsn) -> bool {
        self.flush_before <= lsn && lsn < self.insert_after
    }
}

/// One end of a crash recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedoDone {
    /// Start of the last record replayed.
    pub lsn: Lsn,
    /// When, in whole seconds; `None` where the line's time zone is not UTC and so says nothing for sure.
    pub at: Option<Timestamp>,
    /// The line as it stands in the log.
    pub line: String,
}

impl RedoDone {
    /// Where replication starts: one byte after the start of the last record replayed.
    #[must_use]
    pub fn start(&self) -> Lsn {
        self.lsn.plus(1)
    }
}

/// What the log says about the start LSN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartLsn {
    /// Exactly one recovery fits: its line is the proof, [`RedoDone::start`] the answer.
    Found(RedoDone),
    /// No recovery is in the log (yet).
    Absent,
    /// The server came up clean, so no recovery was needed: the snapshot was taken of an idle, stopped BLUE.
    NotRequired {
        /// The line that says so.
        line: String,
    },
    /// A line that may be the one was cut off; nothing can be read from what is left of it.
    Truncated {
        /// What is left.
        line: String,
    },
    /// Recoveries are there, but all ended before the snapshot was taken: an older crash of BLUE.
    OnlyEarlier(Vec<RedoDone>),
    /// Recoveries after the snapshot are there, but none ended inside the bracket.
    OutsideBracket(Vec<RedoDone>),
    /// Several recoveries fit: the operator must choose.
    Several(Vec<RedoDone>),
}

/// Finds the start LSN in the text of one or more log files of GREEN.
///
/// `snapshot_created` is when RDS says the snapshot was taken: the volume may carry older logs with an earlier crash.
#[must_use]
pub fn start_lsn(log: &str, snapshot_created: Option<Timestamp>, bracket: Bracket) -> StartLsn {
    // Log times are whole seconds on RDS, the API's are not.
    let recent = |at: Option<Timestamp>| match (at, snapshot_created) {
        (Some(at), Some(created)) => at.as_second() >= created.as_second(),
        _ => true,
    };
    let mut done = Vec::new();
    let mut earlier = Vec::new();
    let mut not_required = None;
    for line in log.split_inclusive('\n') {
        match Said::by(line) {
            Said::RedoDone(found) if recent(found.at) => done.push(found),
            Said::RedoDone(found) => earlier.push(found),
            Said::Truncated { at } if recent(at) => {
                return StartLsn::Truncated { line: shown(line) };
            }
            Said::NotRequired { at } if recent(at) => not_required = Some(shown(line)),
            Said::Truncated { .. } | Said::NotRequired { .. } | Said::Else => {}
        }
    }
    let mut fitting: Vec<_> = done
        .iter()
        .filter(|found| bracket.holds(found.lsn))
        .cloned()
        .collect();
    // The same line seen in two portions of a log is one recovery.
    fitting.sort_by_key(|found| found.lsn);
    fitting.dedup_by_key(|found| found.lsn);
    match (fitting.len(), not_required) {
        (1, _) => StartLsn::Found(fitting.remove(0)),
        (2.., _) => StartLsn::Several(fitting),
        (0, _) if !done.is_empty() => StartLsn::OutsideBracket(done),
        (0, Some(line)) => StartLsn::NotRequired { line },
        (0, None) if !earlier.is_empty() => StartLsn::OnlyEarlier(earlier),
        (0, None) => StartLsn::Absent,
    }
}

/// What one line of the log says about recovery.
enum Said {
    RedoDone(RedoDone),
    Truncated { at: Option<Timestamp> },
    NotRequired { at: Option<Timestamp> },
    Else,
}

impl Said {
    fn by(line: &str) -> Self {
        const REDO_DONE: &str = "redo done at ";
        let Some((prefix, message)) = line.split_once("LOG:  ") else {
            return Self::Else;
        };
        let Ok(at) = startup_prefix(prefix) else {
            return Self::Else;
        };
        let whole = line.ends_with('\n');
        if message.starts_with("redo is not required") {
            return Self::NotRequired { at };
        }
        let Some(rest) = message.strip_prefix(REDO_DONE) else {
            let cut = message.trim_end();
            // Long enough to be nothing else than our line, cut off.
            let begun = cut.len() > "redo d".len() && REDO_DONE.starts_with(cut);
            return if begun {
                Self::Truncated { at }
            } else {
                Self::Else
            };
        };
        let end = rest
            .find(|c: char| c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let (position, tail) = rest.split_at(end);
        // A position is only believed when what follows it is there as well: a cut one reads like a smaller one.
        let tail = tail.trim_end_matches(['\r', '\n']);
        let complete = whole && (tail.is_empty() || tail.starts_with(" system usage:"));
        match position.parse() {
            Ok(lsn) if complete => Self::RedoDone(RedoDone {
                lsn,
                at,
                line: shown(line),
            }),
            _ => Self::Truncated { at },
        }
    }
}

/// A line that the startup process did not write.
struct NotStartup;

/// The time of a prefix that the startup process can have written, where its zone is UTC.
///
/// RDS writes `%t:%r:%u@%d:[%p]:` and Debian `%m [%p] %q%u@%d `. The startup process has neither user nor database, so
/// beyond time and zone no letter stands in it: text that a client brought into the log is never mistaken for it.
fn startup_prefix(prefix: &str) -> Result<Option<Timestamp>, NotStartup> {
    if prefix.is_empty() {
        return Ok(None);
    }
    let (date, rest) = prefix.split_once(' ').ok_or(NotStartup)?;
    let (time, rest) = rest.split_once(' ').ok_or(NotStartup)?;
    let zone_end = rest.find([':', ' ', '[']).unwrap_or(rest.len());
    let (zone, rest) = rest.split_at(zone_end);
    let plain = |c: char| c.is_ascii_digit() || " :@[]-".contains(c);
    if !rest.chars().all(plain) {
        return Err(NotStartup);
    }
    let at = date_time(date, time).ok_or(NotStartup)?;
    let utc = matches!(zone, "UTC" | "GMT" | "Z" | "UCT");
    let at = utc.then(|| at.to_zoned(TimeZone::UTC).ok()).flatten();
    Ok(at.map(|at| at.timestamp()))
}

/// `2026-11-21` and `03:26:01` or `03:26:01.123`, to the second.
fn date_time(date: &str, time: &str) -> Option<DateTime> {
    let time = time.split('.').next()?;
    let digits = |text: &str, separator: char| {
        text.chars()
            .all(|c| c.is_ascii_digit() || c == separator)
            .then_some(())
    };
    digits(date, '-')?;
    digits(time, ':')?;
    let date: jiff::civil::Date = date.parse().ok()?;
    let time: jiff::civil::Time = time.parse().ok()?;
    Some(date.to_datetime(time))
}

fn shown(line: &str) -> String {
    line.trim_end_matches(['\r', '\n']).to_owned()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{Bracket, StartLsn, start_lsn};
    use crate::domain::Lsn;

    const RDS: &str = "\
2026-11-21 03:26:00 UTC::@:[374]:LOG:  database system was interrupted; last known up at 2026-11-21 03:20:11 UTC
2026-11-21 03:26:01 UTC::@:[374]:LOG:  database system was not properly shut down; automatic recovery in progress
2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo starts at 0/1522F90
2026-11-21 03:26:01 UTC::@:[374]:LOG:  invalid record length at 0/1526240: expected at least 24, got 0
2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done at 0/1526208 system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.01 s
2026-11-21 03:26:01 UTC::@:[372]:LOG:  checkpoint starting: end-of-recovery immediate wait
";

    fn bracket(from: u64, to: u64) -> Bracket {
        Bracket {
            flush_before: Lsn(from),
            insert_after: Lsn(to),
        }
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect("time")
    }

    fn find(log: &str) -> StartLsn {
        start_lsn(
            log,
            Some(time("2026-11-21T03:25:59.7Z")),
            bracket(0x0152_0000, 0x0153_0000),
        )
    }

    fn start(log: &str) -> Option<Lsn> {
        match find(log) {
            StartLsn::Found(found) => Some(found.start()),
            _ => None,
        }
    }

    #[test]
    fn the_start_is_one_byte_after_redo_done() {
        assert_eq!(start(RDS), Some(Lsn(0x0152_6209)));
        let StartLsn::Found(found) = find(RDS) else {
            panic!("not found");
        };
        assert!(found.line.contains("redo done at 0/1526208"));
        assert_eq!(found.at, Some(time("2026-11-21T03:26:01Z")));
    }

    #[test]
    fn every_prefix_of_ours_is_understood() {
        let tail = " LOG:  redo done at 0/1526208 system usage: CPU: x\n";
        for prefix in [
            "2026-11-21 03:26:01.123 UTC [374]",
            "2026-11-21 03:26:01 GMT [374]",
            "2026-11-21 03:26:01.123 UTC [374-5]",
            "2026-11-21 04:26:01.123 CET [374]",
            "2026-11-21 00:26:01.123 -03 [374]",
        ] {
            assert_eq!(
                start(&format!("{prefix}{tail}")),
                Some(Lsn(0x0152_6209)),
                "{prefix}"
            );
        }
        assert!(start("LOG:  redo done at 0/1526208\n").is_some());
        assert!(
            start("2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done at 0/1526208\r\n").is_some()
        );
    }

    #[test]
    fn an_earlier_crash_of_blue_is_passed_over() {
        let old = RDS.replace("11-21 03:2", "11-19 03:2");
        assert!(matches!(find(&old), StartLsn::OnlyEarlier(found) if found.len() == 1));
        assert_eq!(
            start(&format!("{}{RDS}", old.replace("1526208", "1525000"))),
            Some(Lsn(0x0152_6209))
        );
        // The very second of the snapshot counts: log times have no fraction.
        assert!(start(&RDS.replace("03:26:01", "03:25:59")).is_some());
        assert!(start(&RDS.replace("03:26:01", "03:25:58")).is_none());
    }

    #[test]
    fn without_a_known_zone_the_bracket_alone_must_decide() {
        let old = RDS.replace("UTC", "CET").replace("11-21", "11-19");
        assert!(start(&old).is_some());
        let two = format!("{old}{}", RDS.replace("1526208", "1525000"));
        assert!(matches!(find(&two), StartLsn::Several(found) if found.len() == 2));
    }

    #[test]
    fn a_later_boot_outside_the_bracket_does_not_disturb() {
        let later = RDS.replace("1526208", "9926208").replace(":01 ", ":55 ");
        assert_eq!(start(&format!("{RDS}{later}")), Some(Lsn(0x0152_6209)));
        assert!(matches!(find(&later), StartLsn::OutsideBracket(found) if found.len() == 1));
    }

    #[test]
    fn the_bracket_is_closed_below_and_open_above() {
        let at = |from, to| start_lsn(RDS, None, bracket(from, to));
        assert!(matches!(at(0x0152_6208, 0x0152_6209), StartLsn::Found(_)));
        assert!(matches!(
            at(0x0152_6209, 0x0153_0000),
            StartLsn::OutsideBracket(_)
        ));
        assert!(matches!(
            at(0x0152_0000, 0x0152_6208),
            StartLsn::OutsideBracket(_)
        ));
    }

    #[test]
    fn two_that_fit_are_a_question_and_one_seen_twice_is_not() {
        let second = RDS.replace("1526208", "1527000");
        assert!(matches!(find(&format!("{RDS}{second}")), StartLsn::Several(f) if f.len() == 2));
        assert!(start(&format!("{RDS}{RDS}")).is_some());
    }

    #[test]
    fn no_line_is_told_from_no_need() {
        assert_eq!(find(""), StartLsn::Absent);
        let idle = "2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo is not required\n";
        assert!(matches!(find(idle), StartLsn::NotRequired { line } if line == idle.trim_end()));
        assert!(start(&format!("{idle}{RDS}")).is_some());
    }

    #[test]
    fn what_a_client_writes_is_no_proof() {
        for line in [
            "2026-11-21 03:26:01 UTC:10.0.0.9(4711):app@shop:[99]:LOG:  redo done at 0/1526208 system usage: x\n",
            "2026-11-21 03:26:01 UTC:10.0.0.9(4711):app@shop:[99]:LOG:  statement: SELECT 'LOG:  redo done at 0/1526208'\n",
            "2026-11-21 03:26:01.123 UTC [99] app@shop LOG:  redo done at 0/1526208\n",
            "\t2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done at 0/1526208\n",
            "2026-11-21 03:26:01 UTC::@:[374]:HINT:  LOG:  redo done at 0/1526208\n",
        ] {
            assert_eq!(find(line), StartLsn::Absent, "{line}");
        }
    }

    #[test]
    fn a_cut_line_is_never_read_as_a_smaller_position() {
        for line in [
            "2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done at 0/15262",
            "2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done at 0/1526208",
            "2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done at 0/1526[Your log message was truncated]\n",
            "2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done at 0/1526208 syst\n",
            "2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done at \n",
            "2026-11-21 03:26:01 UTC::@:[374]:LOG:  redo done",
        ] {
            assert!(
                matches!(find(line), StartLsn::Truncated { .. }),
                "{line:?} {:?}",
                find(line)
            );
        }
    }

    #[test]
    fn cut_at_any_byte_the_log_gives_the_right_position_or_none() {
        let end = RDS.find("elapsed: 0.01 s\n").expect("line") + "elapsed: 0.01 s\n".len();
        for cut in 0..=RDS.len() {
            let expected = (cut >= end).then_some(Lsn(0x0152_6209));
            assert_eq!(start(&RDS[..cut]), expected, "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,400}", lsn in any::<u64>()) {
            let _ = start_lsn(&text, None, bracket(0, lsn));
        }

        #[test]
        fn damaged_logs_never_give_another_position(at in 0..RDS.len(), with in "(?s).{0,12}", len in 0..40usize) {
            let mut text = RDS.to_owned();
            text.replace_range(at..(at + len).min(RDS.len()), &with);
            // Only a changed digit of the position itself can read as another one, inside the bracket still.
            let position = RDS.find("0/1526208").expect("line");
            let touched = at < position + "0/1526208".len() && at + len >= position;
            if let Some(found) = start(&text) {
                prop_assert!(touched || found == Lsn(0x0152_6209));
            }
        }
    }
}
