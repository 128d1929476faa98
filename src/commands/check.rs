use std::process::ExitCode;
use std::sync::Arc;

use secrecy::SecretString;
use serde::Serialize;

use super::{Ended, print, print_json};
use crate::adapters::LocalCommands;
use crate::adapters::postgres::Postgres;
use crate::adapters::rds::{AwsSettings, RdsClient, trace_retries};
use crate::checks::{CheckContext, Moment, run_all};
use crate::cli::CheckArgs;
use crate::domain::{Node, Place, visible_char};
use crate::ports::{Databases, RdsApi};
use crate::profile::{BlueGreen, PasswordSource, Profile, load};
use crate::runbook::{CheckReport, CheckResult, Facts, Verdict, World};

/// The name sessions of this command carry where a run's would stand.
const RUN: &str = "check";

#[derive(Serialize)]
struct Printed<'a> {
    verdict: Verdict,
    checks: &'a [CheckResult],
}

/// Asks the pre-flight checks and prints them; exit code 1 when one of them blocks.
pub async fn run(args: &CheckArgs) -> Ended {
    let Profile::BlueGreen(profile) = load(&args.profile)?;
    let settings = AwsSettings::from(&profile.rds);
    let rds: Arc<dyn RdsApi> = Arc::new(RdsClient::connect(&settings, trace_retries()).await?);
    let databases = Postgres::from_profile(&profile, RUN, Some(Arc::clone(&rds)));
    if databases.address(&Node::blue()).is_none() {
        let blue = rds.instance(&profile.blue.identifier).await?;
        if let Some((host, port)) = blue.endpoint {
            databases.set_address(&Node::blue(), &host, port);
        }
    }
    // Without BLUE every question would come back unknown, with the same reason each.
    let first = Place::new(Node::blue(), &profile.databases[0]);
    databases.shared(&first).await?;
    let world = World {
        databases: Arc::new(databases),
        rds: Some(rds),
        hosts: None,
        commands: Arc::new(LocalCommands::from_profile(&profile)),
    };
    let report = ask(&profile, &world, args.json).await;
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

async fn ask(profile: &BlueGreen, world: &World, quiet: bool) -> CheckReport {
    let facts = Facts::default();
    // Nothing is sent with it before GREEN exists; whether there will be one decides how the logs are judged.
    let password = SecretString::default();
    let ctx = CheckContext {
        profile,
        world,
        facts: &facts,
        run: RUN,
        moment: Moment::Preflight,
        replication_password: (profile.replication.password != PasswordSource::None)
            .then_some(&password),
        run_dir: None,
    };
    let show = |result: CheckResult| {
        if !quiet && result.verdict == Verdict::Block {
            eprintln!(
                "{}",
                shown(&format!("{} blocks: {}", result.id, result.evidence))
            );
        }
    };
    run_all(&ctx, &show).await
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
