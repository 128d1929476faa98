//! The whole sweep: every kind of fault at every action of every leg of every procedure, going on where an earlier call
//! was stopped. `cargo test --test sweep -- [PROCEDURE…] [KIND…] [LEG…]`; what is named narrows it.

#[path = "support/audit.rs"]
mod audit;
#[path = "support/chain/book.rs"]
mod book;
#[allow(dead_code, reason = "the ordinary tests use the rest")]
#[path = "support/call.rs"]
mod call;
#[path = "support/chain/mod.rs"]
mod chain;
#[allow(dead_code, reason = "the ordinary tests use the rest")]
#[path = "procedure/faults.rs"]
mod faults;
#[allow(dead_code, reason = "the ordinary tests use the rest")]
#[path = "physical/guard"]
mod guard {
    pub mod faults;
    mod support;
}
#[path = "support/missing.rs"]
mod missing;
#[allow(dead_code, reason = "the ordinary tests use the rest")]
#[path = "support/place.rs"]
mod place;
#[path = "procedure/proxy.rs"]
mod proxy;
#[allow(dead_code, unused_imports, reason = "the ordinary tests use the rest")]
#[path = "support/lab.rs"]
mod support;
#[path = "procedure/trouble.rs"]
mod trouble;
#[allow(dead_code, unused_imports, reason = "the ordinary tests use the rest")]
#[path = "physical/vip"]
mod vip {
    pub mod faults;
    mod lost;
    mod support;
}

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures_util::FutureExt;

use book::{Book, Done, key};
use chain::{KINDS, Unit};
use trouble::TROUBLES;

const RDS: &str = "rds-blue-green";
const VIP: &str = "vip-switchover";
const GUARD: &str = "patroni-guard";
/// The leg on which trouble strikes that no action asked for.
const TROUBLE: &str = "trouble";

/// Kinds of fault on legs of a procedure.
struct Part {
    procedure: &'static str,
    kinds: &'static [&'static str],
    legs: &'static [&'static str],
}

const PARTS: [Part; 4] = [
    Part {
        procedure: RDS,
        kinds: &KINDS,
        legs: &faults::LEGS,
    },
    Part {
        procedure: RDS,
        kinds: &TROUBLES,
        legs: &[TROUBLE],
    },
    Part {
        procedure: VIP,
        kinds: &KINDS,
        legs: &vip::faults::LEGS,
    },
    Part {
        procedure: GUARD,
        kinds: &KINDS,
        legs: &guard::faults::LEGS,
    },
];

#[tokio::main]
async fn main() -> ExitCode {
    let named: Vec<_> = std::env::args().skip(1).collect();
    // Two of a sort widen each other, two of different sorts narrow each other.
    let is_named = |all: &[&str], one: &str| {
        let of_this_sort = || named.iter().filter(|name| all.contains(&name.as_str()));
        of_this_sort().next().is_none() || of_this_sort().any(|name| name == one)
    };
    let all_kinds = [&KINDS[..], &TROUBLES].concat();
    let all_legs: Vec<_> = PARTS.iter().flat_map(|part| part.legs).copied().collect();
    let book = Book::open();
    let commit = commit();
    // What lasts for hours must not change with the next build.
    let copy = book
        .folder()
        .join(format!("greenlight-{}", std::process::id()));
    std::fs::copy(env!("CARGO_BIN_EXE_greenlight"), &copy).expect("copy");
    call::PROGRAM.set(copy).expect("nobody asked yet");
    for part in &PARTS {
        let units = part.legs.iter();
        let units = units.flat_map(|leg| part.kinds.iter().map(move |kind| (*kind, *leg)));
        for (kind, leg) in units {
            let wanted = is_named(&[RDS, VIP, GUARD], part.procedure)
                && is_named(&all_kinds, kind)
                && is_named(&all_legs, leg);
            if wanted && !book.has(&key(part.procedure, kind, leg)) {
                println!("{}, {kind}, {leg} …", part.procedure);
                let done = run(part.procedure, kind, leg, &commit).await;
                println!("{}", done.error.as_deref().unwrap_or("  held"));
                book.add(&done);
            }
        }
    }
    for part in PARTS
        .iter()
        .filter(|part| book.knows(part.procedure, part.kinds))
    {
        println!("{}", book.table(part.procedure, part.kinds, part.legs));
    }
    if book.all_held() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run(procedure: &'static str, kind: &'static str, leg: &'static str, commit: &str) -> Done {
    let unit = AssertUnwindSafe(unit(procedure, kind, leg));
    let (unit, error) = match unit.catch_unwind().await {
        Ok(unit) => (Some(unit), None),
        Err(panic) => (None, Some(words(panic.as_ref()))),
    };
    Done {
        procedure: procedure.to_owned(),
        kind: kind.to_owned(),
        leg: leg.to_owned(),
        commit: commit.to_owned(),
        on: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        unit,
        error,
    }
}

async fn unit(procedure: &'static str, kind: &'static str, leg: &'static str) -> Unit {
    match (procedure, leg) {
        (RDS, TROUBLE) => trouble::struck_at(kind, &trouble::STEPS).await,
        (RDS, _) => faults::leg(leg, kind).await,
        (VIP, _) => vip::faults::leg(leg, kind)
            .await
            .expect("the right to make network namespaces"),
        _ => guard::faults::leg(leg, kind).await,
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
