//! The forward link: its options, its tables, its worker, its lag.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, AskError, Asked, Asking, Needs, On};
use super::catalogue::{BUILT, BUILT_AND_GATE, GATE, listed, sql};
use super::check::Check;
use super::finding::{Finding, FindingKind};
use super::judge::{Judged, few, texts};
use crate::domain::{Node, Place, human_bytes};
use crate::inspect::{ApplyErrors, Standing, conflict};
use crate::ports::{Row, Rows};

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::warn("subscription-options", "The subscription is as planned", BUILT, Ask::databases(On::Green, sql!("subscription-options", from 10, 14, 15), options))
        .why("Binary transfer does not work across majors, two-phase commit leaves transactions prepared.")
        .remedy("ALTER SUBSCRIPTION … SET the option, or let the run make the subscription anew."),
    Check::block("unsubscribed-tables", "Every published table is subscribed", BUILT_AND_GATE, Ask::custom(Needs::Green, "GREEN", unsubscribed))
        .why("A table that GREEN's subscription does not know is skipped without any message, and the lag shows 0.")
        .remedy("Empty the table on GREEN, ALTER SUBSCRIPTION … REFRESH PUBLICATION WITH (copy_data = true), and wait for state r."),
    Check::block("all-tables-ready", "Every table is ready", BUILT_AND_GATE, Ask::databases(On::Green, sql!("all-tables-ready"), listed!("every table is ready", "table not ready", "tables not ready")))
        .why("A table that is still being copied is not kept current.")
        .remedy("Wait; when it does not move, GREEN's log has the error of the copy."),
    Check::block("apply-worker-alive", "The apply worker lives", GATE, Ask::custom(Needs::Green, "GREEN", worker))
        .why("A worker that crashes on an error is up for a moment every five seconds.")
        .remedy("Read the error in GREEN's log; it names relation and row."),
    Check::block("apply-errors", "Every change was applied", GATE, Ask::custom(Needs::Green, "GREEN", errors))
        .why("A change that could not be applied holds up all after it; a row that was missing means that GREEN differs already.")
        .remedy("Do not cut over: mend the row on GREEN, or copy the table again. Rows that were missing are counted until pg_stat_reset_subscription_stats on GREEN."),
    Check::block("replication-lag", "GREEN has caught up", GATE, Ask::databases(On::Blue, sql!("replication-lag"), lag))
        .why("The write pause lasts as long as the rest takes to drain.")
        .remedy("Wait; or find what holds up apply: a lock, VACUUM FULL, a missing index, cold storage."),
    Check::warn("apply-blocked", "Nothing blocks apply", GATE, Ask::server(On::Green, sql!("apply-blocked"), listed!("apply waits for nobody", "apply worker is blocked", "apply workers are blocked")))
        .why("Apply waits for whoever holds a lock on GREEN.")
        .remedy("End what blocks it."),
];

fn options(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let names = &asked.ctx.profile.names;
    let Some(row) = rows.first() else {
        return Ok(Finding::fail(format!(
            "there is no subscription {}",
            names.subscription
        )));
    };
    let slot = names.forward_slot(&asked.place.database, asked.ctx.run);
    let mut wrong = Vec::new();
    let mut want = |fine: bool, what: String| {
        if !fine {
            wrong.push(what);
        }
    };
    want(
        row.text("slot")? == Some(slot.as_str()),
        format!("its slot is not {slot}"),
    );
    want(
        row.get("publication_fits")?,
        format!("its publication is not {}", names.publication),
    );
    want(!row.get::<bool>("binary_copy")?, "binary = true".to_owned());
    want(row.get("streams")?, "streaming = off".to_owned());
    want(
        !row.get::<bool>("two_phase")?,
        "two_phase = true".to_owned(),
    );
    Ok(if wrong.is_empty() {
        Finding::pass("as planned")
    } else {
        Finding::fail(wrong.join(", "))
    })
}

