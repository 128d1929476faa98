//! The whole sweep: every kind of fault at every action of every leg, going on where an earlier call was stopped.
//! `cargo test --test sweep -- [KIND…] [LEG…]`; what is named narrows it.

#[path = "procedure/book.rs"]
mod book;
#[path = "procedure/cases.rs"]
mod cases;
#[allow(dead_code, reason = "the ordinary tests use the rest")]
#[path = "procedure/faults.rs"]
mod faults;
#[path = "procedure/proxy.rs"]
mod proxy;
#[allow(dead_code, reason = "the ordinary tests use the rest")]
#[path = "support/lab.rs"]
mod support;
#[path = "procedure/trouble.rs"]
mod trouble;
#[path = "procedure/watch.rs"]
mod watch;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures_util::FutureExt;

use book::{Book, Done};
use faults::{KINDS, LEGS};
use trouble::TROUBLES;

/// The leg on which trouble strikes that no action asked for.
const TROUBLE: &str = "trouble";

#[tokio::main]
async fn main() -> ExitCode {
    let named: Vec<_> = std::env::args().skip(1).collect();
    let actions = LEGS.iter().flat_map(|leg| KINDS.map(|kind| (kind, *leg)));
    let all = actions.chain(TROUBLES.map(|trouble| (trouble, TROUBLE)));
    // A kind and a leg named together narrow each other.
    let (kinds, legs): (Vec<_>, Vec<_>) = named
        .iter()
        .map(String::as_str)
        .partition(|name| KINDS.contains(name) || TROUBLES.contains(name));
    let is_named = |(kind, leg): &(&str, &str)| {
        (kinds.is_empty() || kinds.contains(kind)) && (legs.is_empty() || legs.contains(leg))
    };
    let book = Book::open();
    let commit = commit();
    // What lasts for hours must not change with the next build.
    let copy = book
        .folder()
        .join(format!("greenlight-{}", std::process::id()));
    std::fs::copy(env!("CARGO_BIN_EXE_greenlight"), &copy).expect("copy");
    support::PROGRAM.set(copy).expect("nobody asked yet");
    for (kind, leg) in all.filter(is_named) {
        if !book.has(kind, leg) {
            println!("{kind}, {leg} …");
            let done = run(kind, leg, &commit).await;
            println!("{}", done.error.as_deref().unwrap_or("  held"));
            book.add(&done);
        }
    }
    println!("{}", book.table(&KINDS, &LEGS));
    println!("{}", book.table(&TROUBLES, &[TROUBLE]));
    if book.all_held() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run(kind: &'static str, leg: &'static str, commit: &str) -> Done {
    let unit = async {
        if leg == TROUBLE {
            trouble::struck_at(kind, &trouble::STEPS).await
        } else {
            faults::leg(leg, kind).await
        }
    };
    let (unit, error) = match AssertUnwindSafe(unit).catch_unwind().await {
        Ok(unit) => (Some(unit), None),
        Err(panic) => (None, Some(words(panic.as_ref()))),
    };
    Done {
        kind: kind.to_owned(),
        leg: leg.to_owned(),
        commit: commit.to_owned(),
        on: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        unit,
        error,
    }
}

/// What the program was built from, as far as the sources still are what they were then.
fn commit() -> String {
    let head = std::process::Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    head.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
