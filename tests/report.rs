//! The report of a run from its journal alone.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use greenlight::event::{Event, What};
use greenlight::journal::{Durability, RunView, Runs};
use greenlight::report::{Report, html, markdown};
use greenlight::runbook::{Plan, ShownAction, StepId};
use jiff::tz::{TimeZone, offset};

const SCENARIO: &str = include_str!("scenarios/upgrade.jsonl");
const HOSTILE: &str = "a`|\\b\n<script>alert('x')</script>&\"\u{1b}[2J\u{202e}";

/// The scripted upgrade, without its stage directions and without what no journal holds.
fn scripted() -> (Plan, Vec<Event>) {
    let events: Vec<Event> = SCENARIO
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Event| !matches!(event.what, What::Waiting { .. }))
        .collect();
    let What::Announced { plan, .. } = &events[0].what else {
        panic!("the script begins with what may come");
    };
    ((**plan).clone(), events)
}

fn view(events: Vec<Event>) -> RunView {
    RunView {
        id: "7f3a".to_owned(),
        profile: String::new(),
        plan: scripted().0,
        events,
        driven_by: None,
    }
}

fn report(events: Vec<Event>) -> Report {
    Report::of(&view(events), &TimeZone::fixed(offset(2)))
}

fn event(step: &str, what: What) -> Event {
    Event {
        at: "2026-03-07T02:05:00Z".parse().unwrap(),
        step: Some(StepId::new(step)),
        what,
    }
}

/// The script's journal in a folder of runs.
fn stored(dir: &Path) -> (Runs, String) {
    let (plan, events) = scripted();
    let runs = Runs::locate(Some(dir)).unwrap();
    let mut run = runs.create("profile", &plan).unwrap();
    for event in &events {
        run.writer.append(event, Durability::Later).unwrap();
    }
    (runs, run.id.clone())
}

