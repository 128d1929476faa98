use futures_util::FutureExt;
use jiff::{Timestamp, ToSpan};

use super::super::ask::{Answering, Asking};
use super::super::finding::Finding;
use super::{blue, green, rds};
use crate::ports::{Instance, PendingMaintenance};

/// How far ahead maintenance that AWS applies by itself stands in the way.
const AHEAD_HOURS: i64 = 24;
const MINUTES_A_DAY: i64 = 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

pub(super) fn ask<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let mut findings = Vec::new();
        for (instance, is_green) in [
            (Some(blue(asking).await?), false),
            (green(asking).await?, true),
        ] {
            if let Some(instance) = instance {
                let pending = rds(asking)?
                    .pending_maintenance(&instance.identifier)
                    .await?;
                let finding = judge(&instance, &pending, is_green, Timestamp::now());
                findings.push(super::Answer::new(
                    format!("RDS · {}", instance.identifier),
                    finding,
                ));
            }
        }
        Ok(findings)
    }
    .boxed()
}

/// A window alone does nothing: maintenance that is due does.
fn judge(
    instance: &Instance,
    pending: &[PendingMaintenance],
    is_green: bool,
    now: Timestamp,
) -> Finding {
    let soon = now + AHEAD_HOURS.hours();
    let name = |action: &PendingMaintenance| format!("{} ({})", action.action, action.description);
    let (due, later): (Vec<_>, Vec<_>) = pending
        .iter()
        .partition(|action| action.applies_at.is_some_and(|at| at <= soon));
    if !due.is_empty() {
        let names: Vec<_> = due.into_iter().map(name).collect();
        return Finding::fail(format!(
            "AWS applies this by itself within {AHEAD_HOURS} hours: {}",
            names.join(", ")
        ));
    }
    let in_maintenance = covers_week(&instance.maintenance_window, now);
    if in_maintenance && !later.is_empty() {
        let names: Vec<_> = later.into_iter().map(name).collect();
        return Finding::fail(format!(
            "its maintenance window {} is open now, with this pending: {}",
            instance.maintenance_window,
            names.join(", ")
        ));
    }
    if is_green && instance.auto_minor_upgrade {
        return Finding::fail("AutoMinorVersionUpgrade is on: AWS may restart GREEN in the run")
            .remedy("Switch it off on GREEN until the run is over.");
    }
    if instance.backup_retention_days > 0 && covers_day(&instance.backup_window, now) {
        return Finding::warn(format!(
            "its backup window {} is open now; a backup costs I/O",
            instance.backup_window
        ))
        .remedy("Wait until the backup is through, or go on knowing that the disk is busier.");
    }
    if !later.is_empty() {
        let names: Vec<_> = later.into_iter().map(name).collect();
        return Finding::warn(format!("pending, not due yet: {}", names.join(", ")));
    }
    Finding::pass(format!(
        "nothing is pending; maintenance window {}, backup window {}",
        instance.maintenance_window, instance.backup_window
    ))
}

/// `03:00-03:30` UTC, minutes of the day.
fn covers_day(window: &str, now: Timestamp) -> bool {
    let read = || {
        let (from, to) = window.split_once('-')?;
        Some((minutes(from)?, minutes(to)?))
    };
    read().is_some_and(|(from, to)| {
        let minute = now.as_second().div_euclid(60).rem_euclid(MINUTES_A_DAY);
        between(minute, from, to)
    })
}

/// `sun:04:00-sun:04:30` UTC, minutes of the week.
fn covers_week(window: &str, now: Timestamp) -> bool {
    let of_week = |text: &str| {
        let (day, time) = text.split_once(':')?;
        let day = DAYS
            .iter()
            .position(|name| *name == day.to_ascii_lowercase())?;
        Some(i64::try_from(day).ok()? * MINUTES_A_DAY + minutes(time)?)
    };
    let read = || {
        let (from, to) = window.split_once('-')?;
        Some((of_week(from)?, of_week(to)?))
    };
    read().is_some_and(|(from, to)| {
        // 1970-01-01 was a Thursday.
        let minute = now.as_second().div_euclid(60) + 3 * MINUTES_A_DAY;
        between(minute.rem_euclid(7 * MINUTES_A_DAY), from, to)
    })
}

/// A window may go over midnight, or over the end of the week.
fn between(minute: i64, from: i64, to: i64) -> bool {
    if from <= to {
        (from..to).contains(&minute)
    } else {
        minute >= from || minute < to
    }
}

fn minutes(time: &str) -> Option<i64> {
    let (hours, minutes) = time.split_once(':')?;
    Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::super::finding::FindingKind::{Fail, Pass, Warn};
    use super::{covers_day, covers_week, judge};
    use crate::ports::{Instance, PendingMaintenance};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("time")
    }

    fn instance() -> Instance {
        Instance {
            maintenance_window: "sun:04:00-sun:04:30".to_owned(),
            backup_window: "23:45-00:15".to_owned(),
            backup_retention_days: 7,
            ..Instance::default()
        }
    }

    fn pending(applies_at: Option<&str>) -> [PendingMaintenance; 1] {
        [PendingMaintenance {
            action: "system-update".to_owned(),
            applies_at: applies_at.map(at),
            description: "new operating system".to_owned(),
        }]
    }

    #[test]
    fn windows_are_read_in_utc_and_over_midnight() {
        // 2026-11-22 is a Sunday.
        assert!(covers_week(
            "sun:04:00-sun:04:30",
            at("2026-11-22T04:10:00Z")
        ));
        assert!(!covers_week(
            "sun:04:00-sun:04:30",
            at("2026-11-22T04:30:00Z")
        ));
        assert!(covers_week(
            "sun:23:30-mon:00:30",
            at("2026-11-23T00:10:00Z")
        ));
        assert!(covers_day("23:45-00:15", at("2026-11-22T00:10:00Z")));
        assert!(!covers_day("23:45-00:15", at("2026-11-22T00:15:00Z")));
        assert!(!covers_day("", at("2026-11-22T00:15:00Z")));
    }

    #[test]
    fn maintenance_that_is_due_blocks() {
        let monday = at("2026-11-23T12:00:00Z");
        let sunday = at("2026-11-22T04:10:00Z");
        assert_eq!(judge(&instance(), &[], false, monday).kind, Pass);
        assert_eq!(judge(&instance(), &[], false, sunday).kind, Pass);
        assert_eq!(judge(&instance(), &pending(None), false, monday).kind, Warn);
        assert_eq!(judge(&instance(), &pending(None), false, sunday).kind, Fail);
        let due = pending(Some("2026-11-23T20:00:00Z"));
        assert_eq!(judge(&instance(), &due, false, monday).kind, Fail);
        let later = pending(Some("2026-11-29T04:00:00Z"));
        assert_eq!(judge(&instance(), &later, false, monday).kind, Warn);
        let midnight = at("2026-11-24T00:05:00Z");
        assert_eq!(judge(&instance(), &[], false, midnight).kind, Warn);
    }

    #[test]
    fn green_must_not_upgrade_itself() {
        let green = Instance {
            auto_minor_upgrade: true,
            ..instance()
        };
        let monday = at("2026-11-23T12:00:00Z");
        assert_eq!(judge(&green, &[], true, monday).kind, Fail);
        assert_eq!(judge(&green, &[], false, monday).kind, Pass);
    }
}
