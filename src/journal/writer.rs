use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::JournalError;
use super::record::encode;
use crate::event::Event;

/// When a record must have reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Before the call returns, together with all records before it.
    Now,
    /// With the next record that is written [`Durability::Now`].
    ///
    /// A killed process loses nothing of it (the kernel has it); only a machine that loses power can.
    Later,
}

/// Appends records to a journal.
///
/// What must be known to go on after a crash is on the disk before the call returns: intents, facts, confirmations,
/// the end of a step. Outcomes and log lines are written at once and reach the disk with the next such record, at the
/// latest with the end of their step: the write pause cannot afford two waits for the disk for each action, and an
/// outcome that a power cut took away is found again by probing, as if the answer had never come.
///
/// After a record that could not be written no other one is: what follows it would stand on a gap.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    next_seq: u64,
    sound_bytes: u64,
    unsynced: bool,
    broken: Option<String>,
}

impl Writer {
    /// Goes on in `file`, which stands at its end: `records` are in it, `sound_bytes` long.
    #[must_use]
    pub fn new(path: &Path, file: File, records: u64, sound_bytes: u64) -> Self {
        Self {
            path: path.to_owned(),
            file,
            next_seq: records + 1,
            sound_bytes,
            unsynced: false,
            broken: None,
        }
    }

    /// Appends one record and returns its number.
    pub fn append(&mut self, event: &Event, durability: Durability) -> Result<u64, JournalError> {
        if let Some(reason) = &self.broken {
            return Err(JournalError::Closed {
                path: self.path.clone(),
                reason: reason.clone(),
            });
        }
        let written = self.write(event, durability);
        if let Err(error) = &written {
            self.broken = Some(error.to_string());
            // A half-written line in front of a later process's records would read as damage; as the last one it is
            // forgiven, so a failure to cut it off needs no answer.
            let _ = self.file.set_len(self.sound_bytes);
        }
        written
    }

    /// Refuses all that follows, for tests of what happens then.
    pub(crate) fn close(&mut self, reason: &str) {
        self.broken = Some(reason.to_owned());
    }

    fn write(&mut self, event: &Event, durability: Durability) -> Result<u64, JournalError> {
        let line = encode(self.next_seq, event)
            .map_err(std::io::Error::other)
            .and_then(|line| self.file.write_all(&line).map(|()| line.len() as u64))
            .map_err(JournalError::io("write", &self.path))?;
        self.unsynced = true;
        if durability == Durability::Now {
            self.sync()?;
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        self.sound_bytes += line;
        Ok(seq)
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if self.unsynced {
            self.file
                .sync_data()
                .map_err(JournalError::io("sync", &self.path))?;
            self.unsynced = false;
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The last chance for records that could wait; whoever needed certainty asked for it when appending.
        let _ = self.sync();
    }
}
