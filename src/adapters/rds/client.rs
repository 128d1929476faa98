use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::config::timeout::TimeoutConfig;
use aws_sdk_rds::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls;

use super::retries::{OnRetry, RetryWatch};
use crate::ports::{RdsError, RdsErrorKind};
use crate::profile::Rds;

/// Attempts of one call, the first included. With the adaptive mode's growing pauses that rides out a minute of throttling.
const ATTEMPTS: u32 = 8;

/// How to reach RDS; `None` leaves it to the environment, as every AWS tool does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// AWS region.
    pub region: Option<String>,
    /// Named profile of `~/.aws/config`.
    pub profile: Option<String>,
    /// Another endpoint than AWS's own.
    pub endpoint_url: Option<String>,
}

impl From<&Rds> for AwsSettings {
    fn from(rds: &Rds) -> Self {
        Self {
            region: rds.region.clone(),
            profile: rds.aws_profile.clone(),
            endpoint_url: rds.endpoint_url.clone(),
        }
    }
}

/// The RDS API behind [`crate::ports::RdsApi`].
#[derive(Debug, Clone)]
pub struct RdsClient {
    pub(super) rds: aws_sdk_rds::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) sdk: SdkConfig,
}

impl RdsClient {
    /// Reads the environment and builds the client; calls nothing yet, except what a credential process needs.
    ///
    /// `on_retry` hears of every attempt that is going to be repeated.
    pub async fn connect(settings: &AwsSettings, on_retry: OnRetry) -> Result<Self, RdsError> {
        let sdk = load(settings).await?;
        let mut rds = aws_sdk_rds::config::Builder::from(&sdk).interceptor(RetryWatch(on_retry));
        let mut sts = aws_sdk_sts::config::Builder::from(&sdk);
        // Set on the two services only: sign-in (SSO, instance role) must go on reaching AWS itself.
        if let Some(url) = &settings.endpoint_url {
            rds = rds.endpoint_url(url);
            sts = sts.endpoint_url(url);
        }
        Ok(Self {
            rds: aws_sdk_rds::Client::from_conf(rds.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            sdk,
        })
    }

    /// The region calls go to.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.sdk.region().map(AsRef::as_ref)
    }
}

async fn load(settings: &AwsSettings) -> Result<SdkConfig, RdsError> {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(20))
        .operation_timeout(Duration::from_secs(120))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::adaptive().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts);
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if settings.endpoint_url.as_deref().is_some_and(is_loopback) {
        // Nothing on loopback is AWS: real credentials are not shown to it, and none are needed.
        loader = loader.credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "GREENLIGHT",
            "rehearsal",
            None,
            None,
            "rehearsal",
        )));
        if settings.region.is_none() {
            loader = loader.region(Region::new("us-east-1"));
        }
    }
    let sdk = loader.load().await;
    if sdk.region().is_some() {
        return Ok(sdk);
    }
    Err(RdsError {
        operation: "configuration",
        kind: RdsErrorKind::Refused,
        code: None,
        message: "no AWS region is known. Set region under [rds] in the profile, or AWS_REGION, or a region for the \
                  named profile in ~/.aws/config"
            .to_owned(),
    })
}

/// True when the URL's host is this machine.
fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or(host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_is_loopback() {
        for url in [
            "http://127.0.0.1:4711",
            "http://localhost:1/x",
            "http://[::1]:80/",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://rds.eu-central-1.amazonaws.com",
            "http://127.0.0.1.example.com:80",
            "https://localhost.example.com",
            "http://user@127.0.0.1:80",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
