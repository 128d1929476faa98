use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::adapters::postgres::tls::client_config;
use crate::domain::Node;
use crate::ports::{PatroniError, PatroniErrorKind};
use crate::profile::SslMode;

/// What one call may take.
const LIMIT: Duration = Duration::from_secs(10);
/// For a connection to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// No answer of Patroni's is larger, bytes.
const LARGEST: usize = 4 << 20;
/// As much of a refusal is shown, characters.
const WORDS: usize = 300;

/// How the REST API is let in and trusted.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `restapi.authentication`: user and password.
    pub login: Option<(String, SecretString)>,
    /// CA file; `None` takes the system's CAs.
    pub cacert: Option<PathBuf>,
    /// Takes any certificate.
    pub insecure: bool,
}

pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    authorization: Option<HeaderValue>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    body: Bytes,
}

type Failed = (PatroniErrorKind, String);

impl Client {
    pub(super) fn new(access: &Access) -> Result<Self, PatroniError> {
        let cannot = |reason: String| PatroniError {
            member: "the REST API".to_owned(),
            kind: PatroniErrorKind::Unreachable,
            reason,
        };
        let mode = if access.insecure {
            SslMode::Require
        } else {
            SslMode::VerifyFull
        };
        let rootcert = access.cacert.as_deref().filter(|_| !access.insecure);
        let tls = client_config(mode, rootcert).map_err(|error| cannot(error.to_string()))?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let authorization = access.login.as_ref().map(|(user, password)| {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose_secret()));
            HeaderValue::from_str(&format!("Basic {pair}")).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        });
        Ok(Self {
            // A connection of its own each time: one that was kept may belong to a Patroni that is gone.
            pool: Pool::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
            authorization: authorization
                .transpose()
                .map_err(|error| cannot(error.to_string()))?,
        })
    }

    pub(super) async fn call(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failed> {
        let reads = method == Method::GET;
        let mut request = Request::builder().method(method).uri(url);
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let request = request
            .body(Full::new(body))
            .map_err(|error| (PatroniErrorKind::Unreachable, format!("{url}: {error}")))?;
        let lost = |reason: String| {
            // A question that was lost changed nothing.
            let kind = if reads {
                PatroniErrorKind::Unreachable
            } else {
                PatroniErrorKind::Unknown
            };
            (kind, format!("{url}: {reason}"))
        };
        let answered = async {
            let response = self.pool.request(request).await.map_err(|error| {
                if error.is_connect() {
                    (
                        PatroniErrorKind::Unreachable,
                        format!("{url}: {}", chain(&error)),
                    )
                } else {
                    lost(chain(&error))
                }
            })?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            let body = body.map_err(|error| lost(error.to_string()))?.to_bytes();
            Ok(Answer { status, body })
        };
        tokio::time::timeout(LIMIT, answered)
            .await
            .unwrap_or_else(|_| Err(lost(format!("no answer within {LIMIT:?}"))))
    }
}

impl Answer {
    /// The answer when it is a yes.
    pub(super) fn fine(self, member: &Node) -> Result<Self, PatroniError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let words: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(WORDS)
            .collect();
        let remedy = match self.status {
            401 | 403 => "; the profile names its user and password under [patroni]",
            _ => "",
        };
        Err(PatroniError {
            member: member.to_string(),
            kind: PatroniErrorKind::Refused,
            reason: format!("it answered {}: {}{remedy}", self.status, words.trim()),
        })
    }

    pub(super) fn json(&self, member: &Node) -> Result<Value, PatroniError> {
        serde_json::from_slice(&self.body).map_err(|error| PatroniError {
            member: member.to_string(),
            kind: PatroniErrorKind::Unread,
            reason: format!("its answer {} is no JSON: {error}", self.status),
        })
    }
}

/// An error with what it came from: the outermost alone says too little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
