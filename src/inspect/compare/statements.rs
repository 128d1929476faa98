//! The statements about one table, put together once.

use super::catalog::{Column, Plan};
use super::columns::{self, tree};
use crate::domain::Sql;

/// The key of a row as its values in text form; in a table without a key, the row's hash.
pub(super) type Key = Vec<String>;

/// The rows with a key beyond `after` (or all) up to and with `upto` (or all).
#[derive(Debug, Clone, Default)]
pub(super) struct Span {
    pub after: Option<Key>,
    pub upto: Option<Key>,
}

/// What the statements about a table share.
pub(super) struct Statements<'a> {
    pub plan: &'a Plan,
    strict: bool,
    table: Sql,
    hash: Sql,
    identity: Sql,
}

impl<'a> Statements<'a> {
    pub(super) fn new(plan: &'a Plan, strict: bool) -> Self {
        let only = Sql::new(if plan.only { "ONLY {name}" } else { "{name}" });
        let columns: Vec<&Column> = plan.columns.iter().collect();
        let hash = columns::row_hash(&columns, strict);
        let identity = if plan.key.is_empty() {
            hash.clone()
        } else {
            // As with every key, what is written does not matter.
            columns::row_hash(&plan.key.iter().collect::<Vec<_>>(), false)
        };
        Self {
            plan,
            strict,
            table: only.qualified("name", &plan.schema, &plan.name),
            hash,
            identity,
        }
    }

    /// What the table takes on disk, as it is now; waits for whoever holds it exclusively.
    pub(super) fn size(&self) -> Sql {
        Sql::new(include_str!("../../../assets/sql/inspect/compare_size.sql"))
            .literal("schema", &self.plan.schema)
            .literal("name", &self.plan.name)
    }

    /// Number of rows and sum of their hashes.
    pub(super) fn sum(&self, span: &Span) -> Sql {
        self.of(include_str!("../../../assets/sql/inspect/compare_sum.sql"))
            .statement("where", self.within(span, &[], 0))
    }

    /// The same for each of `buckets` buckets (a power of two).
    pub(super) fn buckets(&self, span: &Span, buckets: u32) -> Sql {
        self.of(include_str!(
            "../../../assets/sql/inspect/compare_buckets.sql"
        ))
        .statement("identity", self.identity.clone())
        .number("mask", i64::from(buckets) - 1)
        .statement("where", self.within(span, &[], 0))
    }

    /// Each row's key, hash and version, of some buckets or, without any, of the whole span.
    pub(super) fn rows(&self, span: &Span, some: &[u32], buckets: u32) -> Sql {
        self.each_row(self.within(span, some, buckets))
    }

    /// The same of the rows with these keys.
    pub(super) fn rows_of(&self, keys: &[Key]) -> Sql {
        self.each_row(self.among(keys))
    }

    /// Keys that part the table into about `parts` equal spans, from a sample of `percent` of its pages.
    pub(super) fn bounds(&self, parts: u64, percent: f64) -> Sql {
        let range = &self.plan.key[..self.plan.ordered];
        let order: Vec<_> = range.iter().map(|column| &column.name).collect();
        self.of(include_str!(
            "../../../assets/sql/inspect/compare_bounds.sql"
        ))
        .statement("key", list(range, |column| columns::text(column, true)))
        .idents("order", &order)
        .literal("percent", &format!("{percent:.6}"))
        .number("parts", i64::try_from(parts).unwrap_or(i64::MAX))
    }

    /// Each column's own hash and text, of the rows with these keys.
    pub(super) fn detail(&self, keys: &[Key]) -> Sql {
        let limit = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        let (all, key) = (&self.plan.columns, &self.plan.key);
        let key = if key.is_empty() {
            Sql::new("({hash})::text").statement("hash", self.hash.clone())
        } else {
            list(key, |column| columns::text(column, self.strict))
        };
        self.of(include_str!(
            "../../../assets/sql/inspect/compare_detail.sql"
        ))
        .statement("key", key)
        .statement(
            "hashes",
            list(all, |column| {
                Sql::new("({hash})::text")
                    .statement("hash", columns::column_hash(column, self.strict))
            }),
        )
        .statement("texts", list(all, |column| columns::text(column, true)))
        .statement("where", self.among(keys))
        .number("limit", limit)
    }

    fn each_row(&self, where_: Sql) -> Sql {
        if self.plan.key.is_empty() {
            return self
                .of(include_str!(
                    "../../../assets/sql/inspect/compare_copies.sql"
                ))
                .statement("where", where_);
        }
        let key = list(&self.plan.key, |column| columns::text(column, self.strict));
        self.of(include_str!("../../../assets/sql/inspect/compare_rows.sql"))
            .statement("key", key)
            .statement("where", where_)
    }

    fn of(&self, template: &'static str) -> Sql {
        Sql::new(template)
            .statement("hash", self.hash.clone())
            .statement("table", self.table.clone())
    }

