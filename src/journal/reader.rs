use std::fs;
use std::path::Path;

use super::JournalError;
use super::record::decode;
use crate::event::Event;

/// What a journal holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// The events in order.
    pub events: Vec<Event>,
    /// Bytes up to the end of the last whole line.
    pub sound_bytes: u64,
    /// True when an unfinished line follows: the process died while writing it.
    pub torn: bool,
}

/// Reads a journal from beginning to end.
///
/// An unfinished last line is tolerated: its write never returned, so nothing was done on its account. Any other
/// damage is an error that names the line.
pub fn read(path: &Path) -> Result<Contents, JournalError> {
    let bytes = fs::read(path).map_err(JournalError::io("read", path))?;
    parse(path, &bytes)
}

/// The same for bytes that were read; `path` is for errors.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Contents, JournalError> {
    let mut contents = Contents::default();
    contents.sound_bytes = take_lines(path, bytes, 0, |event| contents.events.push(event))?;
    contents.torn = contents.sound_bytes < bytes.len() as u64;
    Ok(contents)
}

/// Hands over the events of all whole lines in `bytes`, which follow `before` records; returns the bytes they take.
pub(super) fn take_lines(
    path: &Path,
    bytes: &[u8],
    before: usize,
    mut on_event: impl FnMut(Event),
) -> Result<u64, JournalError> {
    let mut sound = 0;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(record) = line.strip_suffix(b"\n") else {
            break;
        };
        let number = before + index + 1;
        let event = decode(record, number as u64).map_err(|what| JournalError::Damaged {
            path: path.to_owned(),
            line: number,
            what,
        })?;
        on_event(event);
        sound += line.len() as u64;
    }
    Ok(sound)
}
