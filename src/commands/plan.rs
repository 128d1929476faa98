use std::fmt::Write as _;
use std::process::ExitCode;

use super::outfit::unreached;
use super::{Ended, print, print_json};
use crate::cli::PlanArgs;
use crate::domain::visible_lines;
use crate::profile;
use crate::runbook::{Facts, Plan, PlanPhase, PlanStep, Risk, ShownAction, Undo};

/// Prints the runbook of a profile. Connects to nothing: what only servers can tell stands as `{name}`.
pub fn run(args: &PlanArgs) -> Ended {
    let profile = profile::load(&args.profile)?;
    let plan = Plan::of(&unreached(profile), &Facts::default());
    if args.json {
        print_json(&plan)?;
    } else if args.markdown {
        print(&markdown(&plan))?;
    } else {
        print(&text(&plan))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The runbook for people: phases, steps, and every action word for word.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let mut out = plan.procedure.clone();
    for (half, phases) in halves(plan) {
        let _ = write!(out, "\n\n{}", half.to_uppercase());
        for (phase, steps) in numbered(phases) {
            let _ = write!(out, "\n\n{phase}");
            for (number, step) in steps {
                let _ = write!(
                    out,
                    "\n\n  {number} {}  [{}]\n      {}\n      {}",
                    step.title,
                    step.id,
                    step.why,
                    terms(step)
                );
                for ShownAction { target, text, .. } in &step.actions {
                    let text = text.replace('\n', "\n          ");
                    let _ = write!(out, "\n      {target}:\n          {text}");
                }
            }
        }
    }
    out.push('\n');
    visible_lines(&out)
}

/// The same as Markdown, for a change request.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    let mut out = format!("# {}\n", plan.procedure);
    for (half, phases) in halves(plan) {
        let _ = write!(out, "\n## {half}\n");
        for (phase, steps) in numbered(phases) {
            let _ = write!(out, "\n### {phase}\n");
            for (number, step) in steps {
                let _ = write!(
                    out,
                    "\n#### {number} {} (`{}`)\n\n{}\n\n*{}*\n",
                    step.title,
                    step.id,
                    step.why,
                    terms(step)
                );
                for action in &step.actions {
                    out.push_str(&block(action));
                }
            }
        }
    }
    visible_lines(&out)
}

fn halves(plan: &Plan) -> impl Iterator<Item = (&'static str, &[PlanPhase])> {
    [
        ("Forward", plan.phases.as_slice()),
        ("Rollback", plan.rollback.as_slice()),
    ]
    .into_iter()
    .filter(|(_, phases)| !phases.is_empty())
}

/// Phases as `1. Title`, their steps as `1.1`.
fn numbered(
    phases: &[PlanPhase],
) -> impl Iterator<Item = (String, impl Iterator<Item = (String, &PlanStep)>)> {
    phases.iter().zip(1..).map(|(phase, at)| {
        let steps = phase.steps.iter().zip(1..);
        let steps = steps.map(move |(step, number)| (format!("{at}.{number}"), step));
        (format!("{at}. {}", phase.title), steps)
    })
}

/// What a step can hurt, what takes it back, what it waits for.
fn terms(step: &PlanStep) -> String {
    let risk = match step.risk {
        Risk::ReadOnly => "read-only",
        Risk::Mutating => "mutating",
        Risk::Dangerous => "DANGEROUS",
    };
    let undo = match step.undo {
        Undo::Reversible => "reversible",
        Undo::RollForwardOnly => "roll forward only",
        Undo::Irreversible => "IRREVERSIBLE",
    };
    let gate = match (step.gate.kind.as_str(), &step.gate.phrase) {
        (_, Some(phrase)) => format!("gate: type “{phrase}”"),
        ("enter", None) => "gate: Enter".to_owned(),
        _ => "no gate".to_owned(),
    };
    format!("{risk}, {undo}, {gate}")
}

/// An action as a fenced block; the fence is longer than any run of backticks in it.
fn block(action: &ShownAction) -> String {
    let longest = action.text.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    let language = if action.kind == "sql" { "sql" } else { "sh" };
    format!(
        "\n{}:\n\n{fence}{language}\n{}\n{fence}\n",
        action.target, action.text
    )
}

#[cfg(test)]
mod tests {
    use super::{markdown, text};
    use crate::runbook::{Gate, Plan, PlanPhase, PlanStep, ShownAction, StepInfo};

    fn plan() -> Plan {
        let info = StepInfo::new(
            "prepare.publication",
            "Create the publication",
            "It feeds GREEN.",
        )
        .gate(Gate::Phrase("go".to_owned()));
        let action = ShownAction {
            kind: "sql".to_owned(),
            target: "BLUE · shop".to_owned(),
            text: "CREATE PUBLICATION greenlight\nFOR TABLE \"a```b\"".to_owned(),
            secret: false,
        };
        let step = PlanStep::of(&info, [action]);
        Plan {
            procedure: "rds-blue-green".to_owned(),
            phases: vec![PlanPhase {
                id: "prepare".to_owned(),
                title: "Prepare".to_owned(),
                steps: vec![step],
            }],
            rollback: Vec::new(),
            point_of_no_return: None,
        }
    }

    #[test]
    fn the_text_shows_every_action_word_for_word() {
        let expected = "\
rds-blue-green

FORWARD

1. Prepare

  1.1 Create the publication  [prepare.publication]
      It feeds GREEN.
      mutating, reversible, gate: type “go”
      BLUE · shop:
          CREATE PUBLICATION greenlight
          FOR TABLE \"a```b\"
";
        assert_eq!(text(&plan()), expected);
    }

    #[test]
    fn a_statement_cannot_end_its_block() {
        let page = markdown(&plan());
        assert!(
            page.contains("\n````sql\nCREATE PUBLICATION greenlight\nFOR TABLE \"a```b\"\n````\n")
        );
        assert!(!page.contains("Rollback"));
    }
}
