use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::{Client, Config, NoTls};
use tokio_util::sync::CancellationToken;

use crate::rehearsal::lab::files;

const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Lets the writers in as the pool of an application server does: while logins are refused one writer knocks and the
/// others wait for it; once it is in, or they are pointed elsewhere, all follow at once. Every refused login costs the
/// server a process, and sixteen writers knocking together would measure little but that. It waits twice as long after
/// each knock.
#[derive(Debug)]
pub struct Pool {
    dir: PathBuf,
    knock: RangeInclusive<Duration>,
    shut: AtomicBool,
    knocking: Mutex<()>,
}

impl Pool {
    /// A pool of connections to wherever the endpoint file in `dir` points; `knock` says how soon it is tried anew, at first
    /// and at last.
    pub fn new(dir: PathBuf, knock: RangeInclusive<Duration>) -> Self {
        Self {
            dir,
            knock,
            shut: AtomicBool::new(false),
            knocking: Mutex::new(()),
        }
    }

    /// A connection; `None` once told to end.
    pub async fn connect(&self, database: &str, end: &CancellationToken) -> Option<Client> {
        end.run_until_cancelled(self.let_in(database)).await
    }

    /// A connection was cut: whoever comes next knocks alone.
    pub fn lost(&self) {
        self.shut.store(true, Ordering::Relaxed);
    }

    async fn let_in(&self, database: &str) -> Client {
        loop {
            if !self.shut.load(Ordering::Relaxed) {
                match self.log_in(self.endpoint().as_deref(), database).await {
                    Some(client) => return client,
                    None => self.lost(),
                }
            }
            let _alone = self.knocking.lock().await;
            let mut wait = *self.knock.start();
            while self.shut.load(Ordering::Relaxed) {
                let endpoint = self.endpoint();
                if let Some(client) = self.log_in(endpoint.as_deref(), database).await {
                    self.shut.store(false, Ordering::Relaxed);
                    return client;
                }
                match tokio::time::timeout(wait, self.redirected(endpoint)).await {
                    // Another server: that the old one refused says nothing about it.
                    Ok(()) => self.shut.store(false, Ordering::Relaxed),
                    Err(_) => wait = (wait * 2).min(*self.knock.end()),
                }
            }
        }
    }

    fn endpoint(&self) -> Option<String> {
        files::read_endpoint(&self.dir).ok()
    }

    /// Waits until the applications are pointed elsewhere than at `endpoint`.
    async fn redirected(&self, endpoint: Option<String>) {
        while self.endpoint() == endpoint {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn log_in(&self, endpoint: Option<&str>, database: &str) -> Option<Client> {
        let mut config: Config = endpoint?.parse().ok()?;
        config
            .dbname(database)
            .connect_timeout(CONNECT_LIMIT)
            .application_name("shop");
        let connecting = tokio::time::timeout(CONNECT_LIMIT, config.connect(NoTls));
        let (client, connection) = connecting.await.ok()?.ok()?;
        tokio::spawn(connection);
        Some(client)
    }
}
