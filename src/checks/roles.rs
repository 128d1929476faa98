//! Roles: what the tool's may do, whom the fence will stop, and the one that replicates.

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, Asked, Asking, Needs, On};
use super::catalogue::{
    ALWAYS, BUILT, BUILT_AND_GATE, EARLY, EARLY_AND_BUILT, EARLY_AND_GATE, listed, sql,
};
use super::check::{Check, Moment};
use super::finding::Finding;
use super::judge::{Judged, list};
use crate::domain::{Node, Sql};
use crate::ports::Rows;

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("tool-role-power-blue", "The tool's role may publish", EARLY, Ask::databases(On::Blue, sql!("tool-role-power-blue"), power_blue))
        .why("FOR ALL TABLES, slots and the fence need a superuser, on RDS the master user.")
        .remedy("Connect as the RDS master user (rds_superuser), elsewhere as a superuser."),
    Check::block("tool-role-power-green", "The tool's role may subscribe", BUILT, Ask::databases(On::Green, sql!("tool-role-power-green"), power_green))
        .why("Subscriptions and replication origins need a superuser, on RDS the master user.")
        .remedy("Connect as the RDS master user or a superuser; from 16 on GRANT pg_create_subscription, pg_monitor, CREATE on the database and EXECUTE on pg_replication_origin_advance(text, pg_lsn) will do."),
    Check::block("app-roles-alterable", "The fenced roles can be altered", ALWAYS, Ask::server(On::Each, sql!("app-roles-alterable"), listed!("every fenced role can be altered", "role that cannot be fenced", "roles that cannot be fenced")))
        .why("From 16 on CREATEROLE needs ADMIN OPTION on each role: LOGIN could be taken on BLUE and not given on GREEN, in the middle of the cutover.")
        .remedy("Correct [fence] roles, or GRANT the role to the tool's WITH ADMIN OPTION."),
    Check::block("unkillable-backends", "No sessions the tool may not end", EARLY_AND_GATE, Ask::server(On::Blue, sql!("unkillable-backends"), listed!("every session can be ended", "session of a superuser", "sessions of superusers")))
        .why("Sessions of superusers cannot be ended by others and write through any fence.")
        .remedy("Stop these jobs by hand before the cutover."),
    Check::block("app-role-inventory", "Every login role is accounted for", EARLY_AND_GATE, Ask::server(On::Blue, sql!("app-role-inventory", from 10, 16), listed!("every login role is fenced or known", "login role the profile does not name", "login roles the profile does not name")))
        .why("A role that nobody thought of, or that may SET ROLE to a fenced one, goes on writing to BLUE after the fence: those rows are lost.")
        .remedy("Name each role under [fence] roles, or under ignore when it is no application; one that may become a fenced role must be fenced itself, or lose that membership."),
    Check::block("repl-role-ready", "The replication role can replicate", EARLY_AND_BUILT, Ask::databases(On::Each, sql!("repl-role-ready"), replication_role))
        .why("Both sides' subscriptions connect as this role, for as long as the way back is open.")
        .remedy("LOGIN, REPLICATION (on RDS rds_replication), CONNECT on the database, a password that does not expire soon, not rds_iam, and not in the fence."),
    Check::block("repl-role-settings", "No time limits for the replication role", EARLY_AND_BUILT, Ask::databases(On::Each, sql!("repl-role-settings"), listed!("no time limits reach the replication role", "setting that reaches the replication role", "settings that reach the replication role")))
        .why("A limit set for all roles or the database ends the replication role's statements too.")
        .remedy("Set the limits of the replication role itself to 0: a role's setting goes before a database's."),
    Check::info("md5-passwords", "Passwords of the old kind", EARLY, Ask::custom(Needs::Blue, "BLUE", md5))
        .why("md5 verifiers cannot be converted, and 18 warns of them.")
        .remedy("Let these roles set a new password some day."),
    Check::block("subscription-owner-ok", "The subscription's owner may go on", BUILT_AND_GATE, Ask::databases(On::Green, sql!("subscription-owner-ok"), listed!("the owner may log in and apply", "subscription whose owner may not go on", "subscriptions whose owners may not go on")))
        .why("A subscription whose owner may not log in stops at its worker's next start.")
        .remedy("ALTER SUBSCRIPTION … OWNER TO the RDS master user or a superuser that is not fenced."),
    Check::block("green-app-roles-nologin", "Nobody can log in on GREEN", BUILT_AND_GATE, Ask::server(On::Green, sql!("green-app-roles-nologin"), listed!("none of the fenced roles can log in", "role can log in on GREEN", "roles can log in on GREEN")))
        .why("The snapshot carries LOGIN and passwords of BLUE: whoever writes on GREEN early makes it differ silently.")
        .remedy("Take LOGIN from them on GREEN until the cutover."),
];

