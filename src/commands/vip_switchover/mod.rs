//! What `vip-switchover` brings to a run: its servers reached, its locks, its way, who looks on, its checks.

mod judge;
mod lookout;
mod reach;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

pub use judge::IDS;

use self::lookout::Lookout;
use self::reach::Locks;
use super::Failure;
use super::outfit::Outfit;
use crate::checks::known::BLUE_IS;
use crate::checks::{CheckContext, Moment, run_all};
use crate::domain::Node;
use crate::engine::GateChecks;
use crate::procedures::VipJob;
use crate::procedures::vip_switchover::job::{FENCED, PASSED, other};
use crate::procedures::vip_switchover::{SWITCH, SWITCH_BACK, runbook};
use crate::profile::{Via, VipSwitchover};
use crate::runbook::{CheckReport, CheckResult, Facts, Runbook, StepInfo, World};

/// The runbook of a profile that nothing was reached for: the first of its nodes is taken for the primary.
#[must_use]
pub fn unreached(profile: VipSwitchover) -> Runbook {
    let blue = profile.nodes.keys().next().cloned().unwrap_or_default();
    super::say(&format!(
        "greenlight: which server is the primary is asked when the run begins; shown here is {blue}"
    ));
    let job = VipJob::new(Arc::new(profile), "{run}", &blue, None);
    runbook(&job, false)
}

/// Reaches everything a run needs and takes its locks.
pub async fn equip(
    profile: VipSwitchover,
    run: &str,
    dir: &Path,
    facts: &Facts,
) -> Result<Outfit, Failure> {
    reach::refuse_tokens(&profile)?;
    let blue = match facts.get(&BLUE_IS) {
        Some(blue) if profile.nodes.contains_key(&blue) => blue,
        Some(blue) => {
            return Err(Failure::new(format!(
                "the run began with {blue} as its primary, which its profile does not name"
            )));
        }
        None => reach::primary(&profile, run).await?,
    };
    let job = VipJob::new(Arc::new(profile), run, &blue, Some(dir));
    let world = reach::world(&job.profile, run, &blue, true);
    let locks = Locks::take(&job, &world).await?;
    let [blue_version, green_version] = reach::versions(&job, &world).await;
    let wanted = job.profile.upgrade.as_ref().map(|upgrade| upgrade.version);
    let shown = |version: Option<crate::domain::PgVersion>| {
        version.map_or_else(|| "?".to_owned(), |version| version.to_string())
    };
    let out_of_reach = facts.get(&BLUE_IS).is_some()
        && facts.get(&PASSED.of(Node::green().as_str())).is_none()
        && job.is_out_of_reach(&world, &Node::blue()).await;
    let (_, objects) = watch::channel(None);
    Ok(Outfit {
        sides: Some((format!("BLUE {}", job.blue), format!("GREEN {}", job.green))),
        runbook: runbook(&job, out_of_reach),
        versions: (shown(blue_version), shown(wanted.or(green_version))),
        rehearsal: is_rehearsal(&job.profile),
        gate_checks: Arc::new(SwitchChecks {
            job: Arc::clone(&job),
            world: world.clone(),
        }),
        lookout: Box::new(Lookout {
            job,
            world: world.clone(),
            journal: dir.join(crate::journal::JOURNAL),
            locks: Arc::clone(&locks),
        }),
        objects,
        lock: Box::new(locks),
        world,
    })
}

/// True where both hosts are this machine: only there may a rehearsal's liberties be taken.
fn is_rehearsal(profile: &VipSwitchover) -> bool {
    let mut hosts = profile.nodes.values().map(|node| &node.server.host.via);
    hosts.all(|via| matches!(via, Via::Local(_)))
}

/// Asks the pre-flight checks of a profile without a run; `run` is the name their sessions carry.
pub async fn preflight(
    profile: VipSwitchover,
    run: &str,
    show: &(dyn Fn(CheckResult) + Send + Sync),
) -> Result<CheckReport, Failure> {
    reach::refuse_tokens(&profile)?;
    let blue = reach::primary(&profile, run).await?;
    Ok(look_from(&profile, &blue, run, show).await)
}

/// The same with the node `blue` taken for the primary, whatever it is.
pub async fn look_from(
    profile: &VipSwitchover,
    blue: &str,
    run: &str,
    show: &(dyn Fn(CheckResult) + Send + Sync),
) -> CheckReport {
    let world = reach::world(profile, run, blue, false);
    let mut facts = Facts::default();
    facts.insert(BLUE_IS.name(), blue.into());
    let ctx = CheckContext {
        profile,
        world: &world,
        facts: &facts,
        run,
        moment: Moment::Preflight,
        replication_password: None,
        run_dir: None,
    };
    run_all(&ctx, show).await
}

/// Asks the gate's checks again before a switchover is confirmed. They look from the side that serves.
struct SwitchChecks {
    job: Arc<VipJob>,
    world: World,
}

#[async_trait]
impl GateChecks for SwitchChecks {
    async fn ask(&self, step: &StepInfo, facts: &Facts) -> CheckReport {
        let from = match step.id.as_str() {
            SWITCH => Node::blue(),
            SWITCH_BACK => Node::green(),
            _ => return CheckReport::default(),
        };
        let to = other(&from);
        // A switchover that is half through is completed, and a side that was fenced answers nothing.
        if facts.get(&PASSED.of(to.as_str())) == Some(true)
            || facts.get(&FENCED.of(from.as_str())) == Some(true)
        {
            return CheckReport::default();
        }
        let mut facts = facts.clone();
        facts.insert(
            crate::checks::known::SERVING.name(),
            from.to_string().into(),
        );
        let asked = CheckContext {
            profile: self.job.profile.as_ref(),
            world: &self.world,
            facts: &facts,
            run: &self.job.run,
            moment: Moment::Gate,
            replication_password: None,
            run_dir: self.job.dir.as_deref(),
        };
        run_all(&asked, &|_| {}).await
    }
}
