use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{CompareOptions, PURPOSE, SkippedTable};
use crate::domain::{PgVersion, Sql};
use crate::inspect::InspectError;
use crate::ports::{Row, Rows, ValueError};

/// Schema and name.
pub(super) type Name = (String, String);

/// A column as the catalog describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Column {
    /// Its name.
    pub name: String,
    /// Its type as SQL spells it, with modifiers.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The system's name of a plain base type, domains looked through; empty for everything else.
    pub base: String,
    /// True when it cannot be NULL.
    pub not_null: bool,
    /// True when the server computes it.
    pub generated: bool,
    /// True for GENERATED ALWAYS AS IDENTITY.
    pub always: bool,
    /// True when no locale decides its order.
    pub plain_order: bool,
}

/// A table of one side.
#[derive(Debug, Clone)]
struct Table {
    kind: String,
    unlogged: bool,
    partition: bool,
    root: Option<Name>,
    bytes: u64,
    estimate: u64,
    writes: u64,
    columns: Vec<Column>,
    keys: Vec<Vec<String>>,
}

/// One table to compare, as both sides have it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub schema: String,
    pub name: String,
    /// True when its rows are its own and not its children's.
    pub only: bool,
    /// The columns of both sides, in the order of their names.
    pub columns: Vec<Column>,
    /// The columns of a key that both sides have; empty without one.
    pub key: Vec<Column>,
    /// How many of the key's first columns both sides put into the same order.
    pub ordered: usize,
    /// The larger side's size when it was last analysed; 0 when it never was.
    pub bytes: u64,
    /// The larger side's rows, as the statistics have it.
    pub estimate: u64,
    /// Rows written since the servers began to count, both sides together.
    pub writes: u64,
    /// What speaks against equality before a row is read.
    pub problem: Option<String>,
    /// False where a side lacks the table.
    pub on: [bool; 2],
}

/// All tables of both sides.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub plans: Vec<Plan>,
    pub skipped: Vec<SkippedTable>,
}

/// The query for the tables of one side.
pub(super) fn query(version: PgVersion, options: &CompareOptions) -> Sql {
    let major = version.major();
    let provider = Sql::new(if major >= 15 {
        " AND datlocprovider = 'c'"
    } else {
        ""
    });
    let default_is_c = Sql::new(
        "(SELECT datcollate IN ('C', 'POSIX'){provider} FROM pg_database WHERE datname = current_database())",
    )
    .statement("provider", provider);
    let generated = Sql::new(if major >= 12 { "a.attgenerated" } else { "''" });
    let all = Sql::new(if options.schemas.is_empty() {
        "true"
    } else {
        "false"
    });
    Sql::new(include_str!(
        "../../../assets/sql/inspect/compare_tables.sql"
    ))
    .statement("generated", generated)
    .statement("default_is_c", default_is_c)
    .literal("own_schema", &options.own_schema)
    .statement("all_schemas", all)
    .literals("schemas", &options.schemas)
}

/// Pairs the tables of both sides. Partitions are compared one by one where both sides have the same ones, else their
/// root as a whole.
pub(super) fn pair(
    blue: &Rows,
    green: &Rows,
    options: &CompareOptions,
) -> Result<Tables, InspectError> {
    let read = |rows| read(rows).map_err(InspectError::answer(PURPOSE));
    let (mut blue, mut green) = (read(blue)?, read(green)?);
    settle_partitions(&mut blue, &mut green);
    let names: BTreeSet<Name> = blue.keys().chain(green.keys()).cloned().collect();
    let mut tables = Tables::default();
    for name in names {
        if !asked_for(&name, options) {
            continue;
        }
        let sides = [blue.get(&name), green.get(&name)];
        if sides.iter().flatten().any(|table| table.unlogged) {
            tables.skipped.push(SkippedTable {
                schema: name.0,
                name: name.1,
                why: "it is unlogged, so no copy of the server has its rows".to_owned(),
            });
            continue;
        }
        tables.plans.push(plan(name, sides));
    }
    Ok(tables)
}

fn asked_for((schema, name): &Name, options: &CompareOptions) -> bool {
    options.tables.is_empty()
        || options
            .tables
            .iter()
            .any(|asked| asked == name || *asked == format!("{schema}.{name}"))
}

