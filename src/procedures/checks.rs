//! A round of checks as a step of a run.

use crate::checks::{CheckContext, Subject, run_all};
use crate::runbook::{Context, StepError, StepResult, Verdict};

/// Asks what is due; one that blocks stops the run.
pub async fn ask<P: Subject>(
    ctx: &Context,
    asked: &CheckContext<'_, P>,
) -> Result<StepResult, StepError> {
    let report = run_all(asked, &|result| ctx.check(&result)).await;
    let mut text = format!(
        "{} checks: {} pass, {} warn, {} block",
        report.checks.len(),
        report.count(Verdict::Pass),
        report.count(Verdict::Warn),
        report.count(Verdict::Block),
    );
    let acknowledged = asked.profile.acknowledged();
    if !acknowledged.is_empty() {
        text = format!(
            "{text}; acknowledged in the profile: {}",
            acknowledged.join(", ")
        );
    }
    if report.passes() {
        return Ok(if report.count(Verdict::Warn) > 0 {
            StepResult::Warning(text)
        } else {
            StepResult::Done(text)
        });
    }
    let blocking: Vec<_> = report
        .blocking()
        .map(|check| format!("{} on {}: {}", check.id, check.node, check.evidence))
        .collect();
    Err(StepError::Stop(format!(
        "{text}. Nothing was changed. Mend these and ask again:\n  {}",
        blocking.join("\n  ")
    )))
}
