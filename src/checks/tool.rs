//! The tool itself: its files, its secrets, the time it needs, and what is not part of either server.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::ask::{Answer, Answering, Ask, AskError, Asked, Asking, Needs, On};
use super::catalogue::{EARLY, EARLY_AND_BUILT, EARLY_AND_GATE, GATE, sql};
use super::check::Check;
use super::finding::Finding;
use super::judge::{Judged, few, texts};
use super::known::REHEARSED_PAUSE_MS;
use crate::domain::{Node, PgVersion, Place, Sql};
use crate::ports::{CommandSpec, Rows};

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("secrets-not-in-argv-or-logs", "Passwords stay out of the servers' logs", EARLY_AND_BUILT, Ask::server(On::Each, sql!("secrets-not-in-argv-or-logs", from 10, 15), secrets))
        .why("CREATE SUBSCRIPTION carries a password; a server that logs statements writes it down.")
        .remedy("Set log_statement to none for the run (and pgaudit off), or leave the password to a passfile on the servers; change the replication role's password afterwards."),
    Check::block("journal-permissions", "The run's folder is private", EARLY_AND_GATE, Ask::custom(Needs::Nothing, "tool", journal))
        .why("The journal names hosts, positions and statements, and decides what a resumed run does.")
        .remedy("chmod 0700 the folder, 0600 its files, and let them belong to you."),
    Check::warn("time-budget", "The write pause fits its budget", EARLY_AND_GATE, Ask::custom(Needs::Nothing, "tool", time))
        .why("An overrun gives BLUE back: the cutover would be for nothing.")
        .remedy("Raise [budgets] write_pause, run the tool nearer to the servers, or make the redirect hook quicker."),
    Check::warn("data-compare-live", "Samples of the data are the same", GATE, Ask::custom(Needs::Green, "BLUE, GREEN", compare))
        .why("Rows that differ although the lag is zero were written on GREEN, or skipped.")
        .remedy("Compare the tables in full, copy the table again, and find out who wrote on GREEN."),
    Check::warn("canary-login", "The canary can log in", EARLY_AND_GATE, Ask::custom(Needs::Nothing, "application", canary))
        .why("A canary that cannot log in sees nothing of the write pause, and nobody can say afterwards what applications saw.")
        .remedy("Mend [canary] url, url_file, role or password, or leave the section out."),
    Check::block("dump-tool-version", "pg_dump of this host is new enough", EARLY, Ask::custom(Needs::Nothing, "tool", dump))
        .why("An older pg_dump refuses a newer server: a schema could not be fetched when something must be mended by hand.")
        .remedy("Install the client of the target's major; this procedure itself does not need it."),
    Check::warn("pgbouncer-admin", "PAUSE of PgBouncer fits the write pause", EARLY, Ask::custom(Needs::Nothing, "tool", pooler))
        .why("The redirect runs inside the write pause; PAUSE waits for running transactions.")
        .remedy("Give the redirect hook a limit below the budget of the write pause, and see that it always ends in RESUME."),
];

fn secrets(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    if asked.ctx.replication_password.is_none() {
        return Ok(Finding::pass("no password goes into a statement"));
    }
    let statements: String = row.get("log_statement")?;
    let mut written = Vec::new();
    if ["ddl", "all"].contains(&statements.as_str()) {
        written.push(format!("log_statement = {statements}"));
    }
    let quiet: bool = row.get("may_be_quiet")?;
    Ok(if row.get("pgaudit")? {
        Finding::fail("pgaudit writes every CREATE SUBSCRIPTION with its password")
    } else if quiet {
        Finding::pass("the statements with a password are kept out of the log")
    } else if !written.is_empty() {
        Finding::fail(format!(
            "{}, and the tool's role may not change that for its statements",
            written.join(", ")
        ))
    } else if row.get("log_slow")? || row.get::<String>("log_errors")? != "panic" {
        Finding::warn("a failing or slow CREATE SUBSCRIPTION would be logged with its password")
    } else {
        Finding::pass("statements are not logged")
    })
}

/// Whether others can reach into the run's folder: modes and owners by name, and who we are.
#[must_use]
pub fn judge_journal(entries: &[(String, u32, u32)], me: u32) -> Finding {
    let open: Vec<_> = entries
        .iter()
        .filter(|(_, mode, owner)| mode & 0o077 != 0 || *owner != me)
        .map(|(name, mode, owner)| format!("{name} (mode {:o}, owner {owner})", mode & 0o777))
        .collect();
    if open.is_empty() {
        Finding::pass("only you can read the run's folder")
    } else {
        Finding::fail(few(&open))
    }
}

fn journal<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let Some(dir) = asking.ctx.run_dir else {
            return Ok(vec![Answer::new(
                "tool",
                Finding::skip("there is no run yet: its folder is made private"),
            )]);
        };
        let failed = |error: std::io::Error| AskError::Other(format!("{}: {error}", dir.display()));
        let mut entries = Vec::new();
        let own = std::fs::metadata(dir).map_err(failed)?;
        entries.push((dir.display().to_string(), own.mode(), own.uid()));
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let meta = entry.metadata().map_err(failed)?;
            entries.push((
                entry.file_name().to_string_lossy().into_owned(),
                meta.mode(),
                meta.uid(),
            ));
        }
        Ok(vec![Answer::new(
            "tool",
            judge_journal(&entries, rustix::process::geteuid().as_raw()),
        )])
    }
    .boxed()
}

