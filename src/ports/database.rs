use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::sql::SqlError;
use crate::domain::{Lsn, Node, PgVersion, Place, Sql};

/// The databases of a run.
#[async_trait]
pub trait Databases: Send + Sync {
    /// The warm session everybody shares for short statements at `place`; opened on first use, opened again when lost.
    async fn shared(&self, place: &Place) -> Result<Arc<dyn Session>, DbError>;

    /// A session of its own at `place`, for what must not share one: locks, long waits, the dead-man switch.
    /// `purpose` becomes part of `application_name`.
    async fn dedicated(&self, place: &Place, purpose: &str) -> Result<Arc<dyn Session>, DbError>;

    /// A session of another role than the tool's, where the passfile has its password or the server asks for none: for
    /// proving that it is refused.
    async fn login_as(&self, place: &Place, role: &str) -> Result<Arc<dyn Session>, DbError> {
        Err(DbError {
            place: place.clone(),
            kind: DbErrorKind::Connect,
            sqlstate: None,
            message: format!("no login of {role} is known"),
            detail: None,
        })
    }

    /// A session through the application's own URL, read afresh, as the application's role: for the canary.
    async fn application(&self) -> Result<Arc<dyn Session>, DbError> {
        Err(DbError {
            place: Place::new(Node::new("application"), ""),
            kind: DbErrorKind::Connect,
            sqlstate: None,
            message: "no URL of an application is known".to_owned(),
            detail: None,
        })
    }

    /// Tells where `node` can be reached, once that is known (GREEN exists only after its restore).
    fn set_address(&self, node: &Node, host: &str, port: u16);

    /// Where `node` is reached, when that is known.
    fn address(&self, node: &Node) -> Option<(String, u16)>;

    /// One short statement on the shared session.
    async fn query(&self, place: &Place, sql: &Sql) -> Result<Rows, DbError> {
        self.shared(place).await?.query(sql).await
    }
}

/// One session on a server. Statements sent at the same time are pipelined and answered in order.
#[async_trait]
pub trait Session: Send + Sync {
    /// Sends a statement (or several, as one transaction) and returns the rows of the last one that gave any.
    async fn query(&self, sql: &Sql) -> Result<Rows, DbError>;

    /// As `query`, with a time limit of its own instead of the session's.
    async fn query_within(&self, sql: &Sql, limit: Duration) -> Result<Rows, DbError>;

    /// Sends a statement and hands over each row as it comes, so that a large answer never stands in memory twice.
    async fn stream(&self, sql: &Sql, on_row: &mut (dyn FnMut(Row) + Send)) -> Result<(), DbError>;

    /// The server process behind this session.
    fn backend_pid(&self) -> i32;

    /// The server's version.
    fn version(&self) -> PgVersion;

    /// True once the connection is gone.
    fn is_closed(&self) -> bool;

    /// Asks the server to give up the statement under way.
    async fn cancel(&self) -> Result<(), DbError>;
}

/// Rows in text form.
#[derive(Debug, Clone, Default)]
pub struct Rows(pub Vec<Row>);

/// One row: values in text form, by column name.
#[derive(Debug, Clone)]
pub struct Row {
    /// The names of the columns.
    pub columns: Arc<[String]>,
    /// The values; `None` is NULL.
    pub values: Vec<Option<Box<str>>>,
}

/// A column that is not there, is NULL where it may not be, or does not read as its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column:?}: {problem}")]
pub struct ValueError {
    /// The column asked for.
    pub column: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A type that can be read from a value in text form.
pub trait FromText: Sized {
    /// Reads the value; an error says what was found.
    fn from_text(text: &str) -> Result<Self, String>;
}

impl Rows {
    /// The first row.
    #[must_use]
    pub fn first(&self) -> Option<&Row> {
        self.0.first()
    }

    /// The first row, required.
    pub fn one(&self) -> Result<&Row, ValueError> {
        self.first().ok_or_else(|| ValueError {
            column: "*".to_owned(),
            problem: "no row came back".to_owned(),
        })
    }

    /// True when no row came back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many rows came back.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Row {
    /// The text of `column`, `None` when NULL.
    pub fn text(&self, column: &str) -> Result<Option<&str>, ValueError> {
        let at = self.columns.iter().position(|name| name == column);
        let at = at.ok_or_else(|| ValueError {
            column: column.to_owned(),
            problem: "no such column".to_owned(),
        })?;
        Ok(self.values.get(at).and_then(Option::as_deref))
    }

    /// The value of `column`, required.
    pub fn get<T: FromText>(&self, column: &str) -> Result<T, ValueError> {
        let problem = |problem| ValueError {
            column: column.to_owned(),
            problem,
        };
        let text = self
            .text(column)?
            .ok_or_else(|| problem("is NULL".to_owned()))?;
        T::from_text(text).map_err(problem)
    }

    /// The value of `column`, or `None` when NULL.
    pub fn opt<T: FromText>(&self, column: &str) -> Result<Option<T>, ValueError> {
        let read = |text| {
            T::from_text(text).map_err(|problem| ValueError {
                column: column.to_owned(),
                problem,
            })
        };
        self.text(column)?.map(read).transpose()
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "t" | "true" | "on" => Ok(true),
            "f" | "false" | "off" => Ok(false),
            other => Err(format!("{other:?} is not a boolean")),
        }
    }
}

macro_rules! from_text_by_parsing {
    ($($type:ty),*) => {$(
        impl FromText for $type {
            fn from_text(text: &str) -> Result<Self, String> {
                <$type>::from_str(text).map_err(|error| format!("{text:?}: {error}"))
            }
        }
    )*};
}
from_text_by_parsing!(i16, i32, i64, u16, u32, u64, usize, f64, String, Lsn);

/// A statement that failed, with all that an operator needs to know.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{place}: {message}")]
pub struct DbError {
    /// Where it was sent.
    pub place: Place,
    /// What kind of failure, which decides what may be concluded from it.
    pub kind: DbErrorKind,
    /// The server's SQLSTATE, when it gave one.
    pub sqlstate: Option<String>,
    /// The message, free of secrets.
    pub message: String,
    /// DETAIL and HINT of the server.
    pub detail: Option<String>,
}

/// What may be concluded from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DbErrorKind {
    /// No connection came about: nothing was sent.
    Connect,
    /// The server refused the statement: it had no effect.
    Refused,
    /// The connection was lost or the limit passed while the statement was under way: its outcome is unknown.
    Unknown,
    /// The statement could not be composed: nothing was sent.
    Composition,
}

impl DbError {
    /// A statement that could not be composed.
    #[must_use]
    pub fn composition(place: &Place, error: &SqlError) -> Self {
        Self {
            place: place.clone(),
            kind: DbErrorKind::Composition,
            sqlstate: None,
            message: error.to_string(),
            detail: None,
        }
    }

    /// True when the server answered with this SQLSTATE.
    #[must_use]
    pub fn is(&self, sqlstate: &str) -> bool {
        self.sqlstate.as_deref() == Some(sqlstate)
    }
}
