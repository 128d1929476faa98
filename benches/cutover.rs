//! The write pause of a cutover and of its rollback as writers see it, beside the same cutover done as a psql script,
//! statement by statement, and beside what it costs merely to end the writers' sessions on one side and to let them in
//! on the other, with nothing drained, proved, set or noted. All on the same machine, in the same run, each on a lab of
//! its own with the same load: writers that wait 2 ms between transactions, whose passwords are hashed once only, and
//! that share a pool: while logins are refused one of them knocks, after 10, 20, 40 … ms; once it is in, or they are
//! pointed elsewhere, all follow.
//! Servers, writers and tool share the machine's cores. Two pauses are told: that of the median writer and that of the
//! slowest, each as the median of the rounds.
//!
//! `cargo bench --bench cutover -- [ROUNDS]` (3 by default). Prints them and their ratios.

#[path = "common/psql.rs"]
mod psql;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use greenlight::rehearsal::lab::files;
use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

const GREENLIGHT: &str = env!("CARGO_BIN_EXE_greenlight");
const WRITERS: &str = "16";
const ROLES: [&str; 3] = ["shop_app", "shop_report", "App-Three"];
const DATABASES: [&str; 2] = ["shop", "billing"];

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let rounds = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(3);
    let runtime = tokio::runtime::Runtime::new()?;
    let ways = ["cutover", "rollback", "bare move", "psql script"];
    let mut ways = ways.map(|way| (way, Vec::new(), Vec::new()));
    for round in 1..=rounds {
        let [cutover, rollback] = by_greenlight()?;
        let bare = runtime.block_on(bare_move())?;
        let pauses = [cutover, rollback, bare, by_script()?];
        for (pause, (way, typical, slowest)) in pauses.iter().zip(&mut ways) {
            println!(
                "round {round}: {way} {} ms, slowest writer {} ms",
                pause.median, pause.slowest
            );
            typical.push(pause.median);
            slowest.push(pause.slowest);
        }
    }
    let ways = ways
        .map(|(way, mut typical, mut slowest)| (way, median(&mut typical), median(&mut slowest)));
    let [.., bare, script] = ways;
    for (way, typical, slowest) in ways {
        println!("{way}: median writer {typical} ms, slowest of {WRITERS} {slowest} ms");
    }
    let ratio = |ours: u64, theirs: u64| theirs as f64 / ours.max(1) as f64;
    for (way, typical, slowest) in &ways[..2] {
        for (peer, its_typical, its_slowest) in [bare, script] {
            println!(
                "{way} : {peer} = 1 : {:.1} (median writer), 1 : {:.1} (slowest)",
                ratio(*typical, its_typical),
                ratio(*slowest, its_slowest),
            );
        }
    }
    Ok(())
}

/// A write pause as its writers saw it, in milliseconds.
struct Pause {
    median: u64,
    slowest: u64,
}

