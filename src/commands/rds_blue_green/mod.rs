//! What `rds-blue-green` brings to a run: its servers reached, its lock, its way, who looks on, its checks and plan.

mod check;
mod guardrails;
mod lookout;
mod sights;
mod wire;

use std::path::Path;
use std::sync::Arc;

pub use check::preflight;
pub use guardrails::IDS;
pub use lookout::Lookout;
pub use wire::Wired;

use self::wire::CutoverChecks;
use super::Failure;
use super::outfit::Outfit;
use crate::domain::PgVersion;
use crate::procedures::rds_blue_green::build::Way;
use crate::procedures::{Job, rds_blue_green};
use crate::profile::{BlueGreen, Route};
use crate::runbook::{Facts, Plan, Runbook};

/// The runbook of a profile that nothing was reached for.
#[must_use]
pub fn unreached(profile: BlueGreen) -> Runbook {
    let way = match profile.rds.route {
        Route::UpgradeInstance => Way::UpgradeInstance,
        Route::UpgradeSnapshot => Way::UpgradeSnapshot,
        Route::Auto => {
            super::say(
                "greenlight: the route is chosen by what BLUE is and holds when the run begins; shown here is \
                 upgrade-snapshot",
            );
            Way::UpgradeSnapshot
        }
    };
    let (job, _) = Job::new(Arc::new(profile), "{run}", None, None);
    rds_blue_green::runbook(&job, way)
}

/// Reaches everything a run needs and takes its lock. `begun` is the plan of a run that is taken up.
pub async fn equip(
    profile: BlueGreen,
    run: &str,
    dir: &Path,
    facts: &Facts,
    begun: Option<&Plan>,
) -> Result<Outfit, Failure> {
    let wired = Wired::reach(profile, run, facts).await?;
    let lock = wired.lock().await?;
    let way = wired.way(begun).await?;
    let profile = &wired.profile;
    let (job, objects) = Job::new(
        Arc::clone(profile),
        run,
        wired.replication_password.clone(),
        Some(dir),
    );
    let target = &profile.green.engine_version;
    Ok(Outfit {
        runbook: rds_blue_green::runbook(&job, way),
        versions: (
            wired.blue.to_string(),
            PgVersion::from_dotted(target).map_or_else(|| target.clone(), |v| v.to_string()),
        ),
        sides: None,
        rehearsal: is_rehearsal(profile),
        objects,
        gate_checks: Arc::new(CutoverChecks {
            profile: Arc::clone(profile),
            world: wired.world.clone(),
            run: run.to_owned(),
            run_dir: dir.to_owned(),
            replication_password: wired.replication_password.clone(),
        }),
        lookout: Box::new(Lookout {
            profile: Arc::clone(profile),
            world: wired.world.clone(),
            run: run.to_owned(),
            journal: dir.join(crate::journal::JOURNAL),
            lock: Arc::clone(&lock),
        }),
        lock: Box::new(lock),
        world: wired.world,
    })
}

/// True where RDS is a stand-in on this machine: only there may a rehearsal's liberties be taken.
fn is_rehearsal(profile: &BlueGreen) -> bool {
    let url = profile.rds.endpoint_url.as_deref().unwrap_or_default();
    url.starts_with("http://127.0.0.1:") || url.starts_with("http://[::1]:")
}
