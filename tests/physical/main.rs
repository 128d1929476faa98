//! The procedures on real servers of their own: Patroni and etcd, virtual IPs in network namespaces.

#[path = "../support/call.rs"]
mod call;
mod guard;
mod labs;
#[path = "../support/missing.rs"]
mod missing;
#[path = "../support/place.rs"]
mod place;
#[path = "../support/under_way.rs"]
mod under_way;
mod vip;
