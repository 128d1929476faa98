//! The screen's costs: a frame, an idle process, memory with a large object diff open; each on a terminal of its own.
//!
//! `cargo bench --bench screen -- [TABLES]`. Two databases of 5,000 tables (100,000 objects) are compared, once with an
//! equal one and once with an empty one, so that every object differs. The wizard runs in a process of its own, with
//! that diff; keys are pressed and timed until the last byte of their frame. Beside it a bare ratatui program that
//! fills the same screen with text. Last, the real binary waits at its first gate in a lab.

mod common;
#[path = "screen/process.rs"]
mod process;
#[path = "screen/wizard.rs"]
mod wizard;

use std::time::Duration;

use common::Failure;
use greenlight::rehearsal::Cluster;
use process::{Process, median};

/// How long an idle process is looked at.
const IDLE: Duration = Duration::from_secs(10);

/// Keys of the wizard and what they show; each is pressed again and again in this order.
const KEYS: [(&str, &str); 10] = [
    ("1", "Steps"),
    ("2", "Checks"),
    ("3", "Lag"),
    ("6", "Log"),
    ("4", "Objects"),
    ("\x1b[6~", "Objects, a page down"),
    ("k", "Objects, one kind"),
    ("e", "Objects, expected ones"),
    ("\r", "both definitions"),
    ("\x1b", "back to the table"),
];

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--wizard", server, other] => runtime.block_on(wizard::wizard(server, other)),
        ["--bare"] => wizard::bare(),
        _ => {
            let tables = args.iter().find_map(|word| word.parse().ok());
            runtime.block_on(measure(tables.unwrap_or(5_000)))
        }
    }
}

async fn measure(tables: u32) -> Result<(), Failure> {
    greenlight::adapters::install_crypto_provider();
    let cluster = databases(tables).await?;
    let url = cluster.superuser_url();
    let me = std::env::current_exe()?;
    let me = me.to_str().ok_or("a path that is no text")?;

    let mut bare = Process::start(me, &["--bare"], &[])?;
    bare.settle();
    let peer = bare.press("x", 60)?;
    println!(
        "bare ratatui program: a frame {peer:.2?}, idle {:.2} % of a core, {}",
        bare.idle(IDLE)?,
        bare.memory()?
    );
    drop(bare);

    for (name, other) in [("equal", "same"), ("all different", "empty")] {
        let mut wizard = Process::start(me, &["--wizard", &url, other], &[])?;
        wizard.wait_for("your turn")?;
        wizard.settle();
        println!("wizard, {name}: {}", wizard.memory()?);
        let mut worst = Duration::ZERO;
        let mut all = vec![Vec::new(); KEYS.len()];
        for _ in 0..10 {
            for (at, (key, _)) in KEYS.iter().enumerate() {
                all[at].push(wizard.press(key, 1)?);
            }
        }
        for ((_, shown), times) in KEYS.iter().zip(&mut all) {
            let slowest = times.iter().max().copied().unwrap_or_default();
            worst = worst.max(slowest);
            println!(
                "  {shown:24} median {:.2?}, slowest {slowest:.2?}",
                median(times)
            );
        }
        wizard.press("4", 1)?;
        wizard.press("/", 1)?;
        let typed: Vec<_> = "public.t49"
            .chars()
            .map(|c| wizard.press(&c.to_string(), 1))
            .collect::<Result<_, _>>()?;
        let slowest = typed.iter().max().copied().unwrap_or_default();
        println!("  typing a filter          slowest {slowest:.2?}");
        println!("  slowest frame of all     {:.2?}", worst.max(slowest));
        println!(
            "  idle with that diff open {:.2} % of a core, {}",
            wizard.idle(IDLE)?,
            wizard.memory()?
        );
    }
    drop(cluster);
    real_wizard()
}

/// The real binary at its first gate, with a lab's writers at work in another process.
fn real_wizard() -> Result<(), Failure> {
    let program = env!("CARGO_BIN_EXE_greenlight");
    let folder = tempfile::Builder::new()
        .prefix("gl-bench-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()?;
    let dir = folder.path().join("lab");
    let dir = dir.to_str().ok_or("a path that is no text")?;
    let lab = |words: &[&str]| std::process::Command::new(program).args(words).output();
    let up = lab(&["lab", "up", "--load", "2", "--dir", dir])?;
    if !up.status.success() {
        return Err(String::from_utf8_lossy(&up.stderr).into());
    }
    let runs = folder.path().join("runs");
    let env = [(
        "GREENLIGHT_RUNS",
        runs.to_str().ok_or("a path that is no text")?,
    )];
    let measured = (|| {
        let wizard = Process::start(program, &["run", &format!("{dir}/profile.toml")], &env)?;
        wizard.wait_for("your turn")?;
        wizard.settle();
        println!(
            "real wizard, waiting in a lab: idle {:.2} % of a core, {}",
            wizard.idle(IDLE)?,
            wizard.memory()?
        );
        Ok(())
    })();
    lab(&["lab", "down", "--dir", dir])?;
    measured
}

/// A server with three databases: one with all the tables, its copy, an empty one.
async fn databases(tables: u32) -> Result<Cluster, Failure> {
    let cluster = common::server(17, tables).await?;
    cluster.sql("postgres", "CREATE DATABASE empty").await?;
    cluster
        .sql("empty", "CREATE DATABASE same TEMPLATE postgres")
        .await?;
    Ok(cluster)
}
