use std::error::Error as _;

use tokio_postgres::error::Severity;

use crate::domain::{Place, Sql};
use crate::ports::{DbError, DbErrorKind};

/// What became of a statement that was sent. Whatever the server or the driver says is cleared of the statement's
/// secrets: a syntax error quotes the word it stumbled over.
pub(super) fn of_statement(place: &Place, sql: &Sql, error: &tokio_postgres::Error) -> DbError {
    let Some(told) = error.as_db_error() else {
        return DbError {
            place: place.clone(),
            kind: DbErrorKind::Unknown,
            sqlstate: None,
            message: format!(
                "the connection failed while a statement was under way, so whether it took effect is not known: {}",
                sql.mask(&chain(error))
            ),
            detail: None,
        };
    };
    // FATAL ends the session and may come between the commit and the word of it, so it proves nothing.
    let refused = told.parsed_severity() == Some(Severity::Error) && told.code().code() != "40003";
    let message = sql.mask(told.message());
    DbError {
        place: place.clone(),
        kind: if refused {
            DbErrorKind::Refused
        } else {
            DbErrorKind::Unknown
        },
        sqlstate: Some(told.code().code().to_owned()),
        message: if refused {
            message
        } else {
            format!(
                "the server ended the session while a statement was under way, so whether it took effect is not known: {message}"
            )
        },
        detail: detail(told).map(|text| sql.mask(&text)),
    }
}

/// No connection came about; nothing was sent.
pub(super) fn of_connection(place: &Place, server: &str, error: &tokio_postgres::Error) -> DbError {
    let told = error.as_db_error();
    let sqlstate = told.map(|told| told.code().code().to_owned());
    let reason = told.map_or_else(|| chain(error), |told| told.message().to_owned());
    let remedy = match sqlstate.as_deref() {
        Some("28P01") => "Check the role and the password source in the profile.",
        Some("28000") => "Check pg_hba.conf, the role, and whether the server wants TLS.",
        Some("3D000") => "Check the database's name in the profile.",
        Some("53300") => {
            "The server has no connection slot left: free some, or raise max_connections."
        }
        Some("57P03") => "The server is starting, stopping or recovering: try again in a moment.",
        Some(_) => "",
        None if reason.contains("certificate") => {
            "The server's certificate is not accepted: check sslrootcert, and the host name against the certificate."
        }
        None if reason.contains("does not support TLS") => {
            "The server has no TLS: turn it on, or set sslmode in the profile."
        }
        None if reason.contains("password missing") => {
            "The server asks for a password: name a password source in the profile."
        }
        None => "Check that the server is up and that this machine may reach it.",
    };
    let detail = told.and_then(detail).into_iter();
    let remedy = Some(remedy.to_owned()).filter(|remedy| !remedy.is_empty());
    let detail: Vec<_> = detail.chain(remedy).collect();
    DbError {
        sqlstate,
        detail: Some(detail.join(" ")).filter(|detail| !detail.is_empty()),
        ..not_connected(place, server, &reason)
    }
}

/// No connection came about, for a reason found on this side.
pub(super) fn not_connected(place: &Place, server: &str, reason: &str) -> DbError {
    DbError {
        place: place.clone(),
        kind: DbErrorKind::Connect,
        sqlstate: None,
        message: format!("no connection to {server}, nothing was sent: {reason}"),
        detail: None,
    }
}

/// A statement was sent and its end is not known.
pub(super) fn unknown(place: &Place, message: String) -> DbError {
    DbError {
        place: place.clone(),
        kind: DbErrorKind::Unknown,
        sqlstate: None,
        message,
        detail: None,
    }
}

fn detail(told: &tokio_postgres::error::DbError) -> Option<String> {
    match (told.detail(), told.hint()) {
        (Some(detail), Some(hint)) => Some(format!("{detail} {hint}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

/// The driver's words with their causes: its own say little.
pub(super) fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
