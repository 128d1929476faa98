//! Cases that no server of this machine can be brought to cheaply: the answers are crafted, all else is as in a run.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use async_trait::async_trait;
use greenlight::checks::{CheckContext, Moment, find};
use greenlight::domain::{Node, PgVersion, Place, Sql};
use greenlight::ports::{Databases, DbError, DbErrorKind, Row, Rows, Session};
use greenlight::runbook::{Facts, World};
use secrecy::ExposeSecret;

use crate::control::Says;
use crate::proof::Proof;
use crate::statements::profile;

/// A row: columns and values.
type Line = &'static [(&'static str, &'static str)];
/// A piece of a statement, and the rows that answer it. A statement without an answer is refused.
type Answers = &'static [(&'static str, &'static [Line])];

/// A check, what makes it fail, and what contents it; BLUE's answers, then GREEN's.
struct Case {
    id: &'static str,
    major: u32,
    bad: (Answers, Answers),
    good: (Answers, Answers),
}

const fn blue(id: &'static str, bad: Answers, good: Answers) -> Case {
    both(id, (bad, &[]), (good, &[]))
}

const fn both(id: &'static str, bad: (Answers, Answers), good: (Answers, Answers)) -> Case {
    Case {
        id,
        major: 15,
        bad,
        good,
    }
}

const NOTHING: Answers = &[("", &[])];

const CASES: &[Case] = &[
    // An old minor release would have to be fetched.
    blue(
        "server-minor-known-bugs",
        &[("", &[&[("version", "150001")]])],
        &[("", &[&[("version", "150018")]])],
    ),
    // It depends on which minor releases a machine has.
    blue(
        "target-release-older",
        &[("", &[&[("version", "150020"), ("columns", "3")]])],
        &[("", &[&[("version", "150018"), ("columns", "0")]])],
    ),
    // A standby is one more server.
    blue(
        "not-in-recovery",
        &[("", &[&[("in_recovery", "t")]])],
        &[("", &[&[("in_recovery", "f")]])],
    ),
    // No pooler is at hand.
    blue(
        "direct-connection-not-pooled",
        &[("pg_backend_pid", &[&[("pid", "8")]])],
        &[("pg_backend_pid", &[&[("pid", "7")]])],
    ),
    // Every connection of a test is local.
    blue(
        "tls-in-use",
        &[(
            "",
            &[&[
                ("ssl", "f"),
                ("local", "f"),
                ("tls_version", ""),
                ("cipher", ""),
            ]],
        )],
        &[(
            "",
            &[&[
                ("ssl", "f"),
                ("local", "t"),
                ("tls_version", ""),
                ("cipher", ""),
            ]],
        )],
    ),
    // Two thousand million transaction ids take hours.
    blue(
        "wraparound-runway",
        &[("", &[&[("what", "shop (transaction ids 1900000000)")]])],
        NOTHING,
    ),
    // Statistics of decoding reach the view whenever the server pleases.
    blue(
        "decoding-spill",
        &[("", &[&[("what", "a_slot (3 GB in 2 transactions)")]])],
        NOTHING,
    ),
    blue(
        "logical-decoding-memory-huge-tx",
        &[("", &[&[("commits", "10"), ("rows_written", "9000000")]])],
        &[("", &[&[("commits", "1000"), ("rows_written", "9000")]])],
    ),
    // A base backup lasts as long as it likes.
    blue(
        "no-backup-running",
        &[("", &[&[("what", "process 9 (pg_basebackup)")]])],
        NOTHING,
    ),
    // Extensions that are not at hand.
    blue(
        "auto-ddl-jobs",
        &[("", &[&[("name", "timescaledb"), ("version", "2.17.2")]])],
        NOTHING,
    ),
    // Only versions before 12 have such tables.
    blue(
        "tables-with-oids",
        &[(
            "",
            &[&[("what", "old"), ("fix", "ALTER TABLE old SET WITHOUT OIDS")]],
        )],
        NOTHING,
    ),
    // Builds of version 10 come without pg_stat_statements.
    Case {
        id: "publisher-10-truncate",
        major: 10,
        bad: (
            &[
                ("pg_extension", &[&[("name", "public.pg_stat_statements")]]),
                ("truncate", &[&[("what", "TRUNCATE carts")]]),
            ],
            &[],
        ),
        good: (
            &[
                ("pg_extension", &[&[("name", "public.pg_stat_statements")]]),
                ("truncate", &[]),
            ],
            &[],
        ),
    },
    both(
        "green-10-truncate-reverse",
        (
            &[("", &[&[("version", "100023")]])],
            &[("", &[&[("truncates", "true")]])],
        ),
        (
            &[("", &[&[("version", "100023")]])],
            &[("", &[&[("truncates", "false")]])],
        ),
    ),
    // Both would need a server set up differently from its start.
    both(
        "encoding-collation-parity",
        (&[("", &[LATIN])], &[("", &[UTF8])]),
        (&[("", &[UTF8])], &[("", &[UTF8])]),
    ),
    both(
        "preload-libraries",
        (
            &[("", &[&[("libraries", "pg_stat_statements, pg_cron")]])],
            &[("", &[&[("libraries", "pg_cron")]])],
        ),
        (
            &[("", &[&[("libraries", "pg_stat_statements, pg_cron")]])],
            &[("", &[&[("libraries", "pg_stat_statements")]])],
        ),
    ),
    // A quarter of a gigabyte, never read.
    both(
        "green-cold-storage",
        (
            &[],
            &[("", &[&[("unread", "9000000000"), ("largest", "orders")]])],
        ),
        (&[], &[("", &[&[("unread", "0"), ("largest", "")]])]),
    ),
    // A setting of RDS alone.
    both(
        "rds-force-ssl",
        (
            &[("", &[&[("forced", "off"), ("plain", "3")]])],
            &[("", &[&[("forced", "on"), ("plain", "0")]])],
        ),
        (
            &[("", &[&[("forced", "off"), ("plain", "0")]])],
            &[("", &[&[("forced", "on"), ("plain", "0")]])],
        ),
    ),
    // The clocks of one machine agree: this server's stands at 1970.
    blue(
        "clock-skew",
        &[("", &[&[("server_now", "0")]])],
        &[("", &[&[("server_now", "NOW")]])],
    ),
];