/// Compares what BLUE publishes with what GREEN subscribes to, tables by name with their state.
#[must_use]
pub fn judge_unsubscribed(published: &[String], subscribed: &BTreeMap<String, String>) -> Finding {
    let mut wrong = Vec::new();
    for table in published {
        match subscribed.get(table).map(String::as_str) {
            None => wrong.push(format!("{table} is skipped")),
            Some("r") => {}
            Some(state) => wrong.push(format!("{table} is in state {state}")),
        }
    }
    let gone = subscribed.keys().filter(|table| !published.contains(table));
    wrong.extend(gone.map(|table| format!("{table} is no longer published")));
    if wrong.is_empty() {
        Finding::pass(format!(
            "{} tables published, all subscribed and ready",
            published.len()
        ))
    } else {
        Finding::fail(few(&wrong))
    }
}

fn unsubscribed<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for green in asking.ctx.places(&Node::green()) {
            let blue = Place::new(Node::blue(), &green.database);
            let published = asking.ctx.sql(
                include_str!("../../assets/sql/checks/published-tables.sql"),
                &blue,
            );
            let subscribed = asking.ctx.sql(
                include_str!("../../assets/sql/checks/subscribed-tables.sql"),
                &green,
            );
            let published = texts(&asking.sessions.query(&blue, &published).await?, "name")?;
            let subscribed = asking.sessions.query(&green, &subscribed).await?;
            let subscribed = texts(&subscribed, "name")?
                .into_iter()
                .zip(texts(&subscribed, "state")?)
                .collect();
            answers.push(Answer::new(
                green.to_string(),
                judge_unsubscribed(&published, &subscribed),
            ));
        }
        Ok(answers)
    }
    .boxed()
}

/// A worker that has lived longer than this has not been started anew by the launcher, seconds.
const STEADY: f64 = 6.0;

/// Whether the worker lives; `Err` with the seconds to wait when it is too young to tell.
pub fn judge_worker(row: Option<&Row>) -> Result<Result<Finding, f64>, crate::ports::ValueError> {
    let Some(row) = row else {
        return Ok(Ok(Finding::fail("there is no subscription")));
    };
    if !row.get::<bool>("enabled")? {
        return Ok(Ok(Finding::fail("the subscription is disabled")));
    }
    let Some(pid) = row.opt::<i32>("pid")? else {
        return Ok(Ok(Finding::fail("no apply worker runs")));
    };
    let age = row.opt::<f64>("age")?.unwrap_or(0.0);
    if age < STEADY {
        return Ok(Err(STEADY - age));
    }
    let silence = row.opt::<f64>("silence")?.unwrap_or(0.0);
    Ok(Ok(if silence > 30.0 {
        Finding::fail(format!(
            "apply worker {pid} has heard nothing for {silence:.0} s"
        ))
    } else {
        Finding::pass(format!("apply worker {pid} has run for {age:.0} s"))
    }))
}

fn worker<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for place in asking.ctx.places(&Node::green()) {
            answers.push(Answer::new(
                place.to_string(),
                steady(asking, &place).await?,
            ));
        }
        Ok(answers)
    }
    .boxed()
}

async fn steady(asking: &Asking<'_>, place: &Place) -> Result<Finding, AskError> {
    let sql = asking.ctx.sql(
        include_str!("../../assets/sql/checks/apply-worker-alive.sql"),
        place,
    );
    let mut found = Finding::fail("the apply worker is started again and again");
    for _ in 0..3 {
        let rows = asking.sessions.query(place, &sql).await?;
        match judge_worker(rows.first())? {
            Ok(finding) => {
                found = finding;
                break;
            }
            Err(wait) => tokio::time::sleep(Duration::from_secs_f64(wait)).await,
        }
    }
    if found.kind == FindingKind::Fail {
        let told = row_in_the_way(asking, place).await;
        found.evidence = format!("{}. {told}", found.evidence);
    }
    Ok(found)
}

/// How long a link is given to come past the errors that were counted.
const PASSING: Duration = Duration::from_secs(10);

