use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::Scene;
use crate::domain::human_duration;
use crate::event::{Outcome, StepState};
use crate::runbook::{Probe, Risk, StepResult, Undo};
use crate::tui::model::{Half, PhaseView, StepView};
use crate::tui::view_state::first_drawn;
use crate::tui::widgets::bar::bar;
use crate::tui::widgets::paint::{self, span};
use crate::tui::widgets::sections::Sections;

/// The fewest lines of what a step sends that are shown.
const FEWEST: usize = 3;

/// Phases and steps at the left, the step in hand at the right; only the latter where there is no room for both.
pub fn draw(scene: &Scene, area: Rect, buf: &mut Buffer, wide: bool) {
    let Some(step) = scene.shown_step() else {
        super::empty(scene, area, buf, "The run has not been announced yet.");
        return;
    };
    let right = if wide {
        let names = if area.width >= 116 { 46 } else { 39 };
        let [left, right] =
            Layout::horizontal([Constraint::Length(names), Constraint::Fill(1)]).areas(area);
        runbook(scene, left, buf);
        right
    } else {
        area
    };
    let title = format!("{}  {}", step.number, step.plan.title);
    let inner = paint::framed(
        buf,
        right,
        scene.theme,
        &paint::title(title, scene.theme.label),
    );
    let lines = describe(scene, step, inner);
    paint::scrolled(buf, inner, scene.theme, &lines, scene.view.step_scroll);
}

fn runbook(scene: &Scene, area: Rect, buf: &mut Buffer) {
    let title = match scene.model.steps.half() {
        Half::Forward => scene.model.way_forward(),
        Half::Rollback => "Rollback",
    };
    let inner = paint::framed(
        buf,
        area,
        scene.theme,
        &paint::title(title, scene.theme.label),
    );
    let shown = scene.view.shown_step(scene.model);
    let mut rows = Vec::new();
    let mut chosen = 0;
    for phase in scene.model.steps.phases() {
        let open = shown.is_some_and(|at| phase.steps.contains(&at));
        rows.push(phase_row(scene, phase, open));
        for at in phase.steps.clone().filter(|_| open) {
            if Some(at) == shown {
                chosen = rows.len();
            }
            rows.push(step_row(scene, &scene.model.steps.all()[at]));
        }
    }
    let height = usize::from(inner.height);
    let first = first_drawn(chosen, rows.len(), height);
    for (y, (left, right)) in (0..inner.height).zip(&rows[first..]) {
        paint::ends(buf, inner, y, left, right);
        if first + usize::from(y) == chosen {
            paint::choose_row(buf, inner, y, scene.theme.chosen);
        }
    }
}

type Row = (Line<'static>, Line<'static>);

fn phase_row(scene: &Scene, phase: &PhaseView, open: bool) -> Row {
    let theme = scene.theme;
    let steps = &scene.model.steps.all()[phase.steps.clone()];
    let done = !steps.is_empty() && steps.iter().all(StepView::is_done);
    let failed = steps.iter().any(|step| {
        matches!(
            step.state,
            StepState::Failed { .. } | StepState::Unclear { .. }
        )
    });
    let (glyph, style) = match (open, done, failed) {
        (_, _, true) => ('✘', theme.block),
        (_, true, _) => ('✔', theme.good),
        (true, ..) => ('▼', theme.now),
        (false, ..) => ('·', theme.dim),
    };
    let name = format!("{glyph} {} {}", phase.number, phase.title);
    let right = if done {
        let taken = steps
            .iter()
            .filter_map(|step| step.taken(scene.model.now))
            .sum();
        human_duration(taken)
    } else if !open && steps.iter().any(|step| step.plan.gate.phrase.is_some()) {
        "typed".to_owned()
    } else {
        String::new()
    };
    (
        Line::from(span(name, style)),
        Line::from(span(right, theme.dim)),
    )
}

fn step_row(scene: &Scene, step: &StepView) -> Row {
    let sign = scene.theme.step(&step.state);
    let name = format!("  {} {} {}", sign.glyph, step.number, step.plan.title);
    let planned = human_duration(step.plan.info.planned);
    let right = match (step.taken(scene.model.now), &step.state) {
        (Some(taken), StepState::Running | StepState::Undoing) => {
            format!("{} / {planned}", human_duration(taken))
        }
        (Some(taken), _) => human_duration(taken),
        (None, StepState::Waiting) if step.plan.gate.phrase.is_some() => "type".to_owned(),
        (None, StepState::Waiting) => "Enter".to_owned(),
        (None, _) if step.plan.gate.phrase.is_some() => "typed".to_owned(),
        (None, _) => format!("~{planned}"),
    };
    (
        Line::from(span(name, sign.style)),
        Line::from(span(right, scene.theme.dim)),
    )
}

/// What is sent is shown in full only where the rest has room beside it: what it costs to go back must be in sight.
fn describe(scene: &Scene, step: &StepView, room: Rect) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let after = consequences(scene, step, room.width);
    let mut all = Sections::new(theme, room.width);
    run_stands_still(scene, &mut all);
    state(scene, step, &mut all);
    all.text("Why", &step.plan.why, theme.text);
    all.gap();
    let label = if step.is_done() { "Sent" } else { "Will run" };
    let mut sent = Sections::new(theme, room.width);
    sent.actions(label, &step.actions);
    if step.actions.is_empty() {
        sent.text(label, "nothing: this step only reads", theme.dim);
    }
    let left = usize::from(room.height).saturating_sub(all.lines.len() + after.len() + 1);
    let most = left.max(FEWEST);
    if sent.lines.len() > most {
        let hidden = sent.lines.len() - (most - 1);
        sent.lines.truncate(most - 1);
        let more = format!("  … {hidden} more lines of what is sent (p shows all)");
        sent.lines.push(Line::from(span(more, theme.dim)));
    }
    all.lines.append(&mut sent.lines);
    all.gap();
    all.lines.extend(after);
    all.lines
}

