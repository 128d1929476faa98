use serde::Deserialize;

use crate::event::{Event, What};

/// The data compare, as the procedure's facts carry it.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// The tables compared, those that differ first.
    pub tables: Vec<ComparedTable>,
}

/// One table on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedTable {
    /// Schema and name, with the database where it is known.
    pub name: String,
    /// Rows on BLUE.
    pub blue: u64,
    /// Rows on GREEN.
    pub green: u64,
    /// True when every row is the same.
    pub equal: bool,
    /// Rows that differ, each in a few words; why the table could not be compared; what stayed open.
    pub differing: Vec<String>,
    /// True when nothing is known to differ, but not everything could be looked at.
    pub open: bool,
}

#[derive(Deserialize)]
struct Compared {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    schema: String,
    name: String,
    rows_blue: u64,
    rows_green: u64,
    equal: bool,
    #[serde(default)]
    differing: Vec<Row>,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    undecided: u64,
    #[serde(default)]
    problem: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    key: serde_json::Value,
    #[serde(default)]
    columns: Vec<String>,
    verdict: String,
}

impl Data {
    /// Takes in a fact named `compare`, or `compare[database]`; other facts are not about data.
    pub fn apply(&mut self, event: &Event) {
        let What::Fact { name, value } = &event.what else {
            return;
        };
        let database = match name.strip_prefix("compare") {
            Some("") => "",
            Some(part) => match part
                .strip_prefix('[')
                .and_then(|part| part.strip_suffix(']'))
            {
                Some(database) => database,
                None => return,
            },
            None => return,
        };
        let Ok(compared) = Compared::deserialize(value) else {
            return;
        };
        let prefix = if database.is_empty() {
            String::new()
        } else {
            format!("{database}.")
        };
        self.tables
            .retain(|table| prefix.is_empty() || !table.name.starts_with(&prefix));
        if prefix.is_empty() {
            self.tables.clear();
        }
        self.tables.extend(
            compared
                .tables
                .into_iter()
                .map(|table| table.shown(&prefix)),
        );
        self.tables.sort_by_key(|table| table.equal);
    }
}

impl Table {
    fn shown(self, prefix: &str) -> ComparedTable {
        let mut differing: Vec<_> = self.problem.iter().cloned().collect();
        differing.extend(self.differing.iter().map(Row::shown));
        if self.more {
            differing.push("and more".to_owned());
        }
        let open = differing.is_empty() && self.undecided > 0;
        if self.undecided > 0 {
            differing.push(format!(
                "{} rows changed whenever they were looked at",
                self.undecided
            ));
        }
        ComparedTable {
            name: format!("{prefix}{}.{}", self.schema, self.name),
            blue: self.rows_blue,
            green: self.rows_green,
            equal: self.equal,
            differing,
            open,
        }
    }
}

impl Row {
    fn shown(&self) -> String {
        let what = match self.verdict.as_str() {
            "missing-on-green" => "missing on GREEN".to_owned(),
            "missing-on-blue" => "missing on BLUE".to_owned(),
            _ => format!("differs in {}", self.columns.join(", ")),
        };
        format!("{} {what}", self.key)
    }
}
