//! The object diff of two databases with 5,000 tables (100,000 objects), beside its two queries alone: the same
//! statements on the same servers at the same time, their rows read and dropped.
//!
//! `cargo bench --bench diff -- [TABLES]`. Prints the best of five of each, their ratio, and the process's peak memory.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::{Failure, server, session};
use greenlight::domain::{PgVersion, Sql};
use greenlight::inspect::{DiffOptions, diff};
use greenlight::ports::{DbError, Row, Rows, Session};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    greenlight::adapters::install_crypto_provider();
    let tables = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(5_000);
    let (blue, green) = (server(15, tables).await?, server(17, tables).await?);
    for side in [&blue, &green] {
        side.sql("postgres", "ANALYZE").await?;
    }
    let sides = (
        session(&blue.superuser_url(), "postgres").await?,
        session(&green.superuser_url(), "postgres").await?,
    );
    let options = DiffOptions::default();
    let (mut whole, mut alone) = (Duration::MAX, Duration::MAX);
    let mut objects = 0;
    for _ in 0..5 {
        let began = Instant::now();
        let found = diff(sides.0.as_ref(), sides.1.as_ref(), &options).await?;
        whole = whole.min(began.elapsed());
        objects = found.objects.blue;
        let (blue, green) = (Deaf(Arc::clone(&sides.0)), Deaf(Arc::clone(&sides.1)));
        let began = Instant::now();
        diff(&blue, &green, &options).await?;
        alone = alone.min(began.elapsed());
    }
    println!("{objects} objects a side: diff {whole:.2?}, its queries alone {alone:.2?}");
    println!(
        "queries alone : diff = 1 : {:.2}",
        whole.as_secs_f64() / alone.as_secs_f64()
    );
    println!(
        "peak memory of this process: {} MB",
        peak_memory_kb()? / 1024
    );
    Ok(())
}

/// A session whose rows are read and dropped: what remains of a diff is its queries.
struct Deaf(Arc<dyn Session>);

#[async_trait]
impl Session for Deaf {
    async fn query(&self, sql: &Sql) -> Result<Rows, DbError> {
        self.0.query(sql).await
    }

    async fn query_within(&self, sql: &Sql, limit: Duration) -> Result<Rows, DbError> {
        self.0.query_within(sql, limit).await
    }

    async fn stream(
        &self,
        sql: &Sql,
        _on_row: &mut (dyn FnMut(Row) + Send),
    ) -> Result<(), DbError> {
        self.0.stream(sql, &mut |_| {}).await
    }

    fn backend_pid(&self) -> i32 {
        self.0.backend_pid()
    }

    fn version(&self) -> PgVersion {
        self.0.version()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    async fn cancel(&self) -> Result<(), DbError> {
        self.0.cancel().await
    }
}

fn peak_memory_kb() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