/// Whether twice what the pause will take fits its budget: round trips (nine of them), or what a rehearsal took.
#[must_use]
pub fn judge_time(
    round_trip: Duration,
    rehearsed: Option<Duration>,
    drain: Duration,
    budget: Duration,
) -> Finding {
    let expected = rehearsed.unwrap_or(round_trip * 9).max(round_trip * 9);
    let seen = format!(
        "about {expected:.0?} expected ({round_trip:.1?} a round trip), {budget:?} allowed"
    );
    if drain >= budget {
        Finding::fail(format!("{seen}, and the drain alone may take {drain:?}"))
    } else if expected * 2 > budget {
        Finding::fail(seen)
    } else {
        Finding::pass(seen)
    }
}

fn time<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let Some(server) = asking.ctx.server(&Node::blue()) else {
            return Ok(Vec::new());
        };
        let mut lease = asking.sessions.lease(&server).await?;
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let started = Instant::now();
            lease.query(&Sql::new("SELECT 1 AS one")).await?;
            best = best.min(started.elapsed());
        }
        lease.give_back();
        let budgets = &asking.ctx.profile.budgets;
        let rehearsed = asking
            .ctx
            .facts
            .get(&REHEARSED_PAUSE_MS)
            .map(Duration::from_millis);
        Ok(vec![Answer::new(
            "tool",
            judge_time(best, rehearsed, budgets.drain, budgets.write_pause),
        )])
    }
    .boxed()
}

fn canary<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let finding = match &asking.ctx.profile.canary {
            None => Finding::skip("the profile has no canary"),
            Some(canary) => match asking.ctx.world.databases.application().await {
                Ok(_) => Finding::pass(format!(
                    "{} was let in by the application's URL",
                    canary.role
                )),
                Err(error) => Finding::fail(error.message),
            },
        };
        Ok(vec![Answer::new("application", finding)])
    }
    .boxed()
}

/// Whether `pg_dump`, as it names itself, is at least of the target's major.
#[must_use]
pub fn judge_dump(answer: Option<&str>, target: u32) -> Finding {
    let Some(answer) = answer else {
        return Finding::skip("no pg_dump on this host; the procedure does not need it");
    };
    let major = answer
        .split(|c: char| !c.is_ascii_digit())
        .find(|part| !part.is_empty())
        .and_then(|part| part.parse::<u32>().ok());
    match major {
        Some(major) if major >= target => Finding::pass(answer.to_owned()),
        // The procedure copies blocks: an old pg_dump is only in the way of repairs by hand.
        _ => Finding::warn(format!("{answer}, the target is {target}")),
    }
}

fn dump<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let command = CommandSpec {
            argv: vec!["pg_dump".to_owned(), "--version".to_owned()],
            env: Vec::new(),
            input: None,
            limit: Duration::from_secs(5),
        };
        let output = asking
            .ctx
            .world
            .commands
            .run(&command, &|_| ())
            .await
            .ok()
            .filter(|output| output.code == Some(0));
        let answer = output.as_ref().map(|output| output.output.trim());
        let target = PgVersion::from_dotted(&asking.ctx.profile.green.engine_version)
            .map_or(0, PgVersion::major);
        Ok(vec![Answer::new("tool", judge_dump(answer, target))])
    }
    .boxed()
}

fn pooler<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    let profile = asking.ctx.profile;
    let budget = profile.budgets.write_pause;
    let finding = match &profile.hooks.redirect {
        Some(hook)
            if hook
                .argv
                .iter()
                .any(|part| part.to_lowercase().contains("pgbouncer")) =>
        {
            let seen = format!(
                "the redirect may take {:?}, the write pause {budget:?}",
                hook.limit
            );
            if hook.limit > budget {
                Finding::fail(seen)
            } else {
                Finding::pass(seen)
            }
        }
        _ => Finding::skip("the profile has no redirect through PgBouncer"),
    };
    async move { Ok(vec![Answer::new("tool", finding)]) }.boxed()
}

/// How often a table that changes meanwhile is looked at again.
const TRIES: u32 = 3;

fn compare<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for green in asking.ctx.places(&Node::green()) {
            let blue = Place::new(Node::blue(), &green.database);
            let list = asking.ctx.sql(
                include_str!("../../assets/sql/checks/data-compare-live.sql"),
                &blue,
            );
            let tables = asking.sessions.query(&blue, &list).await?;
            let mut differing = Vec::new();
            let pairs = texts(&tables, "name")?
                .into_iter()
                .zip(texts(&tables, "statement")?);
            for (name, statement) in pairs {
                if differs(asking, &blue, &green, Sql::verbatim(statement)).await? {
                    differing.push(name);
                }
            }
            answers.push(Answer::new(
                green.to_string(),
                judge_samples(tables.len(), &differing),
            ));
        }
        Ok(answers)
    }
    .boxed()
}

/// What the samples came to.
#[must_use]
pub fn judge_samples(tables: usize, differing: &[String]) -> Finding {
    if differing.is_empty() {
        Finding::pass(format!("the first rows of {tables} tables are the same"))
    } else {
        Finding::fail(format!("the first rows differ in {}", few(differing)))
    }
}

/// True when GREEN's sample differs although BLUE's stood still around it.
async fn differs(
    asking: &Asking<'_>,
    blue: &Place,
    green: &Place,
    sql: Sql,
) -> Result<bool, AskError> {
    let ask = async |place: &Place| -> Result<(String, String), AskError> {
        let mut lease = asking.sessions.lease(place).await?;
        let settings = Sql::new(
            "SET extra_float_digits = 1; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'",
        );
        lease.query(&settings).await?;
        let rows = lease.query(&sql).await?;
        lease.give_back();
        let row = rows.one()?;
        Ok((row.get("rows")?, row.opt("hash")?.unwrap_or_default()))
    };
    for _ in 0..TRIES {
        let before = ask(blue).await?;
        let other = ask(green).await?;
        if before == other {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        if ask(blue).await? == before && ask(green).await? != before {
            return Ok(true);
        }
    }
    Ok(false)
}
