//! What must be the same on both sides.

use std::collections::BTreeMap;

use super::ask::{Ask, Asked};
use super::catalogue::{BUILT, BUILT_AND_GATE, sql};
use super::check::{Check, CheckContext};
use super::finding::Finding;
use super::judge::{Judged, few, same};
use crate::domain::{Place, Sql};
use crate::ports::{Rows, ValueError};

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("schema-fingerprint", "The schemas are the same", BUILT_AND_GATE, Ask::pairs(sql!("schema-fingerprint"), schemas))
        .why("DDL is not replicated: a missing column stops apply, a missing constraint or index goes unnoticed.")
        .remedy("Apply the missing DDL, additions on GREEN first. Never just create a missing table on GREEN: its rows would be skipped."),
    Check::block("role-and-grant-parity", "Roles and grants are the same", BUILT, Ask::pairs(sql!("role-and-grant-parity"), roles))
        .why("Roles and grants are not replicated: an application that may not read on GREEN is an outage.")
        .remedy("Give GREEN the same roles, memberships and grants."),
    Check::warn("public-schema-create", "Schema public is as open as it was", BUILT, Ask::pairs(sql!("public-schema-create"), public))
        .why("Databases born on 15 or later let nobody create in public.")
        .remedy("GRANT CREATE ON SCHEMA public on GREEN to the roles that need it."),
    Check::block("encoding-collation-parity", "Encoding and collation are the same", BUILT, Ask::pairs(sql!("encoding-collation-parity"), encodings))
        .why("Another encoding refuses characters, another collation orders and compares differently.")
        .remedy("GREEN was not made from BLUE's snapshot, or its database was made anew: make it again."),
    Check::warn("fk-and-unique-on-green", "Constraints are the same", BUILT, Ask::pairs(sql!("fk-and-unique-on-green"), constraints))
        .why("CHECK, UNIQUE and EXCLUDE are enforced during apply and stop it; foreign keys are not, so that orphans go unnoticed.")
        .remedy("Give both sides the same constraints; validate foreign keys on GREEN after catching up."),
    Check::warn("green-params-parity", "Settings are the same", BUILT, Ask::pair(sql!("green-params-parity"), settings))
        .why("A restore into a default parameter group loses every setting that was made.")
        .remedy("Correct the parameter group of GREEN; reboot it for max_connections."),
    Check::warn("db-and-role-settings-parity", "Settings of databases and roles are the same", BUILT, Ask::pair(sql!("db-and-role-settings-parity"), role_settings))
        .why("search_path and time limits set for a role change what applications see.")
        .remedy("ALTER ROLE or DATABASE … SET on GREEN."),
    Check::warn("rds-force-ssl", "TLS is not suddenly required", BUILT, Ask::pair(sql!("rds-force-ssl"), force_ssl))
        .why("On RDS rds.force_ssl is on by default from 15: clients without TLS are refused after the cutover.")
        .remedy("Set rds.force_ssl = 0 in GREEN's parameter group, or teach the clients TLS."),
];

/// The statement whose one value changes with BLUE's schema: taken at the slot's creation, asked again until the
/// cutover. Columns: `fingerprint`, `objects`.
#[must_use]
pub fn fingerprint_sql(ctx: &CheckContext<'_>, place: &Place) -> Sql {
    let objects = ctx.sql(
        include_str!("../../assets/sql/checks/schema-fingerprint.sql"),
        place,
    );
    Sql::new(
        "SELECT md5(coalesce(string_agg(ident || ' ' || coalesce(def, ''), E'\\n' ORDER BY ident COLLATE \"C\", def COLLATE \"C\"), '')) \
         AS fingerprint, count(*) AS objects FROM ({objects}) AS o",
    )
    .statement("objects", objects)
}

fn schemas(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    same(blue, green, ("object", "objects"))
}

fn roles(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    same(blue, green, ("role or schema", "roles and schemas"))
}

fn constraints(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    same(blue, green, ("constraint", "constraints"))
}

fn role_settings(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    same(blue, green, ("setting", "settings"))
}

fn public(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    let open = |rows: &Rows| {
        rows.first()
            .map_or(Ok(false), |row| row.get::<bool>("anyone_may_create"))
    };
    Ok(match (open(blue)?, open(green)?) {
        (true, false) => Finding::fail("anyone may create in public on BLUE, not on GREEN"),
        _ => Finding::pass("nothing that was allowed on BLUE is refused on GREEN"),
    })
}

fn encodings(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    let (blue, green) = (blue.one()?, green.one()?);
    let mut differ = Vec::new();
    for column in ["encoding", "collate", "ctype", "provider", "icu_locale"] {
        let (b, g): (String, String) = (blue.get(column)?, green.get(column)?);
        if b != g {
            differ.push(format!("{column}: BLUE {b:?}, GREEN {g:?}"));
        }
    }
    Ok(if differ.is_empty() {
        Finding::pass(format!(
            "{}, {}",
            blue.get::<String>("encoding")?,
            blue.get::<String>("collate")?
        ))
    } else {
        Finding::fail(few(&differ))
    })
}

fn settings(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    let read = |rows: &Rows| -> Result<BTreeMap<String, (String, bool)>, ValueError> {
        let one = |row: &crate::ports::Row| {
            Ok((
                row.get("name")?,
                (
                    row.get("setting")?,
                    row.get::<String>("source")? == "default",
                ),
            ))
        };
        rows.iter().map(one).collect()
    };
    let (blue, green) = (read(blue)?, read(green)?);
    let mut differ = Vec::new();
    for (name, (b, b_default)) in &blue {
        // A default that changed between majors is the upgrade's own doing.
        if let Some((g, g_default)) = green.get(name)
            && b != g
            && !(*b_default && *g_default)
        {
            differ.push(format!("{name}: BLUE {b}, GREEN {g}"));
        }
    }
    Ok(if differ.is_empty() {
        Finding::pass("no setting differs")
    } else {
        Finding::fail(few(&differ))
    })
}

fn force_ssl(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    let forced = |rows: &Rows| {
        Ok::<_, ValueError>(["on", "1"].contains(&rows.one()?.get::<String>("forced")?.as_str()))
    };
    let plain: u64 = blue.one()?.get("plain")?;
    Ok(if forced(green)? && !forced(blue)? && plain > 0 {
        Finding::fail(format!(
            "GREEN requires TLS, BLUE does not, and {plain} of its sessions come without"
        ))
    } else {
        Finding::pass("every client of BLUE will be let in")
    })
}
