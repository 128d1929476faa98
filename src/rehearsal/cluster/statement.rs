use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::Cluster;
use crate::rehearsal::RehearsalError;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const STATEMENT_LIMIT: Duration = Duration::from_secs(60);

impl Cluster {
    /// Sends fixed statements as the superuser, over the socket, and returns the rows in text form.
    pub async fn sql(
        &self,
        database: &str,
        statements: &str,
    ) -> Result<Vec<Vec<Option<String>>>, RehearsalError> {
        let client = self.connect(database).await?;
        let limit = STATEMENT_LIMIT;
        let messages = tokio::time::timeout(limit, client.simple_query(statements))
            .await
            .map_err(|_| RehearsalError::TimedOut {
                what: format!("a statement on {}", self.name()),
                limit,
            })?
            .map_err(|e| self.refused(&e))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|at| row.get(at).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// The first value of the first row, empty when there is none.
    pub async fn value(&self, database: &str, statement: &str) -> Result<String, RehearsalError> {
        let rows = self.sql(database, statement).await?;
        let first = rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next());
        Ok(first.flatten().unwrap_or_default())
    }

    /// A connection as the superuser over the socket, which needs no password.
    pub async fn connect(&self, database: &str) -> Result<Client, RehearsalError> {
        let mut config = Config::new();
        config
            .host_path(self.socket_dir())
            .port(self.port())
            .user(self.superuser())
            .dbname(database)
            .application_name("greenlight rehearsal")
            .connect_timeout(CONNECT_LIMIT);
        let (client, connection) = config.connect(NoTls).await.map_err(|e| self.refused(&e))?;
        // The connection ends with its client; an error on it reaches the client's next statement.
        tokio::spawn(connection);
        Ok(client)
    }

    fn refused(&self, error: &tokio_postgres::Error) -> RehearsalError {
        let reason = error.as_db_error().map_or_else(
            || error.to_string(),
            |db| format!("{}: {}", db.severity(), db.message()),
        );
        RehearsalError::Sql {
            server: self.name().to_owned(),
            reason,
        }
    }
}
