use greenlight::inspect::CompareOptions;
use greenlight::inspect::compare::{RowVerdict, script};

use super::{Pair, options, rows, table, unequal};

const DIFFERS: RowVerdict = RowVerdict::Differs;
const NOT_ON_GREEN: RowVerdict = RowVerdict::MissingOnGreen;
const NOT_ON_BLUE: RowVerdict = RowVerdict::MissingOnBlue;

/// Tables of every shape, the same on both sides.
const SHAPES: &str = r#"
    CREATE SCHEMA "it's ""odd"" {a}";
    CREATE TABLE "it's ""odd"" {a}"."naïve table" ("sel'ect" int PRIMARY KEY, "wörd" text);
    INSERT INTO "it's ""odd"" {a}"."naïve table" SELECT i, 'x' || i FROM generate_series(1, 100) i;
    CREATE TABLE big (id bigint PRIMARY KEY, a int, b text, n numeric);
    INSERT INTO big SELECT i, nullif(i % 7, 0), nullif('v' || i % 100, 'v1'), i * 1.5 FROM generate_series(1, 200000) i;
    CREATE TABLE by_text (k text PRIMARY KEY, v int);
    INSERT INTO by_text SELECT md5(i::text) || chr(65 + i % 60), i FROM generate_series(1, 30000) i;
    CREATE TABLE composite (a int, b text COLLATE "C", c text, v int, PRIMARY KEY (a, b, c));
    INSERT INTO composite SELECT i % 10, 'b' || i % 1000, 'c' || i, i FROM generate_series(1, 30000) i;
    CREATE TABLE keyless (a int, b text);
    INSERT INTO keyless SELECT i % 5000, nullif('x' || i % 3, 'x1') FROM generate_series(1, 30000) i;
    CREATE TABLE parts (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY LIST (id);
    CREATE TABLE parts_2_1 PARTITION OF parts_2 DEFAULT;
    INSERT INTO parts SELECT i, date '2020-01-01' + i % 700, 'p' FROM generate_series(1, 5000) i;
    CREATE TABLE odd_parts (id int PRIMARY KEY, v int) PARTITION BY HASH (id);
    CREATE TABLE base (id int PRIMARY KEY, v text);
    CREATE TABLE derived (more int) INHERITS (base);
    INSERT INTO base SELECT i, 'base' FROM generate_series(1, 10) i;
    INSERT INTO derived SELECT i, 'derived', i FROM generate_series(1, 10) i;
    CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) STORED);
    INSERT INTO made (v) SELECT i FROM generate_series(1, 10) i;
    CREATE TABLE empty (id int PRIMARY KEY);
    CREATE TABLE no_columns ();
    INSERT INTO no_columns DEFAULT VALUES;
    CREATE UNLOGGED TABLE scratch (id int PRIMARY KEY);
    CREATE SCHEMA greenlight; CREATE TABLE greenlight.fence (id int PRIMARY KEY, token text);
    ANALYZE"#;

const ODD_PARTS: [&str; 2] = [
    "CREATE TABLE odd_one PARTITION OF odd_parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
     INSERT INTO odd_parts SELECT i, i FROM generate_series(1, 500) i",
    "CREATE TABLE odd_a PARTITION OF odd_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
     CREATE TABLE odd_b PARTITION OF odd_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
     INSERT INTO odd_parts SELECT i, i FROM generate_series(500, 1, -1) i",
];

