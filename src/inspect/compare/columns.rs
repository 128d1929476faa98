//! The normal form of a row: one 64-bit hash, the same on every version from 11 on where the row is the same.
//!
//! The server's own hash functions are fast, but they are made for equality, not for telling changes:
//! `hash_numeric` knows no sign and gives every zero, NaN and infinity the seed itself, `hashint8` folds its halves
//! together, `hash_array` knows no dimensions, enums hash by oid. Each form here makes up for what its function leaves
//! out, or hashes the value's text. Times are folded as bigints are: a changed one escapes once in 2^32 cases, which
//! the strict form avoids.

use super::catalog::Column;
use crate::domain::Sql;

/// So many columns are chained; the others are joined by `#`, for the depth of an expression is limited.
const CHAINED: usize = 16;

/// How one column is hashed: `{c}` is the column, `{s}` the seed.
struct Form {
    template: &'static str,
    /// True when the function spreads the whole seed over its result, whatever the value.
    mixes: bool,
}

const TEXT: Form = Form {
    template: "hashtextextended({c}::text COLLATE \"C\", {s})",
    mixes: true,
};

const fn mixing(template: &'static str) -> Form {
    Form {
        template,
        mixes: true,
    }
}

const fn apart(template: &'static str) -> Form {
    Form {
        template,
        mixes: false,
    }
}

fn form(column: &Column, strict: bool) -> Form {
    match column.base.as_str() {
        "bool" => mixing("hashint4extended({c}::int4, {s})"),
        "int2" => mixing("hashint2extended({c}, {s})"),
        "int4" => mixing("hashint4extended({c}, {s})"),
        // Within the seed the value counts with all its bits.
        "int8" => mixing("hashint8extended({c}, {s} # {c})"),
        "oid" => mixing("hashoidextended({c}, {s})"),
        "char" => mixing("hashcharextended({c}, {s})"),
        "text" | "varchar" => mixing("hashtextextended({c} COLLATE \"C\", {s})"),
        "bpchar" => mixing("hashbpcharextended({c} COLLATE \"C\", {s})"),
        "uuid" => mixing("uuid_hash_extended({c}, {s})"),
        "bytea" => mixing("hash_array_extended(ARRAY[{c}::bytea], {s})"),
        // All bits of it: before 12 its text may leave out the last ones.
        "float4" if strict => mixing("hash_array_extended(ARRAY[float4send({c})], {s})"),
        "float8" if strict => mixing("hash_array_extended(ARRAY[float8send({c})], {s})"),
        _ if strict => TEXT,
        "float4" => apart("hashfloat4extended({c}, {s})"),
        "float8" => apart("hashfloat8extended({c}, {s})"),
        "numeric" => {
            apart("hash_numeric_extended({c}, {s} + ({c} < 0)::int4 * 4 + ({c} = 'NaN')::int4)")
        }
        "date" => mixing("hash_array_extended(ARRAY[{c}::date], {s})"),
        "time" => mixing("time_hash_extended({c}, {s})"),
        "timetz" => mixing("timetz_hash_extended({c}, {s})"),
        "timestamp" => mixing("timestamp_hash_extended({c}, {s})"),
        // The session's time zone is UTC.
        "timestamptz" => mixing("timestamp_hash_extended({c}::timestamp, {s})"),
        "interval" => mixing("interval_hash_extended({c}, {s})"),
        "inet" | "cidr" => mixing("hashinetextended({c}::inet, {s})"),
        "macaddr" => mixing("hashmacaddrextended({c}, {s})"),
        "macaddr8" => mixing("hashmacaddr8extended({c}, {s})"),
        _ => TEXT,
    }
}

