//! The one table of keys. Handling, footer, help and the README all come from it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::Model;
use super::view_state::{Tab, View};

mod reasons;
mod table;

pub use table::BINDINGS;

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Go on: confirm, open, do the step in hand.
    Next,
    /// Move up a row.
    Up,
    /// Move down a row.
    Down,
    /// Move up a page.
    PageUp,
    /// Move down a page.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Show a tab.
    Tab(Tab),
    /// Show the next tab.
    NextTab,
    /// Show the tab before.
    PreviousTab,
    /// Close what is open, follow the run again.
    Back,
    /// Give BLUE back, in the write pause.
    GiveBack,
    /// Do a failed or unclear step again.
    Retry,
    /// An unclear step has been done.
    TakeAsDone,
    /// Ask the checks again.
    Recheck,
    /// Show what the step sends, in full.
    Plan,
    /// Undo the last step.
    Undo,
    /// Go all the way back.
    GoBack,
    /// Close the gate and park the run.
    Postpone,
    /// Type a filter.
    Filter,
    /// Show only one kind.
    Kinds,
    /// Show or hide expected differences.
    Expected,
    /// Copy what is chosen to the clipboard.
    Copy,
    /// Write the table to a file.
    Export,
    /// Show the keys.
    Help,
    /// Park and leave; asks first while a step is under way.
    Quit,
    /// Park and leave without asking; a second time leaves at once.
    Interrupt,
}

/// Where a binding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// On every screen.
    Everywhere,
    /// On these tabs.
    Tabs(&'static [Tab]),
    /// On the cutover screen.
    Cutover,
}

/// One line of the table.
pub struct Binding {
    /// The keys.
    pub keys: &'static [Key],
    /// How people write them.
    pub shown: &'static str,
    /// What it does.
    pub action: Action,
    /// What it does, for the help.
    pub description: &'static str,
    /// The same in a word or two, for the footer; empty for keys that the footer leaves out.
    pub short: &'static str,
    /// Where it holds.
    pub place: Where,
    /// Why it does nothing now; `None` when it does something.
    pub disabled: fn(&Model, &View) -> Option<String>,
}

/// A key with its modifiers.
pub type Key = (KeyCode, KeyModifiers);

impl Binding {
    /// Whether it holds where the view is.
    #[must_use]
    pub fn holds(&self, view: &View) -> bool {
        match self.place {
            Where::Everywhere => true,
            Where::Tabs(tabs) => !view.cutover && tabs.contains(&view.tab),
            Where::Cutover => view.cutover,
        }
    }

    /// Why it does nothing now.
    #[must_use]
    pub fn disabled_reason(&self, model: &Model, view: &View) -> Option<String> {
        (self.disabled)(model, view)
    }
}

/// The binding of a key where the view is; the first in the table wins.
#[must_use]
pub fn find(event: &KeyEvent, view: &View) -> Option<&'static Binding> {
    // Shift is part of the character itself: terminals differ in whether they report it as well.
    let modifiers = match event.code {
        KeyCode::Char(_) => event.modifiers - KeyModifiers::SHIFT,
        _ => event.modifiers,
    };
    BINDINGS
        .iter()
        .filter(|binding| binding.holds(view))
        .find(|binding| binding.keys.contains(&(event.code, modifiers)))
}

/// The table as Markdown, for the README.
#[must_use]
pub fn markdown() -> String {
    let rows: String = BINDINGS.iter().map(Binding::row).collect();
    format!("| Key | Where | What it does |\n|---|---|---|\n{rows}")
}

impl Binding {
    fn row(&self) -> String {
        let place = match self.place {
            Where::Everywhere => "everywhere".to_owned(),
            Where::Cutover => "Cutover".to_owned(),
            Where::Tabs(tabs) => {
                let titles: Vec<_> = tabs.iter().map(|tab| tab.title()).collect();
                titles.join(", ")
            }
        };
        let keys: Vec<_> = self
            .shown
            .split(' ')
            .map(|key| format!("`{key}`"))
            .collect();
        format!("| {} | {place} | {} |\n", keys.join(" "), self.description)
    }
}

#[cfg(test)]
mod tests;
