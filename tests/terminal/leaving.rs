use std::path::PathBuf;

use crate::pty::{NARROW, Pty, TOO_SMALL, WIDE};
use crate::support::Lab;

/// The first step that waits: nothing on BLUE is disturbed before it.
const GATE: &str = "your turn: Enter does this step";
const PARKED: i32 = 3;

fn journal(lab: &Lab) -> PathBuf {
    lab.runs().join(lab.newest_run()).join("journal.jsonl")
}

#[track_caller]
fn assert_parked(lab: &Lab) {
    let text = std::fs::read_to_string(journal(lab)).expect("journal");
    let last = text.lines().last().expect("a record");
    assert!(
        last.contains(r#""event":"ended","outcome":"parked""#),
        "{last}"
    );
}

fn resume(lab: &Lab, size: (u16, u16), env: &[(&str, &str)]) -> Pty {
    let pty = Pty::start(size, &lab.runs(), &["resume", &lab.newest_run()], env);
    pty.wait_for(GATE);
    pty
}

#[tokio::test]
async fn whatever_ends_the_screen_parks_the_run_and_gives_the_terminal_back() {
    let lab = Lab::up(1).await;
    let profile = lab.profile();
    let profile = profile.to_str().expect("path");

    // The screen is too small from the start; the engine goes on to its first gate all the same.
    let mut pty = Pty::start(TOO_SMALL, &lab.runs(), &["run", profile], &[]);
    pty.wait_for("40x10 is too small");
    pty.wait_for("your turn");
    pty.assert_taken();
    pty.resize(WIDE);
    pty.wait_for(GATE);
    pty.wait_for("┌ Upgrade");
    pty.wait_for("BLUE 15.");
    pty.resize(NARROW);
    pty.wait_for("steps done");
    pty.wait_for(GATE);
    // Each key right behind a new size: none of them may be lost.
    for width in 81..91 {
        pty.resize((width, 24));
        pty.keys("?");
        pty.wait_for("any other key closes");
        pty.resize((width, 25));
        pty.keys("\x1b");
        // All of the screen: with half of it drawn the key has not been read yet, and Esc before `?` is another key.
        pty.wait_until("the help gone", |text| {
            !text.contains("any other key closes") && text.contains(GATE)
        });
    }
    pty.resize(NARROW);
    pty.wait_for(GATE);
    look_on(&lab);
    pty.keys("q");
    pty.wait_for("Park the run and leave");
    pty.keys("\t\r");
    pty.ends_with(PARKED);
    pty.assert_given_back();
    pty.wait_for(&format!("greenlight resume {}", lab.newest_run()));
    assert_parked(&lab);

    for signal in ["TERM", "HUP", "INT"] {
        let mut pty = resume(&lab, NARROW, &[]);
        pty.assert_taken();
        pty.signal(signal);
        pty.ends_with(PARKED);
        pty.assert_given_back();
        assert_parked(&lab);
    }

    let mut pty = resume(&lab, NARROW, &[]);
    pty.keys("\x03");
    pty.ends_with(PARKED);
    pty.assert_given_back();
    assert_parked(&lab);

    let mut pty = resume(&lab, WIDE, &[]);
    pty.hang_up();
    pty.ends_with(PARKED);
    assert_parked(&lab);

    let mut pty = resume(&lab, WIDE, &[("GREENLIGHT_FAULT", "panic:1")]);
    std::thread::sleep(std::time::Duration::from_millis(400));
    pty.keys("\r");
    pty.ends_with(PARKED);
    pty.assert_given_back();
    pty.wait_for(&format!("greenlight resume {}", lab.newest_run()));
    assert!(pty.bytes().contains("a fault on purpose at action 1"));
    assert_parked(&lab);
}

/// A second terminal sees the same and cannot steer.
fn look_on(lab: &Lab) {
    let sent = std::fs::read(journal(lab)).expect("journal");
    let args = ["watch", &lab.newest_run()];
    let mut pty = Pty::start(NARROW, &lab.runs(), &args, &[("NO_COLOR", "1")]);
    pty.wait_for("waits for the operator");
    pty.wait_for("READ ONLY");
    pty.wait_for("BLUE 15.");
    pty.keys("\r");
    pty.wait_for("steer from the terminal that runs it");
    pty.keys("q");
    pty.ends_with(0);
    pty.assert_given_back();
    let bytes = pty.bytes();
    assert!(bytes.contains("\x1b[7m"), "what is chosen is not shown");
    assert!(
        !bytes.contains("[38;5;") && !bytes.contains("[48;5;"),
        "colour"
    );
    assert_eq!(std::fs::read(journal(lab)).expect("journal"), sent);
}
