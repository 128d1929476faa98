use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a data compare found; its JSON is the contract of `greenlight compare --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// True when every row of every table is the same.
    pub equal: bool,
    /// The tables, in the order of schema and name.
    pub tables: Vec<TableComparison>,
    /// Tables that were not compared, and why that is right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedTable>,
}

/// One table on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableComparison {
    /// Its database, where several are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Rows on BLUE.
    pub rows_blue: u64,
    /// Rows on GREEN.
    pub rows_green: u64,
    /// True when every row is the same and nothing stayed open.
    pub equal: bool,
    /// The rows that differ.
    pub differing: Vec<RowDifference>,
    /// True when more rows differ than are listed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// Rows that changed whenever they were looked at, so that nothing can be said about them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub undecided: u64,
    /// Rows written since the servers began to count, both sides together, when the compare began: another number later
    /// means that the table has been written to.
    #[serde(default)]
    pub writes: u64,
    /// Why the table could not be compared, or not whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Statements that would make GREEN's rows like BLUE's.
    #[serde(skip)]
    pub repair: Vec<String>,
}

/// One row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDifference {
    /// Its key: whole numbers as such, all else as text. In a table without a key, the whole row.
    pub key: Map<String, Value>,
    /// The columns that differ; empty when one side lacks the row.
    pub columns: Vec<String>,
    /// How it differs.
    pub verdict: RowVerdict,
}

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowVerdict {
    /// Both sides have it, differently.
    Differs,
    /// Only BLUE has it.
    MissingOnGreen,
    /// Only GREEN has it.
    MissingOnBlue,
}

/// A table that was not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedTable {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

impl Comparison {
    /// The name of the fact that a run keeps it under, by database.
    pub const FACT: &str = "compare";

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let rows: u64 = self.tables.iter().map(|table| table.rows_blue).sum();
        let unequal = self.tables.iter().filter(|table| !table.equal).count();
        let verdict = if unequal == 0 {
            "all equal".to_owned()
        } else {
            format!("{unequal} not equal")
        };
        format!(
            "{} tables, {rows} rows on BLUE compared: {verdict}",
            self.tables.len()
        )
    }
}

impl TableComparison {
    /// One line for a log.
    #[must_use]
    pub fn line(&self) -> String {
        let rows = if self.rows_blue == self.rows_green {
            format!("{} rows", self.rows_blue)
        } else {
            format!(
                "{} rows on BLUE, {} on GREEN",
                self.rows_blue, self.rows_green
            )
        };
        let mut line = format!("{}.{}: {rows}", self.schema, self.name);
        if self.equal {
            if self.rows_blue != self.rows_green {
                line.push_str(", a moment apart");
            }
            line.push_str(", equal");
        }
        if !self.differing.is_empty() {
            let more = if self.more { "more than " } else { "" };
            let _ = write!(line, ", {more}{} differ", self.differing.len());
        }
        if self.undecided > 0 {
            let _ = write!(
                line,
                ", {} changed whenever they were looked at",
                self.undecided
            );
        }
        if let Some(problem) = &self.problem {
            line.push_str(": ");
            line.push_str(problem);
        }
        line
    }

    /// True when rows are known to differ, or the table could not be compared: more than rows that did not hold still.
    #[must_use]
    pub fn is_different(&self) -> bool {
        !self.differing.is_empty() || self.more || self.problem.is_some()
    }
}

impl RowDifference {
    /// In a few words: `{"id":7} differs in note`.
    #[must_use]
    pub fn words(&self) -> String {
        let key = serde_json::to_string(&self.key).unwrap_or_default();
        match self.verdict {
            RowVerdict::Differs => format!("{key} differs in {}", self.columns.join(", ")),
            RowVerdict::MissingOnGreen => format!("{key} is missing on GREEN"),
            RowVerdict::MissingOnBlue => format!("{key} is missing on BLUE"),
        }
    }
}

// What serde wants of a condition.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::TableComparison;

    #[test]
    fn counts_of_different_moments_are_told_as_such() {
        let mut table = TableComparison {
            schema: "shop".to_owned(),
            name: "order".to_owned(),
            rows_blue: 7,
            rows_green: 9,
            equal: true,
            ..TableComparison::default()
        };
        let told = "shop.order: 7 rows on BLUE, 9 on GREEN, a moment apart, equal";
        assert_eq!(table.line(), told);
        table.rows_green = 7;
        assert_eq!(table.line(), "shop.order: 7 rows, equal");
        table.equal = false;
        table.rows_green = 9;
        assert_eq!(table.line(), "shop.order: 7 rows on BLUE, 9 on GREEN");
    }
}
