//! `vip-switchover` on two real servers in namespaces of their own, behind a real virtual IP.

mod checks;
mod faults;
mod keepalived;
mod lost;
mod support;
mod whole;

pub use support::NO_NAMESPACES;
