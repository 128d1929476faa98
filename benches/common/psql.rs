//! The peer's program.

use std::path::{Path, PathBuf};

/// Debian's `psql` is a Perl script that starts this, and takes several times as long to do so as a statement takes.
const BEHIND: &str = "/usr/lib/postgresql/15/bin/psql";

/// The program itself where it is known, else the one on the path.
pub fn program() -> PathBuf {
    let behind = Path::new(BEHIND);
    let known = behind.exists().then_some(behind);
    known.unwrap_or(Path::new("psql")).to_owned()
}
