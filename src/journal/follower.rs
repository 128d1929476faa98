use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::JournalError;
use super::reader::take_lines;
use crate::event::Event;

/// Reads a journal while another process writes it: the events so far at the first call, the new ones afterwards.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    file: File,
    offset: u64,
    records: usize,
}

impl Follower {
    /// A follower of the journal at `path`, which need not hold anything yet.
    pub fn new(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path).map_err(JournalError::io("open", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            offset: 0,
            records: 0,
        })
    }

    /// What was written since the last call. A line under way is left for the next one.
    pub fn news(&mut self) -> Result<Vec<Event>, JournalError> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(self.offset))
            .and_then(|_| self.file.read_to_end(&mut bytes))
            .map_err(JournalError::io("read", &self.path))?;
        let mut events = Vec::new();
        self.offset += take_lines(&self.path, &bytes, self.records, |event| events.push(event))?;
        self.records += events.len();
        Ok(events)
    }
}