fn printed(args: &[&str], dir: &Path) -> String {
    let output = Command::cargo_bin("greenlight")
        .unwrap()
        .current_dir(dir)
        .env("TZ", "Asia/Kolkata")
        .env_remove("GREENLIGHT_RUNS")
        .arg("report")
        .args(args)
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_object_holds_the_evidence() {
    let report = serde_json::to_value(report(scripted().1)).unwrap();
    assert_eq!(report["run"], "7f3a");
    assert_eq!(report["profile"], "shop-prod");
    assert_eq!(report["procedure"], "rds-blue-green");
    assert_eq!(report["outcome"], "done");
    assert_eq!(report["began"], "2026-03-07T04:00:01.000+02:00");
    assert_eq!(report["took_ms"], 68_000);

    let confirmed = report["confirmations"].as_array().unwrap();
    assert_eq!(confirmed.len(), 4);
    assert_eq!(confirmed[0]["phrase"], serde_json::Value::Null);
    assert_eq!(confirmed[3]["step"], "cutover.switch");
    assert_eq!(confirmed[3]["by"], "op@jump");
    assert_eq!(confirmed[3]["phrase"], "cut over shop-prod-blue");

    let sent = report["statements"].as_array().unwrap();
    assert_eq!(sent.len(), 6);
    assert_eq!(sent[0]["at"], "2026-03-07T04:00:07.000+02:00");
    assert_eq!(sent[0]["target"], "BLUE · shop");
    assert_eq!(sent[0]["result"], "ok");
    assert_eq!(sent[0]["took_us"], 3000);
    assert!(!sent[0]["undo"].as_array().unwrap().is_empty());

    let steps = report["steps"].as_array().unwrap();
    let step = |id: &str| steps.iter().find(|step| step["id"] == id).unwrap();
    assert_eq!(step("catchup.analyze")["actual_ms"], 61_000);
    assert_eq!(step("catchup.analyze")["outcome"], "done");
    assert!(step("catchup.analyze")["planned_ms"].as_u64().unwrap() > 0);
    assert_eq!(step("preflight.checks")["attempts"], 1);

    let pause = &report["pauses"][0];
    assert_eq!(pause["budget_ms"], 5000);
    assert_eq!(pause["took_us"], 41_200);
    assert_eq!(pause["taken_back"], false);
    assert_eq!(pause["no_return_us"], 0);
    let parts = pause["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 7);
    assert_eq!(parts[1]["name"], "terminate");
    assert_eq!(parts[1]["took_us"], 19_000);
    assert_eq!(parts[1]["detail"], "48 sessions, 2 rounds");

    let fact = |name: &str| {
        let facts = report["facts"].as_array().unwrap().iter();
        facts.filter(|fact| fact["name"] == name).count()
    };
    assert_eq!(fact("start_lsn[shop]"), 1);
    assert_eq!(report["proofs"].as_array().unwrap().len(), 2);
    assert_eq!(report["guardrails"][0]["id"], "slot-alive");
    let checks = report["checks"].as_array().unwrap();
    let identity: Vec<_> = checks
        .iter()
        .filter(|check| check["id"] == "replica-identity-missing")
        .collect();
    assert_eq!(identity.len(), 1, "only the last answer counts");
    assert_eq!(identity[0]["verdict"], "pass");
}

#[test]
fn what_was_found_in_the_data_has_a_section_of_its_own() {
    let mut events = scripted().1;
    let first = events
        .iter()
        .find(|event| matches!(&event.what, What::Fact { name, .. } if name == "compare[shop]"));
    let mut again = first.expect("one is in the script").clone();
    if let What::Fact { value, .. } = &mut again.what {
        value["tables"][1]["equal"] = true.into();
        value["tables"][1]["rows_green"] = 1_250_000.into();
        value["tables"][1]["differing"] = serde_json::json!([]);
    }
    events.push(again);
    let report = report(events);
    let json = serde_json::to_value(&report).unwrap();
    assert!(!json["facts"].to_string().contains("compare["));
    let compares = json["compares"].as_array().unwrap();
    assert_eq!(compares.len(), 2, "each time by itself");
    assert_eq!(compares[0]["database"], "shop");
    assert_eq!(compares[0]["step"], "catchup.analyze");
    assert_eq!(compares[0]["tables"][1]["rows_green"], 1_249_999);
    assert_eq!(compares[1]["tables"][1]["equal"], true);
    let (html, markdown) = (html(&report), markdown(&report));
    for page in [&html, &markdown] {
        assert!(page.contains("Data compare"), "{page}");
        for told in [
            "shop.shop.orders",
            "DIFFERS",
            "is missing on GREEN",
            "1250000 rows",
        ] {
            assert!(page.contains(told), "{told}: {page}");
        }
    }
}

#[test]
fn a_run_that_died_says_so() {
    let mut events = scripted().1;
    let sent = |event: &Event| matches!(event.what, What::Intent { intent: 5, .. });
    events.truncate(events.iter().position(sent).unwrap() + 1);
    let report = report(events);
    assert_eq!(report.outcome, None);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["statements"][4]["result"], "no-outcome");
    assert_eq!(json["statements"][3]["result"], "ok");
    let page = markdown(&report);
    assert!(page.contains("| Outcome | not ended |"), "{page}");
    assert!(page.contains("| no-outcome |"), "{page}");
}

#[test]
fn what_was_taken_up_again_has_not_ended_as_before() {
    let mut events = scripted().1;
    let mut again = events[0].clone();
    if let What::Announced { resumed, tool, .. } = &mut again.what {
        *resumed = true;
        "9.9.9".clone_into(tool);
    }
    events.push(again);
    let report = report(events);
    assert_eq!(report.outcome, None);
    assert_eq!(report.tools.last().unwrap(), "9.9.9");
    assert!(markdown(&report).contains("| taken up again |"));
}

#[test]
fn a_forgotten_fact_is_not_reported_and_a_refused_statement_is() {
    let mut events = scripted().1;
    events.push(event(
        "catchup.start",
        What::Fact {
            name: "start_lsn[shop]".to_owned(),
            value: serde_json::Value::Null,
        },
    ));
    events.push(event(
        "catchup.analyze",
        What::Outcome {
            intent: 6,
            took_us: 9,
            error: Some("ERROR: no".to_owned()),
            unknown: false,
            answer: String::new(),
        },
    ));
    let report = serde_json::to_value(report(events)).unwrap();
    assert!(!report["facts"].to_string().contains("start_lsn"));
    assert_eq!(report["statements"][5]["result"], "failed");
    assert_eq!(report["statements"][5]["answer"], "ERROR: no");
}

#[test]
fn names_that_others_chose_are_not_markup() {
    let (_, mut events) = scripted();
    let action = ShownAction {
        kind: "sql".to_owned(),
        target: format!("BLUE · {HOSTILE}"),
        text: format!("ALTER ROLE {HOSTILE} NOLOGIN"),
        secret: false,
    };
    let intent = What::Intent {
        intent: 90,
        action,
        undo: Vec::new(),
    };
    events.push(event("cutover.switch", intent));
    for what in [
        What::Log {
            text: HOSTILE.to_owned(),
        },
        What::Proof {
            holds: false,
            text: HOSTILE.to_owned(),
        },
        What::Fact {
            name: format!("start_lsn[{HOSTILE}]"),
            value: serde_json::json!(HOSTILE),
        },
        What::Parked {
            reason: HOSTILE.to_owned(),
        },
    ] {
        events.push(event("cutover.switch", what));
    }
    if let What::Announced { profile, .. } = &mut events[0].what {
        HOSTILE.clone_into(profile);
    }
    let mut run = view(events);
    HOSTILE.clone_into(&mut run.plan.phases[0].steps[0].title);
    let report = Report::of(&run, &TimeZone::UTC);
    for page in [html(&report), markdown(&report)] {
        assert!(page.contains("&lt;script&gt;") || page.contains("&#60;script"));
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains(['\u{1b}', '\u{202e}']));
    }
    let page = markdown(&report);
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let head = page.lines().filter(|head| head.starts_with("|---"));
        let widths: Vec<_> = head.map(|head| head.matches('|').count()).collect();
        assert!(widths.contains(&line.matches('|').count()), "{line}");
    }
}

