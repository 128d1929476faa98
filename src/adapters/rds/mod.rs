//! The RDS control plane through the AWS SDK: one client, plain conversions into the port's types, errors sorted by
//! what may be done about them. No waiting, no decisions: polling and judging belong to the procedure.

mod api;
mod client;
mod convert;
mod describe;
mod error;
mod instance;
mod logs;
mod retries;
mod snapshot;
mod token;

pub use client::{AwsSettings, RdsClient};
pub use retries::{OnRetry, Retry, trace_retries};
