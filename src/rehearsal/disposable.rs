use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;

use super::guard::{self, GuardLab};
use super::lab::files::Up;
use super::load::audit;
use super::vip::VipLab;
use super::{Audit, Lab, LabOptions, Load, RehearsalError};

/// The procedures that have a lab.
pub const PROCEDURES: [&str; 3] = ["rds-blue-green", "patroni-guard", "vip-switchover"];

/// The lab of a procedure, up: servers that may be thrown away. Dropped, they end; `down` removes the folder as well.
#[async_trait]
pub trait Disposable: Send + Sync {
    /// What it is made of.
    fn told(&self) -> &Up;

    /// Starts audited writers that go where the endpoint file says, and wait this long between two transactions.
    fn load(&self, writers: usize, pause: Duration) -> Result<Load, RehearsalError>;

    /// The command that carries a deployment out on it, where its procedure guards one.
    fn deployment(&self, _good: bool) -> Option<Vec<String>> {
        None
    }

    /// What became of everything that was acknowledged.
    async fn audit(&self) -> Result<Audit, RehearsalError> {
        audit_of(self.dir()).await
    }

    /// Stops everything and removes the folder.
    async fn down(self: Box<Self>) -> Result<(), RehearsalError>;

    /// Its folder.
    fn dir(&self) -> &Path {
        &self.told().dir
    }
}

/// What became of everything that was acknowledged in the lab in `dir`.
pub async fn audit_of(dir: &Path) -> Result<Audit, RehearsalError> {
    if guard::is_guarded(dir) {
        guard::audit(dir).await
    } else {
        audit(dir).await
    }
}

/// Refuses a procedure that has no lab.
pub fn has_lab(procedure: &str) -> Result<(), RehearsalError> {
    if PROCEDURES.contains(&procedure) {
        return Ok(());
    }
    Err(RehearsalError::Unusable(format!(
        "there is no lab for {procedure:?}: only for {}",
        PROCEDURES.join(", ")
    )))
}

/// Makes the lab of a procedure; `say` hears of each step as it begins.
pub async fn lab_up(
    procedure: &str,
    options: &LabOptions,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Box<dyn Disposable>, RehearsalError> {
    has_lab(procedure)?;
    Ok(match procedure {
        "patroni-guard" => Box::new(GuardLab::up(options, say).await?),
        "vip-switchover" => Box::new(VipLab::up(options, say).await?),
        _ => Box::new(Lab::up(options, say).await?),
    })
}