    fn within(&self, span: &Span, some: &[u32], buckets: u32) -> Sql {
        let mut conditions = Vec::new();
        if let Some(after) = &span.after {
            conditions.push(self.beside("{key} > {bound}", after));
        }
        if let Some(upto) = &span.upto {
            conditions.push(self.beside("{key} <= {bound}", upto));
        }
        if !some.is_empty() {
            let some: Vec<_> = some.iter().map(ToString::to_string).collect();
            let bucket = Sql::new("({identity} & {mask}) = ANY ({some}::bigint[])")
                .statement("identity", self.identity.clone())
                .number("mask", i64::from(buckets) - 1)
                .literals("some", &some);
            conditions.push(bucket);
        }
        tree(conditions, "{a} AND {b}").unwrap_or_else(|| Sql::new("true"))
    }

    /// The ordered part of the key beside a bound. A row of several is compared as a row, which an index on them serves.
    fn beside(&self, template: &'static str, bound: &Key) -> Sql {
        let range = &self.plan.key[..self.plan.ordered];
        let names: Vec<_> = range.iter().map(|column| &column.name).collect();
        let values = range
            .iter()
            .zip(bound)
            .map(|(column, text)| value(column, text));
        let values = tree(values.collect(), "{a}, {b}").unwrap_or_else(|| Sql::new("NULL"));
        let (key, bound) = if range.len() > 1 {
            (Sql::new("ROW({list})"), Sql::new("ROW({list})"))
        } else {
            (Sql::new("{list}"), Sql::new("{list}"))
        };
        Sql::new(template)
            .statement("key", key.idents("list", &names))
            .statement("bound", bound.statement("list", values))
    }

    fn among(&self, keys: &[Key]) -> Sql {
        if self.plan.key.is_empty() {
            let hashes: Vec<_> = keys.iter().flatten().collect();
            return Sql::new("{hash} = ANY ({hashes}::bigint[])")
                .statement("hash", self.hash.clone())
                .literals("hashes", &hashes);
        }
        let names: Vec<_> = self.plan.key.iter().map(|column| &column.name).collect();
        let arrays = self.plan.key.iter().enumerate().map(|(at, column)| {
            let texts: Vec<_> = keys.iter().filter_map(|key| key.get(at)).collect();
            Sql::new("{texts}::{type}[]")
                .literals("texts", &texts)
                .statement("type", Sql::verbatim(column.type_name.clone()))
        });
        let arrays = tree(arrays.collect(), "{a}, {b}").unwrap_or_else(|| Sql::new("NULL"));
        Sql::new("({key}) IN (SELECT * FROM unnest({arrays}))")
            .idents("key", &names)
            .statement("arrays", arrays)
    }
}

/// A column's value written as a constant.
pub(super) fn value(column: &Column, text: &str) -> Sql {
    Sql::new("{text}::{type}")
        .literal("text", text)
        .statement("type", Sql::verbatim(column.type_name.clone()))
}

fn list(columns: &[Column], each: impl Fn(&Column) -> Sql) -> Sql {
    tree(columns.iter().map(each).collect(), "{a}, {b}").unwrap_or_else(|| Sql::new("''"))
}

#[cfg(test)]
mod tests {
    use super::{Span, Statements};
    use crate::inspect::compare::catalog::{Column, Plan};

    fn plan() -> Plan {
        let column = |name: &str| Column {
            name: name.to_owned(),
            type_name: "integer".to_owned(),
            base: "int4".to_owned(),
            not_null: true,
            ..Column::default()
        };
        Plan {
            schema: "it's".to_owned(),
            name: "a \"b\"".to_owned(),
            only: true,
            columns: vec![column("x"), column("y")],
            key: vec![column("x"), column("y")],
            ordered: 2,
            bytes: 0,
            estimate: 0,
            writes: 0,
            problem: None,
            on: [true, true],
        }
    }

    #[test]
    fn a_span_of_a_composite_key_is_a_row_comparison() {
        let plan = plan();
        let span = Span {
            after: Some(vec!["1".to_owned(), "2".to_owned()]),
            upto: None,
        };
        let text = Statements::new(&plan, false).sum(&span).shown();
        assert!(
            text.contains(r#"FROM ONLY "it's"."a ""b""" WHERE ROW("x", "y") > ROW('1'::integer, '2'::integer)"#),
            "{text}"
        );
    }

    #[test]
    fn keys_travel_as_arrays_of_their_type() {
        let plan = plan();
        let keys = [vec!["1".to_owned(), "2".to_owned()]];
        let text = Statements::new(&plan, false).rows_of(&keys).shown();
        assert!(
            text.contains("(\"x\", \"y\") IN (SELECT * FROM unnest(ARRAY['1']::text[]::integer[], ARRAY['2']::text[]::integer[]))"),
            "{text}"
        );
    }
}
