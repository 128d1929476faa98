use std::path::Path;
use std::time::Duration;

/// What can go wrong with servers, folders and programs of a rehearsal.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// A file or folder could not be used.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{what} failed: {reason}")]
    Command {
        /// What it was run for.
        what: String,
        /// Its last words.
        reason: String,
    },
    /// A server did not do what it should; the end of its log says why.
    #[error("server {server}: {problem}; the end of its log:\n{log}")]
    Server {
        /// Its name in the rehearsal.
        server: String,
        /// What is wrong.
        problem: String,
        /// The last lines of its log.
        log: String,
    },
    /// A server refused a statement or a connection.
    #[error("server {server}: {reason}")]
    Sql {
        /// Its name in the rehearsal.
        server: String,
        /// The server's words.
        reason: String,
    },
    /// Something took too long and was given up.
    #[error("{what} did not end within {limit:?} and was given up")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// The machine or the request does not allow it; the text says what to do instead.
    #[error("{0}")]
    Unusable(String),
}

impl RehearsalError {
    /// Wraps a failure to `verb` (for instance `create`) `path`.
    pub(crate) fn io(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let what = format!("{verb} {}", path.display());
        move |source| Self::Io { what, source }
    }

    /// A program that failed.
    pub(crate) fn command(what: &str, reason: impl Into<String>) -> Self {
        Self::Command {
            what: what.to_owned(),
            reason: reason.into(),
        }
    }
}
