//! What is measured: the wizard with a real diff, and a bare program beside it.

use std::sync::Arc;
use std::time::Duration;

use greenlight::event::{Event, Gauges, LinkGauge};
use greenlight::inspect::{DiffOptions, diff};
use greenlight::tui::{Header, Options, Wizard, run};
use tokio::sync::{mpsc, watch};

use crate::common::{Failure, session};

/// Gates of the scripted run before the one it stops at.
const GATES: usize = 3;

/// Compares two databases, then shows a scripted run with that diff and gauges that move every second.
pub async fn wizard(server: &str, other: &str) -> Result<(), Failure> {
    greenlight::adapters::install_crypto_provider();
    let found = {
        let (blue, green) = (
            session(server, "postgres").await?,
            session(server, other).await?,
        );
        diff(blue.as_ref(), green.as_ref(), &DiffOptions::default()).await?
    };
    let (send, events) = mpsc::unbounded_channel();
    let mut gates = 0;
    for line in include_str!("../../tests/scenarios/upgrade.jsonl").lines() {
        let value: serde_json::Value = serde_json::from_str(line)?;
        gates += usize::from(value["do"] == "gate");
        if gates > GATES {
            break;
        }
        if value["do"].is_null() {
            send.send(serde_json::from_value::<Event>(value)?)?;
        }
    }
    let (gauges, seen) = watch::channel(Gauges::default());
    let moving = tokio::spawn(async move {
        for second in 0_i64.. {
            gauges.send_replace(reading(second));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let (intents, _wishes) = mpsc::unbounded_channel();
    let (_objects, objects) = watch::channel(Some(Arc::new(found)));
    let wizard = Wizard {
        header: Header {
            profile: "bench".to_owned(),
            ..Header::default()
        },
        events,
        gauges: seen,
        objects,
        intents: Some(intents),
        options: Options::default(),
    };
    run(wizard).await?;
    moving.abort();
    Ok(())
}

fn reading(second: i64) -> Gauges {
    let link = LinkGauge {
        lag_bytes: Some(100_000 + second % 7 * 90_000),
        lag_time: Some(Duration::from_millis(400)),
        apply_rate: Some(8e6),
        catch_up: Some(Duration::from_secs(2)),
        active: true,
    };
    Gauges {
        links: [("shop".to_owned(), link)].into(),
        tps: Some(400.0),
        sessions_blue: Some(48),
        wal_retained: Some(3_000_000_000),
        ..Gauges::default()
    }
}

/// A program that does nothing but fill the screen, once a second and at every key.
pub fn bare() -> Result<(), Failure> {
    let mut terminal = ratatui::init();
    for turn in 0_usize.. {
        terminal.draw(|frame| {
            let line = format!("{turn} ").repeat(60);
            let text: Vec<_> = (0..frame.area().height)
                .map(|_| line.as_str().into())
                .collect();
            frame.render_widget(ratatui::widgets::Paragraph::new(text), frame.area());
        })?;
        if crossterm::event::poll(Duration::from_secs(1))? {
            crossterm::event::read()?;
        }
    }
    Ok(())
}
