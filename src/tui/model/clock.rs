use std::time::Duration;

use jiff::Timestamp;

/// The time from `since` to `now`; nothing when the clock went back.
#[must_use]
pub fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
