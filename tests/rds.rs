//! The RDS adapter against a scripted endpoint: what AWS does on bad days.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Form, Router};
use greenlight::adapters::rds::{AwsSettings, OnRetry, RdsClient};
use greenlight::ports::{RdsApi, RdsErrorKind};

type Asked = HashMap<String, String>;

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<(u16, String)>>,
    asked: Mutex<Vec<Asked>>,
}

async fn answer(
    State(script): State<Arc<Script>>,
    Form(form): Form<Asked>,
) -> (StatusCode, String) {
    script.asked.lock().expect("lock").push(form);
    let next = script.answers.lock().expect("lock").pop_front();
    let (status, body) = next.expect("the script has an answer for every call");
    (StatusCode::from_u16(status).expect("status"), body)
}

/// A client whose calls are answered in this order, with what it asked and the retries it told of.
async fn scripted(
    answers: Vec<(u16, String)>,
) -> (RdsClient, Arc<Script>, Arc<Mutex<Vec<String>>>) {
    let script = Arc::new(Script {
        answers: Mutex::new(answers.into()),
        asked: Mutex::default(),
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("port");
    let port = listener.local_addr().expect("address").port();
    let router = Router::new()
        .route("/", post(answer))
        .with_state(Arc::clone(&script));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let retries = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&retries);
    let on_retry: OnRetry =
        Arc::new(move |retry| told.lock().expect("lock").push(retry.to_string()));
    let settings = AwsSettings {
        endpoint_url: Some(format!("http://127.0.0.1:{port}")),
        ..AwsSettings::default()
    };
    let client = RdsClient::connect(&settings, on_retry)
        .await
        .expect("client");
    (client, script, retries)
}

fn ok(action: &str, result: &str) -> (u16, String) {
    let body = format!(
        "<{action}Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><{action}Result>{result}</{action}Result></{action}Response>"
    );
    (200, body)
}

fn error(status: u16, code: &str) -> (u16, String) {
    let body = format!(
        "<ErrorResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>said {code}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    (status, body)
}

fn portion(text: &str, marker: &str, more: bool) -> (u16, String) {
    ok(
        "DownloadDBLogFilePortion",
        &format!(
            "<LogFileData>{text}</LogFileData><Marker>{marker}</Marker><AdditionalDataPending>{more}</AdditionalDataPending>"
        ),
    )
}

#[tokio::test]
async fn a_log_is_read_from_its_first_line_and_its_portions_joined() {
    let answers = vec![
        portion("redo do", "1:7", true),
        portion("ne at 0/15\n", "1:18", false),
    ];
    let (client, script, _) = scripted(answers).await;
    let text = client.log_text("green", "error/x").await.expect("log");
    assert_eq!(text, "redo done at 0/15\n");
    let asked = script.asked.lock().expect("lock");
    let markers: Vec<_> = asked.iter().map(|form| form["Marker"].as_str()).collect();
    assert_eq!(markers, ["0", "1:7"]);
}

#[tokio::test]
async fn a_log_that_does_not_go_on_is_an_error_not_half_a_log() {
    let answers = vec![portion("half", "0", true)];
    let (client, _, _) = scripted(answers).await;
    let error = client.log_text("green", "error/x").await.expect_err("half");
    assert_eq!(error.kind, RdsErrorKind::Refused);
    assert!(error.message.contains("not read to its end"), "{error}");
}

#[tokio::test]
async fn throttling_is_retried_and_heard_of() {
    let snapshot = "<DBSnapshots><DBSnapshot><DBSnapshotIdentifier>s</DBSnapshotIdentifier><Status>creating</Status><PercentProgress>40</PercentProgress><TagList><Tag><Key>greenlight:run</Key><Value>7f3a</Value></Tag></TagList></DBSnapshot></DBSnapshots>";
    let answers = vec![
        error(400, "Throttling"),
        ok("DescribeDBSnapshots", snapshot),
    ];
    let (client, _, retries) = scripted(answers).await;
    let snapshot = client.snapshot("s").await.expect("the second attempt");
    assert_eq!(
        (snapshot.status.as_str(), snapshot.percent),
        ("creating", 40)
    );
    assert_eq!(
        snapshot.tags.get("greenlight:run"),
        Some(&"7f3a".to_owned())
    );
    let retries = retries.lock().expect("lock");
    assert!(
        retries.iter().any(|told| told.contains("Throttling")),
        "{retries:?}"
    );
}

#[tokio::test]
async fn an_expired_token_says_to_sign_in_and_resume() {
    let (client, _, _) = scripted(vec![error(403, "ExpiredToken")]).await;
    let error = client.instance("blue").await.expect_err("expired");
    assert_eq!(error.kind, RdsErrorKind::Credentials);
    assert_eq!(error.code.as_deref(), Some("ExpiredToken"));
    assert!(error.message.contains("greenlight resume"), "{error}");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for (code, status, kind) in [
        ("DBInstanceNotFound", 404, RdsErrorKind::NotFound),
        ("AccessDenied", 403, RdsErrorKind::Denied),
        ("InvalidDBInstanceState", 400, RdsErrorKind::WrongState),
    ] {
        let (client, _, _) = scripted(vec![error(status, code)]).await;
        let error = client.instance("blue").await.expect_err(code);
        assert_eq!(error.kind, kind, "{error}");
    }
    let empty = ok("DescribeDBInstances", "<DBInstances></DBInstances>");
    let (client, _, _) = scripted(vec![empty]).await;
    let error = client.instance("blue").await.expect_err("empty");
    assert_eq!(error.kind, RdsErrorKind::NotFound);
}
