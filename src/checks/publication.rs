//! The publication: what it covers, and that it came before the slot.

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, Asked, Asking, Needs, On};
use super::catalogue::{BUILT, EARLY, sql};
use super::check::Check;
use super::finding::Finding;
use super::judge::{Judged, list, texts};
use crate::domain::{Node, PgVersion, Sql};
use crate::ports::Rows;

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("publication-shape", "The publication covers every kind of change", BUILT, Ask::databases(On::Blue, sql!("publication-shape"), shape))
        .why("What a publication leaves out is skipped without a word.")
        .remedy("ALTER PUBLICATION … SET (publish = 'insert, update, delete, truncate'), before the slot is made; for partitions made meanwhile publish_via_partition_root = true."),
    Check::block("publication-before-slot", "The publication is older than the slot", BUILT, Ask::databases(On::Blue, sql!("publication-before-slot"), order))
        .why("A publication younger than its slot makes decoding fail, and on 18 skip the changes before it silently.")
        .remedy("Drop slot and publication and begin again: publication, commit, slot, snapshot."),
    Check::block("publisher-10-truncate", "No TRUNCATE on a BLUE of version 10", EARLY, Ask::custom(Needs::Blue, "BLUE", truncate_on_10))
        .why("PostgreSQL 10 does not publish TRUNCATE and says nothing: GREEN keeps the rows.")
        .remedy("Let no TRUNCATE run until the cutover: use DELETE, or stop those jobs."),
    Check::block("green-10-truncate-reverse", "The way back to a BLUE of version 10 carries no TRUNCATE", BUILT, Ask::pairs(sql!("green-10-truncate-reverse"), reverse_truncate))
        .why("A TRUNCATE sent to a subscriber of version 10 stops it for good.")
        .remedy("On GREEN: ALTER PUBLICATION … SET (publish = 'insert, update, delete')."),
];

fn shape(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let name = &asked.ctx.profile.names.publication;
    let Some(row) = rows.first() else {
        return Ok(Finding::fail(format!("there is no publication {name}")));
    };
    let whole = row.get("writes")? && row.get("truncates")? && row.get("all_tables")?;
    Ok(match (whole, row.get("partitions_by_root")?) {
        (false, _) => Finding::fail(format!(
            "{name} does not cover all tables and all kinds of change"
        )),
        (true, false) => Finding::warn(format!(
            "{name} publishes partitions one by one: those made from now on are skipped"
        )),
        (true, true) => Finding::pass(format!(
            "{name} covers all tables: insert, update, delete, truncate"
        )),
    })
}

fn order(_: &Asked<'_>, rows: &Rows) -> Judged {
    let Some(row) = rows.first() else {
        return Ok(Finding::fail("publication or slot are not there"));
    };
    let (publication, slot): (i64, i64) = (row.get("publication_age")?, row.get("slot_age")?);
    // A slot in use moves on, so that the order can only be read before it is.
    Ok(if row.get("active")? {
        Finding::skip("the slot is in use already")
    } else if publication > slot {
        Finding::pass("the publication was committed before the slot was made")
    } else {
        Finding::fail("the publication was made or altered after the slot")
    })
}

fn reverse_truncate(asked: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    let version = PgVersion(blue.one()?.get("version")?);
    let truncates = green.one()?.text("truncates")? == Some("true");
    let name = &asked.ctx.profile.names.publication;
    Ok(if version.major() > 10 {
        Finding::pass(format!("BLUE is PostgreSQL {version}"))
    } else if truncates {
        Finding::fail(format!(
            "{name} on GREEN publishes TRUNCATE, BLUE is PostgreSQL {version}"
        ))
    } else {
        Finding::pass(format!("{name} on GREEN does not publish TRUNCATE"))
    })
}

fn truncate_on_10<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for place in asking.ctx.places(&Node::blue()) {
            let version = asking.sessions.version(&place).await?;
            if version.major() > 10 {
                return Ok(vec![Answer::new("BLUE", Finding::skip(format!("PostgreSQL {version} publishes TRUNCATE")))]);
            }
            let find = Sql::new(
                "SELECT format('%I.pg_stat_statements', n.nspname) AS name FROM pg_extension e \
                 JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'",
            );
            let found = texts(&asking.sessions.query(&place, &find).await?, "name")?;
            let finding = match found.into_iter().next() {
                None => Finding::warn("without pg_stat_statements nobody can tell whether TRUNCATE is used"),
                Some(name) => {
                    let sql = Sql::new(include_str!("../../assets/sql/checks/publisher-10-truncate.sql")).statement("statements", Sql::verbatim(name));
                    list(&asking.sessions.query(&place, &sql).await?, "no TRUNCATE was seen", ("TRUNCATE", "TRUNCATEs"))?
                }
            };
            answers.push(Answer::new(place.to_string(), finding));
        }
        Ok(answers)
    }
    .boxed()
}
