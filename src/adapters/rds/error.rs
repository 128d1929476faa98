use std::error::Error as StdError;
use std::fmt::Debug;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};

use super::retries::is_throttling;
use crate::ports::{RdsError, RdsErrorKind};

/// Sorts a failed call by what may be done about it.
pub(super) fn failed<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> RdsError
where
    E: StdError + ProvideErrorMetadata + Debug + Send + Sync + 'static,
{
    let make = |kind, code: Option<&str>, message: String| RdsError {
        operation,
        kind,
        code: code.map(str::to_owned),
        message,
    };
    if let Some(reason) = credentials_reason(error) {
        return make(RdsErrorKind::Credentials, None, sign_in(&reason));
    }
    if let SdkError::ServiceError(answer) = error {
        let said = answer.err().meta();
        let status = answer.raw().status().as_u16();
        let kind = said
            .code()
            .map_or_else(|| by_status(status), |code| by_code(code, status));
        let message = said.message().unwrap_or("AWS gave no reason").to_owned();
        let message = match kind {
            RdsErrorKind::Credentials => sign_in(&message),
            RdsErrorKind::Denied => {
                format!("{message}. docs/iam-policy.md lists what the principal needs")
            }
            _ => message,
        };
        return make(kind, said.code(), message);
    }
    let kind = match error {
        SdkError::ConstructionFailure(_) => RdsErrorKind::Refused,
        // Whatever was sent may have been done: the answer is what is missing.
        _ => RdsErrorKind::Unreachable,
    };
    make(kind, None, chain(error))
}

/// What an error code of the RDS or STS API means for us.
pub(super) fn by_code(code: &str, status: u16) -> RdsErrorKind {
    // Some faults are spelled with the suffix in one place of the API and without it in another.
    let code = code.strip_suffix("Fault").unwrap_or(code);
    match code {
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "UnrecognizedClient"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "OptInRequired" => RdsErrorKind::Credentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "AuthFailure"
        | "KMSKeyNotAccessible" => RdsErrorKind::Denied,
        "InternalFailure" | "InternalError" | "ServiceUnavailable" | "RequestTimeout" => {
            RdsErrorKind::Unreachable
        }
        _ if is_throttling(code) => RdsErrorKind::Throttled,
        _ if code.ends_with("NotFound") => RdsErrorKind::NotFound,
        _ if code.ends_with("AlreadyExists") => RdsErrorKind::AlreadyExists,
        _ if code.starts_with("Invalid") && code.ends_with("State") => RdsErrorKind::WrongState,
        _ => by_status(status),
    }
}

fn by_status(status: u16) -> RdsErrorKind {
    match status {
        429 => RdsErrorKind::Throttled,
        500.. => RdsErrorKind::Unreachable,
        _ => RdsErrorKind::Refused,
    }
}

/// The reason when no usable credentials could be had, wherever in the chain it stands.
fn credentials_reason(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(credentials) = error.downcast_ref::<CredentialsError>() {
            return Some(chain(credentials));
        }
        next = error.source();
    }
    None
}

/// What to do when the credentials are the trouble, after what AWS said.
pub(super) fn sign_in(reason: &str) -> String {
    format!(
        "the AWS credentials are missing or have expired ({reason}). Sign in again (for instance `aws sso login`), \
         then take the run up with `greenlight resume`; nothing is lost meanwhile"
    )
}

/// An error with all its sources in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::by_code;
    use crate::ports::RdsErrorKind as Kind;

    #[test]
    fn codes_are_sorted_by_what_may_be_done() {
        for (code, kind) in [
            ("DBInstanceNotFound", Kind::NotFound),
            ("DBInstanceNotFoundFault", Kind::NotFound),
            ("DBSnapshotNotFound", Kind::NotFound),
            ("DBLogFileNotFoundFault", Kind::NotFound),
            ("DBSnapshotAlreadyExists", Kind::AlreadyExists),
            ("DBInstanceAlreadyExists", Kind::AlreadyExists),
            ("InvalidDBSnapshotState", Kind::WrongState),
            ("InvalidDBInstanceState", Kind::WrongState),
            ("InvalidDBInstanceStateFault", Kind::WrongState),
            ("Throttling", Kind::Throttled),
            ("ThrottlingException", Kind::Throttled),
            ("RequestLimitExceeded", Kind::Throttled),
            ("ExpiredToken", Kind::Credentials),
            ("ExpiredTokenException", Kind::Credentials),
            ("InvalidClientTokenId", Kind::Credentials),
            ("UnrecognizedClientException", Kind::Credentials),
            ("AccessDenied", Kind::Denied),
            ("SnapshotQuotaExceeded", Kind::Refused),
            ("InvalidParameterCombination", Kind::Refused),
        ] {
            assert_eq!(by_code(code, 400), kind, "{code}");
        }
        assert_eq!(by_code("InternalFailure", 500), Kind::Unreachable);
        assert_eq!(by_code("SomethingNew", 503), Kind::Unreachable);
    }
}
