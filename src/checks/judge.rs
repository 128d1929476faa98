//! What judges share: reading rows, naming objects.

use std::collections::BTreeMap;

use super::finding::Finding;
use crate::ports::{Row, Rows, ValueError};

/// What a judge comes to.
pub type Judged = Result<Finding, ValueError>;

/// How many objects are named before the rest is only counted.
const NAMED: usize = 5;

/// The first few names, then how many more.
#[must_use]
pub fn few<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<_> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 table`, `3 tables`.
#[must_use]
pub fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}

/// Passes when there are no rows, else fails with each row's `what`, and its `fix` where the statement gives one.
pub fn list(rows: &Rows, fine: &str, noun: (&str, &str)) -> Judged {
    if rows.is_empty() {
        return Ok(Finding::pass(fine));
    }
    let names = texts(rows, "what")?;
    let finding = Finding::fail(format!(
        "{}: {}",
        count(names.len(), noun.0, noun.1),
        few(&names)
    ));
    let has_fix = rows
        .first()
        .is_some_and(|row| row.columns.iter().any(|c| c == "fix"));
    let fixes = if has_fix {
        texts(rows, "fix")?
    } else {
        Vec::new()
    };
    let fixes: Vec<_> = fixes.into_iter().filter(|fix| !fix.is_empty()).collect();
    Ok(if fixes.is_empty() {
        finding
    } else {
        finding.fix(format!("{};", fixes.join(";\n")))
    })
}

/// One column of all rows, empty where NULL.
pub fn texts(rows: &Rows, column: &str) -> Result<Vec<String>, ValueError> {
    rows.iter()
        .map(|row| Ok(row.text(column)?.unwrap_or_default().to_owned()))
        .collect()
}

/// Passes when both sides name the same objects (`ident`) with the same definitions (`def`).
pub fn same(blue: &Rows, green: &Rows, noun: (&str, &str)) -> Judged {
    let (blue, green) = (definitions(blue)?, definitions(green)?);
    let mut differences = Vec::new();
    for (ident, def) in &blue {
        match green.get(ident) {
            None => differences.push(format!("{ident} is missing on GREEN")),
            Some(other) if other != def => {
                differences.push(format!("{ident}: BLUE {def:?}, GREEN {other:?}"));
            }
            Some(_) => {}
        }
    }
    let extra = green.keys().filter(|ident| !blue.contains_key(*ident));
    differences.extend(extra.map(|ident| format!("{ident} is missing on BLUE")));
    Ok(if differences.is_empty() {
        Finding::pass(format!(
            "{}, the same on both sides",
            count(blue.len(), noun.0, noun.1)
        ))
    } else {
        Finding::fail(few(&differences))
    })
}

fn definitions(rows: &Rows) -> Result<BTreeMap<String, String>, ValueError> {
    let pair = |row: &Row| Ok((row.get("ident")?, row.opt("def")?.unwrap_or_default()));
    rows.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_long_list_is_cut_with_its_count() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(super::few(&names), "a, b, c, d, e and 2 more");
        assert_eq!(super::few(&names[..2]), "a, b");
    }
}