const LATIN: Line = &[
    ("encoding", "LATIN1"),
    ("collate", "C"),
    ("ctype", "C"),
    ("provider", "c"),
    ("icu_locale", ""),
];
const UTF8: Line = &[
    ("encoding", "UTF8"),
    ("collate", "C"),
    ("ctype", "C"),
    ("provider", "c"),
    ("icu_locale", ""),
];

/// Servers that answer as they are told to.
#[derive(Clone)]
struct Scripted {
    major: u32,
    blue: Answers,
    green: Answers,
}

struct Answering {
    place: Place,
    major: u32,
    answers: Answers,
}

#[async_trait]
impl Databases for Scripted {
    async fn shared(&self, place: &Place) -> Result<Arc<dyn Session>, DbError> {
        self.dedicated(place, "").await
    }

    async fn dedicated(&self, place: &Place, _purpose: &str) -> Result<Arc<dyn Session>, DbError> {
        let on_blue = place.node == Node::blue();
        Ok(Arc::new(Answering {
            place: place.clone(),
            major: if on_blue { self.major } else { 17 },
            answers: if on_blue { self.blue } else { self.green },
        }))
    }

    fn set_address(&self, _node: &Node, _host: &str, _port: u16) {}

    fn address(&self, _node: &Node) -> Option<(String, u16)> {
        None
    }
}

#[async_trait]
impl Session for Answering {
    async fn query(&self, sql: &Sql) -> Result<Rows, DbError> {
        let text = sql.wire().expect("every value is known");
        let text = text.expose_secret();
        // Whatever a statement is, it does not ask a pooler.
        let mut answers = self.answers.iter().filter(|_| !text.starts_with("SHOW"));
        let Some((_, lines)) = answers.find(|(piece, _)| text.contains(piece)) else {
            return Err(DbError {
                place: self.place.clone(),
                kind: DbErrorKind::Refused,
                sqlstate: None,
                message: format!("no answer to {text}"),
                detail: None,
            });
        };
        Ok(Rows(lines.iter().map(|line| row(line)).collect()))
    }

    async fn query_within(&self, sql: &Sql, _limit: std::time::Duration) -> Result<Rows, DbError> {
        self.query(sql).await
    }

    async fn stream(&self, sql: &Sql, on_row: &mut (dyn FnMut(Row) + Send)) -> Result<(), DbError> {
        self.query(sql).await?.0.into_iter().for_each(on_row);
        Ok(())
    }

    fn backend_pid(&self) -> i32 {
        7
    }

    fn version(&self) -> PgVersion {
        PgVersion(self.major * 10_000 + 1)
    }

    fn is_closed(&self) -> bool {
        false
    }

    async fn cancel(&self) -> Result<(), DbError> {
        Ok(())
    }
}

fn row(line: Line) -> Row {
    let value = |text: &str| match text {
        "NOW" => jiff::Timestamp::now()
            .as_duration()
            .as_secs_f64()
            .to_string(),
        other => other.to_owned(),
    };
    Row {
        columns: line.iter().map(|(name, _)| (*name).to_owned()).collect(),
        values: line
            .iter()
            .map(|(_, text)| Some(value(text).into_boxed_str()))
            .collect(),
    }
}

pub async fn what_no_server_here_can_be_made_to_show(proof: &Proof) {
    let (profile, facts) = (profile(), Facts::default());
    let scratch = tempfile::tempdir().expect("a folder");
    let mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(scratch.path(), permissions).expect("a mode");
    };
    let world = |major, (blue, green), dump| World {
        patroni: None,
        databases: Arc::new(Scripted { major, blue, green }),
        rds: None,
        hosts: None,
        commands: Arc::new(Says(dump)),
    };
    let common = CheckContext {
        profile: &profile,
        world: &world(15, (&[], &[]), ""),
        facts: &facts,
        run: "r1",
        moment: Moment::Preflight,
        replication_password: None,
        run_dir: Some(scratch.path()),
    };
    for case in CASES {
        let bad = world(case.major, case.bad, "");
        let good = world(case.major, case.good, "");
        let moment = find(case.id).expect("a check").moments[0];
        let asked = CheckContext {
            moment,
            world: &bad,
            ..common
        };
        proof.found(&asked, &[case.id]).await;
        let asked = CheckContext {
            world: &good,
            ..asked
        };
        proof.settled(&asked, &[case.id]).await;
    }
    // Of this host: the folder's mode, and the pg_dump that happens to be installed.
    let (old, new) = ("pg_dump (PostgreSQL) 9.6.24", "pg_dump (PostgreSQL) 18.1");
    let (bad, good) = (world(15, (&[], &[]), old), world(15, (&[], &[]), new));
    mode(0o755);
    let ids = ["journal-permissions", "dump-tool-version"];
    let asked = CheckContext {
        world: &bad,
        ..common
    };
    proof.found(&asked, &ids).await;
    mode(0o700);
    let asked = CheckContext {
        world: &good,
        ..common
    };
    proof.settled(&asked, &ids).await;
}
