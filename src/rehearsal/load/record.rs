//! What a writer remembers: one short line for each transaction, in a file of its own that outlives it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::rehearsal::RehearsalError;

/// Microseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The file a writer appends to.
#[derive(Debug)]
pub struct Record(File);

/// What a writer's file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The writer's number.
    pub writer: usize,
    /// The database it writes to.
    pub database: String,
    /// Numbers whose commit was acknowledged.
    pub acknowledged: BTreeSet<u64>,
    /// Numbers sent whose outcome was never heard.
    pub in_doubt: BTreeSet<u64>,
    /// When acknowledgements came, in order: microseconds since 1970.
    pub at: Vec<u64>,
    /// When the writer was stopped.
    pub stopped: Option<u64>,
}

impl Record {
    /// Opens the file anew; its first line names the writer and its database.
    pub fn create(folder: &Path, writer: usize, database: &str) -> Result<Self, RehearsalError> {
        let path = folder.join(format!("writer-{writer}"));
        let mut file = File::create(&path).map_err(RehearsalError::io("create", &path))?;
        writeln!(file, "{writer} {database}").map_err(RehearsalError::io("write", &path))?;
        Ok(Self(file))
    }

    /// A number is about to be sent.
    pub fn sent(&mut self, seq: u64) -> std::io::Result<()> {
        writeln!(self.0, "? {seq}")
    }

    /// Its commit was acknowledged.
    pub fn acknowledged(&mut self, seq: u64) -> std::io::Result<()> {
        writeln!(self.0, "+ {seq} {}", now())
    }

    /// The server refused it: it is not there.
    pub fn refused(&mut self, seq: u64) -> std::io::Result<()> {
        writeln!(self.0, "- {seq}")
    }

    /// The writer was stopped.
    pub fn stopped(&mut self) -> std::io::Result<()> {
        writeln!(self.0, "! {}", now())
    }
}

/// Reads all writers' files of a folder.
pub fn read_all(folder: &Path) -> Result<Vec<Remembered>, RehearsalError> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(RehearsalError::io("read", folder))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(RehearsalError::io("read", path))?;
        Ok(parse(&text))
    };
    paths.iter().map(read).collect()
}

/// A last line cut short is a number whose outcome is unknown: what was sent stays in doubt.
fn parse(text: &str) -> Remembered {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = whole.lines();
    let mut read = Remembered::default();
    if let Some((writer, database)) = lines.next().and_then(|first| first.split_once(' ')) {
        read.writer = writer.parse().unwrap_or_default();
        database.clone_into(&mut read.database);
    }
    for line in lines {
        let mut words = line.split(' ');
        let mark = words.next();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let Some(first) = number() else { continue };
        match mark {
            Some("?") => {
                read.in_doubt.insert(first);
            }
            Some("+") => {
                read.in_doubt.remove(&first);
                read.acknowledged.insert(first);
                read.at.extend(number());
            }
            Some("-") => {
                read.in_doubt.remove(&first);
            }
            Some("!") => read.stopped = Some(first),
            _ => {}
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_was_sent_and_not_answered_stays_in_doubt() {
        let read = parse("3 shop\n? 1\n+ 1 100\n? 2\n- 2\n? 3\n? 4\n+ 4 250\n! 300\n? 5\n+ 5 3");
        assert_eq!((read.writer, read.database.as_str()), (3, "shop"));
        assert_eq!(read.acknowledged, [1, 4].into());
        assert_eq!(read.in_doubt, [3, 5].into());
        assert_eq!(read.at, [100, 250]);
        assert_eq!(read.stopped, Some(300));
    }
}
