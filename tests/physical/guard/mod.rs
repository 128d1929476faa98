//! `patroni-guard` on three real Patroni members and etcd.

mod checks;
mod faults;
mod outlasts;
mod panic;
mod support;
mod trouble;
mod whole;
