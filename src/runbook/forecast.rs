use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Statements of a write pause that wait for one another, the sequences included.
const ROUND_TRIPS: u32 = 10;
/// What ending one session keeps a server busy.
const PER_SESSION: Duration = Duration::from_micros(1200);

/// What a write pause would take, by what it would be spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseForecast {
    /// Applying what is behind.
    pub drain: Duration,
    /// Ending the sessions of the fenced roles.
    pub sessions: Duration,
    /// Round trips of the statements that wait for one another.
    pub statements: Duration,
}

impl PauseForecast {
    /// A forecast from the slower server's round trip, the sessions to end and what is left to drain.
    #[must_use]
    pub fn of(round_trip: Duration, sessions: u64, drain: Duration) -> Self {
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        Self {
            drain,
            sessions: PER_SESSION.saturating_mul(sessions),
            statements: round_trip.saturating_mul(ROUND_TRIPS),
        }
    }

    /// The whole pause.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.drain
            .saturating_add(self.sessions)
            .saturating_add(self.statements)
    }
}

/// `42 ms (drain 3, sessions 20, statements 19)`
impl fmt::Display for PauseForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ms (drain {}, sessions {}, statements {})",
            self.total().as_millis(),
            self.drain.as_millis(),
            self.sessions.as_millis(),
            self.statements.as_millis()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::PauseForecast;

    #[test]
    fn a_forecast_says_what_it_is_made_of() {
        let ms = Duration::from_millis;
        let forecast = PauseForecast::of(ms(2), 10, ms(3));
        assert_eq!(forecast.total(), ms(35));
        assert_eq!(
            forecast.to_string(),
            "35 ms (drain 3, sessions 12, statements 20)"
        );
        let endless = PauseForecast::of(ms(1), u64::MAX, Duration::MAX);
        assert_eq!(endless.total(), Duration::MAX);
    }
}
