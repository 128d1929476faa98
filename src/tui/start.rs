//! The start screen: what there is to begin or to take up again.

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use tokio::signal::unix::{SignalKind, signal};

use super::app::{Options, TuiError};
use super::terminal::{Keyboard, Screen};
use super::text;
use super::theme::Theme;
use super::view_state::first_drawn;
use super::widgets::paint::{self, span};

/// What the operator chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Run this profile.
    Profile(std::path::PathBuf),
    /// Take up this unfinished run.
    Resume(String),
    /// Rehearse this procedure.
    Rehearse(String),
}

/// One line of the start screen.
#[derive(Debug, Clone)]
pub struct StartItem {
    /// What it is: a profile's name, a run's id, a procedure.
    pub title: String,
    /// More about it: the procedure and the servers, where a run stands and since when.
    pub detail: String,
    /// What choosing it means; an error in its place says why it cannot be chosen.
    pub choice: Result<Choice, String>,
}

/// All that there is to begin or to take up again.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Unfinished runs.
    pub runs: Vec<StartItem>,
    /// Profiles found.
    pub profiles: Vec<StartItem>,
    /// Rehearsals.
    pub rehearsals: Vec<StartItem>,
}

impl Start {
    fn groups(&self) -> [(&'static str, &[StartItem]); 3] {
        [
            ("Unfinished runs", &self.runs),
            ("Profiles", &self.profiles),
            (
                "Rehearsals, on disposable servers of this machine",
                &self.rehearsals,
            ),
        ]
    }

    fn item(&self, at: usize) -> Option<&StartItem> {
        self.groups()
            .into_iter()
            .flat_map(|(_, items)| items)
            .nth(at)
    }

    fn len(&self) -> usize {
        self.runs.len() + self.profiles.len() + self.rehearsals.len()
    }
}

/// Shows the start screen until something is chosen; `None` when the operator leaves.
pub async fn start_screen(start: Start, options: &Options) -> Result<Option<Choice>, TuiError> {
    let theme = Theme::new(options.looks);
    let mut screen = Screen::enter()?;
    let mut keyboard = Keyboard::listen();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut resized = signal(SignalKind::window_change())?;
    let mut chosen = 0;
    let mut refusal = None;
    loop {
        let drawn = screen.draw(|frame| {
            draw(
                &start,
                chosen,
                refusal.as_deref(),
                &theme,
                frame.area(),
                frame.buffer_mut(),
            );
        });
        if !drawn {
            return Ok(None);
        }
        let event = tokio::select! {
            event = keyboard.events.recv() => event,
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            _ = hang_up.recv() => None,
            _ = resized.recv() => continue,
        };
        let Some(event) = event else { return Ok(None) };
        match key(&event, &mut chosen, start.len()) {
            Wish::Stay => refusal = None,
            Wish::Leave => return Ok(None),
            Wish::Choose => match start.item(chosen).map(|item| &item.choice) {
                Some(Ok(choice)) => return Ok(Some(choice.clone())),
                Some(Err(reason)) => refusal = Some(reason.clone()),
                None => {}
            },
        }
    }
}

enum Wish {
    Stay,
    Choose,
    Leave,
}

fn key(event: &TerminalEvent, chosen: &mut usize, len: usize) -> Wish {
    let TerminalEvent::Key(key) = event else {
        return Wish::Stay;
    };
    if key.kind == KeyEventKind::Release {
        return Wish::Stay;
    }
    match key.code {
        KeyCode::Char('c') if key.modifiers == KeyModifiers::CONTROL => return Wish::Leave,
        KeyCode::Char('q') | KeyCode::Esc => return Wish::Leave,
        KeyCode::Enter => return Wish::Choose,
        KeyCode::Up => *chosen = chosen.saturating_sub(1),
        KeyCode::Down => *chosen = (*chosen + 1).min(len.saturating_sub(1)),
        KeyCode::Home => *chosen = 0,
        KeyCode::End => *chosen = len.saturating_sub(1),
        _ => {}
    }
    Wish::Stay
}

fn draw(
    start: &Start,
    chosen: usize,
    refusal: Option<&str>,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    let mut rows: Vec<Line> = Vec::new();
    let mut chosen_row = 0;
    let mut at = 0;
    for (title, items) in start.groups() {
        rows.push(Line::from(span(title, theme.label)));
        if items.is_empty() {
            rows.push(Line::from(span("  none", theme.dim)));
        }
        for item in items {
            if at == chosen {
                chosen_row = rows.len();
            }
            at += 1;
            rows.push(row(item, theme));
        }
        rows.push(Line::default());
    }
    let head = Line::from(vec![
        Span::raw(" "),
        span("greenlight", theme.green),
        span(
            "   PostgreSQL upgrades and switchovers, step by step",
            theme.dim,
        ),
    ]);
    paint::line(buf, area, 0, &head);
    let refused: Vec<Line> = refusal
        .into_iter()
        .flat_map(|reason| {
            text::wrap(
                &format!("⚠ {reason}"),
                usize::from(area.width).saturating_sub(2),
            )
        })
        .take(usize::from(area.height / 2))
        .map(|line| Line::from(span(format!(" {line}"), theme.warn)))
        .collect();
    let foot_height = u16::try_from(refused.len()).unwrap_or(1).max(1);
    let body = Rect {
        x: area.x + 2,
        y: area.y + 2,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(3 + foot_height),
    };
    let first = first_drawn(chosen_row, rows.len(), usize::from(body.height));
    paint::lines(buf, body, &rows[first..]);
    if let Ok(y) = u16::try_from(chosen_row - first) {
        paint::choose_row(buf, body, y, theme.chosen);
    }
    let keys = Line::from(vec![
        span(" ↑ ↓", theme.key),
        span(" move   ", theme.dim),
        span("Enter", theme.key),
        span(" choose   ", theme.dim),
        span("q", theme.key),
        span(" leave", theme.dim),
    ]);
    let foot = Rect {
        y: area.bottom().saturating_sub(foot_height),
        height: foot_height,
        ..area
    };
    paint::lines(
        buf,
        foot,
        if refused.is_empty() {
            std::slice::from_ref(&keys)
        } else {
            &refused
        },
    );
    theme.finish(buf);
}

fn row(item: &StartItem, theme: &Theme) -> Line<'static> {
    let (glyph, style) = match &item.choice {
        Ok(Choice::Resume(_)) => ('⏸', theme.warn),
        Ok(_) => ('▸', theme.text),
        Err(_) => ('✘', theme.block),
    };
    let detail = match &item.choice {
        Ok(_) => item.detail.clone(),
        Err(reason) => reason.lines().next().unwrap_or("").to_owned(),
    };
    Line::from(vec![
        span(format!("  {glyph} {} ", text::left(&item.title, 28)), style),
        span(detail, theme.dim),
    ])
}

#[cfg(test)]
mod tests;
