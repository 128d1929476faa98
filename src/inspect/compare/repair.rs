//! What a row's difference consists of, and the statements that would undo it on GREEN.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::catalog::{Column, json};
use super::columns::tree;
use super::drill::{Found, Held, Search};
use super::statements::{Key, value};
use super::{Comparison, PURPOSE, RowDifference, RowVerdict};
use crate::domain::Sql;
use crate::inspect::InspectError;
use crate::ports::{Row, Rows, ValueError};

/// Rows asked for at once.
const AT_ONCE: usize = 200;

/// A row's columns on one side.
struct Detail {
    hashes: Vec<String>,
    texts: Vec<Option<String>>,
}

impl Search<'_> {
    /// Names the columns of each row that differs, and writes down what would repair it.
    pub(super) async fn explain(
        &self,
        found: &Found,
    ) -> Result<(Vec<RowDifference>, Vec<String>), InspectError> {
        let (mut differing, mut repair) = (Vec::new(), Vec::new());
        for part in found.differing.chunks(AT_ONCE) {
            let keys: Vec<Key> = part.iter().map(|(key, ..)| key.clone()).collect();
            let sql = self.statements.detail(&keys);
            let asked = futures_util::future::try_join(
                self.sides.blue.query(&sql),
                self.sides.green.query(&sql),
            );
            let (blue, green) = asked.await.map_err(InspectError::database(PURPOSE))?;
            let read = |rows| details(rows).map_err(InspectError::answer(PURPOSE));
            let (blue, green) = (read(&blue)?, read(&green)?);
            for (key, on_blue, on_green) in part {
                let sides = (blue.get(key), green.get(key));
                let row = self.difference(key, (on_blue.as_ref(), on_green.as_ref()), sides);
                if self.options.repair {
                    repair.extend(self.repair(&row, key, sides));
                }
                differing.push(row);
            }
        }
        Ok((differing, repair))
    }

    fn difference(
        &self,
        key: &Key,
        held: (Option<&Held>, Option<&Held>),
        (blue, green): (Option<&Detail>, Option<&Detail>),
    ) -> RowDifference {
        let plan = self.statements.plan;
        let copies = |held: Option<&Held>| held.and_then(|held| held.value.parse::<u64>().ok());
        let verdict = match held {
            (Some(_), None) => RowVerdict::MissingOnGreen,
            (None, _) => RowVerdict::MissingOnBlue,
            // Without a key a row is what it holds: only the number of its copies can differ.
            (blue, green) if plan.key.is_empty() && copies(blue) > copies(green) => {
                RowVerdict::MissingOnGreen
            }
            _ if plan.key.is_empty() => RowVerdict::MissingOnBlue,
            _ => RowVerdict::Differs,
        };
        let named: Map<String, Value> = if plan.key.is_empty() {
            let texts = blue.or(green).map(|detail| detail.texts.as_slice());
            let texts = texts.unwrap_or_default();
            let columns = plan.columns.iter().zip(texts);
            columns
                .map(|(column, text)| (column.name.clone(), shown(column, text.as_deref())))
                .collect()
        } else {
            let columns = plan.key.iter().zip(key);
            columns
                .map(|(column, text)| (column.name.clone(), shown(column, Some(text))))
                .collect()
        };
        let columns = match (verdict, blue, green) {
            (RowVerdict::Differs, Some(blue), Some(green)) => plan
                .columns
                .iter()
                .zip(blue.hashes.iter().zip(&green.hashes))
                .filter(|(_, (blue, green))| blue != green)
                .map(|(column, _)| column.name.clone())
                .collect(),
            _ => Vec::new(),
        };
        RowDifference {
            key: named,
            columns,
            verdict,
        }
    }

    /// The statement that would make GREEN's row like BLUE's.
    fn repair(
        &self,
        row: &RowDifference,
        key: &Key,
        (blue, green): (Option<&Detail>, Option<&Detail>),
    ) -> Option<String> {
        let plan = self.statements.plan;
        let only = Sql::new(if plan.only { "ONLY " } else { "" });
        let table = |sql: Sql| {
            sql.statement("only", only.clone())
                .qualified("table", &plan.schema, &plan.name)
        };
        let written: Vec<(&Column, Option<&str>)> = blue
            .map(|detail| detail.texts.as_slice())
            .unwrap_or_default()
            .iter()
            .zip(&plan.columns)
            .filter(|(_, column)| !column.generated)
            .map(|(text, column)| (column, text.as_deref()))
            .collect();
        let statement = match row.verdict {
            RowVerdict::MissingOnGreen => {
                let names: Vec<_> = written.iter().map(|(column, _)| &column.name).collect();
                let values = written.iter().map(|(column, text)| constant(column, *text));
                let overriding = Sql::new(if plan.columns.iter().any(|column| column.always) {
                    " OVERRIDING SYSTEM VALUE"
                } else {
                    ""
                });
                table(Sql::new(
                    "INSERT INTO {table} ({columns}){overriding} VALUES ({values})",
                ))
                .idents("columns", &names)
                .statement("overriding", overriding)
                .statement("values", tree(values.collect(), "{a}, {b}")?)
            }
            RowVerdict::Differs => {
                let set = written
                    .iter()
                    .filter(|(column, _)| row.columns.contains(&column.name))
                    .map(|(column, text)| {
                        Sql::new("{column} = {value}")
                            .ident("column", &column.name)
                            .statement("value", constant(column, *text))
                    });
                table(Sql::new("UPDATE {only}{table} SET {set} WHERE {row}"))
                    .statement("set", tree(set.collect(), "{a}, {b}")?)
                    .statement("row", self.one_row(key))
            }
            RowVerdict::MissingOnBlue if plan.key.is_empty() => {
                let texts = green?.texts.iter().zip(&plan.columns);
                let same = texts.map(|(text, column)| {
                    Sql::new("{column}::text IS NOT DISTINCT FROM {text}")
                        .ident("column", &column.name)
                        .statement("text", text_constant(text.as_deref()))
                });
                // One copy, whichever.
                table(Sql::new(
                    "DELETE FROM {only}{table} WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM {only}{table} WHERE {row} LIMIT 1)",
                ))
                .statement("row", tree(same.collect(), "{a} AND {b}")?)
            }
            RowVerdict::MissingOnBlue => table(Sql::new("DELETE FROM {only}{table} WHERE {row}"))
                .statement("row", self.one_row(key)),
        };
        Some(statement.shown())
    }

    fn one_row(&self, key: &Key) -> Sql {
        let same = self
            .statements
            .plan
            .key
            .iter()
            .zip(key)
            .map(|(column, text)| {
                Sql::new("{column} = {value}")
                    .ident("column", &column.name)
                    .statement("value", value(column, text))
            });
        tree(same.collect(), "{a} AND {b}").unwrap_or_else(|| Sql::new("false"))
    }
}

