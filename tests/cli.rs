//! The command line as scripts see it: names, streams, exit codes.

use assert_cmd::Command;

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
