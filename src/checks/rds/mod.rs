//! What the RDS control plane tells about BLUE, GREEN and what they are made with.
//!
//! Each question fetches its descriptions and hands them to a pure judge. Where the API does not tell what matters
//! (clients' trust stores, DNS, firewall rules, key policies) the answer says what was looked at and what a person has to
//! confirm; it never passes in silence.

mod after;
mod catalogue;
mod instance;
mod people;
mod target;
mod windows;

use crate::ports::{Instance, RdsApi, RdsErrorKind};
use crate::runbook::FactKey;

use super::ask::{Answer, AskError, Asking};
use super::check::Moment;
use super::finding::Finding;

pub use catalogue::CHECKS;

/// Name of the run's snapshot, once it was asked for.
pub const SNAPSHOT: FactKey<String> = FactKey::new("snapshot");

/// Where these answers are shown.
const RDS: &str = "RDS";

fn rds<'a>(asking: &Asking<'a>) -> Result<&'a dyn RdsApi, AskError> {
    let rds = asking.ctx.world.rds.as_deref();
    rds.ok_or_else(|| AskError::Other("the profile names no RDS control plane".to_owned()))
}

async fn blue(asking: &Asking<'_>) -> Result<Instance, AskError> {
    let name = &asking.ctx.profile.blue.identifier;
    Ok(rds(asking)?.instance(name).await?)
}

/// GREEN as RDS describes it; `None` before it is restored.
async fn green(asking: &Asking<'_>) -> Result<Option<Instance>, AskError> {
    if asking.ctx.moment == Moment::Preflight {
        return Ok(None);
    }
    let name = &asking.ctx.profile.green.address.identifier;
    match rds(asking)?.instance(name).await {
        Ok(green) => Ok(Some(green)),
        Err(error) if error.kind == RdsErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The one answer of a question about the control plane.
#[allow(clippy::unnecessary_wraps)]
fn answer(finding: Finding) -> Result<Vec<Answer>, AskError> {
    Ok(vec![Answer::new(RDS, finding)])
}
