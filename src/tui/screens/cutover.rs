use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::Scene;
use crate::domain::{human_bytes, human_duration};
use crate::tui::model::{Part, PartState, Pause, elapsed};
use crate::tui::text;
use crate::tui::widgets::bar::bar;
use crate::tui::widgets::gauges::or_unknown;
use crate::tui::widgets::paint::{self, span};

/// The write pause: a stopwatch against its budget, the sub-steps, the point of no return.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let Some(pause) = &scene.model.pause else {
        super::empty(scene, area, buf, "There is no write pause.");
        return;
    };
    let area = Rect {
        x: area.x + 3,
        width: area.width - 6,
        ..area
    };
    let mut lines = vec![
        Line::default(),
        stopwatch(scene, pause),
        budget_bar(scene, pause, area.width),
        Line::default(),
    ];
    for (at, part) in pause.parts.iter().enumerate() {
        if at == pause.no_return_before {
            lines.push(point_of_no_return(scene, pause, area.width));
        }
        lines.push(sub_step(scene, part));
    }
    lines.push(Line::default());
    lines.extend(forecast(scene, pause));
    lines.extend(canary(scene, pause));
    lines.extend(left(scene, pause));
    lines.push(Line::default());
    lines.push(ending(scene, pause));
    paint::lines(buf, area, &lines);
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

fn stopwatch(scene: &Scene, pause: &Pause) -> Line<'static> {
    let theme = scene.theme;
    let lasted = pause.lasted(scene.model.now);
    let left = pause.budget.saturating_sub(lasted);
    let style = if left.is_zero() {
        theme.block
    } else {
        theme.label
    };
    let mut spans = vec![
        span("WRITE PAUSE     ", theme.label),
        span(format!("{} s", seconds(lasted)), style),
        span(format!("  of {} s     ", seconds(pause.budget)), theme.dim),
    ];
    let (from, to) = pause.sides();
    spans.push(match pause.ended {
        Some(end) if end.taken_back => span(
            format!("↶ {from} was given back; everything is as before"),
            theme.warn,
        ),
        Some(_) => span(format!("✔ over: {to} is open"), theme.good),
        None if pause.crossed => span(
            format!("past the point of no return: {to} is being opened"),
            theme.warn,
        ),
        None => match &pause.opens_itself {
            Some((node, at)) => {
                let left = elapsed(scene.model.now, *at).as_secs_f64();
                span(
                    format!("{node} reopens by itself in {left:.1} s"),
                    theme.text,
                )
            }
            None => span("not past the point of no return yet", theme.text),
        },
    });
    Line::from(spans)
}

fn budget_bar(scene: &Scene, pause: &Pause, width: u16) -> Line<'static> {
    let share = pause.lasted(scene.model.now).as_secs_f64() / pause.budget.as_secs_f64().max(0.001);
    let style = match share {
        share if share >= 0.8 => scene.theme.block,
        share if share >= 0.5 => scene.theme.warn,
        _ => scene.theme.good,
    };
    Line::from(span(bar(share, usize::from(width).min(72)), style))
}

fn sub_step(scene: &Scene, part: &Part) -> Line<'static> {
    let theme = scene.theme;
    let (glyph, style, took, detail) = match &part.state {
        PartState::Later => ('·', theme.dim, String::new(), ""),
        PartState::Now { since } => (
            '▶',
            theme.now,
            human_duration(elapsed(*since, scene.model.now)),
            "now",
        ),
        PartState::Done { took, detail } => ('✔', theme.good, milliseconds(*took), detail.as_str()),
    };
    Line::from(vec![
        span(format!("{glyph} {}", text::left(&part.name, 24)), style),
        span(text::right(&took, 9), theme.text),
        Span::raw("   "),
        span(detail, theme.dim),
    ])
}

fn milliseconds(took: Duration) -> String {
    if took < Duration::from_millis(1) {
        "<1 ms".to_owned()
    } else {
        human_duration(took)
    }
}

fn point_of_no_return(scene: &Scene, pause: &Pause, width: u16) -> Line<'static> {
    let theme = scene.theme;
    let (word, style) = if pause.crossed {
        (" point of no return: crossed ", theme.warn)
    } else {
        (" point of no return ", theme.label)
    };
    let arm = "═".repeat(usize::from(width).min(72).saturating_sub(text::width(word)) / 2);
    Line::from(span(format!("{arm}{word}{arm}"), style))
}

fn left(scene: &Scene, pause: &Pause) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let line = |label: &str, value: String| {
        Line::from(vec![
            span(text::left(label, 26), theme.label),
            span(text::right(&value, 9), theme.text),
        ])
    };
    // A switchover that stops the server drains no link of ours.
    let drains = pause.parts.iter().any(|part| part.name == "drain");
    if !drains && pause.sessions_left.is_none() {
        return Vec::new();
    }
    vec![
        line(
            "sessions left",
            or_unknown(pause.sessions_left, |left| left.to_string()),
        ),
        line("bytes to drain", or_unknown(pause.bytes_left, human_bytes)),
    ]
}

/// What the pause was expected to take, beside what it then took.
fn forecast(scene: &Scene, pause: &Pause) -> Option<Line<'static>> {
    let forecast = pause.forecast?;
    Some(Line::from(vec![
        span(text::left("expected", 26), scene.theme.label),
        span(forecast.to_string(), scene.theme.text),
    ]))
}

/// What an application saw of it.
fn canary(scene: &Scene, pause: &Pause) -> Option<Line<'static>> {
    let seen = pause.canary.as_ref()?;
    let style = if seen.is_whole() {
        scene.theme.good
    } else {
        scene.theme.block
    };
    Some(Line::from(span(seen.words(), style)))
}

fn ending(scene: &Scene, pause: &Pause) -> Line<'static> {
    let theme = scene.theme;
    match pause.ended {
        Some(_) => Line::from(vec![
            span("Enter", theme.key),
            span("  back to the steps", theme.text),
        ]),
        None if pause.crossed => Line::from(span(
            "Nothing is taken back from here: it is finished.",
            theme.dim,
        )),
        None if scene.model.read_only => Line::default(),
        None => Line::from(vec![
            span("Esc", theme.key),
            span(format!("  give {} back now", pause.sides().0), theme.text),
        ]),
    }
}