/// The hash of `columns`, in their order.
///
/// What is never NULL is chained, each hash seeding the next. What may be NULL cannot be: a NULL would swallow what is
/// chained inside it. Those hashes, each with a seed of its own, are joined by `#` and seed the chain, which also spreads
/// their bits: sums of mere exclusive-ors would miss values that changed places between rows.
pub(super) fn row_hash(columns: &[&Column], strict: bool) -> Sql {
    let (mut chain, mut joined) = (Vec::new(), Vec::new());
    for (column, place) in columns.iter().zip(1..) {
        let form = form(column, strict);
        if form.mixes && column.not_null && chain.len() < CHAINED {
            chain.push((*column, form));
        } else {
            joined.push(or_null(column, &form, place));
        }
    }
    let seed = tree(joined, "({a} # {b})").unwrap_or_else(|| Sql::new("9"));
    if chain.is_empty() {
        return Sql::new("hashint4extended(0, {s})").statement("s", seed);
    }
    chain
        .into_iter()
        .fold(seed, |seed, (column, form)| hashed(column, &form, seed))
}

/// The hash of one column alone, NULL a value of its own.
pub(super) fn column_hash(column: &Column, strict: bool) -> Sql {
    or_null(column, &form(column, strict), 1)
}

/// A column's value as text: the same on both sides where it is the same.
pub(super) fn text(column: &Column, strict: bool) -> Sql {
    // As a key 1.0 is 1.00, whatever is written.
    let template = if column.base == "numeric" && !strict {
        "CASE WHEN strpos({c}::text, '.') > 0 THEN rtrim(rtrim({c}::text, '0'), '.') ELSE {c}::text END"
    } else {
        "{c}::text"
    };
    Sql::new(template).ident("c", &column.name)
}

fn hashed(column: &Column, form: &Form, seed: Sql) -> Sql {
    Sql::new(form.template)
        .ident("c", &column.name)
        .statement("s", Sql::new("({s})").statement("s", seed))
}

fn or_null(column: &Column, form: &Form, place: i64) -> Sql {
    let hash = hashed(column, form, Sql::new("{n}").number("n", place));
    if column.not_null {
        return hash;
    }
    // Any number that no place has for a seed.
    Sql::new("coalesce({hash}, {none})")
        .statement("hash", hash)
        .number("none", -place * 7_046_029_254_386_353)
}

/// `parts` joined two by two by `template` with `{a}` and `{b}`: a thousand of them are ten deep, not a thousand.
pub(super) fn tree(mut parts: Vec<Sql>, template: &'static str) -> Option<Sql> {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(a) = rest.next() {
            next.push(match rest.next() {
                Some(b) => Sql::new(template).statement("a", a).statement("b", b),
                None => a,
            });
        }
        parts = next;
    }
    parts.pop()
}

#[cfg(test)]
mod tests {
    use super::{row_hash, tree};
    use crate::domain::Sql;
    use crate::inspect::compare::catalog::Column;

    fn column(name: &str, base: &str, not_null: bool) -> Column {
        Column {
            name: name.to_owned(),
            type_name: base.to_owned(),
            base: base.to_owned(),
            not_null,
            ..Column::default()
        }
    }

    #[test]
    fn what_may_be_null_seeds_the_chain_of_what_may_not() {
        let columns = [
            column("a", "int4", true),
            column("b", "mood", false),
            column("c", "int8", true),
        ];
        let hash = row_hash(&columns.iter().collect::<Vec<_>>(), false).shown();
        assert_eq!(
            hash,
            "hashint8extended(\"c\", (hashint4extended(\"a\", (coalesce(hashtextextended(\"b\"::text COLLATE \"C\", (2)), \
             -14092058508772706)))) # \"c\")"
        );
    }

    #[test]
    fn without_a_column_that_mixes_the_end_does() {
        let columns = [column("n", "numeric", true)];
        let hash = row_hash(&columns.iter().collect::<Vec<_>>(), false).shown();
        assert!(
            hash.starts_with("hashint4extended(0, hash_numeric_extended("),
            "{hash}"
        );
        assert_eq!(row_hash(&[], false).shown(), "hashint4extended(0, 9)");
    }

    #[test]
    fn many_parts_make_a_shallow_tree() {
        let parts = (0..5).map(|n| Sql::new("{n}").number("n", n)).collect();
        let text = tree(parts, "({a} # {b})").map(|sql| sql.shown());
        assert_eq!(text.as_deref(), Some("(((0 # 1) # (2 # 3)) # 4)"));
    }
}
