//! What of BLUE's data logical replication carries, and what it does not.

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, Asked, Asking, Needs, On};
use super::catalogue::{BUILT, EARLY, EARLY_AND_BUILT, listed, sql};
use super::check::Check;
use super::finding::Finding;
use super::judge::{Judged, few, same, texts};
use crate::domain::{Node, Place};
use crate::ports::Rows;

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("databases-covered", "Every database with tables is in the profile", EARLY, Ask::custom(Needs::Blue, "BLUE", covered))
        .why("A snapshot holds all databases, but only those with a subscription are kept current: the others stay at the time of the snapshot, silently.")
        .remedy("Add the database under databases, or move its tables elsewhere first."),
    Check::block(
        "replica-identity-missing",
        "Every table has a replica identity",
        EARLY,
        Ask::databases(On::Blue, sql!("replica-identity-missing"), listed!("every table has a usable replica identity", "table without a usable replica identity", "tables without a usable replica identity")),
    )
    .why("From the moment a publication covers such a table, every UPDATE and DELETE on it fails on BLUE: an outage of production.")
    .remedy("Give each table a primary key, or REPLICA IDENTITY USING INDEX on a unique, NOT NULL, immediate index, or REPLICA IDENTITY FULL."),
    Check::block(
        "replica-identity-full-no-equality",
        "Full replica identity only where rows can be compared",
        EARLY,
        Ask::databases(On::Blue, sql!("replica-identity-full-no-equality"), listed!("no such column", "column without equality in a table with REPLICA IDENTITY FULL", "columns without equality in tables with REPLICA IDENTITY FULL")),
    )
    .why("json, xml, point and their like have no equality: the first UPDATE or DELETE stops apply for good.")
    .remedy("Give the table a key (an identity column will do), or convert json to jsonb."),
    Check::warn(
        "replica-identity-full-cost",
        "No large table is found row by row",
        EARLY,
        Ask::databases(On::Blue, sql!("replica-identity-full-cost"), listed!("no large table with REPLICA IDENTITY FULL is updated", "large table with REPLICA IDENTITY FULL", "large tables with REPLICA IDENTITY FULL")),
    )
    .why("Without a key every change on GREEN reads the whole table (from 16 an index may serve): apply may never catch up.")
    .remedy("Give the table a key, or an index on its most selective NOT NULL column."),
    Check::warn(
        "unlogged-tables",
        "No unlogged tables",
        EARLY,
        Ask::databases(On::Blue, sql!("unlogged-tables"), listed!("no unlogged tables", "unlogged table", "unlogged tables")),
    )
    .why("Unlogged tables are not replicated, and empty on a restored snapshot.")
    .remedy("Make them LOGGED before the start (this rewrites them), or fill them anew on GREEN."),
    Check::block("large-objects", "No large objects", EARLY, Ask::databases(On::Blue, sql!("large-objects"), large_objects))
        .why("Large objects are never replicated: what is written to them after the snapshot is lost at the cutover.")
        .remedy("Move them into bytea columns or out of the database, or make sure that none is written until after the cutover and remove this database's objects from BLUE's duty."),
    Check::info(
        "large-object-columns",
        "Columns that may point at large objects",
        EARLY,
        Ask::databases(On::Blue, sql!("large-object-columns"), listed!("no columns of type oid or lo", "column of type oid or lo", "columns of type oid or lo")),
    )
    .why("Columns of these types usually point at large objects, which are not replicated.")
    .remedy("Find out whether these columns point at large objects."),
    Check::block(
        "tables-with-oids",
        "No tables WITH OIDS",
        EARLY,
        Ask::databases(On::Blue, sql!("tables-with-oids"), listed!("no tables WITH OIDS", "table WITH OIDS", "tables WITH OIDS")),
    )
    .why("PostgreSQL 12 and later have no such tables: the upgrade refuses.")
    .remedy("ALTER TABLE … SET WITHOUT OIDS (this rewrites the table)."),
    Check::block(
        "sequence-inventory",
        "All sequences can be read",
        EARLY,
        Ask::databases(On::Blue, sql!("sequence-inventory"), listed!("every sequence can be read", "sequence that cannot be read", "sequences that cannot be read")),
    )
    .why("Sequences are not replicated. One that cannot be carried over makes the first INSERT on GREEN fail with a duplicate key.")
    .remedy("Let the tool's role read them."),
    Check::warn("generated-columns", "Generated columns are generated on both sides", BUILT, Ask::pairs(sql!("generated-columns"), generated))
        .why("Generated columns are not published: plain on GREEN they are NULL, generated only on GREEN they stop apply.")
        .remedy("Give both sides the same definition."),
    Check::info("identity-and-defaults", "Identity columns are the same on both sides", BUILT, Ask::pairs(sql!("identity-and-defaults"), identities))
        .why("An identity column's sequence stays behind on GREEN until the cutover sets it.")
        .remedy("Give both sides the same definition."),
    Check::warn(
        "partitioned-tables",
        "Partitions made meanwhile are replicated",
        EARLY_AND_BUILT,
        Ask::databases(On::Blue, sql!("partitioned-tables"), listed!("no partitioned tables, or published by their roots", "partitioned table", "partitioned tables")),
    )
    .why("Unless published by the root, a partition made on both sides after the subscription is skipped without a word.")
    .remedy("Make no partitions until the cutover (make those for the whole time beforehand), or publish via the partition root."),
    Check::warn(
        "extension-owned-tables",
        "No tables of extensions are published",
        EARLY,
        Ask::databases(On::Blue, sql!("extension-owned-tables"), listed!("no tables of extensions", "table of an extension", "tables of extensions")),
    )
    .why("FOR ALL TABLES publishes tables of extensions as well: what their jobs write on GREEN collides with what BLUE sends.")
    .remedy("See that nothing writes to these tables on GREEN before the cutover."),
    Check::warn(
        "invalid-indexes",
        "No invalid indexes",
        EARLY_AND_BUILT,
        Ask::databases(On::Each, sql!("invalid-indexes"), listed!("all indexes are valid", "invalid index", "invalid indexes")),
    )
    .why("An invalid index costs on every write, serves no query, and cannot be a replica identity.")
    .remedy("Drop or rebuild it."),
];

