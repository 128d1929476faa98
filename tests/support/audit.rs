//! What must be true of every audit of a lab.

use std::io::Write as _;

use serde_json::Value;

/// Nothing acknowledged is lost, nothing is there twice.
///
/// Where it is not so, the file that `GREENLIGHT_TESTS_FATAL` names is told as well: no later attempt that passes makes
/// up for it.
#[track_caller]
pub fn assert_nothing_lost(audit: &Value) {
    let (lost, duplicated) = (&audit["lost"], &audit["duplicated"]);
    if lost == 0 && duplicated == 0 {
        return;
    }
    if let Some(list) = std::env::var_os("GREENLIGHT_TESTS_FATAL") {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a thread without a name");
        let line = format!("{test}: {lost} lost, {duplicated} there twice\n");
        let list = std::fs::File::options()
            .create(true)
            .append(true)
            .open(list);
        let told = list.and_then(|mut list| list.write_all(line.as_bytes()));
        told.expect("the list");
    }
    panic!("rows are lost or there twice: {audit}");
}