#[test]
fn the_page_needs_nothing_else_and_draws_both_charts() {
    let page = html(&report(scripted().1));
    assert_eq!(page.matches("<svg ").count(), 2);
    assert_eq!(page.matches("</svg>").count(), 2);
    assert!(page.contains("class=\"noreturn\""));
    assert!(page.contains("default-src 'none'"));
    for loads in ["http:", "https:", " src=", "@import", "url("] {
        assert!(!page.contains(loads), "{loads}");
    }
}

#[test]
fn a_masked_secret_stays_masked() {
    let mut events = scripted().1;
    let sql = greenlight::domain::Sql::new("ALTER ROLE greenlight PASSWORD {secret}")
        .secret("secret", "hunter2-xyz".to_owned().into());
    let place = greenlight::domain::Place::new(greenlight::domain::Node::blue(), "shop");
    let action = greenlight::runbook::Action::sql(&place, sql);
    let intent = What::Intent {
        intent: 91,
        action: action.shown(),
        undo: Vec::new(),
    };
    events.push(event("prepare.role", intent));
    let report = report(events);
    let json = serde_json::to_string(&report).unwrap();
    for page in [json, markdown(&report), html(&report)] {
        assert!(page.contains("•••"), "{page}");
        assert!(!page.contains("hunter2"), "{page}");
    }
}

#[test]
fn a_run_is_found_by_its_id_and_by_a_folder_that_was_moved() {
    let dir = tempfile::tempdir().unwrap();
    let (runs, id) = stored(&dir.path().join("runs"));
    let by_id = printed(&[&id, "--format", "json", "--runs-dir", "runs"], dir.path());
    let json: serde_json::Value = serde_json::from_str(&by_id).unwrap();
    assert_eq!(json["began"], "2026-03-07T07:30:01.000+05:30");

    let moved = dir.path().join("evidence of the night");
    fs::rename(runs.dir().join(&id), &moved).unwrap();
    let by_folder = printed(&["evidence of the night/", "--format", "json"], dir.path());
    assert_eq!(by_folder, by_id);
    assert!(printed(&["."], &moved).starts_with("# Run 7f3a of shop-prod\n"));
    assert!(printed(&[".", "--format", "html"], &moved).starts_with("<!doctype html>"));
}

#[test]
fn a_damaged_journal_makes_no_report() {
    let dir = tempfile::tempdir().unwrap();
    let (runs, id) = stored(dir.path());
    let journal = runs.journal(&id).unwrap();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("op@jump", "eve@jump")).unwrap();
    let output = Command::cargo_bin("greenlight")
        .unwrap()
        .args(["report", &id, "--runs-dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("line 12: the checksum"), "{err}");
}
