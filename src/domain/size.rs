use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes, written in profiles as PostgreSQL writes it: `16MB`, `40 GB`, 1024 to the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(pub u64);

const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || {
            format!(
                "{text:?} is not a size (expected a whole number and B, kB, MB, GB or TB, as in \"16MB\")"
            )
        };
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let number: u64 = text[..digits].parse().map_err(|_| error())?;
        let unit = text[digits..].trim();
        let power = UNITS
            .iter()
            .position(|u| u.eq_ignore_ascii_case(unit))
            .ok_or_else(error)?;
        number
            .checked_mul(1 << (10 * power))
            .map(Self)
            .ok_or_else(error)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&human_bytes(self.0))
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

/// Bytes for people: `1.2 MB`, `340 B`.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// Durations for people: `3 ms`, `2.4 s`, `11:42`, `1:02:03`.
#[must_use]
pub fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ByteSize, human_bytes, human_duration};

    #[test]
    fn sizes_are_read_as_postgresql_reads_them() {
        assert_eq!("16MB".parse(), Ok(ByteSize(16 << 20)));
        assert_eq!("40 GB".parse(), Ok(ByteSize(40 << 30)));
        for text in ["", "MB", "16", "1.5MB", "-1MB", "16MiB", "99999999999999TB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_and_durations_for_people() {
        assert_eq!(human_bytes(1023), "1023 B");
        assert_eq!(human_bytes(1_258_291), "1.2 MB");
        assert_eq!(human_duration(Duration::from_millis(42)), "42 ms");
        assert_eq!(human_duration(Duration::from_millis(2400)), "2.4 s");
        assert_eq!(human_duration(Duration::from_secs(702)), "11:42");
        assert_eq!(human_duration(Duration::from_secs(3723)), "1:02:03");
    }
}