/// What is done to GREEN alone, and what must be said of it: table, key, columns, verdict.
const DAMAGE: &[(&str, &str, &str, &str, RowVerdict)] = &[
    (
        "UPDATE big SET b = 'other' WHERE id = 123456",
        "big",
        r#"{"id":123456}"#,
        "b",
        DIFFERS,
    ),
    (
        "DELETE FROM big WHERE id = 1",
        "big",
        r#"{"id":1}"#,
        "",
        NOT_ON_GREEN,
    ),
    (
        "INSERT INTO big VALUES (200001, 1, 'new', 1)",
        "big",
        r#"{"id":200001}"#,
        "",
        NOT_ON_BLUE,
    ),
    (
        "UPDATE big SET a = NULL, n = -n WHERE id = 99999",
        "big",
        r#"{"id":99999}"#,
        "a,n",
        DIFFERS,
    ),
    (
        "UPDATE by_text SET v = -v WHERE v = 4711",
        "by_text",
        r#"{"k":"b52340b4de4566b804c9880aa0b4af5f`"}"#,
        "v",
        DIFFERS,
    ),
    (
        "UPDATE composite SET v = 0 WHERE v = 77",
        "composite",
        r#"{"a":7,"b":"b77","c":"c77"}"#,
        "v",
        DIFFERS,
    ),
    (
        "DELETE FROM keyless WHERE ctid IN (SELECT ctid FROM keyless WHERE a = 4 AND b = 'x2' LIMIT 1)",
        "keyless",
        r#"{"a":4,"b":"x2"}"#,
        "",
        NOT_ON_GREEN,
    ),
    (
        "INSERT INTO keyless VALUES (NULL, '')",
        "keyless",
        r#"{"a":null,"b":""}"#,
        "",
        NOT_ON_BLUE,
    ),
    (
        "UPDATE parts SET v = 'q' WHERE id = 400",
        "parts_2_1",
        r#"{"id":400,"at":"2021-02-04"}"#,
        "v",
        DIFFERS,
    ),
    (
        "UPDATE odd_parts SET v = 0 WHERE id = 77",
        "odd_parts",
        r#"{"id":77}"#,
        "v",
        DIFFERS,
    ),
    (
        "UPDATE ONLY base SET v = NULL WHERE id = 3",
        "base",
        r#"{"id":3}"#,
        "v",
        DIFFERS,
    ),
    (
        "UPDATE made SET v = 50 WHERE id = 5",
        "made",
        r#"{"id":5}"#,
        "twice,v",
        DIFFERS,
    ),
    (
        "INSERT INTO empty VALUES (0)",
        "empty",
        r#"{"id":0}"#,
        "",
        NOT_ON_BLUE,
    ),
    (
        "INSERT INTO no_columns DEFAULT VALUES",
        "no_columns",
        "{}",
        "",
        NOT_ON_BLUE,
    ),
    (
        r#"UPDATE "it's ""odd"" {a}"."naïve table" SET "wörd" = E'it''s\n\\' WHERE "sel'ect" = 7"#,
        "naïve table",
        r#"{"sel'ect":7}"#,
        "wörd",
        DIFFERS,
    ),
];

async fn shapes(blue: u32, green: u32) -> Pair {
    let pair = Pair::start(blue, green).await;
    pair.both(SHAPES).await;
    tokio::join!(pair.on_blue(ODD_PARTS[0]), pair.on_green(ODD_PARTS[1]));
    pair
}

