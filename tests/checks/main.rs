//! The pre-flight checks: every statement on every major it claims, and for every check a case in which it fails.

mod ids;
mod statements;
mod worlds;
