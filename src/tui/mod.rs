//! The screen: terminal, keys, model, screens and widgets. Knows events and intents, nothing of engine or servers.
//!
//! `model` folds events, `view_state` is what the operator looks at, `update` turns keys into changes of the view and
//! effects, `screens` draw both, `app` is the loop around them. Only `app` and `terminal` do IO.

mod app;
mod compare;
mod dialog;
mod export;
pub mod keymap;
pub mod model;
mod rows;
mod screens;
mod start;
mod terminal;
mod text;
mod theme;
mod update;
mod view_state;
mod widgets;

pub use app::{Exit, Options, TuiError, Wizard, run};
pub use model::Header;
pub use start::{Choice, Start, StartItem, start_screen};
pub use theme::Looks;
pub use view_state::Tab;