fn read(rows: &Rows) -> Result<BTreeMap<Name, Table>, ValueError> {
    let table = |row: &Row| {
        let name = (row.get("schema")?, row.get("name")?);
        let table = Table {
            kind: row.get("kind")?,
            unlogged: row.get::<String>("persistence")? == "u",
            partition: row.get("is_partition")?,
            root: row
                .text("root")?
                .map(|text| json(text, "root"))
                .transpose()?,
            bytes: row.get("bytes")?,
            estimate: row.get("estimate")?,
            writes: row.opt("writes")?.unwrap_or(0),
            columns: json(&row.get::<String>("columns")?, "columns")?,
            keys: json(&row.get::<String>("keys")?, "keys")?,
        };
        Ok((name, table))
    };
    rows.iter().map(table).collect()
}

pub(super) fn json<T: serde::de::DeserializeOwned>(
    text: &str,
    column: &str,
) -> Result<T, ValueError> {
    serde_json::from_str(text).map_err(|error| ValueError {
        column: column.to_owned(),
        problem: error.to_string(),
    })
}

/// Leaves each partitioned table either its partitions or its root.
fn settle_partitions(blue: &mut BTreeMap<Name, Table>, green: &mut BTreeMap<Name, Table>) {
    let leaves = |tables: &BTreeMap<Name, Table>| {
        let mut by_root: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
        for (name, table) in tables.iter().filter(|(_, table)| table.kind == "r") {
            if let Some(root) = &table.root {
                by_root
                    .entry(root.clone())
                    .or_default()
                    .insert(name.clone());
            }
        }
        by_root
    };
    let (of_blue, of_green) = (leaves(blue), leaves(green));
    let apart: BTreeSet<&Name> = of_blue
        .iter()
        .filter(|(root, leaves)| of_green.get(*root) == Some(leaves))
        .map(|(root, _)| root)
        .collect();
    for tables in [blue, green] {
        tables.retain(|name, table| match (&table.root, table.kind.as_str()) {
            (Some(root), "r") => apart.contains(root),
            // A level in between has no rows of its own.
            (Some(_), _) => false,
            (None, "p") => !apart.contains(name),
            (None, _) => !table.partition,
        });
    }
}

fn plan((schema, name): Name, sides: [Option<&Table>; 2]) -> Plan {
    let some = sides.iter().flatten();
    let on = sides.map(|side| side.is_some());
    let mut plan = Plan {
        schema,
        name,
        only: some.clone().all(|table| table.kind == "r"),
        columns: Vec::new(),
        key: Vec::new(),
        ordered: 0,
        bytes: some.clone().map(|table| table.bytes).max().unwrap_or(0),
        estimate: some.clone().map(|table| table.estimate).max().unwrap_or(0),
        writes: some.map(|table| table.writes).sum(),
        problem: None,
        on,
    };
    let (Some(blue), Some(green)) = (sides[0], sides[1]) else {
        let lacking = if on[0] { "GREEN" } else { "BLUE" };
        plan.problem = Some(format!("{lacking} does not have this table"));
        return plan;
    };
    let mut odd = Vec::new();
    for column in &blue.columns {
        match green.columns.iter().find(|other| other.name == column.name) {
            Some(other) => plan.columns.push(both(column, other)),
            None => odd.push(format!("column {} is only on BLUE", column.name)),
        }
    }
    let only_green = green
        .columns
        .iter()
        .filter(|column| plan.columns.iter().all(|both| both.name != column.name));
    odd.extend(only_green.map(|column| format!("column {} is only on GREEN", column.name)));
    plan.problem = Some(odd.join(", ")).filter(|words| !words.is_empty());
    let common = blue.keys.iter().find(|key| green.keys.contains(key));
    plan.key = common
        .into_iter()
        .flatten()
        .filter_map(|name| plan.columns.iter().find(|column| column.name == *name))
        .cloned()
        .collect();
    plan.ordered = plan.key.iter().take_while(|key| orders_alike(key)).count();
    plan
}

/// A column as both sides have it; of another type on each, its text is compared.
fn both(blue: &Column, green: &Column) -> Column {
    Column {
        base: if blue.base == green.base {
            blue.base.clone()
        } else {
            String::new()
        },
        not_null: blue.not_null && green.not_null,
        plain_order: blue.plain_order && green.plain_order,
        generated: blue.generated || green.generated,
        ..green.clone()
    }
}

/// True when every server puts the values into the same order.
fn orders_alike(column: &Column) -> bool {
    match column.base.as_str() {
        "int2" | "int4" | "int8" | "oid" | "bool" | "uuid" | "bytea" | "date" | "time"
        | "timestamp" | "timestamptz" | "numeric" => true,
        "text" | "varchar" | "bpchar" => column.plain_order,
        _ => false,
    }
}
