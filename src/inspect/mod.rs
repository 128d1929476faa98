//! Looking at both sides and comparing: catalog diff, data compare, sequences, lag. Reads only, through the ports.

mod diff;

pub use diff::{Counts, DiffClass, DiffVerdict, Difference, ObjectDiff};
