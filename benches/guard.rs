//! `patroni-guard` beside the old guide it replaces, turn about, each on a fresh lab of three members with writers: the
//! same machine, the same run, the same load. Per round a bad deployment is rolled back, and a member that holds 150 MB
//! back is released.
//!
//!     cargo bench --bench guard -- [ROUNDS]         # 3 by default
//!
//! Printed: seconds from the beginning of the roll back until the held member leads (its `/primary` answers 200) and until
//! all members stream from it; the write outage as writers saw it; seconds from the moment the release took effect until
//! less than 16 kB are left; how many rounds were clean: by their own end, no row lost, none doubled, the tables as they
//! were before the deployment. The guide's orders stand in `guard/guide.rs`.

#[path = "guard/guide.rs"]
mod guide;
#[path = "guard/lab.rs"]
mod lab;

use std::time::{Duration, Instant};

use lab::{Failure, HELD, Lab, sleep};

/// What is held back before a release, in bytes.
const BACKLOG: u64 = 150 << 20;
const STREAMS_WITHIN: Duration = Duration::from_secs(180);

/// What a roll back took.
#[derive(Debug, Clone, Copy)]
struct RolledBack {
    leads: f64,
    streams: f64,
    outage: f64,
    clean: bool,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let rounds: usize = rounds.unwrap_or(3);
    let (mut ours, mut guides) = (Vec::new(), Vec::new());
    let (mut released, mut resumed) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        ours.push(by_greenlight().await?);
        released.push(release_by_greenlight().await?);
        guides.push(by_the_guide().await?);
        resumed.push(release_by_the_guide().await?);
        println!(
            "round {round}: greenlight {}, {:.1} s; the guide {}, {:.1} s",
            told(&ours[round - 1]),
            released[round - 1],
            told(&guides[round - 1]),
            resumed[round - 1],
        );
    }
    print_medians("greenlight", &ours, &mut released);
    print_medians("the guide", &guides, &mut resumed);
    Ok(())
}

fn told(one: &RolledBack) -> String {
    format!(
        "leads {:.1} s, all stream {:.1} s, outage {:.1} s, {}",
        one.leads,
        one.streams,
        one.outage,
        if one.clean { "clean" } else { "NOT CLEAN" }
    )
}

fn print_medians(who: &str, all: &[RolledBack], released: &mut [f64]) {
    let figure = |of: fn(&RolledBack) -> f64| median(&mut all.iter().map(of).collect::<Vec<_>>());
    println!(
        "{who}, medians: leads after {:.1} s, all stream after {:.1} s, write outage {:.1} s; {} MB released in {:.1} s; \
         {} of {} clean",
        figure(|one| one.leads),
        figure(|one| one.streams),
        figure(|one| one.outage),
        BACKLOG >> 20,
        median(released),
        all.iter().filter(|one| one.clean).count(),
        all.len()
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn by_greenlight() -> Result<RolledBack, Failure> {
    let lab = Lab::up().await?;
    let run = lab.hold("bad").await?;
    let switch = format!("rollback.switch=roll back to predeploy_{run}");
    let began = Instant::now();
    let watched = lab.watch(began);
    let code = lab
        .greenlight(&[
            "rollback",
            &run,
            "--headless",
            "--confirm",
            "rollback.recover=x",
            "--confirm",
            &switch,
            "--confirm",
            "rollback.old-leader=x",
        ])
        .await?
        .code;
    rolled_back(&lab, watched.await?, code == Some(4)).await
}

async fn by_the_guide() -> Result<RolledBack, Failure> {
    let lab = Lab::up().await?;
    let point = guide::hold(&lab).await?;
    lab.deploy("bad").await?;
    let began = Instant::now();
    let watched = lab.watch(began);
    guide::roll_back(&lab, &point).await?;
    rolled_back(&lab, watched.await?, true).await
}

async fn rolled_back(
    lab: &Lab,
    seen: Result<(f64, f64), Failure>,
    ended: bool,
) -> Result<RolledBack, Failure> {
    let (leads, streams) = seen?;
    // Writers are to come through again first.
    sleep(2000).await;
    let audit = lab.audit().await?;
    let faultless = audit["faults"].as_array().is_none_or(Vec::is_empty);
    let outage = audit["pauses_ms"]
        .as_array()
        .and_then(|all| all.last()?.as_f64());
    Ok(RolledBack {
        leads,
        streams,
        outage: outage.ok_or("no outage was seen")? / 1000.0,
        clean: ended && faultless && audit["lost"] == 0 && audit["duplicated"] == 0,
    })
}

async fn release_by_greenlight() -> Result<f64, Failure> {
    let lab = Lab::up().await?;
    let run = lab.hold("good").await?;
    lab.fill(BACKLOG).await?;
    let phrase = format!("release.member=release {HELD}");
    let watched = lab.watch_release("SELECT current_setting('recovery_min_apply_delay') = '0'");
    let ended = lab
        .greenlight(&["resume", &run, "--headless", "--confirm", &phrase])
        .await?;
    if ended.code != Some(0) {
        return Err(ended.said.into());
    }
    watched.await?
}

async fn release_by_the_guide() -> Result<f64, Failure> {
    let lab = Lab::up().await?;
    guide::hold(&lab).await?;
    lab.deploy("good").await?;
    lab.fill(BACKLOG).await?;
    let watched = lab.watch_release("SELECT NOT pg_is_wal_replay_paused()");
    guide::release(&lab).await?;
    watched.await?
}
