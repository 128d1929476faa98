use std::fmt::Write as _;

use super::escape::html as escaped;
use super::sections::{Cell, Section, badge, duration, pause_words, sections, steps_shown, title};
use super::{PauseReport, Report};

/// Colours and type of the page; it loads nothing.
const STYLE: &str = include_str!("../../assets/text/report.css");

/// Width of a chart's bars, its labels on the left, and the height of a line, in CSS pixels.
const BARS: f64 = 560.0;
const LABELS: f64 = 300.0;
const NUMBERS: f64 = 160.0;
const LINE: usize = 22;

/// The report as one page that needs nothing else.
#[must_use]
pub fn html(report: &Report) -> String {
    let title = escaped(&title(report));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n"
    );
    if let Some(badge) = badge(report) {
        let _ = writeln!(out, "<p class=\"badge\">{}</p>", escaped(badge));
    }
    for section in sections(report) {
        let _ = writeln!(out, "<h2>{}</h2>", escaped(section.title));
        match section.title {
            "Write pause by sub-step" => report.pauses.iter().for_each(|p| timeline(&mut out, p)),
            "Steps, planned and actual" => planned_and_actual(&mut out, report),
            _ => {}
        }
        table(&mut out, &section);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn table(out: &mut String, section: &Section) {
    out.push_str("<table>\n");
    if section.head.iter().any(|head| !head.is_empty()) {
        out.push_str("<tr>");
        for head in section.head {
            let _ = write!(out, "<th>{}</th>", escaped(head));
        }
        out.push_str("</tr>\n");
    }
    for row in &section.rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = match cell {
                Cell::Text(text) => write!(out, "<td>{}</td>", escaped(text)),
                Cell::Code(text) => write!(out, "<td><code>{}</code></td>", escaped(text)),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

/// The sub-steps of a pause as bars on one time axis, the point of no return as a line across it.
fn timeline(out: &mut String, pause: &PauseReport) {
    let ends = pause
        .parts
        .iter()
        .filter_map(|part| Some(part.from_us? + part.took_us?));
    let whole = ends.chain(pause.took_us).max().unwrap_or(0).max(1);
    let at = |us: u64| LABELS + us as f64 / whole as f64 * BARS;
    open_chart(out, &pause_words(pause), pause.parts.len());
    for (line, part) in pause.parts.iter().enumerate() {
        label(out, line, &part.name);
        if let (Some(from), Some(took)) = (part.from_us, part.took_us) {
            let beyond = pause.no_return_us.is_some_and(|crossed| from >= crossed);
            let class = if beyond { "beyond" } else { "before" };
            bar(out, line, at(from), at(from + took), class);
            number(out, line, &duration(took));
        }
    }
    if let Some(crossed) = pause.no_return_us {
        let (x, bottom) = (at(crossed), pause.parts.len() * LINE);
        let _ = writeln!(
            out,
            "<line class=\"noreturn\" x1=\"{x:.1}\" y1=\"0\" x2=\"{x:.1}\" y2=\"{bottom}\">\
             <title>point of no return, {}</title></line>",
            escaped(&duration(crossed))
        );
    }
    out.push_str("</svg>\n");
}

/// Two bars for each step that came to an end, on one axis.
fn planned_and_actual(out: &mut String, report: &Report) {
    let ended: Vec<_> = steps_shown(report)
        .filter_map(|step| Some((step, step.actual_ms?)))
        .collect();
    let longest = ended
        .iter()
        .map(|(step, actual)| step.planned_ms.max(*actual))
        .max();
    let Some(longest) = longest.map(|ms| ms.max(1) as f64) else {
        return;
    };
    open_chart(out, "Planned (outline) and actual", ended.len());
    for (line, (step, actual)) in ended.iter().enumerate() {
        let end = |ms: u64| LABELS + ms as f64 / longest * BARS;
        label(out, line, &step.title);
        let over = if *actual > step.planned_ms {
            "over"
        } else {
            "within"
        };
        bar(out, line, LABELS, end(*actual), over);
        bar(out, line, LABELS, end(step.planned_ms), "planned");
        let (actual, planned) = (duration(actual * 1000), duration(step.planned_ms * 1000));
        number(out, line, &format!("{actual} of {planned}"));
    }
    out.push_str("</svg>\n");
}

fn open_chart(out: &mut String, caption: &str, lines: usize) {
    let (width, height) = (LABELS + BARS + NUMBERS, lines * LINE);
    let _ = writeln!(
        out,
        "<p>{caption}</p>\n<svg role=\"img\" aria-label=\"{caption}\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\">",
        caption = escaped(caption)
    );
}

fn label(out: &mut String, line: usize, words: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        LABELS - 8.0,
        line * LINE + 15,
        escaped(words)
    );
}

fn number(out: &mut String, line: usize, words: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\">{}</text>",
        LABELS + BARS + 8.0,
        line * LINE + 15,
        escaped(words)
    );
}

/// A bar of at least a pixel: what took no time was done all the same.
fn bar(out: &mut String, line: usize, from: f64, to: f64, class: &str) {
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\"/>",
        line * LINE + 4,
        (to - from).max(1.0),
        LINE - 8
    );
}
