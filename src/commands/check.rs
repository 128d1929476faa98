use std::process::ExitCode;

use serde::Serialize;

use super::outfit::preflight;
use super::{Ended, print, print_json};
use crate::cli::CheckArgs;
use crate::domain::visible_char;
use crate::profile::load;
use crate::runbook::{CheckReport, CheckResult, Verdict};

/// The name sessions of this command carry where a run's would stand.
const RUN: &str = "check";

#[derive(Serialize)]
struct Printed<'a> {
    verdict: Verdict,
    checks: &'a [CheckResult],
}

/// Asks the pre-flight checks and prints them; exit code 1 when one of them blocks.
pub async fn run(args: &CheckArgs) -> Ended {
    let show = |result: CheckResult| {
        if !args.json && result.verdict == Verdict::Block {
            eprintln!(
                "{}",
                shown(&format!("{} blocks: {}", result.id, result.evidence))
            );
        }
    };
    let report = preflight(load(&args.profile)?, RUN, &show).await?;
    let verdict = if report.passes() {
        Verdict::Pass
    } else {
        Verdict::Block
    };
    if args.json {
        print_json(&Printed {
            verdict,
            checks: &report.checks,
        })?;
    } else {
        print(&table(&report))?;
    }
    Ok(ExitCode::from(u8::from(!report.passes())))
}

/// The answers for people: one line each, and below what asks for something what to do.
fn table(report: &CheckReport) -> String {
    let mut lines = Vec::new();
    for check in &report.checks {
        let word = match check.verdict {
            Verdict::Pass => "pass",
            Verdict::Skipped => "skip",
            Verdict::Warn => "WARN",
            Verdict::Block => "BLOCK",
        };
        lines.push(shown(&format!(
            "{word:<6}{:<34} {:<14} {}",
            check.id, check.node, check.evidence
        )));
        if !check.remedy.is_empty() {
            lines.push(shown(&format!("{:<6}→ {}", "", check.remedy)));
        }
        for fix in check.fix.iter().flat_map(|fix| fix.lines()) {
            lines.push(shown(&format!("{:<8}{fix}", "")));
        }
    }
    lines.push(format!(
        "{} pass, {} warn, {} block, {} skipped",
        report.count(Verdict::Pass),
        report.count(Verdict::Warn),
        report.count(Verdict::Block),
        report.count(Verdict::Skipped)
    ));
    lines.join("\n") + "\n"
}

/// Names come from databases: what could steer a terminal is shown as a sign.
fn shown(line: &str) -> String {
    line.chars().map(visible_char).collect()
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::runbook::{CheckReport, CheckResult, Verdict};

    #[test]
    fn a_block_is_shown_with_what_to_do_and_no_escape_sequences() {
        let check = CheckResult {
            id: "prepared-xacts".to_owned(),
            verdict: Verdict::Block,
            unknown: false,
            node: "BLUE".to_owned(),
            evidence: "1 prepared transaction: 'a\u{1b}[2J'".to_owned(),
            remedy: "End it.".to_owned(),
            fix: Some("ROLLBACK PREPARED 'a'".to_owned()),
            gate: true,
        };
        let text = table(&CheckReport {
            checks: vec![check],
        });
        assert!(text.contains("BLOCK prepared-xacts") && text.contains("→ End it."));
        assert!(text.contains("ROLLBACK PREPARED 'a'") && !text.contains('\u{1b}'));
        assert!(text.ends_with("0 pass, 0 warn, 1 block, 0 skipped\n"));
    }
}