/// Proofs, and what doing the step means.
fn consequences(scene: &Scene, step: &StepView, width: u16) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let mut all = Sections::new(theme, width);
    for (at, proof) in step.proofs.iter().enumerate() {
        let (glyph, style) = if proof.holds {
            ('✔', theme.good)
        } else {
            ('✘', theme.block)
        };
        let label = if at == 0 { "Proof" } else { "" };
        all.text(label, &format!("{glyph} {}", proof.text), style);
    }
    if let Some(found) = step.probe.as_ref().and_then(found) {
        all.text("Found", found, theme.warn);
    }
    let risk = match step.plan.risk {
        Risk::ReadOnly => ("read-only", theme.text),
        Risk::Mutating => ("changes something that no application notices", theme.text),
        Risk::Dangerous => (
            "⚠ dangerous: applications notice, or something is lost for good",
            theme.warn,
        ),
    };
    all.text("Risk", risk.0, risk.1);
    if matches!(scene.model.ended, Some(Outcome::Done | Outcome::RolledBack)) {
        return all.lines;
    }
    let undo = match step.plan.undo {
        Undo::Reversible => ("reversible", theme.text),
        Undo::RollForwardOnly => ("⚠ only forward: going back is a rollback", theme.warn),
        Undo::Irreversible => ("✘ irreversible", theme.block),
    };
    all.text("Undo", undo.0, undo.1);
    all.text("Way back", &step.plan.info.way_back, theme.text);
    all.lines
}

fn run_stands_still(scene: &Scene, all: &mut Sections) {
    let (theme, model) = (scene.theme, scene.model);
    let said = match (model.ended, model.lost) {
        (Some(Outcome::Done), _) => Some(("✔ the run is done".to_owned(), theme.good)),
        (Some(Outcome::RolledBack), _) => Some(("↶ rolled back".to_owned(), theme.warn)),
        (Some(Outcome::Stuck), _) => Some(("✘ a human must look: the way on is not clear".to_owned(), theme.block)),
        (Some(Outcome::Parked), _) if model.header.disposable => Some(("⏸ parked; q leaves, and this rehearsal's servers go".to_owned(), theme.warn)),
        (Some(Outcome::Parked), _) => Some(("⏸ parked; `greenlight resume` takes it up again".to_owned(), theme.warn)),
        (None, true) => Some(("✘ no more events come; the journal has all up to here. `greenlight resume` takes it up again".to_owned(), theme.block)),
        (None, false) => None,
    };
    if let Some((text, style)) = said {
        all.text("Run", &text, style);
    }
    if let Some(reason) = &model.parked {
        all.text("Parked", reason, theme.warn);
    }
    all.gap();
}

fn state(scene: &Scene, step: &StepView, all: &mut Sections) {
    let theme = scene.theme;
    let sign = theme.step(&step.state);
    let mut text = sign.text();
    if let Some(taken) = step.taken(scene.model.now) {
        text = format!(
            "{text}   {} of about {}",
            human_duration(taken),
            human_duration(step.plan.info.planned)
        );
    } else if let Some(gate) = scene
        .model
        .gate
        .as_ref()
        .filter(|gate| gate.step == step.plan.info.id)
    {
        text = match &gate.phrase {
            _ if scene.model.read_only => {
                "▶ waits for the operator at the other terminal".to_owned()
            }
            Some(_) => format!("{text}: Enter opens the gate, a phrase is typed there"),
            None => format!("{text}: Enter does this step"),
        };
    }
    all.text("State", &text, sign.style);
    match &step.state {
        StepState::Failed { error, .. } => all.text("", error, theme.block),
        StepState::Unclear { evidence } => {
            all.text("", evidence, theme.block);
            all.text(
                "",
                "Look at the servers. Ctrl-R does the step again, Ctrl-D takes it as done, Ctrl-U takes it back.",
                theme.text,
            );
        }
        StepState::Done { result, .. } => {
            let (StepResult::Done(text)
            | StepResult::Warning(text)
            | StepResult::Skipped(text)
            | StepResult::TakenBack(text)) = result;
            all.text("", text, theme.text);
        }
        _ => {}
    }
    if let Some(waiting) = &step.waiting {
        all.text("Waits", &waiting.text, theme.text);
        let mut spans = vec![Span::raw(" ".repeat(11))];
        if let Some(share) = waiting.share {
            spans.push(span(
                format!(
                    "{} {:.0} %  ",
                    bar(share, 24),
                    share.clamp(0.0, 1.0) * 100.0
                ),
                theme.now,
            ));
        }
        if let Some(limit) = waiting.limit_ms {
            let of = |ms: u64| human_duration(std::time::Duration::from_millis(ms));
            spans.push(span(
                format!(
                    "for {}, gives up after {}",
                    of(waiting.elapsed_ms),
                    of(limit)
                ),
                theme.dim,
            ));
        }
        if spans.len() > 1 {
            all.lines.push(Line::from(spans));
        }
    }
    all.gap();
}

fn found(probe: &Probe) -> Option<&str> {
    match probe {
        Probe::NotApplied | Probe::Applied => None,
        Probe::Partial(text) | Probe::TakeBack(text) | Probe::Unknown(text) => Some(text),
    }
}
