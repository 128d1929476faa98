use std::fmt;
use std::sync::Arc;

use aws_sdk_rds::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_rds::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rds::error::BoxError;

/// An attempt that failed in a way the SDK repeats by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The error code AWS gave (`Throttling`), or what went wrong on the way.
    pub reason: String,
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RDS: {}; trying again, more slowly", self.reason)
    }
}

/// Hears of attempts that are repeated.
pub type OnRetry = Arc<dyn Fn(&Retry) + Send + Sync>;

/// Writes each retry to the log file.
#[must_use]
pub fn trace_retries() -> OnRetry {
    Arc::new(|retry| tracing::warn!("{retry}"))
}

/// Looks at every attempt's end; changes nothing.
pub(super) struct RetryWatch(pub(super) OnRetry);

impl fmt::Debug for RetryWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetryWatch")
    }
}

impl Intercept for RetryWatch {
    fn name(&self) -> &'static str {
        "RetryWatch"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Err(error)) = context.output_or_error() else {
            return Ok(());
        };
        let body = context
            .response()
            .and_then(|response| response.body().bytes())
            .map(String::from_utf8_lossy);
        let reason = match (body.as_deref().and_then(error_code), context.response()) {
            (Some(code), _) if is_throttling(code) => Some(format!("throttled ({code})")),
            (_, Some(response)) if response.status().as_u16() >= 500 => {
                Some(format!("AWS answered {}", response.status()))
            }
            (_, None) if error.is_connector_error() || error.is_timeout_error() => {
                Some("AWS cannot be reached or does not answer".to_owned())
            }
            _ => None,
        };
        if let Some(reason) = reason {
            (self.0)(&Retry { reason });
        }
        Ok(())
    }
}

/// The `<Code>` of an error answer.
fn error_code(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}

/// True for the codes with which AWS asks for fewer calls.
pub(super) fn is_throttling(code: &str) -> bool {
    code.starts_with("Throttl")
        || matches!(
            code,
            "RequestLimitExceeded" | "TooManyRequestsException" | "SlowDown" | "RequestThrottled"
        )
}
