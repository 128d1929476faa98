use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::pool::Pool;
use super::record::Record;
use crate::rehearsal::RehearsalError;
use crate::rehearsal::lab::files;

const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// One writer.
pub struct Writer {
    pool: Arc<Pool>,
    number: usize,
    database: String,
    pause: Duration,
    record: Record,
}

impl Writer {
    pub fn new(
        dir: &Path,
        pool: &Arc<Pool>,
        number: usize,
        database: &str,
        pause: Duration,
    ) -> Result<Self, RehearsalError> {
        Ok(Self {
            pool: Arc::clone(pool),
            number,
            database: database.to_owned(),
            pause,
            record: Record::create(&files::load(dir), number, database)?,
        })
    }

    /// Writes until told to end. Only a record that cannot be written is an error; servers may come and go.
    pub async fn run(mut self, end: CancellationToken) -> Result<(), RehearsalError> {
        let unwritable = |e| {
            RehearsalError::command(
                "the load",
                format!("cannot note what was acknowledged: {e}"),
            )
        };
        let mut client = None;
        let mut seq = 0;
        while !end.is_cancelled() {
            if client.is_none() {
                client = self.pool.connect(&self.database, &end).await;
            }
            let Some(connected) = client.as_ref() else {
                break;
            };
            seq += 1;
            self.record.sent(seq).map_err(unwritable)?;
            match self.write(connected, seq).await {
                Written::Acknowledged => self.record.acknowledged(seq).map_err(unwritable)?,
                Written::Refused => {
                    self.record.refused(seq).map_err(unwritable)?;
                    client = None;
                }
                Written::Unheard => {
                    self.pool.lost();
                    client = None;
                }
            }
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
        self.record.stopped().map_err(unwritable)
    }

    /// One transaction over three tables: numbered rows, and a count that only an update can change.
    async fn write(&self, client: &Client, seq: u64) -> Written {
        let writer = self.number;
        // One message is one transaction, committed before it is answered. no quoting: numbers only.
        let statements = format!(
            "INSERT INTO audit_load.once VALUES ({writer}, {seq}, 'w{writer}-{seq}'); \
             INSERT INTO audit_load.loose VALUES ({writer}, {seq}); \
             INSERT INTO audit_load.balance AS b VALUES ({writer}, 1, {seq}) \
             ON CONFLICT (writer) DO UPDATE SET changes = b.changes + 1, last_seq = EXCLUDED.last_seq"
        );
        match tokio::time::timeout(ANSWER_LIMIT, client.batch_execute(&statements)).await {
            Ok(Ok(())) => Written::Acknowledged,
            Ok(Err(error)) if was_refused(&error) => Written::Refused,
            _ => Written::Unheard,
        }
    }
}

enum Written {
    Acknowledged,
    Refused,
    Unheard,
}

/// Only an `ERROR` says that nothing was committed; `FATAL` may come between the commit and its answer.
fn was_refused(error: &tokio_postgres::Error) -> bool {
    use tokio_postgres::error::Severity;
    error
        .as_db_error()
        .and_then(tokio_postgres::error::DbError::parsed_severity)
        .is_some_and(|severity| severity == Severity::Error)
}
