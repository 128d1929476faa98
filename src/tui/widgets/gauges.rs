use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::paint::span;
use super::spark::spark;
use crate::domain::{human_bytes, human_duration};
use crate::event::{Gauges, Light, LinkGauge};
use crate::tui::model::{Serving, worst_link};
use crate::tui::screens::Scene;
use crate::tui::text;

/// Two lines of gauges, wide or narrow, none longer than `width` cells.
#[must_use]
pub fn lines(scene: &Scene, wide: bool, width: usize) -> [Line<'static>; 2] {
    if scene.model.gauges.readings.is_empty() {
        [replication(scene, wide), serving(scene, wide)]
    } else {
        readings(scene, width)
    }
}

/// What the gauges are about.
#[must_use]
pub fn title(scene: &Scene) -> &'static str {
    if scene.model.gauges.readings.is_empty() {
        "Replication"
    } else {
        "Servers"
    }
}

/// The procedure's own readings, what asks for attention first; those that do not fit are on the tab.
fn readings(scene: &Scene, width: usize) -> [Line<'static>; 2] {
    let theme = scene.theme;
    let mut readings: Vec<_> = scene.model.gauges.readings.iter().collect();
    readings.sort_by_key(|reading| reading.light == Light::Ok);
    let mut readings = readings.into_iter().peekable();
    [(); 2].map(|()| {
        let (mut spans, mut used) = (Vec::new(), 0);
        while let Some(reading) = readings.peek() {
            let cells = text::width(&reading.name) + text::width(&reading.text) + 4;
            if used > 0 && used + cells > width {
                break;
            }
            used += cells;
            spans.push(span(format!("{} ", reading.name), theme.label));
            spans.push(span(
                format!("{}   ", reading.text),
                light_style(scene, reading.light),
            ));
            readings.next();
        }
        Line::from(spans)
    })
}

/// The colour of a reading.
#[must_use]
pub fn light_style(scene: &Scene, light: Light) -> Style {
    match light {
        Light::Ok => scene.theme.text,
        Light::Warn => scene.theme.warn,
        Light::Stop => scene.theme.block,
    }
}

fn replication(scene: &Scene, wide: bool) -> Line<'static> {
    let (theme, gauges) = (scene.theme, &scene.model.gauges);
    let mut spans = vec![span("lag   ", theme.label)];
    let link = worst_link(gauges);
    let lag = link.and_then(|link| link.lag_bytes);
    let style = if lag.is_some_and(|lag| lag < 0) {
        theme.block
    } else {
        theme.text
    };
    spans.push(span(text::right(&lag_text(lag), 9), style));
    spans.push(span(
        text::right(
            &or_unknown(link.and_then(|link| link.lag_time), human_duration),
            8,
        ),
        theme.text,
    ));
    if wide {
        spans.push(span(
            format!("  {}", spark(&scene.model.series.lag, 8)),
            theme.dim,
        ));
        spans.push(Span::raw("   "));
        spans.extend(apply(scene, link));
    }
    spans.push(span("   WAL kept ", theme.label));
    spans.push(span(wal(gauges), wal_style(scene)));
    Line::from(spans)
}

fn apply(scene: &Scene, link: Option<&LinkGauge>) -> Vec<Span<'static>> {
    let theme = scene.theme;
    if link.is_some_and(|link| !link.active) {
        return vec![span("no subscriber at work", theme.dim)];
    }
    let left = link
        .and_then(|link| link.catch_up)
        .map_or_else(String::new, |left| {
            format!(", caught up in {}", human_duration(left))
        });
    let rate = rate(link.and_then(|link| link.apply_rate));
    vec![
        span("apply ", theme.label),
        span(format!("{rate}{left}"), theme.text),
    ]
}

