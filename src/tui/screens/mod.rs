//! One file for each screen. A screen takes the scene and draws; it changes nothing and asks nobody.

mod checks;
mod confirm;
mod cutover;
mod data;
mod gate;
mod help;
mod lag;
mod log;
mod objects;
mod plan;
mod small;
mod steps;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::dialog::Dialog;
use super::model::{Model, StepView};
use super::theme::Theme;
use super::view_state::{Tab, View};
use super::widgets::{footer, gauges, header, paint, trail};

/// All that a screen is drawn from.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The run.
    pub model: &'a Model,
    /// What the operator looks at.
    pub view: &'a View,
    /// Looks.
    pub theme: &'a Theme,
    /// The operator's zone.
    pub zone: &'a TimeZone,
}

impl Scene<'_> {
    /// The step the operator looks at.
    #[must_use]
    pub fn shown_step(&self) -> Option<&StepView> {
        self.model
            .steps
            .all()
            .get(self.view.shown_step(self.model)?)
    }

    /// The time of day in the operator's zone.
    #[must_use]
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone())
            .strftime("%H:%M:%S")
            .to_string()
    }
}

/// Draws everything.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer) {
    if area.width < small::WIDTH || area.height < small::HEIGHT {
        small::draw(scene, area, buf);
    } else {
        frame(scene, area, buf);
        dialog(scene, area, buf);
    }
    scene.theme.finish(buf);
}

fn frame(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let wide = area.width >= 100 && area.height >= 28;
    let log_lines = if area.height >= 36 { 6 } else { 1 };
    let [head, trail_area, body, gauge_area, log_area, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(u16::from(!wide)),
        Constraint::Fill(1),
        Constraint::Length(if wide { 4 } else { 2 }),
        Constraint::Length(log_lines),
        Constraint::Length(1),
    ])
    .areas(area);
    header::draw(scene, head, buf);
    if !wide {
        trail::draw(scene, trail_area, buf);
    }
    if scene.view.cutover {
        cutover::draw(scene, body, buf);
    } else {
        match scene.view.tab {
            Tab::Steps => steps::draw(scene, body, buf, wide),
            Tab::Checks => checks::draw(scene, body, buf),
            Tab::Lag => lag::draw(scene, body, buf),
            Tab::Objects => objects::draw(scene, body, buf),
            Tab::Data => data::draw(scene, body, buf),
            Tab::Log => log::draw(scene, body, buf),
        }
    }
    let inner = if wide {
        paint::framed(
            buf,
            gauge_area,
            scene.theme,
            &paint::title(gauges::title(scene), scene.theme.label),
        )
    } else {
        Rect {
            x: gauge_area.x + 1,
            width: gauge_area.width - 1,
            ..gauge_area
        }
    };
    paint::lines(buf, inner, &gauges::lines(scene, wide, inner.width.into()));
    log::tail(scene, log_area, buf);
    footer::draw(scene, foot, buf);
}

fn dialog(scene: &Scene, area: Rect, buf: &mut Buffer) {
    match &scene.view.dialog {
        Some(Dialog::Gate(dialog)) => gate::draw(scene, dialog, area, buf),
        Some(Dialog::Confirm(dialog)) => confirm::draw(scene, dialog, area, buf),
        Some(Dialog::Help { scroll }) => help::draw(scene, *scroll, area, buf),
        Some(Dialog::Plan { step, scroll }) => plan::draw(scene, *step, *scroll, area, buf),
        None if scene.view.leaving && !scene.model.is_over() => confirm::leaving(scene, area, buf),
        None => {}
    }
}

/// A message in the middle of a screen that has nothing to show yet.
fn empty(scene: &Scene, area: Rect, buf: &mut Buffer, message: &str) {
    let line = Line::from(paint::span(message, scene.theme.dim));
    let taken = u16::try_from(line.width()).unwrap_or(area.width);
    let middle = Rect {
        x: area.x + area.width.saturating_sub(taken) / 2,
        width: taken.min(area.width),
        ..area
    };
    paint::line(buf, middle, area.height / 3, &line);
}

#[cfg(test)]
pub(super) mod tests;