fn large_objects(_: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    Ok(match row.get::<u64>("objects")? {
        0 => Finding::pass("no large objects"),
        objects => Finding::fail(format!(
            "{objects} large objects, {}",
            row.get::<String>("size")?
        )),
    })
}

fn generated(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    same(blue, green, ("generated column", "generated columns"))
}

fn identities(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    same(blue, green, ("identity column", "identity columns"))
}

/// A database outside the profile, and how many tables it holds; `None` when it could not be looked into.
pub type Outside = (String, Option<u64>);

/// Whether the profile leaves a database with tables out.
#[must_use]
pub fn judge_covered(outside: &[Outside]) -> Finding {
    let left_out: Vec<_> = outside
        .iter()
        .filter_map(|(name, tables)| match tables {
            Some(0) => None,
            Some(tables) => Some(format!("{name} ({tables} tables)")),
            None => Some(format!("{name} (it could not be looked into)")),
        })
        .collect();
    if left_out.is_empty() {
        Finding::pass("every database with tables is in the profile")
    } else {
        Finding::fail(format!("not in the profile: {}", few(&left_out)))
    }
}

fn covered<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let Some(server) = asking.ctx.server(&Node::blue()) else {
            return Ok(Vec::new());
        };
        let list = asking.ctx.sql(
            include_str!("../../assets/sql/checks/databases-covered.sql"),
            &server,
        );
        let mut outside = Vec::new();
        for name in texts(&asking.sessions.query(&server, &list).await?, "name")? {
            let place = Place::new(Node::blue(), &name);
            let sql = asking.ctx.sql(
                include_str!("../../assets/sql/checks/user-tables.sql"),
                &place,
            );
            let tables = match asking.sessions.query(&place, &sql).await {
                Ok(rows) => Some(rows.one()?.get("tables")?),
                Err(_) => None,
            };
            outside.push((name, tables));
        }
        Ok(vec![Answer::new("BLUE", judge_covered(&outside))])
    }
    .boxed()
}