fn power_blue(_: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    let role: String = row.get("role")?;
    Ok(match (row.get("super")?, row.get("rds_super")?) {
        (true, _) => Finding::pass(format!("{role} is a superuser")),
        (_, true) => Finding::pass(format!("{role} is a member of rds_superuser")),
        (false, false) => Finding::fail(format!(
            "{role} is neither a superuser nor a member of rds_superuser"
        )),
    })
}

fn power_green(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    let role: String = row.get("role")?;
    let granted = asked.version.major() >= 16
        && row.get("may_subscribe")?
        && row.get("may_create")?
        && row.get("may_advance")?;
    Ok(
        match (row.get::<bool>("super")? || row.get("rds_super")?, granted) {
            (true, _) => Finding::pass(format!("{role} is the master user or a superuser")),
            (_, true) => Finding::pass(format!("{role} may create subscriptions and move origins")),
            (false, false) => Finding::fail(format!(
                "{role} may not create subscriptions or move origins"
            )),
        },
    )
}

fn replication_role(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let role = &asked.ctx.profile.replication.role;
    let Some(row) = rows.first() else {
        return Ok(if asked.ctx.moment == Moment::Preflight {
            Finding::pass(format!(
                "{role} does not exist yet: it is made when BLUE is prepared"
            ))
        } else {
            Finding::fail(format!("{role} does not exist"))
        });
    };
    let mut wrong = Vec::new();
    let mut want = |fine: bool, what: &str| {
        if !fine {
            wrong.push(what.to_owned());
        }
    };
    want(row.get("login")?, "may not log in");
    want(
        row.get::<bool>("replication")? || row.get("rds_replication")?,
        "may not replicate",
    );
    want(
        !row.get::<bool>("expires")?,
        "its password expires within a week",
    );
    want(
        !row.get::<bool>("rds_iam")?,
        "rds_iam overrides its password",
    );
    want(row.get("may_connect")?, "may not connect to this database");
    want(!row.get::<bool>("fenced")?, "is among the roles to fence");
    Ok(if wrong.is_empty() {
        Finding::pass(format!("{role} may log in and replicate"))
    } else {
        Finding::fail(format!("{role}: {}", wrong.join(", ")))
    })
}

fn md5<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let Some(server) = asking.ctx.server(&Node::blue()) else {
            return Ok(Vec::new());
        };
        let readable = Sql::new("SELECT has_table_privilege('pg_authid', 'SELECT') AS readable");
        let finding = if asking
            .sessions
            .query(&server, &readable)
            .await?
            .one()?
            .get("readable")?
        {
            let sql = asking.ctx.sql(
                include_str!("../../assets/sql/checks/md5-passwords.sql"),
                &server,
            );
            list(
                &asking.sessions.query(&server, &sql).await?,
                "no passwords of the old kind",
                ("role with an md5 password", "roles with md5 passwords"),
            )?
        } else {
            Finding::skip("the tool's role may not see how passwords are kept")
        };
        Ok(vec![Answer::new("BLUE", finding)])
    }
    .boxed()
}