#[tokio::test]
async fn every_shape_of_table_is_equal_until_it_is_damaged_and_again_after_the_repair() {
    let pair = shapes(15, 17).await;
    let found = pair.compare(&options()).await;
    assert_eq!(unequal(&found), [""; 0], "{found:?}");
    assert!(found.equal);
    let names: Vec<_> = found
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    for name in ["parts_1", "parts_2_1", "odd_parts", "derived", "keyless"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for name in ["parts", "parts_2", "odd_one", "fence", "scratch"] {
        assert!(!names.contains(&name), "{names:?}");
    }
    assert_eq!(found.skipped[0].name, "scratch");
    assert_eq!(table(&found, "base").rows_green, 10, "its own rows only");

    for (damage, ..) in DAMAGE {
        pair.on_green(damage).await;
    }
    // Spans, buckets and rows each have their turn, and so has a table too large to be read as a whole.
    let large = CompareOptions {
        whole_table: 1 << 20,
        chunk_rows: 100,
        repair: true,
        ..options()
    };
    let whole = CompareOptions {
        whole_table: u64::MAX,
        chunk_rows: u64::MAX,
        ..options()
    };
    let mut repair = String::new();
    for options in [options(), large, whole] {
        let found = pair.compare(&options).await;
        assert!(!found.equal);
        for name in unequal(&found) {
            let mut expected: Vec<_> = DAMAGE
                .iter()
                .filter(|(_, table, ..)| *table == name)
                .map(|(_, _, key, columns, verdict)| {
                    ((*key).to_owned(), (*columns).to_owned(), *verdict)
                })
                .collect();
            expected.sort();
            assert_eq!(rows(table(&found, name)), expected, "{name}");
        }
        let damaged: std::collections::BTreeSet<_> = DAMAGE.iter().map(|d| d.1).collect();
        assert_eq!(
            unequal(&found).len(),
            damaged.len(),
            "{:?}",
            unequal(&found)
        );
        assert_eq!(table(&found, "big").rows_green, 200_000);
        if options.repair {
            repair = script(&found);
        }
    }
    // Psql's own word aside, the script is SQL. `no_columns` cannot be repaired by a condition on its columns.
    pair.on_green(&repair.replace("\\set ON_ERROR_STOP on", ""))
        .await;
    pair.on_green("DELETE FROM no_columns WHERE ctid = (SELECT max(ctid) FROM no_columns)")
        .await;
    let found = pair.compare(&options()).await;
    assert_eq!(unequal(&found), [""; 0], "{repair}");
}

#[tokio::test]
async fn what_cannot_be_compared_is_said_and_never_called_equal() {
    let mut pair = Pair::start(15, 17).await;
    pair.both(
        "CREATE TABLE secret (id int); CREATE TABLE mine (id int PRIMARY KEY); INSERT INTO mine VALUES (1);
         CREATE TABLE wide (id int PRIMARY KEY, a int); CREATE TABLE typed (id int PRIMARY KEY, a text);
         INSERT INTO typed VALUES (1, '7')",
    )
    .await;
    pair.on_blue("CREATE TABLE only_blue AS SELECT generate_series(1, 3)")
        .await;
    pair.on_green("ALTER TABLE wide ADD b int; ALTER TABLE typed ALTER a TYPE int USING a::int")
        .await;
    pair.on_green(
        "CREATE TABLE only_green (); ALTER TABLE secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    )
    .await;
    let found = pair.compare(&options()).await;
    assert_eq!(unequal(&found), ["only_blue", "only_green", "wide"]);
    assert!(!found.equal);
    assert_eq!(table(&found, "only_blue").rows_blue, 3);
    let problem = |name| table(&found, name).problem.clone().unwrap_or_default();
    assert!(
        problem("only_blue").contains("GREEN does not have"),
        "{found:?}"
    );
    assert!(
        problem("only_green").contains("BLUE does not have"),
        "{found:?}"
    );
    assert!(
        problem("wide").contains("column b is only on GREEN"),
        "{found:?}"
    );

    // Only one table, and its problem: a role that may not read it all.
    pair.on_green("CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader").await;
    pair.green_as("reader");
    let asked = CompareOptions {
        tables: vec!["public.secret".to_owned(), "mine".to_owned()],
        ..options()
    };
    let found = pair.compare(&asked).await;
    assert_eq!(unequal(&found), ["secret"], "{found:?}");
    let problem = table(&found, "secret").problem.clone().unwrap_or_default();
    assert!(problem.contains("row-level security"), "{problem}");
}

#[tokio::test]
async fn a_table_that_differs_everywhere_is_cut_short() {
    let pair = Pair::start(15, 15).await;
    pair.both("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, i FROM generate_series(1, 20000) i").await;
    pair.on_green("UPDATE t SET v = v + 1").await;
    let few = CompareOptions {
        most_rows: 10,
        ..options()
    };
    let found = pair.compare(&few).await;
    let t = table(&found, "t");
    assert!(t.more && !t.equal);
    assert_eq!(t.differing.len(), 10);
}