fn errors<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for place in asking.ctx.places(&Node::green()) {
            let finding = if asking.sessions.version(&place).await?.major() < 15 {
                Finding::skip("counted from PostgreSQL 15 on")
            } else {
                standing(asking, &place).await?
            };
            answers.push(Answer::new(place.to_string(), finding));
        }
        Ok(answers)
    }
    .boxed()
}

/// Whether errors that were counted are still in the way, given a moment to pass them.
async fn standing(asking: &Asking<'_>, green: &Place) -> Result<Finding, AskError> {
    let counted = asking.ctx.sql(
        include_str!("../../assets/sql/checks/apply-errors.sql"),
        green,
    );
    let blue = Place::new(Node::blue(), &green.database);
    let position = asking
        .ctx
        .sql(include_str!("../../assets/sql/inspect/lag.sql"), &blue);
    let began = Instant::now();
    let mut errors = ApplyErrors::default();
    loop {
        let rows = asking.sessions.query(green, &counted).await?;
        let Some(row) = rows.first() else {
            return Ok(Finding::fail(
                "the server keeps no statistics of the subscription",
            ));
        };
        let at = asking.sessions.query(&blue, &position).await?;
        let at = at.one()?;
        let standing = errors.take(
            row.get("apply_errors")?,
            at.get("wal")?,
            at.opt("confirmed")?,
        );
        let missing: u64 = row.get("missing")?;
        if matches!(standing, Standing::InTheWay(_)) && began.elapsed() < PASSING {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        }
        let told = match standing {
            Standing::InTheWay(_) => row_in_the_way(asking, green).await,
            _ => String::new(),
        };
        return Ok(judge_errors(standing, missing, &told));
    }
}

/// What errors and missing rows come to; `told` is what GREEN's log says.
#[must_use]
pub fn judge_errors(standing: Standing, missing: u64, told: &str) -> Finding {
    match standing {
        Standing::InTheWay(errors) => Finding::fail(format!(
            "{errors} errors of apply, and the change that failed is still in the way. {told}"
        )),
        // Nothing is raised for them: the change is passed over.
        _ if missing > 0 => Finding::fail(format!("{missing} rows to change were missing")),
        Standing::Passed(errors) => Finding::warn(format!(
            "{errors} errors of apply; the link has passed the changes that failed"
        ))
        .remedy("Where a change was skipped instead of mended, rows differ: compare the data."),
        Standing::Never => Finding::pass("no errors, no rows missing"),
    }
}

/// What GREEN's log says about the change that failed.
async fn row_in_the_way(asking: &Asking<'_>, green: &Place) -> String {
    let Some(rds) = &asking.ctx.world.rds else {
        return "GREEN's log has the row.".to_owned();
    };
    let oid = asking
        .ctx
        .sql(include_str!("../../assets/sql/link/oid.sql"), green);
    let oid = match asking.sessions.query(green, &oid).await {
        Ok(rows) => rows.first().and_then(|row| row.get("oid").ok()),
        Err(_) => None,
    };
    let instance = asking.ctx.profile.instance(&green.node);
    conflict::told_by_log(rds.as_ref(), &green.node, instance, oid).await
}

fn lag(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let Some(row) = rows.first() else {
        return Ok(Finding::fail("the slot is not there"));
    };
    let limit = asked.ctx.profile.budgets.lag_to_enter;
    let status: String = row.get("wal_status")?;
    let Some(lag) = row.opt::<i64>("lag")? else {
        return Ok(Finding::fail("the slot has no confirmed position"));
    };
    let Ok(bytes) = u64::try_from(lag) else {
        return Ok(Finding::fail(format!(
            "the slot is {} ahead of BLUE: changes were skipped",
            human_bytes(lag.unsigned_abs())
        )));
    };
    let seen = format!("{} behind, {limit} allowed", human_bytes(bytes));
    Ok(if !row.get::<bool>("active")? {
        Finding::fail(format!("{seen}, and nobody reads from the slot"))
    } else if !["reserved", "extended"].contains(&status.as_str()) {
        Finding::fail(format!("{seen}, and the slot's WAL is {status}"))
    } else if bytes > limit.0 {
        Finding::fail(seen)
    } else {
        Finding::pass(seen)
    })
}
