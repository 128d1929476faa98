use std::time::{Duration, Instant};

use super::wait::{Described, poll_every, until};
use crate::profile::BlueGreen;
use crate::runbook::{Context, StepError};

/// How long RDS may go on showing the old, available state after an upgrade was asked for.
const GRACE: Duration = Duration::from_secs(300);
/// The same for a rehearsal's stand-in, which begins at once.
const GRACE_OF_STAND_IN: Duration = Duration::from_secs(15);

/// Where an upgrade stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Available at the target version.
    Through,
    /// Under way, or not begun yet.
    Wait,
    /// Available at the old version again: it failed and was taken back, which looks like success.
    WentBack,
}

/// Judges one description. `begun` is true once another state than `available` was seen after the call.
pub(super) fn turn(
    status: &str,
    version: &str,
    target: &str,
    begun: bool,
    grace_over: bool,
) -> Turn {
    match (status == "available", version == target) {
        (true, true) => Turn::Through,
        (true, false) if begun || grace_over => Turn::WentBack,
        _ => Turn::Wait,
    }
}

/// Waits until `name` is available at the target version.
pub(super) async fn wait_for_upgrade<D: Described>(
    ctx: &Context,
    profile: &BlueGreen,
    name: &str,
    already_begun: bool,
) -> Result<(), StepError> {
    let target = &profile.green.engine_version;
    let grace = if profile.rds.endpoint_url.is_some() {
        GRACE_OF_STAND_IN
    } else {
        GRACE
    };
    let started = Instant::now();
    let mut begun = already_begun;
    let what = format!("{} {name} to be available at PostgreSQL {target}", D::WHAT);
    let went_back = until::<D, _>(
        ctx,
        name,
        &what,
        (poll_every(profile), profile.budgets.upgrade),
        |seen| {
            begun |= seen.status() != "available";
            let grace_over = started.elapsed() >= grace;
            Ok(
                match turn(seen.status(), seen.version(), target, begun, grace_over) {
                    Turn::Through => Ok(None),
                    Turn::WentBack => Ok(Some(seen.version().to_owned())),
                    Turn::Wait => Err(seen.progress()),
                },
            )
        },
    )
    .await?;
    let Some(old) = went_back else {
        return Ok(());
    };
    Err(StepError::Stop(format!(
        "the upgrade of {what} {name} to PostgreSQL {target} failed: RDS shows it available again, still at {old}. \
         BLUE is untouched and in service. {why}. Mend that on BLUE, undo the steps back to the snapshot, and do them again",
        what = D::WHAT,
        why = why(ctx, name).await,
    )))
}

/// What RDS recorded about the failure, and `pg_upgrade`'s own words where a log of it can be read.
async fn why(ctx: &Context, name: &str) -> String {
    let Ok(rds) = ctx.rds() else {
        return String::new();
    };
    let mut told = Vec::new();
    match rds.events(name).await {
        Ok(events) => told.extend(
            events
                .iter()
                .rev()
                .take(3)
                .map(|event| format!("RDS says: {}", event.message)),
        ),
        Err(error) => told.push(format!("The events of {name} cannot be read: {error}")),
    }
    for file in rds.log_files(name).await.unwrap_or_default() {
        if file.name.contains("pg_upgrade")
            && let Ok(text) = rds.log_text(name, &file.name).await
            && let Some(reason) = pg_upgrade_reason(&text)
        {
            told.push(format!("{} says: {reason}", file.name));
        }
    }
    if told.is_empty() {
        told.push(format!("RDS recorded no reason under the events of {name}"));
    }
    told.join(". ")
}

/// The paragraph around the last complaint in a `pg_upgrade` log, in one line.
fn pg_upgrade_reason(log: &str) -> Option<String> {
    let lines: Vec<_> = log.lines().map(str::trim).collect();
    let is_complaint = |line: &&str| {
        let line = line.to_ascii_lowercase();
        ["fatal", "failure", "error", "could not"]
            .iter()
            .any(|word| line.contains(word))
    };
    let at = lines.iter().rposition(is_complaint)?;
    let rest = lines[at..].iter().take(8).filter(|line| !line.is_empty());
    Some(rest.copied().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::{Turn, pg_upgrade_reason, turn};

    #[test]
    fn available_alone_is_no_success() {
        let judge = |status, version, begun, grace| turn(status, version, "17.10", begun, grace);
        assert_eq!(judge("available", "17.10", true, false), Turn::Through);
        assert_eq!(judge("available", "15.18", false, false), Turn::Wait);
        assert_eq!(judge("upgrading", "15.18", true, false), Turn::Wait);
        assert_eq!(judge("upgrading", "17.10", true, true), Turn::Wait);
        assert_eq!(judge("available", "15.18", true, false), Turn::WentBack);
        assert_eq!(judge("available", "15.18", false, true), Turn::WentBack);
    }

    #[test]
    fn the_reason_is_pg_upgrades_own() {
        let log = "Checking for prepared transactions                            fatal\n\n\
                   The source cluster contains prepared transactions\n";
        assert_eq!(
            pg_upgrade_reason(log).as_deref(),
            Some(
                "Checking for prepared transactions                            fatal \
                 The source cluster contains prepared transactions"
            )
        );
        assert_eq!(pg_upgrade_reason("Checking cluster versions   ok\n"), None);
    }
}
