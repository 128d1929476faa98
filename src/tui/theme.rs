//! Looks: three themes and the glyphs. Colour is never the only sign: every glyph stands beside its word.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::event::{Light, StepState};
use crate::inspect::DiffClass;
use crate::runbook::{StepResult, Verdict};

/// Which looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Looks {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// No colour, ASCII only.
    Mono,
}

impl Looks {
    /// What the environment asks for: `NO_COLOR` (any value but the empty one) and `TERM=dumb` mean [`Looks::Mono`].
    #[must_use]
    pub fn from_env(wanted: Option<Self>) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if no_color || dumb {
            Self::Mono
        } else {
            wanted.unwrap_or_default()
        }
    }
}

/// The styles of one theme.
#[derive(Debug, Clone)]
pub struct Theme {
    looks: Looks,
    /// Text.
    pub text: Style,
    /// Text of less weight.
    pub dim: Style,
    /// Headings and labels.
    pub label: Style,
    /// Frames.
    pub frame: Style,
    /// BLUE.
    pub blue: Style,
    /// GREEN.
    pub green: Style,
    /// All well.
    pub good: Style,
    /// Look at it.
    pub warn: Style,
    /// It blocks.
    pub block: Style,
    /// What is in hand.
    pub now: Style,
    /// The chosen row, button or tab.
    pub chosen: Style,
    /// Keys in footer and help.
    pub key: Style,
    /// A badge.
    pub badge: Style,
}

impl Theme {
    /// The theme with these looks.
    #[must_use]
    pub fn new(looks: Looks) -> Self {
        match looks {
            Looks::Dark => Self::coloured(looks, &DARK),
            Looks::Light => Self::coloured(looks, &LIGHT),
            Looks::Mono => Self::mono(),
        }
    }

    fn coloured(looks: Looks, palette: &Palette) -> Self {
        let fg = |index: u8| Style::new().fg(Color::Indexed(index));
        Self {
            looks,
            text: Style::new(),
            dim: fg(palette.dim),
            label: Style::new().add_modifier(Modifier::BOLD),
            frame: fg(palette.frame),
            blue: fg(palette.blue).add_modifier(Modifier::BOLD),
            green: fg(palette.green).add_modifier(Modifier::BOLD),
            good: fg(palette.good),
            warn: fg(palette.amber),
            block: fg(palette.red).add_modifier(Modifier::BOLD),
            now: Style::new().add_modifier(Modifier::BOLD),
            chosen: Style::new().bg(Color::Indexed(palette.chosen)),
            key: fg(palette.key).add_modifier(Modifier::BOLD),
            badge: fg(palette.badge_text)
                .bg(Color::Indexed(palette.amber))
                .add_modifier(Modifier::BOLD),
        }
    }

