//! Plays a scripted run on the wizard's screen, to look at it without any server:
//! `cargo run --example screens -- tests/scenarios/upgrade.jsonl`
//!
//! Each line of a scenario is an event, or something to do: `{"do":"gate"}` waits for the operator's confirmation,
//! `{"do":"sleep","ms":200}` waits, `{"do":"hold"}` waits only with `--hold`. `--gates N` confirms the first N gates
//! by itself, `--panic` panics at the next one, `--light` and `--watch` show the light theme and the read-only view.

use std::sync::Arc;
use std::time::Duration;

use greenlight::event::{Event, Gauges, Intent, LinkGauge, Outcome, PauseForecast, What};
use greenlight::tui::{Exit, Header, Looks, Options, Wizard, run};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

struct Script {
    lines: Vec<Value>,
    gates: usize,
    hold: bool,
    panic: bool,
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let path = args.first().expect("a scenario");
    let text = std::fs::read_to_string(path).expect("the scenario");
    let gates = args.iter().skip_while(|arg| *arg != "--gates").nth(1);
    let script = Script {
        lines: text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect(),
        gates: gates.map_or(0, |count| count.parse().expect("a count of gates")),
        hold: has("--hold"),
        panic: has("--panic"),
    };
    let (sender, events) = mpsc::unbounded_channel();
    let (wishes, intents) = mpsc::unbounded_channel();
    let (gauges_sender, gauges) = watch::channel(Gauges::default());
    let (objects_sender, objects) = watch::channel(None);
    gauges_sender.send_replace(gauges_now());
    let found = include_str!("../tests/scenarios/objects.json");
    let found = serde_json::from_str(found).expect("an object diff");
    objects_sender.send_replace(Some(Arc::new(found)));
    tokio::spawn(play(script, sender, intents));
    let wizard = Wizard {
        header: Header {
            sides: None,
            profile: "shop-prod".to_owned(),
            blue_version: "15.18".to_owned(),
            green_version: "17.10".to_owned(),
            disposable: false,
        },
        events,
        gauges,
        objects,
        intents: (!has("--watch")).then_some(wishes),
        options: Options {
            looks: Looks::from_env(has("--light").then_some(Looks::Light)),
            ..Options::default()
        },
    };
    let exit = run(wizard).await.expect("a terminal");
    println!("left the screen: {exit:?}");
    std::process::exit(match exit {
        Exit::Ended(outcome) => i32::from(outcome.exit_code()),
        Exit::Left => 3,
        Exit::Lost => 5,
    });
}

async fn play(
    script: Script,
    events: mpsc::UnboundedSender<Event>,
    mut intents: mpsc::UnboundedReceiver<Intent>,
) {
    let mut gates = script.gates;
    for line in script.lines {
        match line["do"].as_str() {
            None => {
                let mut event: Event = serde_json::from_value(line).expect("an event");
                event.at = Timestamp::now();
                if events.send(event).is_err() {
                    return;
                }
                while let Ok(intent) = intents.try_recv() {
                    if intent == Intent::Park {
                        return park(&events);
                    }
                }
            }
            Some("sleep") => {
                let ms = line["ms"].as_u64().unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            Some("hold") if script.hold => {
                if wait(&mut intents).await == Some(Intent::Park) {
                    return park(&events);
                }
            }
            Some("gate") if gates > 0 => gates -= 1,
            Some("gate") if script.panic => panic!("the scenario asked for this panic"),
            Some("gate") => loop {
                match wait(&mut intents).await {
                    Some(Intent::Next { .. } | Intent::Confirm { .. }) => break,
                    Some(Intent::Park) => return park(&events),
                    Some(_) => {}
                    None => return,
                }
            },
            Some(_) => {}
        }
    }
}

/// The next intent; a read-only view has none, and then the script stands still.
async fn wait(intents: &mut mpsc::UnboundedReceiver<Intent>) -> Option<Intent> {
    match intents.recv().await {
        Some(intent) => Some(intent),
        None => std::future::pending().await,
    }
}

fn park(events: &mpsc::UnboundedSender<Event>) {
    let ended = What::Ended {
        outcome: Outcome::Parked,
        run: "7f3a".to_owned(),
    };
    // The screen may have been left already.
    let _ = events.send(Event {
        at: Timestamp::now(),
        step: None,
        what: ended,
    });
}

fn gauges_now() -> Gauges {
    let link = LinkGauge {
        lag_bytes: Some(1_258_291),
        lag_time: Some(Duration::from_millis(400)),
        apply_rate: Some(8_493_465.0),
        catch_up: Some(Duration::from_secs(2)),
        active: true,
    };
    Gauges {
        links: [("shop".to_owned(), link)].into(),
        tps: Some(412.0),
        sessions_blue: Some(48),
        sessions_green: Some(2),
        longest_transaction: Some(Duration::from_millis(200)),
        wal_retained: Some(3_650_722_201),
        wal_rate: Some(350_000.0),
        wal_space: Some(42_949_672_960),
        round_trip: [
            Some(Duration::from_millis(1)),
            Some(Duration::from_millis(2)),
        ],
        pause_forecast: Some(PauseForecast::of(
            Duration::from_millis(2),
            16,
            Duration::from_millis(3),
        )),
        no_go: Some(Vec::new()),
        ..Gauges::default()
    }
}
