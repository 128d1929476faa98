//! The run's durable memory: append-only JSON Lines with sequence numbers and checksums, in a folder per run.
//!
//! Owns the run folder (`profile.toml`, `plan.json`, `journal.jsonl`, `lock`), what a line looks like, when it reaches
//! the disk, and which damage is forgiven (a torn last line) or refused by name (all else). It does not know what the
//! events mean: `engine` folds them into a state to go on from.

mod error;
mod folder;
mod follower;
mod reader;
mod record;
mod writer;

pub use error::JournalError;
pub use folder::{JOURNAL, NewRun, OpenRun, RunLock, RunView, Runs};
pub use follower::Follower;
pub use reader::{Contents, parse, read};
pub use writer::{Durability, Writer};
