//! The data compare of pgbench's accounts on PostgreSQL 15 and 17, beside `count(*)` on both sides at once and beside
//! `pgcopydb compare data`, all in the same run; then one row changed, one removed and one added, which must be found.
//!
//! `cargo bench --bench compare -- [ROWS]` (or `GREENLIGHT_BENCH_ROWS`), 10,000,000 unless told. Prints the best of three
//! of each and their ratios; fails when a damaged row is missed or another one is named.

use std::process::Command;
use std::time::{Duration, Instant};

use greenlight::adapters::postgres::{Limits, Postgres, Server};
use greenlight::domain::{Node, Place};
use greenlight::inspect::{CompareOptions, Comparison, compare};
use greenlight::rehearsal::{Cluster, fetch};

type Failure = Box<dyn std::error::Error>;

const DAMAGE: &str = "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 1234; \
    DELETE FROM pgbench_accounts WHERE aid = (SELECT max(aid) / 2 FROM pgbench_accounts); \
    INSERT INTO pgbench_accounts SELECT max(aid) + 1, 1, 0, '' FROM pgbench_accounts";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    greenlight::adapters::install_crypto_provider();
    let mut told = std::env::args()
        .skip(1)
        .chain(std::env::var("GREENLIGHT_BENCH_ROWS"));
    let rows: u64 = told
        .find_map(|word| word.parse().ok())
        .unwrap_or(10_000_000);
    let (blue, green) = (server(15, rows).await?, server(17, rows).await?);
    println!("{rows} rows of pgbench_accounts on PostgreSQL 15 and on 17");

    let count = best(async || {
        tokio::try_join!(counted(&blue), counted(&green))?;
        Ok(())
    })
    .await?;
    println!("count(*) on both sides at once: {count:.2?}");
    let compared = best(async || {
        let found = compared(&blue, &green).await?;
        found
            .equal
            .then_some(())
            .ok_or_else(|| format!("{found:?}").into())
    })
    .await?;
    println!("greenlight compare, equal:      {compared:.2?}");
    println!("count(*) : compare = 1 : {:.2}", ratio(compared, count));

    blue.sql("postgres", DAMAGE).await?;
    let began = Instant::now();
    let found = self::compared(&blue, &green).await?;
    println!("greenlight compare, 3 rows bad: {:.2?}", began.elapsed());
    let differing: Vec<_> = found
        .tables
        .iter()
        .flat_map(|table| &table.differing)
        .collect();
    println!("{}", serde_json::to_string(&differing)?);
    if differing.len() != 3 {
        return Err("not exactly the three damaged rows were found".into());
    }

    match pgcopydb(&blue, &green)? {
        Some(took) => println!(
            "pgcopydb compare data:          {took:.2?}\ncompare : pgcopydb = 1 : {:.2}",
            ratio(took, compared)
        ),
        None => println!("no pgcopydb that knows `compare` (0.17 does): not measured"),
    }
    Ok(())
}

fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}

/// The best of three.
async fn best(work: impl AsyncFn() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        work().await?;
        best = best.min(began.elapsed());
    }
    Ok(best)
}

async fn server(major: u32, rows: u64) -> Result<Cluster, Failure> {
    let install = fetch::server(major, &[], &|words| println!("{words}")).await?;
    let cluster = Cluster::builder(&install)
        .setting("fsync", "off")
        .setting("autovacuum", "off")
        .setting("max_wal_size", "4GB")
        .start()
        .await?;
    cluster
        .sql("postgres", "CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84))")
        .await?;
    // As `pgbench -i` fills it; in parts, each below the limit of a statement.
    for from in (1..=rows).step_by(1_000_000) {
        let to = rows.min(from + 999_999);
        let fill = format!(
            "INSERT INTO pgbench_accounts SELECT i, (i - 1) / 100000 + 1, 0, '' FROM generate_series({from}, {to}) i"
        );
        cluster.sql("postgres", &fill).await?;
    }
    cluster
        .sql("postgres", "VACUUM (FREEZE) pgbench_accounts")
        .await?;
    cluster
        .sql(
            "postgres",
            "ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid)",
        )
        .await?;
    cluster
        .sql("postgres", "VACUUM ANALYZE pgbench_accounts")
        .await?;
    cluster.sql("postgres", "CHECKPOINT").await?;
    Ok(cluster)
}

async fn counted(cluster: &Cluster) -> Result<String, Failure> {
    Ok(cluster
        .value("postgres", "SELECT count(*) FROM pgbench_accounts")
        .await?)
}

async fn compared(blue: &Cluster, green: &Cluster) -> Result<Comparison, Failure> {
    let (b, g): (Server, Server) = (
        blue.superuser_url().parse()?,
        green.superuser_url().parse()?,
    );
    let databases = Postgres::new("bench", Limits::default())
        .with_node(&Node::blue(), &b.host, b.port, b.login)
        .with_node(&Node::green(), &g.host, g.port, g.login);
    let place = |node| Place::new(node, "postgres");
    let places = (place(Node::blue()), place(Node::green()));
    let options = CompareOptions::default();
    Ok(compare(&databases, (&places.0, &places.1), &options, &()).await?)
}

/// One run of the peer on the same servers; it computes its sums whether or not they differ.
fn pgcopydb(blue: &Cluster, green: &Cluster) -> Result<Option<Duration>, Failure> {
    if Command::new("pgcopydb").arg("--version").output().is_err() {
        return Ok(None);
    }
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let folder = tempfile::tempdir()?;
        let began = Instant::now();
        let output = Command::new("pgcopydb")
            .args(["compare", "data", "--dir"])
            .arg(folder.path())
            .args(["--source", &blue.superuser_url()])
            .args(["--target", &green.superuser_url()])
            .output()?;
        best = best.min(began.elapsed());
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("unknown command") {
            return Ok(None);
        }
        if !output.status.success() {
            return Err(said.into_owned().into());
        }
    }
    Ok(Some(best))
}
