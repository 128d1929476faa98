//! Dialogs over the screen. Cancel has the focus in each of them.

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::event::Intent;
use crate::runbook::StepId;

/// What lies over the screen.
#[derive(Debug, Clone)]
pub enum Dialog {
    /// A dangerous gate.
    Gate(GateDialog),
    /// A question with two answers.
    Confirm(ConfirmDialog),
    /// All keys.
    Help {
        /// Lines scrolled away.
        scroll: usize,
    },
    /// Everything a step sends, in full.
    Plan {
        /// The step's place.
        step: usize,
        /// Lines scrolled away.
        scroll: usize,
    },
}

/// The button with the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Focus {
    /// Nothing happens.
    #[default]
    Cancel,
    /// It happens.
    Go,
}

/// What a key came to in a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The dialog stays.
    Stay,
    /// It closes and nothing happens.
    Cancel,
    /// It closes and this is wanted.
    Go(Intent),
}

/// A gate that asks for a typed phrase.
#[derive(Debug, Clone)]
pub struct GateDialog {
    /// The step behind it.
    pub step: StepId,
    /// The phrase to type.
    pub phrase: String,
    /// What has been typed.
    pub input: Input,
    /// The button with the focus.
    pub focus: Focus,
    /// Why the last thing tried was refused.
    pub refusal: Option<String>,
    /// True when all statements are shown, not only the first.
    pub all: bool,
}

impl GateDialog {
    /// The dialog of a gate, nothing typed.
    #[must_use]
    pub fn new(step: StepId, phrase: String) -> Self {
        Self {
            step,
            phrase,
            input: Input::default(),
            focus: Focus::Cancel,
            refusal: None,
            all: false,
        }
    }

    /// True when what was typed is the phrase.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.input.value() == self.phrase
    }

    /// Takes a key: letters are typed, Tab moves between the buttons, Enter presses the one with the focus.
    pub fn key(&mut self, key: &KeyEvent) -> Answer {
        match key.code {
            KeyCode::Esc => return Answer::Cancel,
            KeyCode::Tab | KeyCode::BackTab => self.move_focus(),
            KeyCode::PageDown | KeyCode::PageUp => self.all = !self.all,
            KeyCode::Enter if self.focus == Focus::Cancel => return Answer::Cancel,
            KeyCode::Enter => {
                if self.matches() {
                    let phrase = self.input.value().to_owned();
                    return Answer::Go(Intent::Confirm {
                        step: self.step.clone(),
                        phrase,
                    });
                }
            }
            _ => {
                self.input.handle_event(&TerminalEvent::Key(*key));
                self.refusal = None;
                self.focus = Focus::Cancel;
            }
        }
        Answer::Stay
    }

    fn move_focus(&mut self) {
        self.focus = match self.focus {
            Focus::Cancel if self.matches() => Focus::Go,
            Focus::Cancel => {
                self.refusal = Some("Go stays closed until the phrase is typed in full".to_owned());
                Focus::Cancel
            }
            Focus::Go => Focus::Cancel,
        };
    }

    /// Refuses a pasted phrase: typing it is what makes the operator read it.
    pub fn paste(&mut self) {
        self.input.reset();
        self.focus = Focus::Cancel;
        self.refusal = Some("a pasted phrase is not accepted: type it".to_owned());
    }
}

/// A question with two answers.
#[derive(Debug, Clone)]
pub struct ConfirmDialog {
    /// Its heading.
    pub title: String,
    /// What will happen.
    pub lines: Vec<String>,
    /// The word on the button that does it.
    pub go: &'static str,
    /// What is wanted then.
    pub intent: Intent,
    /// The button with the focus.
    pub focus: Focus,
}

impl ConfirmDialog {
    /// Takes a key.
    pub fn key(&mut self, key: &KeyEvent) -> Answer {
        match (key.code, self.focus) {
            (KeyCode::Esc, _) | (KeyCode::Enter, Focus::Cancel) => Answer::Cancel,
            (KeyCode::Enter, Focus::Go) => Answer::Go(self.intent.clone()),
            (KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right, focus) => {
                self.focus = match focus {
                    Focus::Cancel => Focus::Go,
                    Focus::Go => Focus::Cancel,
                };
                Answer::Stay
            }
            _ => Answer::Stay,
        }
    }
}
