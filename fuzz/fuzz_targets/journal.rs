//! A journal is read up to a torn line or refused, never a panic; what it says can be folded and gone on from.
#![no_main]

use std::path::Path;

use greenlight::engine::Memory;
use libfuzzer_sys::fuzz_target;

/// The bytes of a line in which its checksum stands, and where what it covers begins.
const SUM: std::ops::Range<usize> = 8..16;
const COVERED: usize = 18;

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    // Chance does not hit upon a checksum: with the right ones, what they cover is read as well.
    let mut bytes = bytes.to_vec();
    for line in bytes.split_mut(|byte| *byte == b'\n') {
        if line.len() >= COVERED {
            let sum = crc32fast::hash(&line[COVERED..]);
            line[SUM].copy_from_slice(format!("{sum:08x}").as_bytes());
        }
    }
    read(&bytes);
});

fn read(bytes: &[u8]) {
    if let Ok(contents) = greenlight::journal::parse(Path::new("journal.jsonl"), bytes) {
        assert!(contents.sound_bytes as usize <= bytes.len());
        assert_eq!(contents.torn, (contents.sound_bytes as usize) < bytes.len());
        let _ = Memory::of(&contents.events);
    }
}
