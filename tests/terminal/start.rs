use crate::pty::{NARROW, Pty};

#[test]
fn the_start_screen_is_drawn_and_left() {
    let folder = tempfile::tempdir().expect("folder");
    let runs = folder.path().join("runs");
    for key in ["q", "\x03"] {
        let mut pty = Pty::start(NARROW, &runs, &[], &[]);
        pty.wait_for("rds-blue-green");
        pty.wait_for("Unfinished runs");
        pty.assert_taken();
        pty.keys(key);
        pty.ends_with(0);
        pty.assert_given_back();
    }
    for signal in ["TERM", "HUP", "INT"] {
        let mut pty = Pty::start(NARROW, &runs, &[], &[]);
        pty.wait_for("rds-blue-green");
        pty.signal(signal);
        pty.ends_with(0);
        pty.assert_given_back();
    }
}

#[test]
fn a_profile_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().expect("folder");
    let profile = "procedure = \"rds-blue-green\"\nnmae = 1\n";
    std::fs::write(folder.path().join("bad.toml"), profile).expect("profile");
    let mut pty = Pty::start(NARROW, &folder.path().join("runs"), &[], &[]);
    pty.wait_for("bad.toml");
    pty.keys("\r");
    pty.wait_for("bad.toml:1:1: databases: is missing");
    pty.keys("q");
    pty.ends_with(0);
}