impl Pause {
    /// That of a switch, by its number, as the audit has it.
    fn of(audit: &Value, switch: usize) -> Result<Self, Failure> {
        let pause = |which: &str| audit[which][switch].as_u64().ok_or("no pause was measured");
        Ok(Self {
            median: pause("median_pauses_ms")?,
            slowest: pause("pauses_ms")?,
        })
    }
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Cutover and rollback as the tool does them.
fn by_greenlight() -> Result<[Pause; 2], Failure> {
    let lab = Lab::at_the_gate()?;
    lab.greenlight(
        &[
            "resume",
            "--headless",
            "--confirm",
            "cutover.switch=cut over shop-blue",
        ],
        &[3],
    )?;
    let run = lab.run()?;
    lab.greenlight(
        &[
            "rollback",
            &run,
            "--headless",
            "--confirm",
            "rollback.switch=roll back to shop-blue",
        ],
        &[4],
    )?;
    let audit = lab.audit()?;
    Ok([Pause::of(&audit, 0)?, Pause::of(&audit, 1)?])
}

/// The sessions are moved, by sessions that are open already, and that is all: what was not yet applied is lost.
async fn bare_move() -> Result<Pause, Failure> {
    let lab = Lab::at_the_gate()?;
    let at = lab.node("shop-green")?;
    let (blue, green) = (
        lab.session(&lab.node("shop-blue")?).await?,
        lab.session(&at).await?,
    );
    let all = |flag| {
        ROLES
            .map(|role| format!("ALTER ROLE \"{role}\" {flag}"))
            .join("; ")
    };
    blue.batch_execute(&all("NOLOGIN")).await?;
    let theirs = "FROM pg_stat_activity WHERE usename IN ('shop_app', 'shop_report', 'App-Three')";
    let end = format!("SELECT pg_terminate_backend(pid) {theirs}");
    blue.batch_execute(&end).await?;
    let left = format!("SELECT 1 {theirs}");
    while !blue.simple_query(&left).await?.iter().all(is_no_row) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    green.batch_execute(&all("LOGIN")).await?;
    files::redirect(&lab.dir, &at.0, at.1)?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Pause::of(&lab.audit_of_any()?, 0)
}

fn is_no_row(message: &SimpleQueryMessage) -> bool {
    !matches!(message, SimpleQueryMessage::Row(_))
}

/// The same statements in the same order, each by a psql of its own, as a script would have them.
fn by_script() -> Result<Pause, Failure> {
    let lab = Lab::at_the_gate()?;
    let (blue, green) = (lab.node("shop-blue")?, lab.node("shop-green")?);
    for role in ROLES {
        lab.psql(&blue, "shop", &format!("ALTER ROLE \"{role}\" NOLOGIN"))?;
    }
    let theirs = "usename IN ('shop_app', 'shop_report', 'App-Three')";
    loop {
        lab.psql(
            &blue,
            "shop",
            &format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {theirs}"
            ),
        )?;
        if lab.psql(
            &blue,
            "shop",
            &format!("SELECT count(*) FROM pg_stat_activity WHERE {theirs}"),
        )? == "0"
        {
            break;
        }
    }
    for database in DATABASES {
        lab.psql(
            &blue,
            database,
            "UPDATE greenlight.fence SET token = 'script' WHERE id = 1",
        )?;
    }
    for database in DATABASES {
        let began = Instant::now();
        while lab.psql(
            &green,
            database,
            "SELECT token FROM greenlight.fence WHERE id = 1",
        )? != "script"
        {
            if began.elapsed() > Duration::from_secs(60) {
                return Err("the fence row did not arrive".into());
            }
        }
    }
    for database in DATABASES {
        let set = lab.psql(
            &blue,
            database,
            "SELECT string_agg(format('SELECT setval(%L, %s)', format('%I.%I', schemaname, sequencename), last_value), '; ') \
             FROM pg_sequences WHERE last_value IS NOT NULL",
        )?;
        lab.psql(&green, database, &set)?;
    }
    for database in DATABASES {
        lab.psql(&green, database, "ALTER SUBSCRIPTION greenlight DISABLE")?;
    }
    lab.psql(&green, "shop", "SELECT pg_current_wal_insert_lsn()")?;
    for role in ROLES {
        lab.psql(&green, "shop", &format!("ALTER ROLE \"{role}\" LOGIN"))?;
    }
    let dir = lab.dir.to_string_lossy().into_owned();
    lab.greenlight(
        &[
            "lab",
            "redirect",
            "--dir",
            &dir,
            &green.0,
            &green.1.to_string(),
        ],
        &[0],
    )?;
    std::thread::sleep(Duration::from_secs(2));
    Pause::of(&lab.audit()?, 0)
}

/// A lab under load whose run waits at the gate of the cutover.
struct Lab {
    dir: PathBuf,
}

