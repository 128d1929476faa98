use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::paint::span;
use crate::runbook::ShownAction;
use crate::tui::text;
use crate::tui::theme::Theme;

/// Width of the labels at the left.
const LABEL: usize = 11;

/// Lines with a label at the left of the first, as the description of a step has them.
pub struct Sections<'a> {
    theme: &'a Theme,
    width: usize,
    /// The lines so far.
    pub lines: Vec<Line<'static>>,
}

impl<'a> Sections<'a> {
    /// No lines yet, for a place this wide.
    #[must_use]
    pub fn new(theme: &'a Theme, width: u16) -> Self {
        Self {
            theme,
            width: usize::from(width),
            lines: Vec::new(),
        }
    }

    /// A text behind a label, on as many lines as it needs.
    pub fn text(&mut self, label: &str, shown: &str, style: Style) {
        let mut label = label;
        for line in text::wrap(shown, self.width.saturating_sub(LABEL)) {
            self.lines.push(Line::from(vec![
                span(text::left(label, LABEL), self.theme.label),
                span(line, style),
            ]));
            label = "";
        }
    }

    /// An empty line.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| line.width() > 0) {
            self.lines.push(Line::default());
        }
    }

    /// Actions by the place they go to, word for word.
    pub fn actions(&mut self, label: &str, actions: &[ShownAction]) {
        let mut target = None;
        for action in actions {
            if target != Some(&action.target) {
                let first = if target.is_none() { label } else { "" };
                self.lines.push(Line::from(vec![
                    span(text::left(first, LABEL), self.theme.label),
                    span("on ", self.theme.dim),
                    span(&action.target, self.theme.server(&action.target)),
                ]));
                target = Some(&action.target);
            }
            for (at, line) in text::wrap(&action.text, self.width.saturating_sub(4))
                .into_iter()
                .enumerate()
            {
                let indent = if at == 0 { "  " } else { "    " };
                self.lines.push(Line::from(vec![
                    Span::raw(indent),
                    span(line, self.theme.text),
                ]));
            }
        }
    }
}
