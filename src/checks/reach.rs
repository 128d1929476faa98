//! Whether each side reaches the other, and origins can be moved: tried out in transactions that are rolled back.

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, AskError, Asking, Needs};
use super::catalogue::{BUILT, BUILT_AND_GATE, EARLY_AND_BUILT};
use super::check::Check;
use super::finding::Finding;
use super::judge::Judged;
use crate::domain::{Node, Place, Sql};
use crate::ports::{DbErrorKind, Rows};

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("origin-advance-dryrun", "Replication origins can be moved", BUILT, Ask::custom(Needs::Green, "GREEN", origin))
        .why("Without moving the origin GREEN would begin at the wrong position: the procedure rests on it.")
        .remedy("Connect as the RDS master user or a superuser."),
    Check::block("green-reaches-blue", "GREEN reaches BLUE", BUILT, Ask::custom(Needs::Green, "GREEN", forward))
        .why("Name, route, security group, TLS, password, publication and tables are all proved by one subscription that is rolled back.")
        .remedy("The error says which: a time-out is a security group or a route; no pg_hba.conf entry; a password; a table that GREEN lacks."),
    Check::block("blue-reaches-green", "BLUE reaches GREEN", BUILT_AND_GATE, Ask::custom(Needs::Green, "BLUE", reverse))
        .why("The way back needs GREEN to let BLUE in: another rule than the way forth. It must be known before the fence.")
        .remedy("Let BLUE in at GREEN's security group (or pg_hba.conf), and allow the replication role there."),
    Check::block("pg-hba-allows-logical", "pg_hba.conf lets replication in", EARLY_AND_BUILT, Ask::custom(Needs::Nothing, "BLUE, GREEN", hba))
        .why("Logical replication connects to the database by name: entries for 'replication' do not match it.")
        .remedy("Add: hostssl <database> <replication role> <other server>/32 scram-sha-256."),
];

/// What a rolled-back statement came to: the server's refusal fails the check, anything else is no answer.
fn tried(result: Result<Rows, AskError>, fine: &str) -> Result<Finding, AskError> {
    match result {
        Ok(_) => Ok(Finding::pass(fine)),
        Err(AskError::Database(error)) if error.kind == DbErrorKind::Refused => {
            let detail = error
                .detail
                .map(|detail| format!(" ({detail})"))
                .unwrap_or_default();
            Ok(Finding::fail(format!("{}{detail}", error.message)))
        }
        Err(error) => Err(error),
    }
}

fn origin<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let Some(server) = asking.ctx.server(&Node::green()) else {
            return Ok(Vec::new());
        };
        let mut lease = asking.sessions.lease(&server).await?;
        let name = format!("greenlight_dryrun_{}", lease.backend_pid());
        let together = Sql::together([
            Sql::new("BEGIN"),
            Sql::new("SELECT pg_replication_origin_create({name})").literal("name", &name),
            Sql::new("SELECT pg_replication_origin_advance({name}, '0/1')").literal("name", &name),
            Sql::new("ROLLBACK"),
        ]);
        // The session is not given back: closing it ends whatever a refusal left open.
        let finding = tried(
            lease.query(&together).await,
            "an origin was made, moved and rolled back",
        )?;
        Ok(vec![Answer::new("GREEN", finding)])
    }
    .boxed()
}

fn forward<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    subscribe(asking, Node::green(), Node::blue()).boxed()
}

fn reverse<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    subscribe(asking, Node::blue(), Node::green()).boxed()
}

async fn subscribe(asking: &Asking<'_>, from: Node, to: Node) -> Result<Vec<Answer>, AskError> {
    let ctx = asking.ctx;
    let mut answers = Vec::new();
    for place in ctx.places(&from) {
        let conninfo = ctx.profile.replication_conninfo(
            &to,
            ctx.world.databases.address(&to),
            &place.database,
            ctx.replication_password.cloned(),
        );
        let mut lease = asking.sessions.lease(&place).await?;
        let superuser =
            Sql::new("SELECT rolsuper AS super FROM pg_roles WHERE rolname = current_user");
        let superuser = lease.query(&superuser).await?.one()?.get("super")?;
        let create = Sql::new(
            "CREATE SUBSCRIPTION greenlight_dryrun CONNECTION {conninfo} PUBLICATION {publication} \
             WITH (connect = true, create_slot = false, copy_data = false, enabled = false, slot_name = 'greenlight_dryrun')",
        )
        .conninfo("conninfo", conninfo)
        .ident("publication", &ctx.profile.names.publication);
        let mut together = Sql::together([Sql::new("BEGIN"), create, Sql::new("ROLLBACK")]);
        if superuser {
            // A refused CREATE SUBSCRIPTION is written to the server's log with its password.
            together = together.quietly();
        }
        let finding = tried(
            lease.query(&together).await,
            "a subscription was made there and back, and rolled back",
        )?;
        answers.push(Answer::new(place.to_string(), finding));
    }
    Ok(answers)
}

/// Whether the rules let the replication role in over the network.
pub fn judge_hba(rows: &Rows) -> Judged {
    let mut first = None;
    for row in rows {
        if let Some(error) = row.opt::<String>("error")? {
            return Ok(Finding::fail(format!(
                "line {}: {error}",
                row.opt::<String>("line_number")?.unwrap_or_default()
            )));
        }
        if row.get("matches")? && (first.is_none() || row.text("address")? == Some("all")) {
            first = first.or(Some((
                row.get::<String>("line_number")?,
                row.get::<String>("auth_method")?,
            )));
        }
    }
    Ok(match first {
        None => Finding::fail("no entry lets the replication role into this database"),
        Some((line, method)) if method == "reject" => {
            Finding::fail(format!("line {line} rejects the replication role"))
        }
        Some((line, method)) if method == "trust" => Finding::warn(format!(
            "line {line} lets the replication role in without a password"
        )),
        Some((line, method)) => Finding::pass(format!("line {line}, {method}")),
    })
}

fn hba<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let ctx = asking.ctx;
        let mut places: Vec<Place> = ctx.places(&Node::blue());
        if ctx.has_green() {
            places.extend(ctx.places(&Node::green()));
        }
        let mut answers = Vec::new();
        for place in places {
            let readable = Sql::new(
                "SELECT has_table_privilege('pg_hba_file_rules', 'SELECT') \
                 AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE') AS readable",
            );
            let finding = if asking
                .sessions
                .query(&place, &readable)
                .await?
                .one()?
                .get("readable")?
            {
                let sql = ctx.sql(
                    include_str!("../../assets/sql/checks/pg-hba-allows-logical.sql"),
                    &place,
                );
                judge_hba(&asking.sessions.query(&place, &sql).await?)?
            } else {
                Finding::skip("the rules cannot be read here; the tries across prove the same")
            };
            answers.push(Answer::new(place.to_string(), finding));
        }
        Ok(answers)
    }
    .boxed()
}
