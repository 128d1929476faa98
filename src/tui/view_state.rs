//! What the operator looks at: tab, chosen rows, filters, open dialogs. Nothing of the run itself.

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::layout::Size;
use tui_input::Input;

use super::compare::Detail;
use super::dialog::Dialog;
use super::model::Model;
use super::rows;
use crate::inspect::ObjectDiff;

/// A screen of the wizard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tab {
    /// The runbook and the step in hand.
    #[default]
    Steps,
    /// The checks.
    Checks,
    /// The gauges.
    Lag,
    /// The object diff.
    Objects,
    /// The data compare.
    Data,
    /// The log.
    Log,
}

impl Tab {
    /// All tabs in order.
    pub const ALL: [Self; 6] = [
        Self::Steps,
        Self::Checks,
        Self::Lag,
        Self::Objects,
        Self::Data,
        Self::Log,
    ];

    /// Its name.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Steps => "Steps",
            Self::Checks => "Checks",
            Self::Lag => "Lag",
            Self::Objects => "Objects",
            Self::Data => "Data",
            Self::Log => "Log",
        }
    }

    /// The tab `by` places to the right, round the ends.
    #[must_use]
    pub fn neighbour(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// A table with a chosen row and a filter.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// The chosen row, counted among those shown.
    pub chosen: usize,
    /// Only rows with this text are shown.
    pub filter: Input,
    /// True while the filter is being typed.
    pub typing: bool,
    /// Places of the rows shown in the whole table.
    pub rows: Vec<usize>,
    /// True when the chosen row is open.
    pub open: bool,
}

impl List {
    /// The chosen row's place in the whole table.
    #[must_use]
    pub fn chosen_row(&self) -> Option<usize> {
        self.rows.get(self.chosen).copied()
    }

    /// Takes new rows and keeps the choice within them.
    pub fn set_rows(&mut self, rows: Vec<usize>) {
        self.rows = rows;
        self.chosen = self.chosen.min(self.rows.len().saturating_sub(1));
    }

    /// The first row to draw so that the chosen one is among `height` rows, in the middle where possible.
    #[must_use]
    pub fn first_drawn(&self, height: usize) -> usize {
        first_drawn(self.chosen, self.rows.len(), height)
    }
}

/// The first of `len` rows to draw so that row `chosen` is among `height`, in the middle where possible.
#[must_use]
pub fn first_drawn(chosen: usize, len: usize, height: usize) -> usize {
    chosen
        .saturating_sub(height / 2)
        .min(len.saturating_sub(height))
}

/// A line for the operator that goes away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// True for a refusal.
    pub warns: bool,
    /// When it goes.
    pub until: Timestamp,
}

/// What the rows of the object diff depend on.
#[derive(Debug, Clone)]
pub struct ObjectsAsked {
    diff: Option<Arc<ObjectDiff>>,
    filter: String,
    kind: Option<String>,
    expected: bool,
}

impl PartialEq for ObjectsAsked {
    fn eq(&self, other: &Self) -> bool {
        let same_diff = match (&self.diff, &other.diff) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        same_diff
            && (&self.filter, &self.kind, self.expected)
                == (&other.filter, &other.kind, other.expected)
    }
}

/// What the operator looks at.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The terminal's size.
    pub size: Size,
    /// The tab.
    pub tab: Tab,
    /// True while the cutover screen is shown over the tabs.
    pub cutover: bool,
    /// The step chosen by hand; `None` follows the run.
    pub step: Option<usize>,
    /// Lines of the step's description scrolled away.
    pub step_scroll: usize,
    /// The checks.
    pub checks: List,
    /// The object diff.
    pub objects: List,
    /// What the rows of the object diff were last found for.
    pub objects_found: Option<ObjectsAsked>,
    /// The kind of objects shown; `None` shows all.
    pub kind: Option<String>,
    /// True when expected differences are shown too.
    pub expected: bool,
    /// Both definitions of the chosen object, while they are shown.
    pub detail: Option<Detail>,
    /// The data compare.
    pub data: List,
    /// The log.
    pub log: List,
    /// True once the operator moved away from the newest line.
    pub log_scrolled: bool,
    /// The dialog over the screen.
    pub dialog: Option<Dialog>,
    /// A passing message.
    pub notice: Option<Notice>,
    /// True once the operator asked to leave; the screen closes when the run is parked.
    pub leaving: bool,
}

impl View {
    /// The table of the tab shown, when it has one.
    #[must_use]
    pub fn list(&self) -> Option<&List> {
        match self.tab {
            Tab::Checks => Some(&self.checks),
            Tab::Objects => Some(&self.objects),
            Tab::Data => Some(&self.data),
            Tab::Log => Some(&self.log),
            Tab::Steps | Tab::Lag => None,
        }
    }

    /// The same, to change it.
    pub fn list_mut(&mut self) -> Option<&mut List> {
        match self.tab {
            Tab::Checks => Some(&mut self.checks),
            Tab::Objects => Some(&mut self.objects),
            Tab::Data => Some(&mut self.data),
            Tab::Log => Some(&mut self.log),
            Tab::Steps | Tab::Lag => None,
        }
    }

    /// How many rows the table of the tab shown has.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.list().map_or(0, |list| list.rows.len())
    }

    /// Finds again which rows pass the filters; called when the model or a filter changed.
    pub fn refresh(&mut self, model: &Model) {
        self.checks
            .set_rows(rows::checks(model, self.checks.filter.value()));
        self.refresh_objects(model);
        self.data
            .set_rows(rows::data(model, self.data.filter.value()));
        self.log.set_rows(rows::log(model, self.log.filter.value()));
        if !self.log_scrolled {
            self.log.chosen = self.log.rows.len().saturating_sub(1);
        }
        if self
            .notice
            .as_ref()
            .is_some_and(|notice| notice.until <= model.now)
        {
            self.notice = None;
        }
    }

    /// A diff may have a hundred thousand rows: they are gone through only when something changed.
    fn refresh_objects(&mut self, model: &Model) {
        let asked = ObjectsAsked {
            diff: model.objects.clone(),
            filter: self.objects.filter.value().to_lowercase(),
            kind: self.kind.clone(),
            expected: self.expected,
        };
        if self.objects_found.as_ref() == Some(&asked) {
            return;
        }
        let kind = asked.kind.as_deref();
        let rows = rows::objects(model, &asked.filter, kind, asked.expected);
        self.objects.set_rows(rows);
        self.objects_found = Some(asked);
    }

    /// Says something that goes away after a few seconds.
    pub fn say(&mut self, now: Timestamp, text: impl Into<String>, warns: bool) {
        let until = now
            .checked_add(jiff::SignedDuration::from_secs(6))
            .unwrap_or(now);
        self.notice = Some(Notice {
            text: text.into(),
            warns,
            until,
        });
    }

    /// Takes back what was said, where it still stands.
    pub fn unsay(&mut self, text: &str) {
        self.notice.take_if(|notice| notice.text == text);
    }

    /// True while a step other than the one in hand is shown.
    #[must_use]
    pub fn looks_elsewhere(&self, model: &Model) -> bool {
        self.step
            .is_some_and(|at| Some(at) != model.steps.current_place())
    }

    /// The place of the step shown: the one chosen by hand, else the one in hand.
    #[must_use]
    pub fn shown_step(&self, model: &Model) -> Option<usize> {
        self.step.or_else(|| model.steps.current_place())
    }
}
