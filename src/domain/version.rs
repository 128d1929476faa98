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
}
