use std::fmt::Write as _;

use greenlight::inspect::CompareOptions;
use greenlight::inspect::compare::RowVerdict;

use super::{Pair, options, rows, table, unequal};
use crate::missing::missing;

/// Each type with values that differ from their neighbours, the last from the first: what an equality hash takes for
/// the same stands side by side. A value that a server of version N brought is written `@N value`.
const TYPES: &[(&str, &[&str])] = &[
    ("bool", &["true", "false"]),
    ("int2", &["0", "-1", "1"]),
    ("int4", &["0", "-1", "1", "2147483647"]),
    (
        "int8",
        &["0", "1", "-1", "4294967296", "-4294967297", "4294967295"],
    ),
    ("oid", &["0", "4294967295"]),
    (
        "numeric",
        &[
            "0",
            "1",
            "-1",
            "0.1",
            "NaN",
            "@14 Infinity",
            "@14 -Infinity",
            "12345678901234567890.123456789",
            "-12345678901234567890.123456789",
        ],
    ),
    ("numeric(12,2)", &["0", "5", "-5", "NaN"]),
    (
        "float4",
        &["0", "1.1", "-1.1", "NaN", "Infinity", "-Infinity", "1e-30"],
    ),
    (
        "float8",
        &[
            "0",
            "0.1",
            "-0.1",
            "0.30000000000000004",
            "0.3",
            "NaN",
            "Infinity",
            "-Infinity",
            "5e-324",
        ],
    ),
    ("money", &["0", "1.25", "-1.25"]),
    (
        "text",
        &["", " ", "a", "A", "ä", "a\u{308}", "x\ty", "NULL", "{}"],
    ),
    ("varchar(9)", &["", "a", "a "]),
    ("char(9)", &["", "a", "b"]),
    ("name", &["", "a", "b"]),
    ("\"char\"", &["a", "b"]),
    ("bytea", &["\\x", "\\x00", "\\x0000", "\\xff"]),
    (
        "date",
        &[
            "2000-01-01",
            "0044-03-15 BC",
            "infinity",
            "-infinity",
            "1999-12-31",
        ],
    ),
    ("time", &["00:00", "24:00", "12:34:56.789"]),
    ("timetz", &["12:00+00", "12:00+01", "13:00+01"]),
    (
        "timestamp",
        &[
            "2000-01-01",
            "2000-01-01 00:00:00.000001",
            "infinity",
            "-infinity",
            "0044-03-15 BC",
        ],
    ),
    (
        "timestamptz",
        &[
            "2000-01-01 00:00+00",
            "2000-01-01 00:00+01",
            "infinity",
            "-infinity",
        ],
    ),
    ("interval", &["0", "1 day", "25 hours", "-1 day", "1 year"]),
    (
        "uuid",
        &[
            "00000000-0000-0000-0000-000000000000",
            "00000000-0000-0000-0000-000000000001",
        ],
    ),
    ("inet", &["192.0.2.1", "192.0.2.1/24", "::1"]),
    ("cidr", &["192.0.2.0/24", "192.0.2.0/25", "::/0"]),
    ("macaddr", &["08:00:2b:01:02:03", "08:00:2b:01:02:04"]),
    (
        "macaddr8",
        &["08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"],
    ),
    ("bit(3)", &["101", "100"]),
    ("varbit", &["", "1", "10"]),
    ("json", &["{\"a\":1}", "{\"a\": 1}", "null", "[1]"]),
    (
        "jsonb",
        &["{\"a\":1}", "{\"a\":-1}", "{\"a\":1.0}", "null", "[]", "{}"],
    ),
    ("point", &["(0,0)", "(0.1,0.2)"]),
    ("line", &["{1,2,3}", "{1,2,4}"]),
    ("lseg", &["[(0,0),(1,1)]", "[(0,0),(1,2)]"]),
    ("box", &["(1,1),(0,0)", "(1,2),(0,0)"]),
    ("path", &["[(0,0),(1,1)]", "((0,0),(1,1))"]),
    ("polygon", &["((0,0),(1,1),(2,0))", "((0,0),(1,1),(2,1))"]),
    ("circle", &["<(0,0),1>", "<(0,0),1.1>"]),
    ("tsvector", &["", "'a':1 'b':2", "'a':1 'b':3"]),
    ("tsquery", &["'a'", "'a' & 'b'", "'a' | 'b'"]),
    ("pg_lsn", &["0/0", "16/B374D848"]),
    ("txid_snapshot", &["10:20:10,14", "10:20:10,15"]),
    (
        "int4[]",
        &[
            "{}",
            "{1,2}",
            "{{1,2}}",
            "[0:1]={1,2}",
            "{2,1}",
            "{1,NULL}",
            "{NULL,1}",
        ],
    ),
    ("text[]", &["{}", "{NULL}", "{\"NULL\"}", "{\"\"}"]),
    ("float8[]", &["{0.1}", "{0.1,NaN}"]),
    ("numeric[]", &["{1}", "{-1}"]),
    ("shade[]", &["{dark}", "{light}"]),
    ("int4range", &["empty", "[1,5)", "(,5)", "[1,)", "(,)"]),
    ("numrange", &["[1,5)", "[-1,5)", "[1,5]"]),
    (
        "tstzrange",
        &["empty", "[2000-01-01,2001-01-01)", "[2000-01-01,infinity)"],
    ),
    ("@14 int4multirange", &["{}", "{[1,2)}", "{[1,2),[4,5)}"]),
    ("shade", &["dark", "light", "Dark"]),
    ("pair", &["(1,x)", "(,x)", "(1,)", "(1,\"\")", "(-1,x)"]),
    ("positive", &["1", "2"]),
    ("shades", &["{dark}", "{light}"]),
    ("regclass", &["pg_class", "pg_type"]),
    ("int2vector", &["1 2", "2 1"]),
    ("oidvector", &["1 2", "2 1"]),
];

