/// What a judge found at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which way it goes.
    pub kind: FindingKind,
    /// What was seen, with the objects by name.
    pub evidence: String,
    /// What to do, when it differs from what the check always says.
    pub remedy: Option<String>,
    /// SQL that would mend it.
    pub fix: Option<String>,
}

/// Which way a finding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// Nothing to do.
    Pass,
    /// Not asked, for the reason given.
    Skip,
    /// Worth a warning, whatever the check's severity.
    Warn,
    /// What the check is there to find: counts as its severity.
    Fail,
}

impl Finding {
    /// Nothing to do.
    #[must_use]
    pub fn pass(evidence: impl Into<String>) -> Self {
        Self::new(FindingKind::Pass, evidence)
    }

    /// It does not apply here.
    #[must_use]
    pub fn skip(reason: impl Into<String>) -> Self {
        Self::new(FindingKind::Skip, reason)
    }

    /// Go on only knowing this.
    #[must_use]
    pub fn warn(evidence: impl Into<String>) -> Self {
        Self::new(FindingKind::Warn, evidence)
    }

    /// The condition the check is there to find.
    #[must_use]
    pub fn fail(evidence: impl Into<String>) -> Self {
        Self::new(FindingKind::Fail, evidence)
    }

    /// The same with a remedy of its own.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with SQL that would mend it.
    #[must_use]
    pub fn fix(mut self, sql: impl Into<String>) -> Self {
        self.fix = Some(sql.into());
        self
    }

    fn new(kind: FindingKind, evidence: impl Into<String>) -> Self {
        Self {
            kind,
            evidence: evidence.into(),
            remedy: None,
            fix: None,
        }
    }
}
