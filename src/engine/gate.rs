//! The confirmation gate. A [`Clearance`] is the only way to have a step applied, and only this file can make one.

use crate::runbook::{CheckReport, Gate, Risk, StepId, StepInfo};

/// Leave to apply one step once. Cannot be copied; applying the step uses it up.
#[derive(Debug, PartialEq, Eq)]
pub struct Clearance {
    step: StepId,
}

/// What the operator did at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: the step follows by itself.
    ByItself,
    /// Enter.
    Enter,
    /// Typed this.
    Typed(String),
    /// The phrase was typed before: the step went past the point of no return and was cut short there. Asking again
    /// would keep applications waiting for an answer that can only be yes.
    Before,
}

impl Clearance {
    /// The step that may be applied.
    #[must_use]
    pub fn step(&self) -> &StepId {
        &self.step
    }
}

/// Whether `answer` is what the gate of this step asks for; an error says what it does ask for.
pub fn accepts(info: &StepInfo, answer: &Answer) -> Result<(), String> {
    if info.risk == Risk::Dangerous && !matches!(info.gate, Gate::Phrase(_)) {
        return Err(format!(
            "{} is dangerous and its gate asks for no phrase: the runbook is wrong",
            info.id
        ));
    }
    match (&info.gate, answer) {
        (Gate::None, Answer::ByItself | Answer::Enter)
        | (Gate::Enter, Answer::Enter)
        | (Gate::Phrase(_), Answer::Before) => Ok(()),
        (Gate::Phrase(wanted), Answer::Typed(typed)) if wanted == typed => Ok(()),
        (Gate::Phrase(wanted), Answer::Typed(_)) => {
            Err(format!("that is not the phrase; it reads: {wanted}"))
        }
        (Gate::Phrase(wanted), _) => Err(format!("this step asks for its phrase: {wanted}")),
        (Gate::Enter | Gate::None, _) => Err("this step asks for Enter".to_owned()),
    }
}

/// Mints the leave to apply a step, given the answer and what the gate's checks said a moment ago.
pub fn clear(info: &StepInfo, answer: &Answer, checks: &CheckReport) -> Result<Clearance, String> {
    accepts(info, answer)?;
    let reasons: Vec<_> = checks
        .blocking()
        .map(|check| format!("{} on {}: {}", check.id, check.node, check.evidence))
        .collect();
    if reasons.is_empty() {
        Ok(Clearance {
            step: info.id.clone(),
        })
    } else {
        Err(reasons.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, clear};
    use crate::runbook::{CheckReport, CheckResult, Danger, Gate, StepInfo, Verdict};

    fn cut_over() -> StepInfo {
        StepInfo::new("cutover", "Cut over", "why")
            .gate(Gate::Phrase("cut over shop".to_owned()))
            .danger(Danger::default())
    }

    fn typed(text: &str) -> Answer {
        Answer::Typed(text.to_owned())
    }

    #[test]
    fn only_the_exact_phrase_opens_a_phrase_gate() {
        let checks = CheckReport::default();
        assert!(clear(&cut_over(), &typed("cut over shop"), &checks).is_ok());
        for wrong in ["", "cut over shop ", "Cut over shop", "cut over sho"] {
            let refused = clear(&cut_over(), &typed(wrong), &checks).unwrap_err();
            assert!(refused.contains("cut over shop"), "{refused}");
        }
        assert!(clear(&cut_over(), &Answer::Enter, &checks).is_err());
        assert!(clear(&cut_over(), &Answer::ByItself, &checks).is_err());
    }

    #[test]
    fn a_blocking_check_keeps_the_gate_shut_and_is_named() {
        let checks = CheckReport {
            checks: vec![CheckResult {
                id: "lag".to_owned(),
                verdict: Verdict::Block,
                unknown: false,
                node: "GREEN · shop".to_owned(),
                evidence: "4 GB behind".to_owned(),
                remedy: String::new(),
                fix: None,
                gate: true,
            }],
        };
        let refused = clear(&cut_over(), &typed("cut over shop"), &checks).unwrap_err();
        assert_eq!(refused, "lag on GREEN · shop: 4 GB behind");
    }

    #[test]
    fn a_dangerous_step_without_a_phrase_never_passes() {
        let wrong = cut_over().gate(Gate::None);
        assert!(clear(&wrong, &Answer::ByItself, &CheckReport::default()).is_err());
    }
}
