use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt};
use secrecy::ExposeSecret;
use tokio::task::AbortHandle;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error;
use super::lane::{Lane, Ticket};
use crate::domain::{PgVersion, Place, Sql};
use crate::ports::{DbError, DbErrorKind, Row, Rows, Session};

/// What the server is given beyond its own limit to say that the limit has passed.
const GRACE: Duration = Duration::from_secs(5);
/// For a cancel request to be delivered.
const CANCEL_LIMIT: Duration = Duration::from_secs(3);
/// For the server process of a lost session to end.
const SEE_OFF_TRIES: u32 = 200;
const SEE_OFF_PAUSE: Duration = Duration::from_millis(10);
/// For an answer handed over row by row: it lasts as long as its reader takes.
const STREAM_LIMIT: Duration = Duration::from_secs(4 * 3600);

/// One session. Its statements are limited by the server first, which says what became of them; this side's limit comes
/// a little later and only for a server that no longer answers: then the session is given up.
pub(super) struct PgSession {
    place: Place,
    client: Client,
    tls: MakeRustlsConnect,
    driver: AbortHandle,
    backend_pid: i32,
    version: PgVersion,
    limit: Duration,
    lane: Lane,
    given_up: AtomicBool,
}

impl PgSession {
    pub(super) fn new(
        place: Place,
        client: Client,
        tls: MakeRustlsConnect,
        driver: AbortHandle,
        version: PgVersion,
        limit: Duration,
    ) -> Self {
        Self {
            place,
            client,
            tls,
            driver,
            backend_pid: 0,
            version,
            limit,
            lane: Lane::new(),
            given_up: AtomicBool::new(false),
        }
    }

    /// Sends the settings; their answer names the server process.
    pub(super) async fn prepare(&mut self, settings: &Sql) -> Result<(), DbError> {
        let rows = self.query(settings).await?;
        let pid = rows.one().and_then(|row| row.get("pid"));
        self.backend_pid = pid.map_err(|error| error::unknown(&self.place, error.to_string()))?;
        Ok(())
    }

    /// Ends the server process of an earlier session of this name here, or of all of them. What one still has on its way
    /// could take effect after what is sent next: a late NOLOGIN after the LOGIN that takes it back.
    ///
    /// One that does not end in time is frozen in what it does; having been told, it begins nothing more.
    pub(super) async fn see_off(&self, lost: Option<i32>) -> Result<(), DbError> {
        let sql = Sql::new(include_str!("../../../assets/sql/see_off.sql"))
            .number("pid", lost.unwrap_or_default().into());
        for _ in 0..SEE_OFF_TRIES {
            if self.query(&sql).await?.is_empty() {
                break;
            }
            tokio::time::sleep(SEE_OFF_PAUSE).await;
        }
        Ok(())
    }

    /// Puts a statement on the wire, with a limit of its own where that is not the session's. The three messages follow
    /// one another directly; a `SET` inside the same message would make it one transaction, which some commands refuse.
    fn send(&self, sql: &Sql, limit: Duration) -> Result<(SimpleQueryStream, Ticket<'_>), DbError> {
        let wire = sql
            .wire()
            .map_err(|error| DbError::composition(&self.place, &error))?;
        let (sent, ticket) = self.lane.enter(|| {
            let own_limit = limit != self.limit;
            if own_limit {
                self.put(timeout(limit).as_str())?;
            }
            let quiet = sql.is_quiet().then(|| around_unlogged(self.version));
            if let Some((before, _)) = &quiet {
                self.put(before)?;
            }
            let sent = self.put(wire.expose_secret())?;
            // If one of these fails the transaction has failed too, and its end brings the old values back.
            if let Some((_, after)) = &quiet {
                let _ = self.put(after);
            }
            if own_limit {
                let _ = self.put(timeout(self.limit).as_str());
            }
            Ok(sent)
        });
        sent.map(|stream| (stream, ticket))
    }

    /// Hands one message to the driver, which takes it at once or finds the connection closed.
    fn put(&self, text: &str) -> Result<SimpleQueryStream, DbError> {
        let sent = if self.is_closed() {
            None
        } else {
            self.client.simple_query_raw(text).now_or_never()
        };
        match sent {
            Some(Ok(stream)) => Ok(stream),
            _ => Err(DbError {
                kind: DbErrorKind::Connect,
                message: "the session is closed, so the statement was not sent".to_owned(),
                ..error::unknown(&self.place, String::new())
            }),
        }
    }

