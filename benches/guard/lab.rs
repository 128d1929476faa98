//! A lab of three members with writers, and eyes of its own on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use greenlight::profile::{GuardNode, PatroniGuard, Profile, load};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

pub const LEADER: &str = "pg1";
pub const OTHER: &str = "pg2";
pub const HELD: &str = "pg3";
const GREENLIGHT: &str = env!("CARGO_BIN_EXE_greenlight");
const WRITERS: &str = "4";

pub async fn sleep(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// How a command ended.
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            said: text(&output.stdout) + &text(&output.stderr),
        }
    }
}

/// Dropped, it is taken down.
pub struct Lab {
    scratch: tempfile::TempDir,
    pub profile: PatroniGuard,
    logins: BTreeMap<String, Config>,
}

impl Lab {
    pub async fn up() -> Result<Self, Failure> {
        let scratch = tempfile::Builder::new()
            .prefix("gl-guard-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        let dir = scratch.path().join("lab");
        let output = Command::new(GREENLIGHT)
            .args([
                "lab",
                "up",
                "patroni-guard",
                "--json",
                "--load",
                WRITERS,
                "--dir",
            ])
            .arg(&dir)
            .output()
            .await?;
        let up: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {output:?}"))?;
        let mut logins = BTreeMap::new();
        for node in up["nodes"].as_array().ok_or("no nodes")? {
            let text = |key: &str| node[key].as_str().ok_or("no text");
            logins.insert(text("name")?.to_owned(), text("url")?.parse()?);
        }
        let Profile::PatroniGuard(profile) = load(&dir.join("profile.toml"))? else {
            return Err("another procedure".into());
        };
        Ok(Self {
            scratch,
            profile: *profile,
            logins,
        })
    }

    fn dir(&self) -> PathBuf {
        self.scratch.path().join("lab")
    }

    pub fn node(&self, name: &str) -> &GuardNode {
        &self.profile.nodes[name]
    }

    pub async fn greenlight(&self, args: &[&str]) -> Result<Ended, Failure> {
        let output = Command::new(GREENLIGHT)
            .args(args)
            .env("GREENLIGHT_RUNS", self.scratch.path().join("runs"))
            .output()
            .await?;
        Ok(Ended::of(&output))
    }

    /// A run that holds the member and carries the deployment out; its id.
    pub async fn hold(&self, deployment: &str) -> Result<String, Failure> {
        let (profile, dir) = (self.dir().join("profile.toml"), self.dir());
        let path = |path: &Path| path.display().to_string();
        let ended = self
            .greenlight(&[
                "run",
                &path(&profile),
                "--headless",
                "--confirm",
                "deploy.window=x",
                "--deploy-command",
                GREENLIGHT,
                "lab",
                "deploy",
                deployment,
                "--dir",
                &path(&dir),
            ])
            .await?;
        if ended.code != Some(3) {
            return Err(ended.said.into());
        }
        let mut runs = std::fs::read_dir(self.scratch.path().join("runs"))?.flatten();
        let run = runs.next().ok_or("no run")?.file_name();
        Ok(run.to_string_lossy().into_owned())
    }

    pub async fn deploy(&self, deployment: &str) -> Result<(), Failure> {
        let dir = self.dir();
        let argv = [GREENLIGHT, "lab", "deploy", deployment, "--dir"].map(str::to_owned);
        run(&[&argv[..], &[dir.display().to_string()]].concat(), "").await
    }

    pub async fn audit(&self) -> Result<Value, Failure> {
        let output = Command::new(GREENLIGHT)
            .args(["lab", "audit", "--json", "--dir"])
            .arg(self.dir())
            .output()
            .await?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {output:?}").into())
    }

    /// The first column of the first row.
    pub async fn sql(&self, member: &str, statement: &str) -> Result<String, Failure> {
        asked(&connect(&self.logins[member]).await?, statement).await
    }

    /// Writes so much WAL that the held member receives and does not replay.
    pub async fn fill(&self, bytes: u64) -> Result<(), Failure> {
        self.sql(LEADER, "CREATE TABLE ballast (text text)").await?;
        let held_back =
            "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint";
        let more = "INSERT INTO ballast SELECT string_agg(md5(random()::text), '') \
                    FROM generate_series(1, 5000) AS row, generate_series(1, 31) GROUP BY row";
        while self.sql(HELD, held_back).await?.parse::<u64>()? < bytes {
            self.sql(LEADER, more).await?;
        }
        Ok(())
    }

    /// Seconds since `began` until the held member leads, and until all others stream from it.
    pub fn watch(&self, began: Instant) -> JoinHandle<Result<(f64, f64), Failure>> {
        let login = self.logins[HELD].clone();
        let rest = self.node(HELD).rest.clone();
        tokio::spawn(async move {
            let host = rest.trim_start_matches("http://");
            let seconds = || began.elapsed().as_secs_f64();
            while !leads(host).await {
                in_time(began)?;
                sleep(20).await;
            }
            let leads = seconds();
            let all = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
            while answer(&login, all).await.as_deref() != Some("2") {
                in_time(began)?;
                sleep(20).await;
            }
            Ok((leads, seconds()))
        })
    }

    /// Seconds from when the held member answers `let_go` with true until less than 16 kB are left.
    pub fn watch_release(&self, let_go: &'static str) -> JoinHandle<Result<f64, Failure>> {
        let (held, leader) = (self.logins[HELD].clone(), self.logins[LEADER].clone());
        tokio::spawn(async move {
            let (held, leader) = (connect(&held).await?, connect(&leader).await?);
            let began = Instant::now();
            while asked(&held, let_go).await? != "t" {
                in_time(began)?;
                sleep(5).await;
            }
            let since = Instant::now();
            let left = "SELECT coalesce(bool_or(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < 16384), false) \
                        FROM pg_stat_replication WHERE application_name = 'pg3' AND state = 'streaming'";
            while asked(&leader, left).await? != "t" {
                in_time(since)?;
                sleep(5).await;
            }
            Ok(since.elapsed().as_secs_f64())
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::process::Command::new(GREENLIGHT)
            .args(["lab", "down", "--dir"])
            .arg(self.dir())
            .output();
    }
}

fn in_time(began: Instant) -> Result<(), Failure> {
    if began.elapsed() > super::STREAMS_WITHIN {
        return Err("what is watched for does not come".into());
    }
    Ok(())
}

async fn connect(login: &Config) -> Result<Client, Failure> {
    let (client, connection) = login.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn asked(client: &Client, statement: &str) -> Result<String, Failure> {
    let rows = client.simple_query(statement).await?;
    let row = rows.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(row.unwrap_or_default())
}

/// The same of a server that may be away.
async fn answer(login: &Config, statement: &str) -> Option<String> {
    asked(&connect(login).await.ok()?, statement).await.ok()
}

/// True when Patroni's REST API says that this member is the primary.
async fn leads(host: &str) -> bool {
    let asking = async {
        let mut stream = tokio::net::TcpStream::connect(host).await?;
        let request = format!("GET /primary HTTP/1.0\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await?;
        Ok::<_, std::io::Error>(first)
    };
    matches!(asking.await, Ok(line) if line.ends_with(b" 200"))
}

/// Runs words to their end, which must be 0.
pub async fn run(argv: &[String], input: &str) -> Result<(), Failure> {
    let mut child = Command::new(&argv[0])
        .args(&argv[1..])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{argv:?}: {}", Ended::of(&output).said).into())
}
