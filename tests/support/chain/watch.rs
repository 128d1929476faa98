//! An onlooker of its own: one session a server, asking every few milliseconds whether applications could write there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

const EVERY: Duration = Duration::from_millis(4);

/// From when until when a server let applications write, as its own catalog said.
type Spans = Arc<Mutex<Vec<(Instant, Instant)>>>;

/// Watches the servers of a world until dropped.
#[derive(Default)]
pub struct Watch {
    sides: BTreeMap<&'static str, Side>,
}

#[derive(Default)]
struct Side {
    spans: Spans,
    port: Option<u16>,
    tasks: Vec<JoinHandle<()>>,
}

/// What an onlooker asks a server.
pub struct Look {
    /// How it gets in.
    pub login: Config,
    /// True when applications could write there now.
    pub sql: String,
    /// False for a server that is open before anybody is pointed at it: it counts once it was seen shut.
    pub at_once: bool,
}

impl Watch {
    /// Watches a side from now on; one at the port where it was is being watched.
    pub fn look_at(&mut self, side: &'static str, look: Look) {
        let side = self.sides.entry(side).or_default();
        let port = look.login.get_ports().first().copied();
        if side.port == port {
            return;
        }
        side.port = port;
        side.tasks
            .push(tokio::spawn(note_spans(look, side.spans.clone())));
    }

    /// Times at which two sides let applications write, in milliseconds of overlap. None in a sound run.
    pub fn both_open(&self) -> Vec<f64> {
        let sides = self.sides.values();
        let sides: Vec<_> = sides
            .map(|side| side.spans.lock().expect("spans").clone())
            .collect();
        let overlap = |a: &(Instant, Instant), b: &(Instant, Instant)| {
            let length = a.1.min(b.1).checked_duration_since(a.0.max(b.0))?;
            (!length.is_zero()).then_some(length.as_secs_f64() * 1000.0)
        };
        let mut both = Vec::new();
        for (at, one) in sides.iter().enumerate() {
            for other in &sides[at + 1..] {
                let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
                both.extend(pairs.filter_map(|(a, b)| overlap(a, b)));
            }
        }
        both
    }

    /// True when two servers were seen open: a watch that saw nothing proves nothing.
    pub fn saw_a_switch(&self) -> bool {
        let seen = |side: &&Side| !side.spans.lock().expect("spans").is_empty();
        self.sides.values().filter(seen).count() > 1
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in self.sides.values().flat_map(|side| &side.tasks) {
            task.abort();
        }
    }
}

/// Asks, and connects anew where the connection is gone. A span begins when the first of several answers in a row said
/// "open" and ends when the last of them was asked for, so within it the server was open beyond doubt.
async fn note_spans(look: Look, spans: Spans) {
    let mut counts = look.at_once;
    loop {
        let Ok((client, connection)) = look.login.connect(NoTls).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        tokio::spawn(connection);
        let mut running = false;
        loop {
            let asked = Instant::now();
            let Some(open) = ask(&client, &look.sql).await else {
                break;
            };
            counts |= !open;
            if open && counts {
                let mut spans = spans.lock().expect("spans");
                match spans.last_mut() {
                    Some(span) if running => span.1 = span.1.max(asked),
                    _ => {
                        let now = Instant::now();
                        spans.push((now, now));
                    }
                }
            }
            running = open && counts;
            tokio::time::sleep(EVERY).await;
        }
    }
}

async fn ask(client: &Client, sql: &str) -> Option<bool> {
    let answer = client.simple_query(sql).await.ok()?;
    answer.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(|text| text == "t"),
        _ => None,
    })
}
