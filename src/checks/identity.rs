//! Which servers these are, whether they are the right ones, and how the tool is connected to them.

use futures_util::FutureExt;
use jiff::Timestamp;

use super::ask::{Answer, Answering, Ask, Asked, Asking, Needs, On, Scope};
use super::catalogue::{ALWAYS, BUILT, EARLY_AND_BUILT, EARLY_AND_GATE, GATE, sql};
use super::check::Check;
use super::finding::Finding;
use super::judge::{Judged, few};
use super::known::SERVER;
use crate::domain::{Node, PgVersion, Sql};
use crate::ports::Rows;
use crate::profile::SslMode;

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block(
        "server-version-window",
        "PostgreSQL versions",
        EARLY_AND_BUILT,
        Ask::server(On::Each, sql!("server-version-window"), versions),
    )
    .why("The tool knows PostgreSQL 10 to 18; an upgrade leads to the version the profile names, never back.")
    .remedy("Point the profile at a supported server and a target version that is not older than BLUE."),
    Check::warn(
        "server-minor-known-bugs",
        "Minor releases without known faults of decoding",
        EARLY_AND_BUILT,
        Ask::server(On::Each, sql!("server-version-window"), minors),
    )
    .why("Older minors could lose changes of transactions in flight while a publication was altered, or move restart_lsn back.")
    .remedy(
        "Take BLUE to the newest minor of its major first. If that cannot be: the publication is committed before the \
         slot is made, and must not be altered afterwards.",
    ),
    Check::block(
        "blue-green-distinct",
        "BLUE and GREEN are two servers",
        BUILT,
        Ask::Pair { scope: Scope::Server, sql: sql!("blue-green-distinct"), judge: distinct },
    )
    .why("Stale DNS or a swapped name can make both entries lead to one server, which would then replicate to itself.")
    .remedy("Both entries of the profile lead to the same server. Correct its addresses; nothing was changed."),
    Check::block(
        "not-in-recovery",
        "Servers accept writes",
        ALWAYS,
        Ask::server(On::Each, sql!("not-in-recovery"), writer),
    )
    .why("A standby can neither publish for this procedure nor be written to after the cutover.")
    .remedy("This is a standby or read replica. Use the address of the instance that writes."),
    Check::block(
        "direct-connection-not-pooled",
        "The tool's connections are its own",
        EARLY_AND_BUILT,
        Ask::custom(Needs::Nothing, "BLUE, GREEN", pooled),
    )
    .why("A transaction pooler hands every statement to another server session: locks, settings and slots go astray silently.")
    .remedy("Connect to the server's own port, not to PgBouncer or RDS Proxy."),
    Check::block(
        "tls-in-use",
        "The tool's connections are encrypted",
        EARLY_AND_BUILT,
        Ask::server(On::Each, sql!("tls-in-use"), encrypted),
    )
    .why("Passwords of subscriptions and catalogs of production pass over this connection.")
    .remedy("Set sslmode = \"verify-full\" under [connection]; for RDS its roots are built in."),
    Check::block(
        "single-operator-lock",
        "No other run on BLUE",
        EARLY_AND_GATE,
        Ask::server(On::Blue, sql!("single-operator-lock"), alone),
    )
    .why("Two runs on one server would fence, drain and open against each other.")
    .remedy("Ask that operator to finish or park the run, or end what is left of it; then ask again."),
    Check::block(
        "servers-unchanged",
        "Both servers are those the run began with",
        GATE,
        Ask::custom(Needs::Green, "BLUE, GREEN", unchanged),
    )
    .why("After a failover or a restore slots, origins and the last commits may not be those the run relies on.")
    .remedy("Find out what was promoted or restored, compare both sides, then take the run back and start again."),
    Check::warn(
        "clock-skew",
        "Clocks agree",
        EARLY_AND_BUILT,
        Ask::custom(Needs::Nothing, "BLUE, GREEN", clocks),
    )
    .why("Lag in seconds and the length of the pause are read from clocks; AWS refuses signatures five minutes off.")
    .remedy("Let a time service set the clock of this host (and of a self-managed server)."),
];

