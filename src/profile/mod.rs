//! The profile: one TOML file that says what a run is about. Schema, loading with errors by line and column,
//! validation, secrets. Connects to nothing.

mod blue_green;
mod error;
mod hosts;
mod load;
mod names;
mod nodes;
mod patroni_guard;
#[cfg(test)]
mod properties;
mod read;
mod schema;
mod scram;
pub mod secrets;
mod sections;
mod validate;
mod vip_switchover;

pub use error::{Problem, ProfileErrors};
pub use hosts::{Host, Via};
pub use load::{load, parse};
pub use nodes::NodeSection;
pub use patroni_guard::{
    Guard, GuardBudgets, GuardHooks, GuardNode, GuardThresholds, PatroniAccess, PatroniGuard,
};
pub use schema::{
    ACKNOWLEDGEABLE, BlueAfter, BlueGreen, Budgets, Canary, CanaryUrl, Compare, CompareWhen,
    Connection, Fence, Green, Hook, Hooks, Names, PasswordSource, Profile, Rds, Replication, Route,
    ServerAddress, SslMode, Thresholds,
};
pub use scram::scram_verifier;
pub use vip_switchover::{
    Following, Installer, Mover, Upgrade, VipBudgets, VipHooks, VipNode, VipSwitchover,
    VirtualAddress,
};
