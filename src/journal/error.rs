use std::io;
use std::path::{Path, PathBuf};

/// Why a run's folder or journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    Io {
        /// What was tried, `write`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A line is not what was written.
    #[error(
        "{path}, line {line}: {what}. The journal has been changed or damaged since it was written, so nothing is \
         concluded from it; restore the file from a copy, or look at the servers and finish by hand",
        path = path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// An earlier record could not be written, so none may follow.
    #[error("{path} could not be written before, so nothing more is: {reason}", path = path.display())]
    Closed {
        /// The journal.
        path: PathBuf,
        /// Why it could not be written.
        reason: String,
    },
    /// Others may read or change the run's files.
    #[error(
        "{path} is open to others (mode {mode:04o}); runs hold names and statements of your servers: \
         chmod {wanted:o} {path}",
        path = path.display()
    )]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it must have.
        wanted: u32,
    },
    /// Another process drives the run.
    #[error(
        "run {run} is driven by another process ({holder}); look on with: greenlight watch {run}"
    )]
    Locked {
        /// The run.
        run: String,
        /// Who holds it.
        holder: String,
    },
    /// No run has this id, or several begin with it.
    #[error("{found} in {runs}; greenlight runs lists them", runs = runs.display())]
    NoSuchRun {
        /// What was found instead.
        found: String,
        /// Where runs were looked for.
        runs: PathBuf,
    },
    /// There is no home directory to keep runs under.
    #[error("no folder for runs: {0}; set HOME, XDG_STATE_HOME or GREENLIGHT_RUNS")]
    NoHome(String),
    /// The stored plan does not read.
    #[error("{path} does not read as a plan: {reason}", path = path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl JournalError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}