/// The types of the schema. On one side the enum got its labels in another order, so that their oids differ.
const MADE: &str =
    "CREATE DOMAIN positive AS int8 CHECK (VALUE > 0); CREATE TYPE pair AS (n numeric, t text);";
const SHADES: [&str; 2] = [
    "CREATE TYPE shade AS ENUM ('dark', 'light', 'Dark'); CREATE DOMAIN shades AS shade[]",
    "CREATE TYPE shade AS ENUM ('Dark'); ALTER TYPE shade ADD VALUE 'light' BEFORE 'Dark';
     ALTER TYPE shade ADD VALUE 'dark' BEFORE 'light'; CREATE DOMAIN shades AS shade[]",
];

struct Tables {
    create: String,
    /// Each row takes the value of the next one, the last one the first's.
    rotate: String,
    names: Vec<(String, &'static str, usize)>,
}

/// A table a type, with a row a value and one that is NULL; and one of all types together.
fn tables(oldest: u32, xml: bool) -> Tables {
    let mut made = Tables {
        create: String::new(),
        rotate: String::new(),
        names: Vec::new(),
    };
    let xml: &[(&str, &[&str])] = if xml {
        &[("xml", &["<a/>", "<a></a>", "<a>ä</a>"])]
    } else {
        &[]
    };
    let mut all = String::new();
    for (at, (of, values)) in TYPES.iter().chain(xml).enumerate() {
        let Some(of) = known(of, oldest) else {
            continue;
        };
        let values: Vec<_> = values
            .iter()
            .filter_map(|value| known(value, oldest))
            .collect();
        let name = format!("t_{at}");
        let _ = write!(
            made.create,
            "CREATE TABLE {name} (id int PRIMARY KEY, v {of});"
        );
        let _ = write!(all, ", c_{at} {of}");
        for (id, value) in values.iter().enumerate() {
            let value = value.replace('\'', "''");
            let _ = write!(made.create, "INSERT INTO {name} VALUES ({id}, '{value}');");
        }
        let rows = values.len() + 1;
        let _ = write!(
            made.create,
            "INSERT INTO {name} VALUES ({}, NULL);",
            values.len()
        );
        let _ = write!(
            made.rotate,
            "UPDATE {name} t SET v = n.v FROM {name} n WHERE n.id = (t.id + 1) % {rows};"
        );
        made.names.push((name, of, rows));
    }
    let _ = write!(made.create, "CREATE TABLE wide (id int PRIMARY KEY{all});");
    let _ = write!(made.create, "INSERT INTO wide (id) VALUES (-1);");
    for (at, (name, _, rows)) in made.names.iter().enumerate() {
        let column = name.replace("t_", "c_");
        let insert = if at == 0 {
            "INSERT INTO wide (id) SELECT generate_series(0, 9);"
        } else {
            ""
        };
        let _ = write!(
            made.create,
            "{insert} UPDATE wide w SET {column} = t.v FROM {name} t WHERE t.id = w.id % {rows};"
        );
    }
    made
}

/// What is written, where the older server knows it.
fn known(text: &'static str, oldest: u32) -> Option<&'static str> {
    let Some((since, rest)) = text.strip_prefix('@').and_then(|text| text.split_once(' ')) else {
        return Some(text);
    };
    let since: u32 = since.parse().expect("a version");
    (oldest >= since).then_some(rest)
}

/// Every type there is on both; true where xml is one of them.
async fn every_type(blue: u32, green: u32) -> bool {
    let pair = Pair::start(blue, green).await;
    let xml = pair.both_know("SELECT xml '<a/>'").await;
    if !xml {
        missing(&format!(
            "builds of PostgreSQL {blue} and {green} with libxml, to compare xml"
        ));
    }
    pair.both(MADE).await;
    tokio::join!(pair.on_blue(SHADES[0]), pair.on_green(SHADES[1]));
    let made = tables(blue.min(green), xml);
    pair.both(&made.create).await;
    let strict = CompareOptions {
        strict_text: true,
        ..options()
    };
    for options in [options(), strict.clone()] {
        let found = pair.compare(&options).await;
        assert_eq!(unequal(&found), [""; 0], "{blue} and {green}: {found:?}");
        assert_eq!(found.tables.len(), made.names.len() + 1);
        assert_eq!(table(&found, "wide").rows_green, 11);
    }

    pair.on_green(&made.rotate).await;
    let columns: Vec<_> = (made.names.iter())
        .map(|(name, ..)| name.replace("t_", "c_"))
        .collect();
    let fill: Vec<_> = (made.names.iter().zip(&columns))
        .map(|((name, ..), column)| format!("{column} = (SELECT v FROM {name} WHERE id = 0)"))
        .collect();
    pair.on_green(&format!(
        "UPDATE wide SET {} WHERE id = -1",
        fill.join(", ")
    ))
    .await;
    for options in [options(), strict] {
        let found = pair.compare(&options).await;
        for (name, of, count) in &made.names {
            let wrong = rows(table(&found, name));
            assert_eq!(wrong.len(), *count, "{of} on {blue} and {green}: {wrong:?}");
            for (key, columns, verdict) in wrong {
                assert_eq!(
                    (columns.as_str(), verdict),
                    ("v", RowVerdict::Differs),
                    "{of} {key}"
                );
            }
        }
        let wide = table(&found, "wide");
        assert_eq!(wide.differing.len(), 1);
        let mut expected = columns.clone();
        expected.sort();
        assert_eq!(wide.differing[0].columns, expected);
    }
    xml
}

#[tokio::test]
async fn every_type_between_13_and_15() {
    assert!(every_type(13, 15).await);
}

#[tokio::test]
async fn every_type_between_15_and_17() {
    every_type(15, 17).await;
}

#[tokio::test]
async fn every_type_between_13_and_18() {
    every_type(13, 18).await;
}

#[tokio::test]
async fn every_type_between_18_and_16() {
    every_type(18, 16).await;
}

#[tokio::test]
async fn every_type_between_11_and_15() {
    assert!(every_type(11, 15).await);
}

#[tokio::test]
async fn only_the_strict_form_tells_apart_what_is_equal_but_written_otherwise() {
    let pair = Pair::start(15, 17).await;
    pair.both(
        "CREATE TABLE t (id int PRIMARY KEY, n numeric, f float8, i interval);
         INSERT INTO t VALUES (1, 1.0, 0, '1 month'), (2, 2.50, '-0', '48 hours')",
    )
    .await;
    pair.on_green("UPDATE t SET n = 1.00, f = '-0', i = '30 days' WHERE id = 1")
        .await;
    assert!(pair.compare(&options()).await.equal);
    let strict = CompareOptions {
        strict_text: true,
        ..options()
    };
    let found = pair.compare(&strict).await;
    let expected = (
        r#"{"id":1}"#.to_owned(),
        "f,i,n".to_owned(),
        RowVerdict::Differs,
    );
    assert_eq!(rows(table(&found, "t")), [expected]);
}

#[tokio::test]
async fn a_server_without_seeded_hashes_is_refused() {
    let pair = Pair::start(10, 15).await;
    let error = pair.try_compare(&options()).await.expect_err("10");
    assert!(error.to_string().contains("needs PostgreSQL 11"), "{error}");
}
