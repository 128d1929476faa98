//! A journal is read up to a torn line or refused, never a panic; what it says can be folded and gone on from.
#![no_main]

use std::path::Path;

use greenlight::engine::Memory;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(contents) = greenlight::journal::parse(Path::new("journal.jsonl"), bytes) {
        assert!(contents.sound_bytes as usize <= bytes.len());
        assert_eq!(contents.torn, (contents.sound_bytes as usize) < bytes.len());
        let _ = Memory::of(&contents.events);
    }
});
