//! The processes that work in a folder. That is how a lab knows its own, whoever started them, and whatever their ids
//! have become: PostgreSQL works in its data folder, Patroni and etcd in the one they were started in.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::process;

/// How long servers may take to leave, before they are made to.
const PATIENCE: Duration = Duration::from_secs(5);

/// The ids of the processes that work in `dir` or below it.
pub fn working_in(dir: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|&pid| process::works_below(pid, dir)).collect()
}

/// Ends the processes that work in `dir` or below it, blocking; returns those that are still there.
///
/// PostgreSQL is told to end at once, so that it gives back its shared memory; what might start it anew is killed first.
pub fn end_all(dir: &Path) -> Vec<u32> {
    let begun = Instant::now();
    let mut told = Vec::new();
    loop {
        let left = working_in(dir);
        if left.is_empty() || begun.elapsed() > 2 * PATIENCE {
            return left;
        }
        for pid in left {
            if begun.elapsed() > PATIENCE || !process::is_postgres(pid) {
                process::signal(pid, Signal::KILL);
            } else if !told.contains(&pid) {
                process::signal(pid, Signal::QUIT);
                process::signal(pid, Signal::CONT);
                told.push(pid);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
