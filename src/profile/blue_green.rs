//! The keys of an `rds-blue-green` profile.

use std::path::Path;

use super::read::Section;
use super::schema::BlueGreen;
use super::{sections, validate};

pub(super) fn read(root: &Section<'_>, path: &Path, text: &str) -> Option<BlueGreen> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let findings = root.findings();
    let name = root.required("name", "a short name for the header, \"shop-prod\"");
    let databases = sections::required_names(root, "databases", validate::database);
    let schemas = root.texts("schemas", "a list of schema names");
    let blue = sections::server(&root.section("blue"));
    let green = sections::green(&root.section("green"));
    let rds = sections::rds(&root.section("rds"));
    let connection = sections::connection(&root.section("connection"), folder);
    let replication = sections::replication(&root.section("replication"), folder);
    let fence = sections::fence(&root.section("fence"));
    let budgets = sections::budgets(&root.section("budgets"));
    let thresholds = sections::thresholds(&root.section("thresholds"));
    let acknowledged = sections::acknowledged(&root.section("checks"));
    let compare = sections::compare(&root.section("compare"));
    let canary = sections::canary(&root.section("canary"), folder);
    let hooks = sections::hooks(&root.section("hooks"));
    let names = sections::names(&root.section("names"));
    let blue_after = sections::finish(&root.section("finish"));
    root.finish();
    if let (Some(fence), Some(connection)) = (&fence, &connection) {
        validate::roles(findings, fence, &connection.user, &replication.role);
    }
    if let (Some(canary), Some(fence)) = (&canary, &fence) {
        validate::canary(findings, canary, fence);
    }
    if let (Some(blue), Some(green)) = (&blue, &green) {
        validate::instances(findings, blue, green);
    }
    // What is missing here has been complained about.
    Some(BlueGreen {
        path: path.to_owned(),
        text: text.to_owned(),
        name: name?.value,
        blue: blue?.value,
        green: green?.value,
        rds,
        connection: connection?,
        replication,
        databases: databases?.value,
        schemas: schemas.map_or_else(Vec::new, |at| at.value),
        fence: fence?.value,
        acknowledged,
        budgets,
        thresholds,
        compare,
        canary: canary.map(|at| at.value),
        hooks,
        names,
        blue_after,
    })
}
