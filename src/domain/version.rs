use std::fmt;

use serde::{Deserialize, Serialize};

/// A PostgreSQL version as `server_version_num` gives it: 150018 is 15.18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PgVersion(pub u32);

impl PgVersion {
    /// The version written `15.18` or `17`, as RDS and packages name it; `None` for anything else.
    #[must_use]
    pub fn from_dotted(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let major: u32 = parts.next()?.parse().ok()?;
        let minor: u32 = parts.next().map_or(Some(0), |part| part.parse().ok())?;
        (major >= 10 && minor < 10_000).then_some(Self(major * 10_000 + minor))
    }

    /// The major version: 15 of 15.18.
    #[must_use]
    pub fn major(self) -> u32 {
        self.0 / 10_000
    }

    /// The minor version: 18 of 15.18.
    #[must_use]
    pub fn minor(self) -> u32 {
        self.0 % 10_000
    }

    /// True when this came out before `other`. All majors get their minor versions on the same days: 14.23, 15.18, 16.14,
    /// 17.10 and 18.4 are of one. Of majors whose days are not known nothing is said.
    #[must_use]
    pub fn is_older_release_than(self, other: Self) -> bool {
        let both = self.release_day().zip(other.release_day());
        both.is_some_and(|(this, other)| this < other)
    }

    /// The day it came out, counted in minor versions of 10.
    fn release_day(self) -> Option<u32> {
        let first = match self.major() {
            10 => 0,
            11 => 5,
            12 => 10,
            13 => 14,
            14 => 17,
            15 => 22,
            16 => 26,
            17 => 30,
            18 => 36,
            _ => return None,
        };
        Some(first + self.minor())
    }
}

impl fmt::Display for PgVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.minor())
    }
}

#[cfg(test)]
mod tests {
    use super::PgVersion;

    #[test]
    fn dotted_versions() {
        assert_eq!(PgVersion::from_dotted("15.18"), Some(PgVersion(150_018)));
        assert_eq!(PgVersion::from_dotted("17"), Some(PgVersion(170_000)));
        assert_eq!(PgVersion::from_dotted("9.6"), None);
        assert_eq!(PgVersion::from_dotted("15.x"), None);
        assert_eq!(PgVersion(150_018).to_string(), "15.18");
    }

    #[test]
    fn minor_versions_of_one_day_are_no_older_than_one_another() {
        let older = |this: &str, other: &str| {
            let [this, other] = [this, other].map(|text| PgVersion::from_dotted(text).expect(text));
            this.is_older_release_than(other)
        };
        let day = ["13.17", "14.14", "15.9", "16.5", "17.1"];
        assert!(
            day.iter()
                .all(|this| day.iter().all(|other| !older(this, other)))
        );
        let day = ["14.23", "15.18", "16.14", "17.10", "18.4"];
        assert!(
            day.iter()
                .all(|this| day.iter().all(|other| !older(this, other)))
        );
        assert!(older("17.10", "15.20") && !older("17.12", "15.20") && !older("19.1", "15.20"));
    }
}
