use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::Cluster;
use crate::rehearsal::RehearsalError;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const STATEMENT_LIMIT: Duration = Duration::from_secs(60);

/// Where fixed statements go to a server of a rehearsal, as its superuser.
#[derive(Debug, Clone)]
pub struct Console {
    name: String,
    config: Config,
}

impl Console {
    /// A console to the server `name` by this URL.
    pub fn by_url(name: &str, url: &str) -> Result<Self, RehearsalError> {
        let config = url
            .parse()
            .map_err(|e: tokio_postgres::Error| refused(name, &e))?;
        Ok(Self::new(name, config))
    }

    fn new(name: &str, mut config: Config) -> Self {
        config
            .application_name("greenlight rehearsal")
            .connect_timeout(CONNECT_LIMIT);
        Self {
            name: name.to_owned(),
            config,
        }
    }

    /// Sends fixed statements and returns the rows in text form.
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
                what: format!("a statement on {}", self.name),
                limit,
            })?
            .map_err(|e| refused(&self.name, &e))?;
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

    /// A connection to this database.
    pub async fn connect(&self, database: &str) -> Result<Client, RehearsalError> {
        let mut config = self.config.clone();
        config.dbname(database);
        let (client, connection) = config
            .connect(NoTls)
            .await
            .map_err(|e| refused(&self.name, &e))?;
        // The connection ends with its client; an error on it reaches the client's next statement.
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Cluster {
    /// The superuser's console, over the socket, which needs no password.
    #[must_use]
    pub fn console(&self) -> Console {
        let mut config = Config::new();
        config
            .host_path(self.socket_dir())
            .port(self.port())
            .user(self.superuser());
        Console::new(self.name(), config)
    }

    /// Sends fixed statements as the superuser and returns the rows in text form.
    pub async fn sql(
        &self,
        database: &str,
        statements: &str,
    ) -> Result<Vec<Vec<Option<String>>>, RehearsalError> {
        self.console().sql(database, statements).await
    }

    /// The first value of the first row, empty when there is none.
    pub async fn value(&self, database: &str, statement: &str) -> Result<String, RehearsalError> {
        self.console().value(database, statement).await
    }

    /// A connection as the superuser.
    pub async fn connect(&self, database: &str) -> Result<Client, RehearsalError> {
        self.console().connect(database).await
    }
}

fn refused(server: &str, error: &tokio_postgres::Error) -> RehearsalError {
    let reason = error.as_db_error().map_or_else(
        || error.to_string(),
        |db| format!("{}: {}", db.severity(), db.message()),
    );
    RehearsalError::Sql {
        server: server.to_owned(),
        reason,
    }
}