fn constant(column: &Column, text: Option<&str>) -> Sql {
    text.map_or_else(|| Sql::new("NULL"), |text| value(column, text))
}

fn text_constant(text: Option<&str>) -> Sql {
    text.map_or_else(
        || Sql::new("NULL"),
        |text| Sql::new("{text}").literal("text", text),
    )
}

/// A value as JSON shows it.
fn shown(column: &Column, text: Option<&str>) -> Value {
    let whole = matches!(column.base.as_str(), "int2" | "int4" | "int8");
    match text {
        None => Value::Null,
        Some(text) => match text.parse::<i64>() {
            Ok(number) if whole => number.into(),
            _ => text.into(),
        },
    }
}

fn details(rows: &Rows) -> Result<BTreeMap<Key, Detail>, ValueError> {
    let one = |row: &Row| {
        let detail = Detail {
            hashes: json(&row.get::<String>("hashes")?, "hashes")?,
            texts: json(&row.get::<String>("texts")?, "texts")?,
        };
        Ok((json(&row.get::<String>("key")?, "key")?, detail))
    };
    rows.iter().map(one).collect()
}

/// The repair script of a compare: everything that would make GREEN's rows like BLUE's, for a human to judge.
#[must_use]
pub fn script(found: &Comparison) -> String {
    let mut out = String::from(
        "-- Proposed by greenlight compare, and never run by it: it would make GREEN's rows like BLUE's.\n\
         -- Read every line. Rows that an application has changed on GREEN since the cutover are right on GREEN.\n\
         -- Triggers and rules fire as for any statement, and a link in the other direction carries the changes on.\n\
         \\set ON_ERROR_STOP on\n\
         BEGIN;\n\
         SET LOCAL search_path = pg_catalog, pg_temp;\n\
         SET LOCAL \"TimeZone\" = 'UTC';\n\
         SET LOCAL \"DateStyle\" = 'ISO, YMD';\n\
         SET LOCAL \"IntervalStyle\" = 'postgres';\n\
         SET LOCAL lc_monetary = 'C';\n\
         SET LOCAL xmloption = content;\n",
    );
    for table in &found.tables {
        if table.repair.is_empty() {
            continue;
        }
        let place = [
            table.database.as_deref(),
            Some(&table.schema),
            Some(&table.name),
        ];
        let place: Vec<_> = place.into_iter().flatten().collect();
        let more = if table.more {
            ", and more that are not listed here"
        } else {
            ""
        };
        let place = place.join(".").escape_debug().to_string();
        let _ = writeln!(out, "\n-- {place}: {} rows{more}", table.differing.len());
        for statement in &table.repair {
            out.push_str(statement);
            out.push_str(";\n");
        }
    }
    out.push_str("\nCOMMIT;\n");
    out
}
