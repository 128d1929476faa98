use std::sync::Arc;
use std::time::Duration;

use greenlight::adapters::postgres::{Login, Postgres, Server};
use greenlight::domain::Node;
use greenlight::ports::{Databases, DbErrorKind, Session};

use super::support::{LIMITS, Sql, as_superuser, at, databases, given, server};

async fn shared(databases: &Postgres) -> Arc<dyn Session> {
    databases.shared(&at("postgres")).await.expect("a session")
}

#[tokio::test]
async fn every_session_has_the_settings_it_must_have() {
    let server = server().await;
    let admin = as_superuser(&server);
    // Settings of the role must not get in the way.
    let hostile = "ALTER ROLE postgres SET search_path = public; ALTER ROLE postgres SET DateStyle = 'German'; \
        ALTER ROLE postgres SET default_transaction_read_only = on; ALTER ROLE postgres SET statement_timeout = 1";
    shared(&admin)
        .await
        .query(&Sql::new(hostile))
        .await
        .expect("altered");
    let databases = databases(&server, Login::local("postgres", given("")));
    let session = databases
        .dedicated(&at("postgres"), "watch")
        .await
        .expect("a session");
    for (name, value) in [
        ("application_name", "greenlight:t1:watch"),
        ("search_path", "pg_catalog, pg_temp"),
        ("statement_timeout", "20s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("default_transaction_read_only", "off"),
        ("TimeZone", "UTC"),
        ("DateStyle", "ISO, YMD"),
        ("IntervalStyle", "postgres"),
        ("client_min_messages", "warning"),
    ] {
        let sql = Sql::new("SELECT current_setting({name}) AS value").literal("name", name);
        let rows = session.query(&sql).await.expect("asked");
        let found: String = rows.one().and_then(|r| r.get("value")).expect("a value");
        assert_eq!(found, value, "{name}");
    }
    let rows = session
        .query(&Sql::new(
            "SELECT pg_backend_pid() AS pid, current_setting('server_version_num') AS version",
        ))
        .await
        .expect("asked");
    let row = rows.one().expect("a row");
    assert_eq!(row.get("pid"), Ok(session.backend_pid()));
    assert_eq!(row.get("version"), Ok(session.version().0));
}

#[tokio::test]
async fn the_shared_session_is_one_and_a_dedicated_one_is_another() {
    let server = server().await;
    let databases = as_superuser(&server);
    let (one, two) = tokio::join!(shared(&databases), shared(&databases));
    assert_eq!(one.backend_pid(), two.backend_pid());
    let own = databases
        .dedicated(&at("postgres"), "lock")
        .await
        .expect("own");
    assert_ne!(one.backend_pid(), own.backend_pid());
}

#[tokio::test]
async fn statements_sent_together_are_answered_in_order_without_waiting_for_each_other() {
    let server = server().await;
    let session = shared(&as_superuser(&server)).await;
    session
        .query(&Sql::new("CREATE TEMP TABLE seen (at serial, what int)"))
        .await
        .expect("made");
    let insert = |what| {
        Sql::new("INSERT INTO seen (what) VALUES ({what}); SELECT pg_sleep(0.01)")
            .number("what", what)
    };
    let sql: Vec<_> = (0..40).map(insert).collect();
    let limit = Duration::from_secs(5);
    let all = futures_util::future::join_all(sql.iter().enumerate().map(|(at, sql)| {
        // Some with a limit of their own, which must reach none of the others.
        let limit = if at % 3 == 0 { limit } else { LIMITS.statement };
        session.query_within(sql, limit)
    }));
    for answer in all.await {
        answer.expect("inserted");
    }
    let rows = session
        .query(&Sql::new(
            "SELECT string_agg(what::text, ',' ORDER BY at) AS order, current_setting('statement_timeout') AS left FROM seen",
        ))
        .await
        .expect("read");
    let row = rows.one().expect("a row");
    let wanted: Vec<_> = (0..40).map(|n| n.to_string()).collect();
    assert_eq!(row.get("order"), Ok(wanted.join(",")));
    assert_eq!(row.get("left"), Ok("20s".to_owned()));
}

#[tokio::test]
async fn the_rows_are_those_of_the_last_statement_that_gave_any() {
    let server = server().await;
    let session = shared(&as_superuser(&server)).await;
    let sql = Sql::new(
        "SELECT 1 AS a; SELECT 2 AS b, NULL AS c UNION ALL SELECT 3, ''; CREATE TEMP TABLE x ()",
    );
    let rows = session.query(&sql).await.expect("rows");
    assert_eq!(rows.len(), 2);
    let last = &rows.0[1];
    assert_eq!((last.get("b"), last.text("c")), (Ok(3), Ok(Some(""))));
    assert_eq!(rows.0[0].text("c"), Ok(None));
}

#[tokio::test]
async fn a_large_answer_comes_row_by_row() {
    let server = server().await;
    let session = shared(&as_superuser(&server)).await;
    let (mut count, mut sum) = (0_u64, 0_u64);
    let sql = Sql::new("SELECT n, repeat('x', 1000) AS filler FROM generate_series(1, 50000) n");
    session
        .stream(&sql, &mut |row| {
            count += 1;
            sum += row.get::<u64>("n").unwrap_or_default();
        })
        .await
        .expect("read to its end");
    assert_eq!((count, sum), (50_000, 1_250_025_000));
}

#[tokio::test]
async fn a_statement_that_no_transaction_may_hold_can_have_its_own_limit() {
    let server = server().await;
    let session = shared(&as_superuser(&server)).await;
    let limit = Duration::from_secs(15);
    session
        .query_within(&Sql::new("VACUUM pg_class"), limit)
        .await
        .expect("VACUUM is not inside a transaction");
}

#[tokio::test]
async fn a_connection_string_is_enough() {
    let server = server().await;
    let found: Server = server.superuser_url().parse().expect("read");
    let databases =
        Postgres::new("t1", LIMITS).with_node(&Node::blue(), &found.host, found.port, found.login);
    assert_eq!(found.database, "postgres");
    shared(&databases).await;
}

#[tokio::test]
async fn a_node_without_address_or_at_a_new_one_is_told_apart() {
    let (first, second) = (server().await, server().await);
    let databases = databases(&first, Login::local("postgres", given("")));
    let nowhere = greenlight::domain::Place::new(Node::green(), "postgres");
    let error = databases.shared(&nowhere).await.err().expect("no address");
    assert_eq!(error.kind, DbErrorKind::Connect);
    assert!(error.message.contains("not known yet"), "{error}");
    let port = Sql::new("SELECT current_setting('port')::int AS port");
    let rows = databases
        .query(&at("postgres"), &port)
        .await
        .expect("first");
    assert_eq!(rows.one().and_then(|r| r.get("port")), Ok(first.port()));
    databases.set_address(&Node::blue(), "127.0.0.1", second.port());
    let rows = databases
        .query(&at("postgres"), &port)
        .await
        .expect("second");
    assert_eq!(rows.one().and_then(|r| r.get("port")), Ok(second.port()));
}

/// A line to a server that can be torn: whoever is connected finds the connection closed, the server does not notice
/// while it works.
async fn torn_line(port: u16) -> (u16, tokio::sync::mpsc::Sender<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let mine = listener.local_addr().expect("bound").port();
    let (tear, mut torn) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let mut carried = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                near = listener.accept() => {
                    let (mut near, _) = near.expect("accepted");
                    carried.spawn(async move {
                        let mut far = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("a server");
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    });
                }
                Some(()) = torn.recv() => carried.shutdown().await,
                else => return,
            }
        }
    });
    (mine, tear)
}

