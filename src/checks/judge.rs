//! What judges share: reading rows, naming objects.

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

/// One text a row.
pub fn each(
    rows: &Rows,
    read: impl Fn(&Row) -> Result<String, ValueError>,
) -> Result<Vec<String>, ValueError> {
    rows.iter().map(read).collect()
}

/// Passes when there are no rows, else fails with the objects by name.
pub fn none_of(
    rows: &Rows,
    fine: &str,
    what: (&str, &str),
    read: impl Fn(&Row) -> Result<String, ValueError>,
) -> Judged {
    let names = each(rows, read)?;
    Ok(if names.is_empty() {
        Finding::pass(fine)
    } else {
        Finding::fail(format!(
            "{}: {}",
            count(names.len(), what.0, what.1),
            few(&names)
        ))
    })
}

/// The text of a column, empty when NULL.
pub fn text(row: &Row, column: &str) -> Result<String, ValueError> {
    Ok(row.text(column)?.unwrap_or_default().to_owned())
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