    fn mono() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            looks: Looks::Mono,
            text: plain,
            dim: plain,
            label: bold,
            frame: plain,
            blue: bold,
            green: bold,
            good: plain,
            warn: bold,
            block: bold.add_modifier(Modifier::UNDERLINED),
            now: bold,
            chosen: plain.add_modifier(Modifier::REVERSED),
            key: bold,
            badge: plain.add_modifier(Modifier::REVERSED),
        }
    }

    /// The style for a server's name: `BLUE · shop` is blue.
    #[must_use]
    pub fn server(&self, name: &str) -> Style {
        if name.starts_with("BLUE") {
            self.blue
        } else if name.starts_with("GREEN") {
            self.green
        } else {
            self.label
        }
    }

    /// Glyph, word and style of a step's state.
    #[must_use]
    pub fn step(&self, state: &StepState) -> Sign {
        let (glyph, word, style) = match state {
            StepState::Later => ('·', "later", self.dim),
            StepState::Waiting => ('▶', "your turn", self.now),
            StepState::Probing => ('▶', "looking", self.now),
            StepState::Running => ('▶', "now", self.now),
            StepState::Undoing => ('↶', "taking back", self.warn),
            StepState::Undone => ('↶', "taken back", self.dim),
            StepState::Failed { .. } => ('✘', "failed", self.block),
            StepState::Unclear { .. } => ('⚠', "unclear", self.block),
            StepState::Done { result, .. } => match result {
                StepResult::Done(_) => ('✔', "done", self.good),
                StepResult::Warning(_) => ('⚠', "done, with a warning", self.warn),
                StepResult::Skipped(_) => ('–', "skipped", self.dim),
                StepResult::TakenBack(_) => ('↶', "taken back", self.warn),
            },
        };
        Sign { glyph, word, style }
    }

    /// Glyph, word and style of a check's verdict.
    #[must_use]
    pub fn verdict(&self, verdict: Verdict) -> Sign {
        let (glyph, word, style) = match verdict {
            Verdict::Pass => ('✔', "pass", self.good),
            Verdict::Skipped => ('–', "skipped", self.dim),
            Verdict::Warn => ('⚠', "warn", self.warn),
            Verdict::Block => ('✘', "block", self.block),
        };
        Sign { glyph, word, style }
    }

    /// Glyph, word and style of what a difference means.
    #[must_use]
    pub fn class(&self, class: DiffClass) -> Sign {
        let (glyph, word, style) = match class {
            DiffClass::Blocks => ('✘', "blocks", self.block),
            DiffClass::Know => ('⚠', "to know", self.warn),
            DiffClass::Expected => ('·', "expected", self.dim),
        };
        Sign { glyph, word, style }
    }

    /// Glyph, word and style of a light.
    #[must_use]
    pub fn light(&self, light: Light) -> Sign {
        let (glyph, word, style) = match light {
            Light::Ok => ('●', "ok", self.good),
            Light::Warn => ('⚠', "look", self.warn),
            Light::Stop => ('✘', "stop", self.block),
        };
        Sign { glyph, word, style }
    }

    /// The last touch on a drawn frame: mono has every glyph of ours as one ASCII character.
    pub fn finish(&self, buf: &mut Buffer) {
        if self.looks != Looks::Mono {
            return;
        }
        for cell in &mut buf.content {
            if let Some(ascii) = ascii(cell.symbol()) {
                cell.set_char(ascii);
            }
        }
    }
}

/// How something stands: a glyph, its word, their style.
#[derive(Debug, Clone, Copy)]
pub struct Sign {
    /// One cell wide.
    pub glyph: char,
    /// The word beside it.
    pub word: &'static str,
    /// Their style.
    pub style: Style,
}

impl Sign {
    /// `✔ done`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.glyph, self.word)
    }
}

/// Colours of the 256-colour cube, which every terminal of the last decades has.
struct Palette {
    blue: u8,
    green: u8,
    good: u8,
    amber: u8,
    red: u8,
    dim: u8,
    frame: u8,
    chosen: u8,
    key: u8,
    badge_text: u8,
}

const DARK: Palette = Palette {
    blue: 75,
    green: 78,
    good: 114,
    amber: 214,
    red: 203,
    dim: 246,
    frame: 240,
    chosen: 237,
    key: 117,
    badge_text: 16,
};

const LIGHT: Palette = Palette {
    blue: 26,
    green: 28,
    good: 28,
    amber: 130,
    red: 160,
    dim: 241,
    frame: 248,
    chosen: 254,
    key: 25,
    badge_text: 231,
};

/// Our glyphs and the ASCII characters that stand for them in the mono theme.
const ASCII: &[(&str, char)] = &[
    ("✔┌┐└┘├┤┬┴┼", '+'),
    ("▶▸→", '>'),
    ("↶←", '<'),
    ("▼↓", 'v'),
    ("↑", '^'),
    ("·░▂▃", '.'),
    ("⚠", '!'),
    ("✘×", 'x'),
    ("⏸═▆▇", '='),
    ("–─—▄▅", '-'),
    ("●", 'o'),
    ("…", '~'),
    ("│┃", '|'),
    ("█▉▊▋", '#'),
    ("▌▍▎▏", ':'),
    ("▁", '_'),
    ("␊", '\\'),
];

fn ascii(glyph: &str) -> Option<char> {
    if glyph.is_ascii() {
        return None;
    }
    let found = ASCII.iter().find(|(glyphs, _)| glyphs.contains(glyph));
    found.map(|(_, ascii)| *ascii)
}