    async fn run(
        &self,
        sql: &Sql,
        limit: Duration,
        on_message: &mut (dyn FnMut(Answer) + Send),
    ) -> Result<(), DbError> {
        let (stream, ticket) = self.send(sql, limit)?;
        let mut reading = pin!(self.read(sql, stream, on_message));
        tokio::select! {
            biased;
            done = &mut reading => return done,
            () = ticket.turn() => {}
        }
        if let Ok(done) = tokio::time::timeout(limit + GRACE, reading).await {
            return done;
        }
        // Nobody knows what the server makes of it now, and what follows would queue up behind it.
        self.given_up.store(true, Ordering::Release);
        let _ = self.cancel().await;
        self.driver.abort();
        Err(error::unknown(
            &self.place,
            format!(
                "no answer within {:?}, the limit; it was cancelled and the session given up, whether it took effect is not known",
                limit + GRACE
            ),
        ))
    }

    async fn read(
        &self,
        sql: &Sql,
        stream: SimpleQueryStream,
        on_message: &mut (dyn FnMut(Answer) + Send),
    ) -> Result<(), DbError> {
        let fail = |error| error::of_statement(&self.place, sql, &error);
        let mut stream = pin!(stream);
        let mut columns: Arc<[String]> = Arc::new([]);
        while let Some(message) = stream.next().await {
            match message.map_err(fail)? {
                SimpleQueryMessage::RowDescription(description) => {
                    columns = description.iter().map(|c| c.name().to_owned()).collect();
                    on_message(Answer::Begins);
                }
                SimpleQueryMessage::Row(row) => {
                    let values: Result<_, _> = (0..row.len())
                        .map(|at| row.try_get(at).map(|text| text.map(Box::from)))
                        .collect();
                    on_message(Answer::Row(Row {
                        columns: columns.clone(),
                        values: values.map_err(fail)?,
                    }));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What comes back of a statement.
enum Answer {
    /// A result begins.
    Begins,
    /// A row of it.
    Row(Row),
}

/// What keeps statements out of the server's log, and what lets them in again, by the version that knows it.
const LOGGING: [(u32, &str, &str); 3] = [
    (
        10,
        "SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET log_min_duration_statement = -1",
        "RESET log_statement; RESET log_min_error_statement; RESET log_min_duration_statement",
    ),
    (
        12,
        "SET log_transaction_sample_rate = 0",
        "RESET log_transaction_sample_rate",
    ),
    (
        13,
        "SET log_min_duration_sample = -1",
        "RESET log_min_duration_sample",
    ),
];

/// The messages before and after a statement that must not be logged. They must be messages of their own: whether one is
/// logged is decided before any of it is run.
fn around_unlogged(version: PgVersion) -> (String, String) {
    let known = LOGGING
        .iter()
        .filter(|(since, ..)| version.major() >= *since);
    let (before, after): (Vec<_>, Vec<_>) = known.map(|(_, set, reset)| (*set, *reset)).unzip();
    (before.join("; "), after.join("; "))
}

fn timeout(limit: Duration) -> String {
    let milliseconds = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
    Sql::new("SET statement_timeout = {limit}")
        .number("limit", milliseconds.max(1).into())
        .shown()
}

#[async_trait]
impl Session for PgSession {
    async fn query(&self, sql: &Sql) -> Result<Rows, DbError> {
        self.query_within(sql, self.limit).await
    }

    async fn query_within(&self, sql: &Sql, limit: Duration) -> Result<Rows, DbError> {
        let mut rows = Vec::new();
        self.run(sql, limit, &mut |answer| match answer {
            Answer::Begins => rows.clear(),
            Answer::Row(row) => rows.push(row),
        })
        .await?;
        Ok(Rows(rows))
    }

    async fn stream(&self, sql: &Sql, on_row: &mut (dyn FnMut(Row) + Send)) -> Result<(), DbError> {
        self.run(sql, STREAM_LIMIT, &mut |answer| {
            if let Answer::Row(row) = answer {
                on_row(row);
            }
        })
        .await
    }

    fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    fn version(&self) -> PgVersion {
        self.version
    }

    fn is_closed(&self) -> bool {
        self.given_up.load(Ordering::Acquire) || self.client.is_closed()
    }

    async fn cancel(&self) -> Result<(), DbError> {
        let request = self.client.cancel_token();
        let failed = |reason: String| DbError {
            kind: DbErrorKind::Connect,
            message: format!("the request to cancel could not be delivered: {reason}"),
            ..error::unknown(&self.place, String::new())
        };
        match tokio::time::timeout(CANCEL_LIMIT, request.cancel_query(self.tls.clone())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(error::chain(&error))),
            Err(_) => Err(failed(format!("no answer within {CANCEL_LIMIT:?}"))),
        }
    }
}
