//! The write gap of a switchover behind a virtual address as writers see it, beside the old guide's order with a
//! gratuitous ARP (address down, checkpoint, sent = replayed, `pg_ctl stop`, `pg_ctl promote`, address up, ARP) scripted
//! on the same lab, turn about: both on the same machine, in the same run, with the same load. Also how many rows were
//! lost. `cargo bench --bench switchover -- [ROUNDS]` (5 by default, each there and back; 25 make fifty switchovers).
//! Needs root, for network namespaces. Prints medians and their ratio.

#[path = "common/psql.rs"]
mod psql;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use greenlight::profile::{Via, VipNode, VipSwitchover, load};
use serde_json::Value;

const GREENLIGHT: &str = env!("CARGO_BIN_EXE_greenlight");
const WRITERS: &str = "4";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let scratch = std::env::temp_dir().join(format!("gl-switchover-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let dir = scratch.join("lab");
    greenlight(
        &["lab", "up", "vip-switchover", "--load", WRITERS, "--dir"],
        &dir,
    )?;
    let measured = rows(&dir, rounds.unwrap_or(5));
    greenlight(&["lab", "down", "--dir"], &dir)?;
    std::fs::remove_dir_all(&scratch)?;
    let (mut ours, mut script) = measured?;
    let (ours, script) = (median(&mut ours), median(&mut script));
    println!(
        "median write gap, {WRITERS} writers: greenlight {ours} ms, the guide's order {script} ms"
    );
    println!(
        "greenlight : guide = 1 : {:.1}",
        script as f64 / ours.max(1) as f64
    );
    Ok(())
}

fn rows(dir: &Path, rounds: u32) -> Result<(Vec<u64>, Vec<u64>), Failure> {
    let (mut ours, mut script) = (Vec::new(), Vec::new());
    let profile = load(&dir.join("profile.toml"))?
        .vip_switchover()
        .ok_or("another procedure")?;
    for round in 1..=rounds {
        for (from, to) in [("pg-a", "pg-b"), ("pg-b", "pg-a")] {
            by_greenlight(dir, from)?;
            ours.push(gap(dir)?);
            // The same way back, so that either does both ways.
            by_the_guide(dir, &profile, to, from)?;
            script.push(gap(dir)?);
            by_greenlight(dir, from)?;
            ours.push(gap(dir)?);
        }
        println!(
            "round {round}: greenlight {:?} ms, the guide's order {:?} ms",
            tail(&ours, 4),
            tail(&script, 2)
        );
    }
    Ok((ours, script))
}

fn tail(values: &[u64], count: usize) -> &[u64] {
    &values[values.len().saturating_sub(count)..]
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

fn greenlight(args: &[&str], dir: &Path) -> Result<String, Failure> {
    let lab = if dir.is_file() { dir.parent() } else { None };
    let output = Command::new(GREENLIGHT)
        .args(args)
        .arg(dir)
        .env("GREENLIGHT_RUNS", lab.unwrap_or(dir).join("runs"))
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!(
        "{args:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

fn by_greenlight(dir: &Path, from: &str) -> Result<(), Failure> {
    let switch = format!("cutover.switch=switch over {from}");
    let confirmed = [
        "--confirm",
        &switch,
        "--confirm",
        "rejoin.upgrade=x",
        "--confirm",
        "finish.close=x",
    ];
    let args = [&["run", "--headless"][..], &confirmed].concat();
    greenlight(&args, &dir.join("profile.toml")).map(drop)
}

/// The longest gap of the last switchover; an error when a row was lost.
fn gap(dir: &Path) -> Result<u64, Failure> {
    // Writers are to come through again first.
    std::thread::sleep(Duration::from_secs(2));
    let audit: Value =
        serde_json::from_str(&greenlight(&["lab", "audit", "--json", "--dir"], dir)?)?;
    if audit["lost"] != 0 || audit["duplicated"] != 0 {
        return Err(format!("rows were lost or doubled: {audit}").into());
    }
    let last = audit["pauses_ms"]
        .as_array()
        .and_then(|all| all.last()?.as_u64());
    last.ok_or_else(|| "no gap was seen".into())
}

/// The old guide's order, with the ARP it lacks.
fn by_the_guide(dir: &Path, profile: &VipSwitchover, from: &str, to: &str) -> Result<(), Failure> {
    let (old, new) = (&profile.nodes[from], &profile.nodes[to]);
    let address = format!("{}/{}", profile.address.host, profile.address.prefix);
    let (on_old, on_new) = (interface(old), interface(new));
    let data = |node: &VipNode| node.server.directory();
    // The slot it followed by is gone; what is kept of the log does.
    sql(dir, old, "ALTER SYSTEM SET primary_slot_name = ''")?;
    on(old, false, &["ip", "addr", "del", &address, "dev", on_old])?;
    sql(dir, old, "CHECKPOINT")?;
    while sql(
        dir,
        old,
        "SELECT count(*) FROM pg_stat_replication WHERE sent_lsn <> replay_lsn",
    )? != "0"
    {}
    on(
        old,
        true,
        &[
            &old.server.program("pg_ctl"),
            "stop",
            "-D",
            &data(old),
            "-m",
            "fast",
            "-w",
        ],
    )?;
    on(
        new,
        true,
        &[
            &new.server.program("pg_ctl"),
            "promote",
            "-D",
            &data(new),
            "-w",
        ],
    )?;
    on(new, false, &["ip", "addr", "add", &address, "dev", on_new])?;
    on(
        new,
        false,
        &[
            "arping",
            "-U",
            "-c",
            "1",
            "-I",
            on_new,
            &profile.address.host,
        ],
    )?;
    // Told as the hook of the lab's profile is, so that the gap is counted; then the old primary follows.
    if let Some(hook) = &profile.hooks.reconnect {
        Command::new(&hook.argv[0]).args(&hook.argv[1..]).status()?;
    }
    sql(dir, new, "CHECKPOINT")?;
    let log = old.server.data_file("greenlight-start.log");
    on(
        old,
        true,
        &["touch", &old.server.data_file("standby.signal")],
    )?;
    on(
        old,
        true,
        &[
            &old.server.program("pg_ctl"),
            "start",
            "-D",
            &data(old),
            "-w",
            "-l",
            &log,
        ],
    )?;
    for _ in 0..200 {
        let streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
        if sql(dir, new, streams)? == "1" {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("{from} does not follow").into())
}

fn interface(node: &VipNode) -> &str {
    node.interface.as_deref().unwrap_or("eth0")
}

/// Runs words on the host of a node; not waited for where the profile would not.
fn on(node: &VipNode, owner: bool, words: &[&str]) -> Result<String, Failure> {
    let Via::Local(before) = &node.server.host.via else {
        return Err("a lab runs here".into());
    };
    let host = &node.server.host;
    let asked = if owner {
        host.as_owner(words)
    } else {
        host.as_root(words)
    };
    let argv: Vec<_> = before.iter().chain(&asked).collect();
    let output = Command::new(argv[0]).args(&argv[1..]).output()?;
    if !output.status.success() {
        return Err(format!("{argv:?}: {output:?}").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn sql(dir: &Path, node: &VipNode, statement: &str) -> Result<String, Failure> {
    let output = Command::new(psql::program())
        .args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "lab_admin",
            "-d",
            "shop",
            "-c",
            statement,
        ])
        .args([
            "-h",
            &node.server.address,
            "-p",
            &node.server.port.to_string(),
        ])
        .env("PGPASSFILE", dir.join("passfile"))
        .output()?;
    if !output.status.success() {
        return Err(format!("{statement}: {output:?}").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
