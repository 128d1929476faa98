use std::time::Duration;

use crate::domain::PgVersion;
use crate::ports::{DbError, ValueError};

/// An inspection that could not be carried through; nothing was changed by it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InspectError {
    /// A server did not answer, or refused.
    #[error("{purpose}: {error}")]
    Database {
        /// What was being done.
        purpose: &'static str,
        /// The server, and its words.
        error: Box<DbError>,
    },
    /// A server's answer does not read as it should.
    #[error("{purpose}: the server's answer cannot be read: {error}")]
    Answer {
        /// What was being done.
        purpose: &'static str,
        /// What is wrong with it.
        error: ValueError,
    },
    /// The server is too old for it.
    #[error("{purpose} needs PostgreSQL {needed} or newer, this is {found}")]
    TooOld {
        /// What was to be done.
        purpose: &'static str,
        /// The first major version that can.
        needed: u32,
        /// The server's version.
        found: PgVersion,
    },
    /// The data compare cannot go on.
    #[error("comparing the data: {0}")]
    Compare(String),
    /// It took longer than it may.
    #[error(
        "comparing the data: it was not done within {0:?}, the limit, and was given up; give it more time, or fewer tables"
    )]
    TooLong(Duration),
    /// It was asked to stop.
    #[error("stopped as asked")]
    Stopped,
}

impl InspectError {
    pub(super) fn database(purpose: &'static str) -> impl Fn(DbError) -> Self {
        move |error| Self::Database {
            purpose,
            error: Box::new(error),
        }
    }

    pub(super) fn answer(purpose: &'static str) -> impl Fn(ValueError) -> Self {
        move |error| Self::Answer { purpose, error }
    }
}
