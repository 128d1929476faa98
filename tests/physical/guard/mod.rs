//! `patroni-guard` on three real Patroni members and etcd.

mod checks;
mod outlasts;
mod support;
mod whole;
