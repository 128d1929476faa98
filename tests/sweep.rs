//! The whole sweep: every kind of fault at every action of every leg, going on where an earlier call was stopped.
//! `cargo test --test sweep [KIND…] [LEG…]`; what is named narrows it.

#[path = "procedure/book.rs"]
mod book;
#[path = "procedure/cases.rs"]
mod cases;
#[path = "procedure/faults.rs"]
mod faults;
#[allow(dead_code, reason = "the ordinary tests use the rest")]
#[path = "procedure/support.rs"]
mod support;
#[path = "procedure/watch.rs"]
mod watch;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures_util::FutureExt;

use book::{Book, Done};
use faults::{KINDS, LEGS, leg};

#[tokio::main]
async fn main() -> ExitCode {
    let named: Vec<_> = std::env::args().skip(1).collect();
    let wanted = |of: &'static [&'static str]| -> Vec<&'static str> {
        let some: Vec<_> = of
            .iter()
            .copied()
            .filter(|name| named.iter().any(|n| n == name))
            .collect();
        if some.is_empty() { of.to_vec() } else { some }
    };
    let book = Book::open();
    support::use_copy(
        book.folder()
            .join(format!("greenlight-{}", std::process::id())),
    );
    for leg_name in wanted(&LEGS) {
        for kind in wanted(&KINDS) {
            if book.has(kind, leg_name) {
                continue;
            }
            println!("{kind} {leg_name} …");
            let done = AssertUnwindSafe(leg(leg_name, kind)).catch_unwind().await;
            let (unit, error) = match done {
                Ok(unit) => (Some(unit), None),
                Err(panic) => (None, Some(words(panic.as_ref()))),
            };
            println!("{}", error.as_deref().unwrap_or("  held"));
            book.add(&Done {
                kind: kind.to_owned(),
                leg: leg_name.to_owned(),
                commit: commit(),
                on: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
                unit,
                error,
            });
        }
    }
    println!("{}", book.table(&KINDS, &LEGS));
    if book.all_held() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn commit() -> String {
    let head = std::process::Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
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
