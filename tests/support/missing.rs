use std::io::Write as _;

/// Names what this machine lacks, so that a test that needs it is not skipped silently; `tests/run` lists it at its end.
pub fn missing(what: &str) {
    println!("missing: {what}");
    if let Some(list) = std::env::var_os("GREENLIGHT_TESTS_MISSING") {
        let list = std::fs::File::options().append(true).open(list);
        writeln!(list.expect("the list"), "{what}").expect("a line");
    }
}
