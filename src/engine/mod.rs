//! The engine: runs a runbook, keeps its journal, holds its gates. The transition function is pure; the driver does the
//! IO. Knows no screen, no driver crate, no SDK.
