use serde::Deserialize;

use crate::event::{Event, What};
use crate::inspect::compare::RowDifference;
use crate::inspect::{Comparison, TableComparison};
use crate::runbook::FactKey;

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

impl Data {
    /// Takes in what a compare of one database found; other facts are not about data.
    pub fn apply(&mut self, event: &Event) {
        let What::Fact { name, value } = &event.what else {
            return;
        };
        let Some(database) = FactKey::<Comparison>::new(Comparison::FACT).part(name) else {
            return;
        };
        let Ok(compared) = Comparison::deserialize(value) else {
            return;
        };
        let prefix = format!("{database}.");
        self.tables.retain(|table| !table.name.starts_with(&prefix));
        self.tables.extend(
            compared
                .tables
                .into_iter()
                .map(|table| shown(table, &prefix)),
        );
        self.tables.sort_by_key(|table| table.equal);
    }
}

fn shown(table: TableComparison, prefix: &str) -> ComparedTable {
    let mut differing: Vec<_> = table.problem.into_iter().collect();
    differing.extend(table.differing.iter().map(RowDifference::words));
    if table.more {
        differing.push("and more".to_owned());
    }
    let open = differing.is_empty() && table.undecided > 0;
    if table.undecided > 0 {
        differing.push(format!(
            "{} rows changed whenever they were looked at",
            table.undecided
        ));
    }
    ComparedTable {
        name: format!("{prefix}{}.{}", table.schema, table.name),
        blue: table.rows_blue,
        green: table.rows_green,
        equal: table.equal,
        differing,
        open,
    }
}
