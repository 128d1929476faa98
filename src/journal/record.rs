//! One line of the journal: `{"sum":"xxxxxxxx","seq":n,"at":…,"event":…}`. The checksum covers every byte after
//! its own comma, as written, so no re-encoding stands between what was stored and what is verified.

use serde::{Deserialize, Serialize};

use crate::event::Event;

const OPENING: &[u8] = b"{\"sum\":\"";
const SUM_DIGITS: usize = 8;
const SEPARATOR: &[u8] = b"\",";
const BODY_AT: usize = OPENING.len() + SUM_DIGITS + SEPARATOR.len();

#[derive(Serialize)]
struct Body<'a> {
    seq: u64,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Deserialize)]
struct Record {
    seq: u64,
    #[serde(flatten)]
    event: Event,
}

/// The line for `event`, its newline included.
pub(super) fn encode(seq: u64, event: &Event) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec(&Body { seq, event })?;
    let covered = &body[1..];
    let mut line = Vec::with_capacity(BODY_AT + covered.len() + 1);
    line.extend_from_slice(OPENING);
    line.extend_from_slice(format!("{:08x}", crc32fast::hash(covered)).as_bytes());
    line.extend_from_slice(SEPARATOR);
    line.extend_from_slice(covered);
    line.push(b'\n');
    Ok(line)
}

/// Reads a line without its newline; an error says what is wrong with it.
pub(super) fn decode(line: &[u8], expected_seq: u64) -> Result<Event, String> {
    let covered = line.get(BODY_AT..).ok_or("the line is cut short")?;
    let stored = &line[OPENING.len()..OPENING.len() + SUM_DIGITS];
    if !line.starts_with(OPENING) || &line[BODY_AT - SEPARATOR.len()..BODY_AT] != SEPARATOR {
        return Err("the line does not begin with its checksum".to_owned());
    }
    let computed = format!("{:08x}", crc32fast::hash(covered));
    if computed.as_bytes() != stored {
        return Err(format!(
            "the checksum is {}, the content's is {computed}",
            String::from_utf8_lossy(stored)
        ));
    }
    let record: Record = serde_json::from_slice(line)
        .map_err(|error| format!("the checksum is right, but the record does not read: {error}"))?;
    if record.seq == expected_seq {
        Ok(record.event)
    } else {
        Err(format!(
            "record {} stands where {expected_seq} must be",
            record.seq
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::event::{Event, StepState, What};
    use crate::runbook::{PauseEvent, StepId, StepResult};

    fn event(what: What) -> Event {
        Event {
            at: "2026-11-21T02:00:00.123456Z".parse().unwrap(),
            step: Some(StepId::new("prepare.slot")),
            what,
        }
    }

    #[test]
    fn every_kind_of_payload_survives_the_round_trip() {
        for what in [
            What::State {
                state: StepState::Done {
                    result: StepResult::TakenBack("over\nbudget \"5 s\"".to_owned()),
                    took_ms: 7,
                },
            },
            What::Pause {
                pause: PauseEvent::Ended {
                    took_us: 41_000,
                    taken_back: false,
                },
            },
            What::Fact {
                name: "start_lsn[App-Three]".to_owned(),
                value: serde_json::json!({"a": [1, -2, 0.5, null]}),
            },
            What::GoingOn,
        ] {
            let line = encode(3, &event(what.clone())).unwrap();
            let (newline, line) = line.split_last().unwrap();
            assert_eq!(*newline, b'\n');
            assert!(!line.contains(&b'\n'));
            assert_eq!(decode(line, 3), Ok(event(what)));
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let line = encode(3, &event(What::GoingOn)).unwrap();
        let line = &line[..line.len() - 1];
        for at in 0..line.len() {
            let mut changed = line.to_vec();
            changed[at] ^= 1;
            assert!(decode(&changed, 3).is_err(), "byte {at}");
            assert!(decode(&line[..at], 3).is_err(), "cut at {at}");
        }
        assert_eq!(
            decode(line, 4),
            Err("record 3 stands where 4 must be".to_owned())
        );
    }
}
