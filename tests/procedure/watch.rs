//! An onlooker of its own: one session a server, asking every few milliseconds whether applications could write there.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::support::{BLUE, FENCED, GREEN, Lab};

const EVERY: Duration = Duration::from_millis(4);

/// From when until when a server let applications write, as its own catalog said.
type Spans = Arc<Mutex<Vec<(Instant, Instant)>>>;

/// Watches both servers of a lab until dropped.
pub struct Watch {
    blue: Spans,
    green: Spans,
    green_port: Option<u16>,
    tasks: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Begins with BLUE; GREEN is watched from [`Self::look_at_green`] on.
    pub fn begin(lab: &Lab) -> Self {
        let mut watch = Self {
            blue: Spans::default(),
            green: Spans::default(),
            green_port: None,
            tasks: Vec::new(),
        };
        let blue = lab.login(BLUE, "postgres").expect("BLUE");
        watch
            .tasks
            .push(tokio::spawn(note_spans(blue, watch.blue.clone(), true)));
        watch
    }

    /// Watches the GREEN that the newest run knows, once it is fenced: it comes out of the restore open, pointed at by
    /// nobody.
    pub fn look_at_green(&mut self, lab: &Lab) {
        if lab.green_port().is_none() {
            return;
        }
        let Some(green) = lab.login(GREEN, "postgres") else {
            return;
        };
        let port = green.get_ports().first().copied();
        if port == self.green_port {
            return;
        }
        self.green_port = port;
        self.tasks
            .push(tokio::spawn(note_spans(green, self.green.clone(), false)));
    }

    /// Times at which both servers let applications write, in milliseconds of overlap. None in a sound run.
    pub fn both_open(&self) -> Vec<f64> {
        let blue = self.blue.lock().expect("spans").clone();
        let green = self.green.lock().expect("spans").clone();
        let overlap = |a: &(Instant, Instant), b: &(Instant, Instant)| {
            let length = a.1.min(b.1).checked_duration_since(a.0.max(b.0))?;
            (!length.is_zero()).then_some(length.as_secs_f64() * 1000.0)
        };
        blue.iter()
            .flat_map(|a| green.iter().filter_map(move |b| overlap(a, b)))
            .collect()
    }

    /// True when both servers were seen open and shut: a watch that saw nothing proves nothing.
    pub fn saw_a_switch(&self) -> bool {
        let spans = |side: &Spans| side.lock().expect("spans").len();
        spans(&self.blue) > 0 && spans(&self.green) > 0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Asks, and connects anew where the connection is gone. A span begins when the first of several answers in a row said
/// "open" and ends when the last of them was asked for, so within it the server was open beyond doubt.
async fn note_spans(login: Config, spans: Spans, mut counts: bool) {
    let roles = FENCED.map(|role| format!("'{role}'")).join(", ");
    // no quoting: the three names above.
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolcanlogin AND rolname IN ({roles})) \
         OR EXISTS (SELECT FROM pg_stat_activity WHERE usename IN ({roles}))"
    );
    loop {
        let Ok((client, connection)) = login.connect(NoTls).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        tokio::spawn(connection);
        let mut running = false;
        loop {
            let asked = Instant::now();
            let Some(open) = ask(&client, &sql).await else {
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