impl Lab {
    fn at_the_gate() -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(format!("greenlight-bench-{}", std::process::id()));
        let lab = Self { dir: dir.clone() };
        let path = dir.to_string_lossy().into_owned();
        lab.greenlight(&["lab", "up", "--dir", &path, "--load", WRITERS], &[0])?;
        let profile = dir.join("profile.toml").to_string_lossy().into_owned();
        let gates = [
            "--confirm",
            "build.snapshot=x",
            "--confirm",
            "catch-up.enable=x",
        ];
        lab.greenlight(
            &[&["run", &profile, "--headless"][..], &gates].concat(),
            &[3],
        )?;
        Ok(lab)
    }

    fn greenlight(&self, args: &[&str], codes: &[i32]) -> Result<String, Failure> {
        let output = Command::new(GREENLIGHT)
            .args(args)
            .env("GREENLIGHT_RUNS", self.dir.join("runs"))
            .output()?;
        said(args, &output, codes)
    }

    fn run(&self) -> Result<String, Failure> {
        let run = std::fs::read_dir(self.dir.join("runs"))?
            .next()
            .ok_or("there is no run")??;
        Ok(run.file_name().to_string_lossy().into_owned())
    }

    fn audit_of_any(&self) -> Result<Value, Failure> {
        let dir = self.dir.to_string_lossy().into_owned();
        let told = self.greenlight(&["lab", "audit", "--dir", &dir, "--json"], &[0])?;
        Ok(serde_json::from_str(&told)?)
    }

    fn audit(&self) -> Result<Value, Failure> {
        let audit = self.audit_of_any()?;
        if audit["lost"] != 0 || audit["duplicated"] != 0 {
            return Err(format!("rows were lost or duplicated: {audit}").into());
        }
        Ok(audit)
    }

    /// Host and port of an instance, from the stand-in.
    fn node(&self, identifier: &str) -> Result<(String, u16), Failure> {
        let key = if identifier == "shop-blue" {
            "BLUE"
        } else {
            "GREEN"
        };
        let journal = std::fs::read_to_string(
            self.dir
                .join("runs")
                .join(self.run()?)
                .join("journal.jsonl"),
        )?;
        let fact = |name: String| {
            let mut found = None;
            for line in journal.lines() {
                let record: Value = serde_json::from_str(line).ok()?;
                let event = if record["event"].is_object() {
                    &record["event"]
                } else {
                    &record
                };
                if event["name"] == name.as_str() {
                    found = Some(event["value"].clone());
                }
            }
            found
        };
        let host = fact(format!("host[{key}]"))
            .and_then(|v| v.as_str().map(str::to_owned))
            .ok_or("no host is known")?;
        let port = fact(format!("port[{key}]"))
            .and_then(|v| v.as_u64())
            .ok_or("no port is known")?;
        Ok((host, u16::try_from(port)?))
    }

    async fn session(&self, node: &(String, u16)) -> Result<Client, Failure> {
        let passwords = std::fs::read_to_string(files::passfile(&self.dir))?;
        let password = passwords
            .lines()
            .find_map(|line| line.split_once(":lab_admin:"))
            .ok_or("no password of lab_admin")?
            .1;
        let mut config = Config::new();
        config
            .host(&node.0)
            .port(node.1)
            .user("lab_admin")
            .password(password)
            .dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    fn psql(&self, node: &(String, u16), database: &str, sql: &str) -> Result<String, Failure> {
        let port = node.1.to_string();
        let args = [
            "-XAtq",
            "-h",
            &node.0,
            "-p",
            &port,
            "-U",
            "lab_admin",
            "-d",
            database,
            "-c",
            sql,
        ];
        let output = Command::new(psql::program())
            .args(args)
            .env("PGPASSFILE", self.dir.join("passfile"))
            .output()?;
        Ok(said(&args, &output, &[0])?.trim().to_owned())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = Command::new(GREENLIGHT)
            .args(["lab", "down", "--dir"])
            .arg(Path::new(&self.dir))
            .output();
    }
}

fn said(args: &[&str], output: &Output, codes: &[i32]) -> Result<String, Failure> {
    if output
        .status
        .code()
        .is_some_and(|code| codes.contains(&code))
    {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stdout);
    let last: Vec<_> = words.lines().rev().take(5).collect();
    Err(format!(
        "{args:?} ended with {}: {last:?} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}
