use std::fmt::Write as _;

use super::Report;
use super::escape;
use super::sections::{Cell, badge, sections, title};

/// The report as Markdown, for a change record.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = format!("# {}\n", escape::markdown(&title(report)));
    if let Some(badge) = badge(report) {
        let _ = write!(out, "\n**{badge}**\n");
    }
    for section in sections(report) {
        let _ = write!(
            out,
            "\n## {}\n\n| {} |\n|",
            section.title,
            section.head.join(" | ")
        );
        out.push_str(&"---|".repeat(section.head.len()));
        out.push('\n');
        for row in &section.rows {
            out.push('|');
            for cell in row {
                let cell = match cell {
                    Cell::Text(text) => escape::markdown(text),
                    Cell::Code(text) => escape::markdown_code(text),
                };
                let _ = write!(out, " {cell} |");
            }
            out.push('\n');
        }
    }
    out
}
