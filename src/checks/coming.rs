//! What comes along with a copy and acts on its own: jobs, triggers, outbound links, policies.

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, Asked, Asking, Needs, On};
use super::catalogue::{BUILT, EARLY, EARLY_AND_BUILT, GATE, listed, sql};
use super::check::Check;
use super::finding::{Finding, FindingKind};
use super::judge::{Judged, few, list};
use crate::domain::{Node, Sql};
use crate::ports::Rows;

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("auto-ddl-jobs", "No extension makes tables or replicates by itself", EARLY, Ask::databases(On::Blue, sql!("auto-ddl-jobs"), extensions))
        .why("Extensions that make tables or run jobs break the freeze of the schema, and act on GREEN as well.")
        .remedy("Quiesce the extension on BLUE for the run and on GREEN until the cutover; those that replicate by themselves cannot go by this procedure."),
    Check::block("cron-jobs", "No pg_cron job runs on GREEN", EARLY_AND_BUILT, Ask::custom(Needs::Nothing, "BLUE, GREEN", cron))
        .why("Jobs come along with the snapshot and start running on GREEN: they write there, send mail twice, make partitions.")
        .remedy("Make them inactive on GREEN until the cutover, and on BLUE after it."),
    Check::warn("foreign-and-outbound", "Nothing reaches out of the database", EARLY, Ask::databases(On::Blue, sql!("foreign-and-outbound"), listed!("nothing reaches out", "thing reaches out", "things reach out")))
        .why("Foreign tables are not replicated; user mappings and AWS roles must work from GREEN too.")
        .remedy("See that GREEN has the routes, passwords and feature roles these need."),
    Check::info("matviews", "Materialized views to refresh on GREEN", GATE, Ask::databases(On::Green, sql!("matviews"), listed!("no materialized views", "materialized view", "materialized views")))
        .why("Their contents are never replicated: on GREEN they are as old as the snapshot.")
        .remedy("Refresh them on GREEN before the cutover."),
    Check::block("triggers-replica-always", "No trigger fires during apply", BUILT, Ask::databases(On::Green, sql!("triggers-replica-always"), listed!("no trigger fires during apply", "trigger fires during apply", "triggers fire during apply")))
        .why("They double what is replicated anyway, and run with an empty search_path: an unqualified name stops replication.")
        .remedy("Set them to fire on origin on GREEN; set them back after the cutover."),
    Check::warn("event-triggers", "No event trigger is in the way", EARLY_AND_BUILT, Ask::databases(On::Each, sql!("event-triggers"), listed!("no event triggers", "event trigger", "event triggers")))
        .why("An event trigger may forbid or log the DDL of the procedure.")
        .remedy("Disable it for the run when it does."),
    Check::block("row-level-security", "Row security does not stop apply", BUILT, Ask::databases(On::Green, sql!("row-level-security"), listed!("row security does not concern the subscription's owner", "table with row security", "tables with row security")))
        .why("From 15 on apply refuses tables with row security unless the subscription's owner may bypass it.")
        .remedy("Give the subscription's owner BYPASSRLS, or let a superuser own it."),
];

/// Extensions that replicate or make tables without being asked.
const OF_THEIR_OWN: [&str; 8] = [
    "citus",
    "londiste",
    "mimeo",
    "pg_partman",
    "pgagent",
    "pglogical",
    "pgq",
    "timescaledb",
];

fn extensions(_: &Asked<'_>, rows: &Rows) -> Judged {
    let (mut acting, mut lying) = (Vec::new(), Vec::new());
    for row in rows {
        let name: String = row.get("name")?;
        let shown = format!("{name} {}", row.get::<String>("version")?);
        if OF_THEIR_OWN.contains(&name.as_str()) {
            acting.push(shown);
        } else {
            lying.push(shown);
        }
    }
    Ok(match (acting.is_empty(), lying.is_empty()) {
        (false, _) => Finding::fail(few(&acting)),
        (true, false) => Finding::warn(few(&lying)),
        (true, true) => Finding::pass("no such extension"),
    })
}

fn cron<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut places = asking.ctx.places(&Node::blue());
        if asking.ctx.has_green() {
            places.extend(asking.ctx.places(&Node::green()));
        }
        let mut answers = Vec::new();
        for place in places {
            let there = Sql::new("SELECT to_regclass('cron.job') IS NOT NULL AS there");
            let finding = if asking
                .sessions
                .query(&place, &there)
                .await?
                .one()?
                .get("there")?
            {
                let sql = Sql::new(include_str!("../../assets/sql/checks/cron-jobs.sql"));
                let jobs = list(
                    &asking.sessions.query(&place, &sql).await?,
                    "no active jobs",
                    ("active job", "active jobs"),
                )?;
                if place.node == Node::blue() && jobs.kind == FindingKind::Fail {
                    // On BLUE jobs belong to production: the operator only has to know them.
                    Finding::warn(jobs.evidence)
                        .remedy("They come along to GREEN, where they must be made inactive.")
                } else {
                    jobs
                }
            } else {
                Finding::pass("no pg_cron here")
            };
            answers.push(Answer::new(place.to_string(), finding));
        }
        Ok(answers)
    }
    .boxed()
}
