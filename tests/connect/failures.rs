use std::time::Duration;

use greenlight::adapters::postgres::{Limits, Login, Postgres};
use greenlight::domain::Node;
use greenlight::ports::{Databases, DbErrorKind};
use greenlight::rehearsal::StopMode;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;

use super::support::{Sql, as_superuser, at, databases, given, server};

const LIMIT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_server_that_is_down_is_told_with_its_address() {
    let mut server = server().await;
    let databases = databases(&server, Login::local("postgres", given("")));
    databases.shared(&at("postgres")).await.expect("up");
    server.stop(StopMode::Fast).await.expect("stopped");
    let error = databases
        .query(&at("postgres"), &Sql::new("SELECT 1"))
        .await;
    let error = error.expect_err("down");
    assert_eq!(error.kind, DbErrorKind::Connect);
    let address = format!("127.0.0.1:{}", server.port());
    assert!(error.message.contains(&address), "{error}");
    server.start_again().await.expect("up again");
    databases.set_address(&Node::blue(), "127.0.0.1", server.port());
    databases
        .query(&at("postgres"), &Sql::new("SELECT 1"))
        .await
        .expect("a new session by itself");
}

#[tokio::test]
async fn a_host_that_takes_connections_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("its address").port();
    let limits = Limits {
        connect: LIMIT,
        ..Limits::default()
    };
    let databases = Postgres::new("t1", limits).with_node(
        &Node::blue(),
        "127.0.0.1",
        port,
        Login::local("postgres", given("")),
    );
    // Who waits for the one attempt shares its error and does not begin another.
    let place = at("postgres");
    let (one, two) = tokio::join!(databases.shared(&place), databases.shared(&place));
    for error in [one.err(), two.err()] {
        let error = error.expect("no answer");
        assert_eq!(error.kind, DbErrorKind::Connect);
        assert!(
            error.message.contains("did not come about within"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_statement_over_its_limit_is_refused_by_the_server_itself() {
    let server = server().await;
    let session = as_superuser(&server)
        .shared(&at("postgres"))
        .await
        .expect("up");
    let error = session
        .query_within(&Sql::new("SELECT pg_sleep(60)"), LIMIT)
        .await
        .expect_err("too slow");
    assert_eq!(error.kind, DbErrorKind::Refused);
    assert!(error.is("57014"), "{error:?}");
    session
        .query(&Sql::new("SELECT 1"))
        .await
        .expect("still good");
}

#[tokio::test]
async fn a_server_that_stops_answering_leaves_the_outcome_unknown() {
    let server = server().await;
    let databases = as_superuser(&server);
    let session = databases.shared(&at("postgres")).await.expect("up");
    let backend = Pid::from_raw(session.backend_pid()).expect("a process");
    kill_process(backend, Signal::STOP).expect("frozen");
    let error = session
        .query_within(&Sql::new("SELECT 1"), LIMIT)
        .await
        .expect_err("frozen");
    assert_eq!(error.kind, DbErrorKind::Unknown);
    assert!(error.message.contains("not known"), "{error}");
    databases
        .query(&at("postgres"), &Sql::new("SELECT 1"))
        .await
        .expect("through a new session");
    kill_process(backend, Signal::CONT).expect("thawed");
}

#[tokio::test]
async fn a_session_ended_in_mid_statement_leaves_the_outcome_unknown() {
    let server = server().await;
    let databases = as_superuser(&server);
    let place = at("postgres");
    let session = databases.shared(&place).await.expect("up");
    let other = databases.dedicated(&place, "other").await.expect("up");
    let terminate = Sql::new(
        "SELECT pg_terminate_backend(pid), pg_sleep(0.05) FROM pg_stat_activity \
         WHERE pid = {pid} AND state = 'active'",
    )
    .number("pid", session.backend_pid().into());
    let ending = async {
        while !other.query(&terminate).await.expect("asked").is_empty() {}
        // The first rounds may come before the statement does.
        while !session.is_closed() {
            other.query(&terminate).await.expect("asked");
        }
    };
    let sleep = Sql::new("SELECT pg_sleep(60)");
    let (slept, ()) = tokio::join!(session.query(&sleep), ending);
    let error = slept.expect_err("ended");
    assert_eq!(error.kind, DbErrorKind::Unknown, "{error:?}");
    assert!(error.message.contains("not known"), "{error}");
    let error = session.query(&sleep).await.expect_err("closed");
    assert_eq!(error.kind, DbErrorKind::Connect, "nothing was sent");
    let again = databases.shared(&place).await.expect("a new session");
    assert_ne!(again.backend_pid(), session.backend_pid());
    again.query(&Sql::new("SELECT 1")).await.expect("good");
}

#[tokio::test]
async fn a_cancelled_statement_is_refused_and_the_session_stays() {
    let server = server().await;
    let session = as_superuser(&server)
        .shared(&at("postgres"))
        .await
        .expect("up");
    let cancelling = async {
        // Again and again: the first one may come before the statement does.
        loop {
            session.cancel().await.expect("delivered");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let sleep = Sql::new("SELECT pg_sleep(60)");
    let error = tokio::select! {
        slept = session.query(&sleep) => slept.expect_err("cancelled"),
        () = cancelling => unreachable!("it does not end"),
    };
    assert_eq!(error.kind, DbErrorKind::Refused);
    assert!(!session.is_closed());
}

#[tokio::test]
async fn a_limit_counts_from_when_the_server_turns_to_the_statement() {
    let server = server().await;
    let session = as_superuser(&server)
        .shared(&at("postgres"))
        .await
        .expect("up");
    let sleep = Sql::new("SELECT pg_sleep(0.2)");
    let limit = Duration::from_secs(1);
    let all: Vec<_> = (0..8)
        .map(|_| session.query_within(&sleep, limit))
        .collect();
    for slept in futures_util::future::join_all(all).await {
        slept.expect("none of them is too slow by itself");
    }
}

#[tokio::test]
async fn a_statement_that_lacks_a_value_is_never_sent() {
    let server = server().await;
    let session = as_superuser(&server)
        .shared(&at("postgres"))
        .await
        .expect("up");
    let error = session.query(&Sql::new("SELECT {what}")).await;
    assert_eq!(
        error.expect_err("incomplete").kind,
        DbErrorKind::Composition
    );
}
