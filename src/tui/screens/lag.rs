use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Scene;
use crate::domain::{human_bytes, human_duration};
use crate::event::{Light, LinkGauge};
use crate::tui::model::Series;
use crate::tui::text;
use crate::tui::widgets::gauges::{go_text, lag_text, light_style, or_unknown, rate, wal};
use crate::tui::widgets::paint::{self, span};
use crate::tui::widgets::spark::{spark, tall};

/// Replication in full: each link, the last minutes, what the disk has room for.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let gauges = &scene.model.gauges;
    let area = Rect {
        x: area.x + 1,
        width: area.width - 2,
        ..area
    };
    if !gauges.readings.is_empty() {
        readings(scene, area, buf);
        return;
    }
    let names = usize::from(area.width).saturating_sub(70).clamp(8, 24);
    let mut lines = vec![head(scene, names)];
    if gauges.links.is_empty() {
        lines.push(Line::from(span(
            "There is no replication link yet.",
            theme.dim,
        )));
    }
    lines.extend(
        gauges
            .links
            .iter()
            .map(|(database, link)| row(scene, &text::left(database, names), link)),
    );
    for (server, reason) in &gauges.silent {
        lines.push(Line::from(span(
            format!("⚠ {server} does not answer: {reason}"),
            theme.warn,
        )));
    }
    lines.push(Line::default());
    lines.extend(facts(scene));
    lines.push(Line::default());
    lines.extend(lights(scene, usize::from(area.width)));
    paint::lines(buf, area, &lines);
    let used = u16::try_from(lines.len())
        .unwrap_or(area.height)
        .min(area.height);
    let rest = Rect {
        y: area.y + used,
        height: area.height - used,
        ..area
    };
    charts(scene, rest, buf);
}

/// The procedure's own readings, each with its last minutes, and the lights.
fn readings(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let theme = scene.theme;
    let gauges = &scene.model.gauges;
    let names = gauges
        .readings
        .iter()
        .map(|reading| text::width(&reading.name));
    let names = names.max().unwrap_or(0).clamp(12, 32) + 2;
    let texts = gauges
        .readings
        .iter()
        .map(|reading| text::width(&reading.text));
    let texts = texts.max().unwrap_or(0).clamp(8, 40) + 2;
    let past = usize::from(area.width)
        .saturating_sub(names + texts + 3)
        .min(60);
    let mut lines: Vec<_> = gauges
        .readings
        .iter()
        .map(|reading| {
            let sign = match reading.light {
                Light::Ok => "  ",
                Light::Warn => "⚠ ",
                Light::Stop => "✘ ",
            };
            let style = light_style(scene, reading.light);
            let series = scene.model.series.readings.get(&reading.name);
            let drawn = series.filter(|_| reading.value.is_some());
            Line::from(vec![
                span(sign, style),
                span(text::left(&reading.name, names), theme.label),
                span(text::left(&reading.text, texts), style),
                span(
                    drawn.map_or_else(String::new, |series| spark(series, past)),
                    theme.dim,
                ),
            ])
        })
        .collect();
    for (server, reason) in &gauges.silent {
        lines.push(Line::from(span(
            format!("⚠ {server} does not answer: {reason}"),
            theme.warn,
        )));
    }
    lines.push(Line::default());
    lines.extend(lights(scene, usize::from(area.width)));
    paint::lines(buf, area, &lines);
}

fn head(scene: &Scene, names: usize) -> Line<'static> {
    let names = format!(
        "{}{}{}{}{}  link",
        text::left("database", names),
        text::right("lag", 12),
        text::right("behind", 10),
        text::right("apply", 14),
        text::right("caught up in", 14),
    );
    Line::from(span(names, scene.theme.label))
}

