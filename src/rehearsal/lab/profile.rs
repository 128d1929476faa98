//! The profile that the wizard is given for a lab.

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

use super::files;
use super::{BLUE, DATABASES, GREEN, MASTER, REPLICATION_ROLE};
use crate::domain::PgVersion;

/// The profile of a lab in `dir`, its stand-in at `endpoint_url`, going to `target`; `program` plays the redirect hook.
pub fn text(dir: &Path, endpoint_url: &str, target: PgVersion, program: &Path) -> String {
    let mut doc = DocumentMut::new();
    doc["procedure"] = value("rds-blue-green");
    doc["name"] = value("lab");
    doc["databases"] = value(Array::from_iter(DATABASES));
    let mut table = |name: &str, entries: &[(&str, Item)]| {
        let mut table = Table::new();
        for (key, item) in entries {
            table.insert(key, item.clone());
        }
        doc.insert(name, Item::Table(table));
    };
    table("blue", &[("identifier", value(BLUE))]);
    table(
        "green",
        &[
            ("identifier", value(GREEN)),
            ("engine_version", value(target.to_string())),
            (
                "parameter_group",
                value(format!("lab-postgres{}", target.major())),
            ),
        ],
    );
    table(
        "rds",
        &[
            ("region", value("eu-lab-1")),
            ("endpoint_url", value(endpoint_url)),
        ],
    );
    let mut source = InlineTable::new();
    source.insert(
        "passfile",
        files::passfile(dir).to_string_lossy().as_ref().into(),
    );
    let password = value(source);
    table(
        "connection",
        &[
            ("user", value(MASTER)),
            ("password", password.clone()),
            ("sslmode", value("disable")),
        ],
    );
    table(
        "replication",
        &[
            ("role", value(REPLICATION_ROLE)),
            ("password", password),
            ("sslmode", value("disable")),
        ],
    );
    table(
        "fence",
        &[(
            "roles",
            value(Array::from_iter(["shop_app", "shop_report", "App-Three"])),
        )],
    );
    table(
        "canary",
        &[
            (
                "url_file",
                value(files::endpoint(dir).to_string_lossy().as_ref()),
            ),
            ("role", value("shop_app")),
        ],
    );
    let hook = [
        program.to_string_lossy().as_ref(),
        "lab",
        "redirect",
        "--dir",
        dir.to_string_lossy().as_ref(),
        "{host}",
        "{port}",
    ]
    .map(str::to_owned);
    let mut hooks = Table::new();
    hooks.set_implicit(true);
    let mut redirect = Table::new();
    redirect.insert("argv", value(Array::from_iter(hook)));
    hooks.insert("redirect", Item::Table(redirect));
    doc.insert("hooks", Item::Table(hooks));
    format!("# Written by the lab; it goes when the lab goes.\n{doc}")
}
