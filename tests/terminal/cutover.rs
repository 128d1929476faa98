use std::time::Duration;

use tokio_postgres::Client;

use crate::pty::{NARROW, Pty, WIDE};
use crate::support::{BLUE, GREEN, Lab, TO_THE_CUTOVER};

const PHRASE: &str = "cut over shop-blue";
const GATE: &str = "Enter opens the gate, a phrase is typed there";
const PARKED: i32 = 3;

fn journal(lab: &Lab) -> String {
    let journal = lab.runs().join(lab.newest_run()).join("journal.jsonl");
    std::fs::read_to_string(journal).expect("journal")
}

/// How many events of this kind the run has had.
fn count(lab: &Lab, event: &str) -> usize {
    journal(lab)
        .matches(&format!(r#""event":"{event}""#))
        .count()
}

fn at_the_gate(lab: &Lab, size: (u16, u16), env: &[(&str, &str)]) -> Pty {
    let pty = Pty::start(size, &lab.runs(), &["resume", &lab.newest_run()], env);
    pty.wait_for(GATE);
    // A gate younger than this takes no Enter.
    std::thread::sleep(Duration::from_millis(400));
    pty
}

/// Types the phrase and presses Go, again while the gate's checks refuse: on a busy machine a link takes its time.
fn confirm(lab: &Lab, pty: &mut Pty) {
    for _ in 0..60 {
        let confirmed = count(lab, "confirmed");
        let refused = count(lab, "gate-refused");
        pty.keys("\r");
        pty.wait_for("to go on:");
        pty.keys(PHRASE);
        pty.wait_for("Tab moves to Go");
        pty.keys("\t\r");
        pty.wait_until("an answer to the phrase", |_| {
            count(lab, "confirmed") > confirmed || count(lab, "gate-refused") > refused
        });
        if count(lab, "confirmed") > confirmed {
            return;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    panic!("the gate stays shut:\n{}", pty.text());
}

#[tokio::test]
async fn the_gate_and_the_write_pause_on_a_terminal() {
    let lab = Lab::up(3).await;
    let before = lab.logins(BLUE).await;
    lab.run(&TO_THE_CUTOVER).await.with(Some(PARKED));
    refused(&lab).await;
    assert_eq!(lab.logins(BLUE).await, before);

    // While a session on GREEN holds the fence row, a pause cannot come to its end.
    let holder = lab.connect(GREEN, "shop").await;
    hold(&holder).await;
    let mut pty = at_the_gate(&lab, NARROW, &[]);
    confirm(&lab, &mut pty);
    pty.wait_for("WRITE PAUSE");
    pty.wait_for("▶ drain");
    assert!(!lab.is_open(BLUE).await);
    pty.hang_up();
    pty.ends_with(PARKED);
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;

    free(&holder).await;
    let mut pty = at_the_gate(&lab, NARROW, &[("GREENLIGHT_FAULT", "panic:3")]);
    confirm(&lab, &mut pty);
    pty.ends_with(PARKED);
    pty.assert_given_back();
    assert!(journal(&lab).contains("undone"));
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;

    let mut pty = at_the_gate(&lab, WIDE, &[]);
    confirm(&lab, &mut pty);
    pty.wait_for("over: GREEN is open");
    pty.wait_for("point of no return: crossed");
    pty.keys("\r");
    pty.wait_for(GATE);
    pty.keys("q");
    pty.wait_for("Park the run and leave");
    pty.keys("\t\r");
    pty.ends_with(PARKED);
    pty.assert_given_back();
    assert_eq!(lab.logins(GREEN).await, before);
    assert!(!lab.is_open(BLUE).await);
    lab.assert_nothing_lost().await;
}

/// Everything that is not the phrase, typed into the open dialog and confirmed there.
async fn refused(lab: &Lab) {
    let before = count(lab, "intent");
    let mut pty = at_the_gate(lab, NARROW, &[]);
    // Typed before the dialog is open: no letter of it may do anything.
    pty.keys(&format!("{PHRASE}\t\r1"));
    pty.wait_for(GATE);

    pty.keys("\r");
    pty.wait_for("to go on:");
    pty.keys("cut over shop-green\t");
    pty.wait_for("Go stays closed");
    pty.keys("\r");
    closed(&pty);

    pty.keys("\r");
    pty.wait_for("to go on:");
    pty.paste(PHRASE);
    pty.wait_for("a pasted phrase is not accepted");
    pty.keys("\t\x1b");
    closed(&pty);

    pty.keys("\r");
    pty.wait_for("to go on:");
    pty.keys(PHRASE);
    pty.wait_for("Tab moves to Go");
    pty.keys("\r");
    closed(&pty);

    pty.keys("\x03");
    pty.ends_with(PARKED);
    pty.assert_given_back();
    assert_eq!(count(lab, "intent"), before, "something was sent");
    assert!(lab.is_open(BLUE).await);
}

async fn hold(session: &Client) {
    let sql = "BEGIN; SELECT 1 FROM greenlight.fence FOR UPDATE";
    session.batch_execute(sql).await.expect("lock");
}

async fn free(session: &Client) {
    session.batch_execute("ROLLBACK").await.expect("free");
}

fn closed(pty: &Pty) {
    pty.wait_until("the dialog gone", |text| !text.contains("to go on:"));
    pty.wait_for("nothing was done");
}