fn serving(scene: &Scene, wide: bool) -> Line<'static> {
    let (theme, gauges) = (scene.theme, &scene.model.gauges);
    if let Some((server, reason)) = gauges.silent.iter().next() {
        return Line::from(span(
            format!("⚠ {server} does not answer: {reason}"),
            theme.warn,
        ));
    }
    let (side, here, there) = match scene.model.serving() {
        Serving::Blue => (
            span("BLUE  ", theme.blue),
            gauges.sessions_blue,
            ("GREEN", gauges.sessions_green),
        ),
        Serving::Green => (
            span("GREEN ", theme.green),
            gauges.sessions_green,
            ("BLUE", gauges.sessions_blue),
        ),
    };
    let mut spans = vec![side];
    let tps = or_unknown(gauges.tps, |tps| format!("{tps:.0} tx/s"));
    spans.push(span(text::right(&tps, 9), theme.text));
    spans.push(span("  sessions ", theme.dim));
    spans.push(span(
        or_unknown(here, |count| count.to_string()),
        theme.text,
    ));
    if let (true, (name, Some(count))) = (wide, there) {
        spans.push(span(format!(" (on {name} {count})"), theme.dim));
    }
    spans.push(span("  longest transaction ", theme.dim));
    spans.push(span(
        or_unknown(gauges.longest_transaction, human_duration),
        theme.text,
    ));
    if let (true, Some(pause)) = (wide, gauges.pause_forecast) {
        spans.push(span(
            format!("   a pause now about {} ms", pause.total().as_millis()),
            theme.dim,
        ));
    } else if let (None, Some(pause)) = (&gauges.catching_up, gauges.pause_forecast) {
        spans.push(span(
            format!("  pause ~{} ms", pause.total().as_millis()),
            theme.dim,
        ));
    }
    match scene.model.no_go() {
        Some(reasons) if reasons.is_empty() => spans.push(span("  ● go", theme.good)),
        Some(_) => spans.push(span("  ✘ no-go", theme.block)),
        None if gauges.catching_up.is_some() => spans.push(span("  … catching up", theme.dim)),
        None => {}
    }
    Line::from(spans)
}

/// The one light in words: go, or no-go with its reasons.
pub fn go_text(scene: &Scene) -> (String, Style) {
    match scene.model.no_go() {
        None => {
            let link = scene.model.gauges.catching_up.as_ref();
            let text = link.map_or_else(
                || "nothing to switch yet".to_owned(),
                |link| format!("… {link} catching up"),
            );
            (text, scene.theme.dim)
        }
        Some(reasons) if reasons.is_empty() => ("● go".to_owned(), scene.theme.good),
        Some(reasons) => (
            format!("✘ no-go: {}", reasons.join("; ")),
            scene.theme.block,
        ),
    }
}

/// A lag in words; a negative one is impossible on a sound link and says so.
#[must_use]
pub fn lag_text(lag: Option<i64>) -> String {
    match lag {
        None => "–".to_owned(),
        Some(lag) if lag < 0 => format!("-{}", human_bytes(lag.unsigned_abs())),
        Some(lag) => human_bytes(lag.unsigned_abs()),
    }
}

/// The value in words, or a dash while it is not known.
pub fn or_unknown<T>(value: Option<T>, shown: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), shown)
}

/// Bytes per second in words.
#[must_use]
pub fn rate(rate: Option<f64>) -> String {
    or_unknown(rate, |rate| format!("{}/s", human_bytes(whole(rate))))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate to three digits; negative ones count as none"
)]
fn whole(rate: f64) -> u64 {
    rate.max(0.0).round() as u64
}

/// `3.4 GB of 40 GB, full in 31 h`.
#[must_use]
pub fn wal(gauges: &Gauges) -> String {
    let mut text = or_unknown(gauges.wal_retained, human_bytes);
    if let Some(space) = gauges.wal_space {
        text = format!("{text} of {}", human_bytes(space));
    }
    match gauges.hours_until_full() {
        Some(hours) if hours >= 999.0 => text + ", no end in sight",
        Some(hours) if hours >= 1.0 => format!("{text}, full in {hours:.0} h"),
        Some(hours) => format!("{text}, full in {:.0} min", hours * 60.0),
        None => text,
    }
}

fn wal_style(scene: &Scene) -> ratatui::style::Style {
    match scene.model.gauges.hours_until_full() {
        Some(hours) if hours < 1.0 => scene.theme.block,
        Some(hours) if hours < 6.0 => scene.theme.warn,
        _ => scene.theme.text,
    }
}