fn unchanged<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for node in [Node::blue(), Node::green()] {
            let then = asking.ctx.facts.get(&SERVER.of(node.as_str()));
            let (Some(at), Some((system, timeline))) = (asking.ctx.server(&node), then) else {
                continue;
            };
            let sql = Sql::new(include_str!("../../assets/sql/inspect/server.sql"));
            let rows = asking.sessions.query(&at, &sql).await?;
            let row = rows.one()?;
            let now: (String, i64) = (row.get("system")?, row.get("timeline")?);
            let seen = format!("system {} on timeline {}", now.0, now.1);
            answers.push(Answer::new(
                node.to_string(),
                if now == (system.clone(), timeline) {
                    Finding::pass(seen)
                } else {
                    Finding::fail(format!(
                        "{seen}; when its slots were made it was system {system} on timeline {timeline}"
                    ))
                },
            ));
        }
        Ok(answers)
    }
    .boxed()
}

fn versions(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let version = PgVersion(rows.one()?.get("version")?);
    let target = &asked.ctx.profile.green.engine_version;
    let (Some(target), true) = (
        PgVersion::from_dotted(target),
        (10..19).contains(&version.major()),
    ) else {
        return Ok(Finding::fail(format!(
            "the server is PostgreSQL {version}, the target {target}; 10 to 18 are known"
        )));
    };
    let wanted = if asked.on_blue() {
        version.major() <= target.major()
    } else {
        version.major() == target.major()
    };
    let seen = format!("PostgreSQL {version}, target {target}");
    Ok(if wanted && target.major() < 19 {
        Finding::pass(seen)
    } else {
        Finding::fail(seen)
    })
}

/// The first minor of each major whose decoding has none of the faults known.
fn first_sound_minor(major: u32) -> Option<u32> {
    match major {
        13 => Some(21),
        14 => Some(18),
        15 => Some(13),
        16 => Some(9),
        17 => Some(5),
        18.. => Some(0),
        _ => None,
    }
}

fn minors(_: &Asked<'_>, rows: &Rows) -> Judged {
    let version = PgVersion(rows.one()?.get("version")?);
    Ok(match first_sound_minor(version.major()) {
        None => Finding::warn(format!("PostgreSQL {version} gets no more corrections")),
        Some(minor) if version.minor() < minor => Finding::fail(format!(
            "PostgreSQL {version}; {}.{minor} and later are sound",
            version.major()
        )),
        Some(_) => Finding::pass(format!("PostgreSQL {version}")),
    })
}

fn distinct(_: &Asked<'_>, blue: &Rows, green: &Rows) -> Judged {
    let (blue, green) = (blue.one()?, green.one()?);
    let same = |column| Ok(blue.text(column)? == green.text(column)?);
    let one_server = same("addr")? && same("port")? && same("started")?;
    let sysid: String = green.get("sysid")?;
    Ok(if one_server {
        Finding::fail(format!(
            "both started at {} with system identifier {sysid}",
            green.get::<String>("started")?
        ))
    } else if same("sysid")? {
        // pg_upgrade makes a new cluster: the same identifier means that GREEN has not been upgraded.
        Finding::warn(format!(
            "two servers, but both carry system identifier {sysid}: GREEN is a copy, not an upgrade"
        ))
        .remedy("Make sure that the snapshot was upgraded before it was restored.")
    } else {
        Finding::pass("two servers with system identifiers of their own")
    })
}

fn writer(_: &Asked<'_>, rows: &Rows) -> Judged {
    Ok(if rows.one()?.get("in_recovery")? {
        Finding::fail("the server is in recovery")
    } else {
        Finding::pass("the server accepts writes")
    })
}

fn encrypted(asked: &Asked<'_>, rows: &Rows) -> Judged {
    let row = rows.one()?;
    let version: String = row.get("tls_version")?;
    let mode = asked.ctx.profile.connection.sslmode;
    Ok(match (row.get("ssl")?, row.get("local")?) {
        (true, _) if !["TLSv1.2", "TLSv1.3"].contains(&version.as_str()) => {
            Finding::fail(format!("{version} is in use"))
        }
        (true, _) if matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) => {
            Finding::pass(format!("{version}, {}", row.get::<String>("cipher")?))
        }
        (true, _) => Finding::warn(format!(
            "{version}, but sslmode = {:?} does not say who answers",
            mode.libpq()
        )),
        (false, true) => Finding::pass("a connection within this host, not encrypted"),
        (false, false) => Finding::fail("the connection is not encrypted"),
    })
}

