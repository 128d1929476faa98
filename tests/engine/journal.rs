use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;

use greenlight::event::{Event, What};
use greenlight::journal::{Durability, Follower, JournalError, Runs, Writer, parse, read};
use greenlight::runbook::Plan;
use proptest::collection::vec;
use proptest::prelude::*;

fn log(text: &str) -> Event {
    Event {
        at: jiff::Timestamp::UNIX_EPOCH,
        step: None,
        what: What::Log {
            text: text.to_owned(),
        },
    }
}

fn plan() -> Plan {
    Plan {
        procedure: "test".to_owned(),
        phases: Vec::new(),
        rollback: Vec::new(),
        point_of_no_return: None,
    }
}

fn three_records() -> (tempfile::TempDir, Runs, String) {
    let dir = tempfile::tempdir().unwrap();
    let runs = Runs::locate(Some(&dir.path().join("runs"))).unwrap();
    let mut run = runs.create("profile", &plan()).unwrap();
    for text in ["one", "two", "three"] {
        run.writer.append(&log(text), Durability::Now).unwrap();
    }
    (dir, runs, run.id.clone())
}

#[test]
fn a_journal_torn_at_any_byte_is_taken_up_at_its_last_whole_record() {
    let (_dir, runs, id) = three_records();
    let path = runs.journal(&id).unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let lines = whole[..cut].split(|byte| *byte == b'\n').count() - 1;
        let mut run = runs.open(&id).unwrap();
        assert_eq!(run.past.len(), lines, "cut at {cut}");
        run.writer.append(&log("more"), Durability::Now).unwrap();
        let contents = read(&path).unwrap();
        assert_eq!(contents.events.last(), Some(&log("more")), "cut at {cut}");
        assert_eq!(contents.events.len(), lines + 1, "cut at {cut}");
    }
}

#[test]
fn any_other_damage_is_refused_with_its_line() {
    let (_dir, runs, id) = three_records();
    let path = runs.journal(&id).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let damages = [
        (format!("{}\n{}\n", lines[0], lines[2]), 2),
        (whole.replace("two", "tvo"), 2),
        (format!("{}\nnonsense\n{}\n", lines[0], lines[1]), 2),
        (format!("\n{whole}"), 1),
    ];
    for (damaged, at) in damages {
        fs::write(&path, damaged).unwrap();
        match runs.open(&id) {
            Err(JournalError::Damaged { line, .. }) => assert_eq!(line, at),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_full_disk_is_an_error_and_closes_the_journal() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut writer = Writer::new("/dev/full".as_ref(), full, 0, 0);
    let first = writer.append(&log("one"), Durability::Now);
    assert!(matches!(first, Err(JournalError::Io { .. })), "{first:?}");
    let second = writer.append(&log("two"), Durability::Now);
    assert!(
        matches!(second, Err(JournalError::Closed { .. })),
        "{second:?}"
    );
}

#[test]
fn a_second_operator_is_told_who_holds_the_run() {
    let (_dir, runs, id) = three_records();
    let held = runs.open(&id[..4]).unwrap();
    let refused = runs.open(&id).unwrap_err().to_string();
    assert!(
        refused.contains(&format!("process {}", std::process::id())),
        "{refused}"
    );
    assert!(runs.view(&id).unwrap().driven_by.is_some());
    drop(held);
    assert!(runs.view(&id).unwrap().driven_by.is_none());
    assert!(runs.open(&id).is_ok());
}

#[test]
fn a_run_open_to_others_is_refused() {
    let (_dir, runs, id) = three_records();
    let path = runs.journal(&id).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = runs.open(&id).unwrap_err().to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
}

#[test]
fn a_follower_sees_each_record_once() {
    let (_dir, runs, id) = three_records();
    let mut follower = Follower::new(&runs.journal(&id).unwrap()).unwrap();
    assert_eq!(follower.news().unwrap().len(), 3);
    let mut run = runs.open(&id).unwrap();
    assert!(follower.news().unwrap().is_empty());
    run.writer.append(&log("four"), Durability::Later).unwrap();
    assert_eq!(follower.news().unwrap(), [log("four")]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = parse("journal.jsonl".as_ref(), &bytes);
    }

    /// What a damaged journal still says is a beginning of what it said.
    #[test]
    fn damage_never_tells_another_story(at in 0..1000_usize, with in vec(any::<u8>(), 0..40), len in 0..60_usize) {
        let (_dir, runs, id) = three_records();
        let whole = fs::read(runs.journal(&id).unwrap()).unwrap();
        let story = parse("journal.jsonl".as_ref(), &whole).unwrap().events;
        let at = at % whole.len();
        let mut damaged = whole.clone();
        damaged.splice(at..(at + len).min(whole.len()), with);
        if let Ok(contents) = parse("journal.jsonl".as_ref(), &damaged) {
            prop_assert!(story.starts_with(&contents.events), "{:?}", contents.events);
        }
    }
}
