//! The command line as scripts see it: names, streams, exit codes.

use assert_cmd::Command;
use clap::CommandFactory;
use greenlight::cli::Cli;
use greenlight::tui::keymap;

const README: &str = include_str!("../README.md");

fn greenlight(args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("greenlight")
        .unwrap()
        .args(args)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn bad_usage_exits_with_2_and_says_so_on_standard_error() {
    for args in [
        &["no-such-command"][..],
        &["--no-such-option"],
        &["fetch", "9"],
    ] {
        let (code, out, err) = greenlight(args);
        assert_eq!(code, 2, "{args:?}");
        assert!(out.is_empty(), "{args:?}");
        assert!(err.contains("error:"), "{args:?}: {err}");
    }
}

#[test]
fn version_help_completions_and_manual_are_printed() {
    for (args, words) in [
        (&["--version"][..], env!("CARGO_PKG_VERSION")),
        (&["--help"], "Exit codes"),
        (&["completions", "bash"], "complete -F _greenlight"),
        (&["man"], ".TH greenlight 1"),
    ] {
        let (code, out, err) = greenlight(args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        assert!(out.contains(words), "{args:?}: {out}");
    }
}

#[test]
fn a_log_file_that_cannot_be_written_is_named() {
    let (code, _, err) = greenlight(&["--log-file", "/nowhere/log", "man"]);
    assert_eq!(code, 2);
    assert!(err.contains("/nowhere/log"), "{err}");
}

#[test]
fn the_readme_shows_the_keys_the_wizard_uses() {
    let (_, rest) = README.split_once("keys: begin").unwrap();
    let (_, rest) = rest.split_once("-->\n").unwrap();
    let (table, _) = rest.split_once("<!-- keys: end").unwrap();
    let keys = keymap::markdown();
    assert!(table == keys, "put this table into README.md:\n{keys}");
}

#[test]
fn the_readme_names_every_command() {
    let tree = Cli::command();
    let shown = tree
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    for name in shown.map(clap::Command::get_name) {
        assert!(README.contains(&format!("`greenlight {name}")), "{name}");
    }
}

#[test]
fn every_sample_profile_has_a_plan_in_three_forms() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-profiles");
    let samples: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!samples.is_empty());
    for sample in &samples {
        let sample = sample.to_str().unwrap();
        let (code, out, err) = greenlight(&["plan", sample, "--json"]);
        assert_eq!(code, 0, "{sample}: {err}");
        let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
        let procedure = plan["procedure"].as_str().unwrap();
        assert!(sample.ends_with(&format!("{procedure}.toml")), "{sample}");
        let steps = plan["phases"].as_array().unwrap().iter();
        let steps: Vec<_> = steps
            .flat_map(|phase| phase["steps"].as_array().unwrap())
            .collect();
        assert!(steps.len() > 5, "{out}");
        for step in &steps {
            for key in ["id", "title", "why", "risk", "undo", "gate", "actions"] {
                assert!(!step[key].is_null(), "{key} of {step}");
            }
        }
        assert!(steps.iter().any(|step| step["gate"]["kind"] == "phrase"));
        let (code, out, err) = greenlight(&["plan", sample]);
        assert_eq!(code, 0, "{sample}: {err}");
        assert!(out.starts_with(procedure), "{out}");
        let (code, page, err) = greenlight(&["plan", sample, "--markdown"]);
        assert_eq!(code, 0, "{sample}: {err}");
        assert!(page.starts_with(&format!("# {procedure}\n")), "{page}");
        for step in &steps {
            let title = step["title"].as_str().unwrap();
            assert!(out.contains(title) && page.contains(title), "{title}");
        }
    }
}

#[test]
fn a_server_out_of_reach_exits_with_2_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody serves this one, and only the system could.
    let port = 1;
    let profile = folder.path().join("away.toml");
    let text = format!(
        "procedure = \"rds-blue-green\"\nname = \"away\"\ndatabases = [\"shop\"]\n\
         [blue]\nidentifier = \"away-blue\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         [green]\nidentifier = \"away-green\"\nengine_version = \"17.10\"\n\
         [connection]\nuser = \"dba\"\nsslmode = \"disable\"\n\
         [replication]\nrole = \"rep\"\n\
         [rds]\nregion = \"eu-central-1\"\nendpoint_url = \"http://127.0.0.1:{port}\"\n\
         [fence]\nroles = [\"shop_app\"]\n"
    );
    std::fs::write(&profile, text).unwrap();
    let profile = profile.to_str().unwrap();
    let runs = folder.path().join("runs");
    for args in [
        &["check", profile][..],
        &["check", profile, "--json"],
        &[
            "run",
            profile,
            "--headless",
            "--runs-dir",
            runs.to_str().unwrap(),
        ],
    ] {
        let (code, out, err) = greenlight(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains("BLUE"), "{args:?}: {err}");
        assert!(
            err.contains(&format!("127.0.0.1:{port}")),
            "{args:?}: {err}"
        );
    }
}

#[test]
fn a_bad_profile_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("bad.toml");
    std::fs::write(&profile, "procedure = \"rds-blue-green\"\nnmae = 1\n").unwrap();
    let (code, out, err) = greenlight(&["plan", profile.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("bad.toml:2:"), "{err}");
}
