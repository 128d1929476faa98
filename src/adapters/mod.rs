//! The outside world behind the ports: PostgreSQL, RDS, Patroni, commands. The only place that names a driver crate or an SDK.

mod commands;
mod executor;
mod hosts;
pub mod patroni;
pub mod postgres;
pub mod rds;

pub use commands::LocalCommands;
pub use executor::Live;
pub use hosts::ProfileHosts;

/// Makes ring the process's TLS crypto provider; a second call does nothing. Call it once, before the first connection.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