fn row(scene: &Scene, database: &str, link: &LinkGauge) -> Line<'static> {
    let theme = scene.theme;
    let (sign, style) = if link.active {
        ("✔ active", theme.good)
    } else {
        ("⚠ no worker", theme.warn)
    };
    let negative = link.lag_bytes.is_some_and(|lag| lag < 0);
    let lag_style = if negative { theme.block } else { theme.text };
    Line::from(vec![
        span(database, theme.text),
        span(text::right(&lag_text(link.lag_bytes), 12), lag_style),
        span(
            text::right(&or_unknown(link.lag_time, human_duration), 10),
            theme.text,
        ),
        span(text::right(&rate(link.apply_rate), 14), theme.text),
        span(
            text::right(&or_unknown(link.catch_up, human_duration), 14),
            theme.text,
        ),
        Span::raw("  "),
        span(
            if negative { "✘ negative: stop" } else { sign },
            if negative { theme.block } else { style },
        ),
    ])
}

fn facts(scene: &Scene) -> Vec<Line<'static>> {
    let (theme, gauges) = (scene.theme, &scene.model.gauges);
    let fact = |label: &str, value: String, style: Style| {
        Line::from(vec![
            span(text::left(label, 24), theme.label),
            span(value, style),
        ])
    };
    let [blue, green] = gauges
        .round_trip
        .map(|trip| or_unknown(trip, human_duration));
    vec![
        fact("WAL kept", wal(gauges), theme.text),
        fact("WAL written", rate(gauges.wal_rate), theme.text),
        fact(
            "round trip",
            format!("BLUE {blue}   GREEN {green}"),
            theme.text,
        ),
        fact(
            "sessions",
            format!(
                "BLUE {}   GREEN {}",
                or_unknown(gauges.sessions_blue, |n| n.to_string()),
                or_unknown(gauges.sessions_green, |n| n.to_string())
            ),
            theme.text,
        ),
        fact(
            "a pause now",
            or_unknown(gauges.pause_forecast, |pause| format!("about {pause}")),
            theme.text,
        ),
        go(scene),
    ]
}

/// The one light: go, or no-go with its reasons.
fn go(scene: &Scene) -> Line<'static> {
    let (text, style) = go_text(scene);
    Line::from(vec![
        span(text::left("a switch now", 24), scene.theme.label),
        span(text, style),
    ])
}

/// Every guardrail with its light, as many to a row as fit.
fn lights(scene: &Scene, width: usize) -> Vec<Line<'static>> {
    const CELL: usize = 20;
    let theme = scene.theme;
    let cell = |(id, light): (&String, &Light)| {
        let (sign, style) = match light {
            Light::Ok => ("✔", theme.good),
            Light::Warn => ("⚠", theme.warn),
            Light::Stop => ("✘", theme.block),
        };
        span(text::left(&format!("{sign} {id}"), CELL), style)
    };
    let cells: Vec<_> = scene.model.gauges.lights.iter().map(cell).collect();
    let rows = cells.chunks((width / CELL).max(1));
    let mut lines: Vec<_> = rows.map(|row| Line::from(row.to_vec())).collect();
    if !lines.is_empty() {
        lines.push(Line::default());
    }
    lines
}

type Shown = fn(f64) -> String;

fn charts(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let series = &scene.model.series;
    let charts: [(&str, &Series, Shown); 3] = [
        ("lag", &series.lag, |value| human_bytes(whole(value))),
        ("apply", &series.apply, |value| {
            format!("{}/s", human_bytes(whole(value)))
        }),
        ("WAL kept", &series.wal, |value| human_bytes(whole(value))),
    ];
    let rows = usize::from(area.height) / charts.len();
    if rows == 0 {
        return;
    }
    let cells = usize::from(area.width.saturating_sub(26)).min(120);
    for (at, (name, series, shown)) in charts.into_iter().enumerate() {
        let tall = tall(series, cells, rows.min(4));
        for (line_at, bars) in tall.iter().enumerate() {
            let label = match line_at {
                0 => format!(
                    "{}{} ",
                    text::left(name, 10),
                    text::right(&or_unknown(series.peak(cells), shown), 12)
                ),
                _ => " ".repeat(23),
            };
            let line = Line::from(vec![
                span(label, scene.theme.label),
                span(bars, scene.theme.dim),
            ]);
            let y = u16::try_from(at * rows + line_at).unwrap_or(u16::MAX);
            paint::line(buf, area, y, &line);
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a reading shown to three digits"
)]
fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}
