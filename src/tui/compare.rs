//! Both definitions of an object side by side, line by line.

use std::time::{Duration, Instant};

use similar::{ChangeTag, DiffOp, TextDiff};

use super::rows::object_name;
use crate::inspect::Difference;

/// Lines of a definition that are compared; a longer one is cut with a line that says so.
const MOST_LINES: usize = 4_000;

/// Two definitions, line beside line.
#[derive(Debug, Clone)]
pub struct Detail {
    /// The object: kind and name.
    pub title: String,
    /// The lines.
    pub lines: Vec<Pair>,
    /// Lines scrolled away.
    pub scroll: usize,
    /// BLUE's definition as it is, for the clipboard.
    pub blue: Option<String>,
}

/// One line of each side; `None` where the side has no such line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// BLUE's.
    pub blue: Option<String>,
    /// GREEN's.
    pub green: Option<String>,
    /// True when they are the same.
    pub same: bool,
}

impl Detail {
    /// The definitions of one difference.
    #[must_use]
    pub fn of(difference: &Difference) -> Self {
        Self {
            title: format!("{} {}", difference.kind, object_name(difference)),
            lines: pairs(
                &lines(difference.blue.as_deref()),
                &lines(difference.green.as_deref()),
            ),
            scroll: 0,
            blue: difference.blue.clone(),
        }
    }
}

fn lines(definition: Option<&str>) -> Vec<String> {
    let Some(definition) = definition else {
        return Vec::new();
    };
    let mut lines: Vec<String> = definition
        .lines()
        .take(MOST_LINES)
        .map(ToOwned::to_owned)
        .collect();
    let left = definition.lines().count() - lines.len();
    if left > 0 {
        lines.push(format!("… {left} more lines"));
    }
    lines
}

fn pairs(blue: &[String], green: &[String]) -> Vec<Pair> {
    // A key must answer within a frame: past the deadline `similar` goes on with a coarser, still correct diff.
    let deadline = Instant::now() + Duration::from_millis(8);
    let blue_lines: Vec<&str> = blue.iter().map(String::as_str).collect();
    let green_lines: Vec<&str> = green.iter().map(String::as_str).collect();
    let diff = TextDiff::configure()
        .deadline(deadline)
        .diff_slices(&blue_lines, &green_lines);
    diff.ops()
        .iter()
        .flat_map(|op| beside(op, blue, green))
        .collect()
}

fn beside(op: &DiffOp, blue: &[String], green: &[String]) -> Vec<Pair> {
    let (old, new) = (op.old_range(), op.new_range());
    let same = op.tag() == similar::DiffTag::Equal;
    (0..old.len().max(new.len()))
        .map(|at| Pair {
            blue: old.clone().nth(at).map(|line| blue[line].clone()),
            green: new.clone().nth(at).map(|line| green[line].clone()),
            same,
        })
        .collect()
}

/// The pieces of a line with whether each of them is only in this line and not in `other`.
#[must_use]
pub fn pieces(line: &str, other: &str) -> Vec<(bool, String)> {
    let deadline = Instant::now() + Duration::from_millis(1);
    let diff = TextDiff::configure()
        .deadline(deadline)
        .diff_words(line, other);
    diff.iter_all_changes()
        .filter(|change| change.tag() != ChangeTag::Insert)
        .map(|change| (change.tag() == ChangeTag::Delete, change.value().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Detail, Pair, pieces};
    use crate::inspect::{DiffClass, DiffVerdict, Difference};

    fn changed(blue: Option<&str>, green: Option<&str>) -> Detail {
        Detail::of(&Difference {
            kind: "function".to_owned(),
            database: None,
            schema: "shop".to_owned(),
            name: "total(bigint)".to_owned(),
            verdict: DiffVerdict::Changed,
            class: DiffClass::Know,
            blue: blue.map(ToOwned::to_owned),
            green: green.map(ToOwned::to_owned),
        })
    }

    #[test]
    fn lines_stand_beside_their_counterparts() {
        let detail = changed(Some("a\nb\nc"), Some("a\nB\nc\nd"));
        let pair = |blue: Option<&str>, green: Option<&str>, same| Pair {
            blue: blue.map(ToOwned::to_owned),
            green: green.map(ToOwned::to_owned),
            same,
        };
        assert_eq!(
            detail.lines,
            [
                pair(Some("a"), Some("a"), true),
                pair(Some("b"), Some("B"), false),
                pair(Some("c"), Some("c"), true),
                pair(None, Some("d"), false),
            ]
        );
        assert_eq!(detail.title, "function shop.total(bigint)");
    }

    #[test]
    fn a_missing_side_has_no_lines() {
        let detail = changed(Some("a"), None);
        assert_eq!(detail.lines.len(), 1);
        assert_eq!(detail.lines[0].green, None);
    }

    #[test]
    fn only_what_differs_within_a_line_is_marked() {
        let marked: Vec<_> = pieces("varchar(80) not null", "varchar(120) not null")
            .into_iter()
            .filter_map(|(differs, text)| differs.then_some(text))
            .collect();
        assert_eq!(marked, ["varchar(80)"]);
    }
}
