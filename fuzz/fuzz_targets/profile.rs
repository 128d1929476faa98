//! A profile is read or refused, never a panic, and a refusal says something.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(errors) = greenlight::profile::parse(Path::new("profile.toml"), text) {
        assert!(!errors.to_string().is_empty());
    }
});
