use serde::{Deserialize, Serialize};

/// The difference between two sides' objects; its JSON is the contract of `greenlight diff --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectDiff {
    /// True when nothing blocks and nothing is to know.
    pub equal: bool,
    /// How many objects were read.
    pub objects: Counts,
    /// The differences, blocking ones first.
    pub differences: Vec<Difference>,
}

/// A number for each side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// On BLUE.
    pub blue: usize,
    /// On GREEN.
    pub green: usize,
}

/// One object that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// `table`, `column`, `index`, `function` …
    pub kind: String,
    /// Its database, where several are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Its schema; empty for what has none.
    pub schema: String,
    /// Its name, with arguments for functions, with the table for columns.
    pub name: String,
    /// How it differs.
    pub verdict: DiffVerdict,
    /// What that means for the cutover.
    pub class: DiffClass,
    /// BLUE's definition.
    pub blue: Option<String>,
    /// GREEN's definition.
    pub green: Option<String>,
}

/// How an object differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiffVerdict {
    /// Only BLUE has it.
    MissingOnGreen,
    /// Only GREEN has it.
    MissingOnBlue,
    /// Both have it, differently.
    Changed,
}

/// What a difference means for the cutover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiffClass {
    /// The cutover must not happen.
    Blocks,
    /// The operator should know.
    Know,
    /// The upgrade's own doing.
    Expected,
}