fn alone(_: &Asked<'_>, rows: &Rows) -> Judged {
    let (mut holders, mut others) = (Vec::new(), Vec::new());
    for row in rows {
        let who = format!(
            "{} (process {}, role {}, from {}, since {})",
            row.get::<String>("application_name")?,
            row.get::<i32>("pid")?,
            row.get::<String>("role")?,
            row.get::<String>("client")?,
            row.get::<String>("since")?
        );
        if row.get("holds")? {
            holders.push(who);
        } else {
            others.push(who);
        }
    }
    Ok(match (holders.is_empty(), others.is_empty()) {
        (false, _) => Finding::fail(format!(
            "the lock of this server is held by {}",
            few(&holders)
        )),
        (true, false) => Finding::warn(format!("sessions of other runs: {}", few(&others))),
        (true, true) => Finding::pass("no other run has a session here"),
    })
}

/// What five statements sent one after the other saw of the session behind them.
#[derive(Debug, Clone)]
pub struct PoolProbe {
    /// The process that opened the connection.
    pub opened: i32,
    /// The process that answered each statement.
    pub answered: Vec<i32>,
    /// True when something answered `SHOW POOL_MODE`.
    pub pool_mode: bool,
}

/// Whether a pooler stands between.
#[must_use]
pub fn judge_pool(probe: &PoolProbe) -> Finding {
    if probe.pool_mode {
        return Finding::fail("the other end answers SHOW POOL_MODE: it is a pooler");
    }
    match probe.answered.iter().find(|pid| **pid != probe.opened) {
        Some(other) => Finding::fail(format!(
            "opened by process {}, answered by process {other}",
            probe.opened
        )),
        None => Finding::pass(format!(
            "process {} answered {} times",
            probe.opened,
            probe.answered.len()
        )),
    }
}

fn nodes(ctx: &super::CheckContext<'_>) -> Vec<Node> {
    if ctx.has_green() {
        vec![Node::blue(), Node::green()]
    } else {
        vec![Node::blue()]
    }
}

fn pooled<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for node in nodes(asking.ctx) {
            let Some(place) = asking.ctx.server(&node) else {
                continue;
            };
            let mut lease = asking.sessions.lease(&place).await?;
            let mut probe = PoolProbe {
                opened: lease.backend_pid(),
                answered: Vec::new(),
                pool_mode: false,
            };
            for _ in 0..5 {
                let rows = lease
                    .query(&Sql::new("SELECT pg_backend_pid() AS pid"))
                    .await?;
                probe.answered.push(rows.one()?.get("pid")?);
            }
            probe.pool_mode = lease.query(&Sql::new("SHOW pool_mode")).await.is_ok();
            lease.give_back();
            answers.push(Answer::new(node.as_str(), judge_pool(&probe)));
        }
        Ok(answers)
    }
    .boxed()
}

/// How far a server's clock is from ours, seconds, half the round trip taken off; and whether that is too far.
#[must_use]
pub fn judge_clock(before: f64, server: f64, after: f64) -> Finding {
    let skew = server - before.midpoint(after);
    let seen = format!(
        "{skew:+.3} s from this host's, within {:.0} ms",
        (after - before) * 500.0
    );
    if skew.abs() - (after - before) / 2.0 < 1.0 {
        Finding::pass(seen)
    } else {
        Finding::fail(seen)
    }
}

fn clocks<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    let now = || Timestamp::now().as_duration().as_secs_f64();
    async move {
        let mut answers = Vec::new();
        for node in nodes(asking.ctx) {
            let Some(place) = asking.ctx.server(&node) else {
                continue;
            };
            let mut lease = asking.sessions.lease(&place).await?;
            let before = now();
            let rows = lease
                .query(&Sql::new(include_str!(
                    "../../assets/sql/checks/clock-skew.sql"
                )))
                .await?;
            let after = now();
            lease.give_back();
            answers.push(Answer::new(
                node.as_str(),
                judge_clock(before, rows.one()?.get("server_now")?, after),
            ));
        }
        Ok(answers)
    }
    .boxed()
}
