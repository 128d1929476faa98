//! What the upgrade itself refuses or leaves behind.

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, Asked, Asking, Needs, On};
use super::catalogue::{BUILT, EARLY, GATE, listed, sql};
use super::check::Check;
use super::finding::Finding;
use super::judge::{Judged, count, few, list, texts};
use crate::domain::{Node, PgVersion, Place};
use crate::ports::{Rows, ValueError};

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("upgrade-blockers-types", "No column of a type the upgrade refuses", EARLY, Ask::databases(On::Blue, sql!("upgrade-blockers-types"), listed!("no such columns", "column of a type that cannot be upgraded", "columns of types that cannot be upgraded")))
        .why("pg_upgrade refuses these types; on RDS the snapshot then goes back to the old version and looks like a success.")
        .remedy("Change the columns to text, or drop them."),
    Check::block("upgrade-blockers-objects", "No object the upgrade refuses", EARLY, Ask::databases(On::Blue, sql!("upgrade-blockers-objects"), listed!("no such objects", "object that stands in the way", "objects that stand in the way")))
        .why("pg_upgrade refuses these, or fails while it restores them.")
        .remedy("Rename or drop them, and make them anew after the upgrade."),
    Check::warn("target-release-older", "The target came out no earlier than BLUE's version", EARLY, Ask::databases(On::Blue, sql!("target-release-older"), release))
        .why("An older release does not know what a newer one writes into its catalogs, and misses its repairs; pg_upgrade may fail.")
        .remedy("Take the target's minor version of the same day as BLUE's, or a later one."),
    Check::block("collation-version-drift", "Collations are of the same version", BUILT, Ask::databases(On::Green, sql!("collation-version-drift", from 10, 15), listed!("every collation is of the version its indexes were built with", "collation of another version", "collations of another version")))
        .why("A copy of blocks keeps the order of the old library: unique indexes accept duplicates, look-ups miss rows.")
        .remedy("REINDEX what uses them on GREEN before enabling the link, then ALTER COLLATION or DATABASE … REFRESH VERSION."),
    Check::block("extension-targets", "GREEN has every extension", BUILT, Ask::custom(Needs::Green, "GREEN", targets))
        .why("An extension's version that GREEN lacks cannot be loaded there.")
        .remedy("Update or drop the extension on BLUE first, or allow it on GREEN."),
    Check::warn("extension-outdated", "Extensions are up to date", GATE, Ask::databases(On::Green, sql!("extension-outdated"), listed!("every extension is up to date", "extension to update", "extensions to update")))
        .why("pg_upgrade does not update extensions.")
        .remedy("ALTER EXTENSION … UPDATE on GREEN, after trying it out."),
    Check::warn("preload-libraries", "GREEN loads the same libraries", BUILT, Ask::pair(sql!("preload-libraries"), libraries))
        .why("An extension whose library is not loaded fails at its first use.")
        .remedy("Add them to shared_preload_libraries of GREEN, then restart it."),
];

fn release(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let target = &asked.ctx.profile.green.engine_version;
    let row = rows.one()?;
    let (blue, marked) = (PgVersion(row.get("version")?), row.get::<usize>("columns")?);
    let older = PgVersion::from_dotted(target).is_some_and(|it| it.is_older_release_than(blue));
    if !older {
        return Ok(Finding::pass(format!("{target} is no older than {blue}")));
    }
    let and = if marked > 0 {
        let columns = count(marked, "column", "columns");
        format!(", whose note on {columns} its pg_dump does not know")
    } else {
        String::new()
    };
    Ok(Finding::fail(format!(
        "{target} came out before {blue}{and}"
    )))
}

fn libraries(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    let read = |rows: &Rows| -> Result<Vec<String>, ValueError> {
        let text: String = rows.one()?.get("libraries")?;
        Ok(text
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect())
    };
    let (blue, green) = (read(blue)?, read(green)?);
    // pg_cron is better left out on GREEN until the cutover.
    let lacks: Vec<_> = blue
        .iter()
        .filter(|name| *name != "pg_cron" && !green.contains(name))
        .collect();
    Ok(if lacks.is_empty() {
        Finding::pass("GREEN loads what BLUE loads")
    } else {
        Finding::fail(format!("GREEN does not load {}", few(&lacks)))
    })
}

fn targets<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for green in asking.ctx.places(&Node::green()) {
            let blue = Place::new(Node::blue(), &green.database);
            let sql = asking.ctx.sql(
                include_str!("../../assets/sql/checks/extensions.sql"),
                &blue,
            );
            let rows = asking.sessions.query(&blue, &sql).await?;
            let sql = asking
                .ctx
                .sql(
                    include_str!("../../assets/sql/checks/extension-targets.sql"),
                    &green,
                )
                .literals("names", &texts(&rows, "name")?)
                .literals("versions", &texts(&rows, "version")?);
            let rows = asking.sessions.query(&green, &sql).await?;
            let finding = list(
                &rows,
                "GREEN has every extension in BLUE's version",
                ("extension that GREEN lacks", "extensions that GREEN lacks"),
            )?;
            answers.push(Answer::new(green.to_string(), finding));
        }
        Ok(answers)
    }
    .boxed()
}
