//! Programs run to their end, within a limit, their last words kept for the error.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::RehearsalError;

/// Runs a program; its standard output when it succeeds.
pub async fn run(
    command: std::process::Command,
    what: &str,
    limit: Duration,
) -> Result<String, RehearsalError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = Command::from(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| RehearsalError::command(what, format!("cannot start {program}: {e}")))?;
    let output = tokio::time::timeout(limit, child.wait_with_output())
        .await
        .map_err(|_| RehearsalError::TimedOut {
            what: what.to_owned(),
            limit,
        })?
        .map_err(|e| RehearsalError::command(what, e.to_string()))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(out);
    }
    let err = String::from_utf8_lossy(&output.stderr);
    let words = format!("{out}{err}");
    Err(RehearsalError::command(
        what,
        format!("{} ({program}): {}", output.status, tail(&words, 12)),
    ))
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
