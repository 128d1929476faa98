//! A profile is read or refused, never a panic, and a refusal is about a place in it.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(errors) = greenlight::profile::parse(Path::new("profile.toml"), text) {
        assert!(!errors.problems.is_empty());
        let lines: Vec<_> = text.split('\n').collect();
        for problem in errors.problems {
            let line = lines[problem.line - 1];
            assert!((1..=line.chars().count() + 1).contains(&problem.column));
        }
    }
});