#[tokio::test]
async fn what_a_lost_session_still_works_at_ends_before_anything_new_is_sent() {
    let server = server().await;
    let admin = as_superuser(&server);
    let (port, tear) = torn_line(server.port()).await;
    let login = Login::local("postgres", given(""));
    let databases =
        Arc::new(Postgres::new("t2", LIMITS).with_node(&Node::blue(), "127.0.0.1", port, login));
    let make = Sql::new("CREATE TABLE public.late ()");
    databases
        .query(&at("postgres"), &make)
        .await
        .expect("a table");
    let lost = shared(&databases).await.backend_pid();
    let slow = {
        let databases = databases.clone();
        tokio::spawn(async move {
            let sql = Sql::new("SELECT pg_sleep(15); ALTER TABLE public.late RENAME TO too_late");
            databases.query(&at("postgres"), &sql).await
        })
    };
    let asleep = Sql::new(
        "SELECT FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep' AND state = 'active'",
    )
    .number("pid", lost.into());
    while shared(&admin)
        .await
        .query(&asleep)
        .await
        .expect("asked")
        .is_empty()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tear.send(()).await.expect("a line");
    let error = slow.await.expect("ended").expect_err("torn");
    assert_eq!(error.kind, DbErrorKind::Unknown);
    let still_there = shared(&admin).await.query(&asleep).await.expect("asked");
    assert_eq!(still_there.len(), 1, "the server works on");

    databases
        .query(&at("postgres"), &Sql::new("SELECT 1"))
        .await
        .expect("anew");
    let rest =
        Sql::new("SELECT FROM pg_stat_activity WHERE pid = {pid}").number("pid", lost.into());
    let left = shared(&admin).await.query(&rest).await.expect("asked");
    assert!(left.is_empty());
}

#[tokio::test]
async fn who_drives_a_run_alone_ends_what_an_earlier_process_left() {
    let server = server().await;
    let as_run = |run| {
        let login = Login::local("postgres", given(""));
        let port = server.port();
        Postgres::new(run, LIMITS).with_node(&Node::blue(), "127.0.0.1", port, login)
    };
    let (earlier, other) = (as_run("r1"), as_run("r2"));
    let (left, foreign) = (shared(&earlier).await, shared(&other).await);
    let dead_man = earlier.dedicated(&at("postgres"), "dead-man").await;
    let mine = as_run("r1").alone();
    shared(&mine).await;
    let there = Sql::new("SELECT FROM pg_stat_activity WHERE pid = {pid}");
    for (session, stays) in [
        (left, false),
        (foreign, true),
        (dead_man.expect("a session"), true),
    ] {
        let sql = there.clone().number("pid", session.backend_pid().into());
        let found = shared(&other).await.query(&sql).await.expect("asked");
        assert_eq!(!found.is_empty(), stays);
    }
}
