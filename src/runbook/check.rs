use serde::{Deserialize, Serialize};

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to do.
    Pass,
    /// It does not apply here; the evidence says why.
    Skipped,
    /// Go on only knowing this.
    Warn,
    /// The procedure stops here.
    Block,
}

/// One check's answer from one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check, `replica-identity-missing`.
    pub id: String,
    /// What it came to.
    pub verdict: Verdict,
    /// True when the question could not be asked: the evidence is the error. Counts as the check's own severity.
    #[serde(default)]
    pub unknown: bool,
    /// The server (and database, where it matters): `BLUE`, `GREEN · shop`, `RDS`.
    pub node: String,
    /// What was seen, in words an operator reads, with the objects by name.
    pub evidence: String,
    /// What to do about it, in words; empty for a pass.
    pub remedy: String,
    /// SQL that would mend it, when there is such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// True when it is asked again right before the fence.
    #[serde(default)]
    pub gate: bool,
}

/// All answers of one round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The answers, worst first within their order of catalogue.
    pub checks: Vec<CheckResult>,
}

impl CheckReport {
    /// How many answers have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks
            .iter()
            .filter(|check| check.verdict == verdict)
            .count()
    }

    /// The answers that stop the procedure.
    pub fn blocking(&self) -> impl Iterator<Item = &CheckResult> {
        self.checks
            .iter()
            .filter(|check| check.verdict == Verdict::Block)
    }

    /// True when nothing stops the procedure.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.blocking().next().is_none()
    }
}
