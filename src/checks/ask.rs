use futures_util::future::BoxFuture;

use super::check::CheckContext;
use super::finding::Finding;
use super::judge::Judged;
use crate::domain::{Node, PgVersion, Place};
use crate::ports::{CommandError, DbError, PatroniError, RdsError, Rows, ValueError};
use crate::profile::BlueGreen;

/// How a check is asked.
pub enum Ask<P: 'static = BlueGreen> {
    /// One statement at each place, each answer judged by itself.
    Rows {
        /// On which servers.
        on: On,
        /// Once a server, or in every database.
        scope: Scope,
        /// The statement.
        sql: SqlFile,
        /// What the answer means.
        judge: fn(&Asked<'_, P>, &Rows) -> Judged,
    },
    /// One statement on BLUE and on GREEN, both answers judged together.
    Pair {
        /// Once a server, or in every database.
        scope: Scope,
        /// The statement.
        sql: SqlFile,
        /// What the answers mean: BLUE's, then GREEN's.
        judge: fn(&Asked<'_, P>, &Rows, &Rows) -> Judged,
    },
    /// Anything else: the RDS control plane, files, several statements that hang together.
    Custom {
        /// What it needs to be there.
        needs: Needs,
        /// Where an error is shown: `RDS`, `tool`, `BLUE`.
        label: &'static str,
        /// The question.
        ask: for<'a> fn(&'a Asking<'a, P>) -> Answering<'a>,
    },
}

/// The answers of a custom question, once they are there.
pub type Answering<'a> = BoxFuture<'a, Result<Vec<Answer>, AskError>>;

/// A statement in the variants that server versions need: the first major each is for, ascending.
pub type SqlFile = &'static [(u32, &'static str)];

/// On which servers a statement is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The server in service.
    Blue,
    /// The next server.
    Green,
    /// Either, once it is there.
    Each,
}

/// How often a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Once.
    Server,
    /// In every database of the profile.
    Databases,
}

/// What a custom question needs to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Only what the context holds.
    Nothing,
    /// BLUE.
    Blue,
    /// GREEN.
    Green,
    /// The RDS control plane.
    Rds,
}

/// Where a statement was asked.
pub struct Asked<'a, P = BlueGreen> {
    /// The context.
    pub ctx: &'a CheckContext<'a, P>,
    /// The place; GREEN's for a pair.
    pub place: &'a Place,
    /// The version of its server.
    pub version: PgVersion,
    /// The version of BLUE, when it was asked too.
    pub blue_version: Option<PgVersion>,
}

/// What a custom question works with.
pub struct Asking<'a, P = BlueGreen> {
    /// The context.
    pub ctx: &'a CheckContext<'a, P>,
    /// Sessions for its statements.
    pub sessions: &'a super::runner::Sessions<'a>,
}

/// One answer of a custom question.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Where: `RDS`, `BLUE · shop`, `tool`.
    pub node: String,
    /// What was found.
    pub finding: Finding,
}

/// A question that could not be asked or not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// A server refused or did not answer.
    #[error("{}", with_detail(.0))]
    Database(#[from] DbError),
    /// The RDS control plane refused or did not answer.
    #[error(transparent)]
    Rds(#[from] RdsError),
    /// Patroni refused or did not answer.
    #[error(transparent)]
    Patroni(#[from] PatroniError),
    /// A command did not run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// An answer could not be read.
    #[error("the answer could not be read: {0}")]
    Value(#[from] ValueError),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl Answer {
    /// An answer about `node`.
    #[must_use]
    pub fn new(node: impl Into<String>, finding: Finding) -> Self {
        Self {
            node: node.into(),
            finding,
        }
    }
}

impl<P> Clone for Ask<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Ask<P> {}

impl<P> Asked<'_, P> {
    /// True on the server in service.
    #[must_use]
    pub fn on_blue(&self) -> bool {
        self.place.node == Node::blue()
    }
}

/// The variant of `file` for a server of this version; `None` when it is older than all of them.
#[must_use]
pub fn variant(file: SqlFile, version: PgVersion) -> Option<&'static str> {
    file.iter()
        .rev()
        .find(|(from, _)| version.major() >= *from)
        .map(|(_, text)| *text)
}

fn with_detail(error: &DbError) -> String {
    match &error.detail {
        Some(detail) => format!("{error} ({detail})"),
        None => error.to_string(),
    }
}
