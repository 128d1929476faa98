//! The rehearsal: disposable PostgreSQL clusters, an RDS stand-in, an audited write load, and the labs that put them
//! together, one for each procedure.
//!
//! Everything here may be thrown away; nothing here is used against servers that matter. It owns the processes it
//! starts and the folders it makes, and leaves neither behind. It must not know procedures, engine or screen.

pub mod binaries;
pub mod cluster;
mod daemon;
mod disposable;
mod error;
pub mod fetch;
pub mod guard;
mod guardian;
mod inside;
pub mod lab;
pub mod load;
mod making;
pub mod minors;
mod process;
pub mod rds;
mod run;
mod url;
pub mod vip;

pub use binaries::Install;
pub use cluster::{Cluster, ClusterBuilder, StopMode};
pub use daemon::Daemon;
pub use disposable::{Disposable, PROCEDURES, audit_of, has_lab, lab_up};
pub use error::RehearsalError;
pub use lab::{Lab, LabOptions};
pub use load::{Audit, Load, LoadOptions};
pub use process::end_process;
