//! The `greenlight` binary.

fn main() {}
