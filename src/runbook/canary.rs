use serde::{Deserialize, Serialize};

/// What a writer that goes by the application's own URL saw of a write pause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanarySeen {
    /// From the last row acknowledged before the pause to the first after it, microseconds; `None` when none came
    /// through afterwards for as long as it tried.
    pub pause_us: Option<u64>,
    /// Rows whose commit was acknowledged.
    pub acknowledged: u64,
    /// Of them, those that are not on the side in service; `None` when they could not be counted.
    pub lost: Option<u64>,
    /// Rows that are there more often than once; `None` when they could not be counted.
    pub doubled: Option<u64>,
    /// Rows whose outcome was never heard: neither lost nor doubled.
    pub in_doubt: u64,
}

impl CanarySeen {
    /// One line: `an application saw 74.2 ms; of 120 rows 0 lost, 0 doubled; 1 in doubt`.
    #[must_use]
    pub fn words(&self) -> String {
        let pause = self.pause_us.map_or_else(
            || "no end of the pause".to_owned(),
            |us| format!("{}.{} ms", us / 1000, us % 1000 / 100),
        );
        let counts = match (self.lost, self.doubled) {
            (Some(lost), Some(doubled)) => format!("{lost} lost, {doubled} doubled"),
            _ => "lost and doubled not counted".to_owned(),
        };
        format!(
            "an application saw {pause}; of {} rows {counts}; {} in doubt",
            self.acknowledged, self.in_doubt
        )
    }

    /// True unless rows are known to be lost or doubled.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        [self.lost, self.doubled]
            .iter()
            .all(|count| count.is_none_or(|count| count == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::CanarySeen;

    #[test]
    fn what_is_not_known_is_said() {
        let mut seen = CanarySeen {
            pause_us: Some(74_260),
            acknowledged: 120,
            lost: Some(0),
            doubled: Some(0),
            in_doubt: 1,
        };
        let words = "an application saw 74.2 ms; of 120 rows 0 lost, 0 doubled; 1 in doubt";
        assert_eq!(seen.words(), words);
        assert!(seen.is_whole());
        seen.doubled = Some(2);
        assert!(!seen.is_whole());
        seen = CanarySeen::default();
        let words = "an application saw no end of the pause; of 0 rows lost and doubled not counted; 0 in doubt";
        assert_eq!(seen.words(), words);
    }
}
