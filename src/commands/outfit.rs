//! What a run needs beside its folder, put together by its procedure.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use super::{Failure, patroni_guard, rds_blue_green, vip_switchover};
use crate::engine::{GateChecks, Trip};
use crate::event::Gauges;
use crate::inspect::ObjectDiff;
use crate::profile::Profile;
use crate::runbook::{CheckReport, CheckResult, Facts, Plan, Runbook, World};

/// What a procedure brings to a run.
pub struct Outfit {
    /// What is to be done.
    pub runbook: Runbook,
    /// The servers, reached.
    pub world: World,
    /// BLUE's and GREEN's version, as shown.
    pub versions: (String, String),
    /// What the two sides are called, where not BLUE and GREEN.
    pub sides: Option<(String, String)>,
    /// True on disposable servers: only there may a rehearsal's liberties be taken.
    pub rehearsal: bool,
    /// The checks of its gates.
    pub gate_checks: Arc<dyn GateChecks>,
    /// Who looks on while it is driven.
    pub lookout: Box<dyn Lookout>,
    /// The object diff, once there is one.
    pub objects: watch::Receiver<Option<Arc<ObjectDiff>>>,
    /// Held as long as the run is driven: another operator is told who is at work.
    pub lock: Box<dyn Any + Send + Sync>,
}

/// Looks on while a run is driven: samples gauges, judges what it sees. Changes nothing.
#[async_trait]
pub trait Lookout: Send {
    /// Looks on until nobody listens any more, or the task is ended.
    async fn keep(self: Box<Self>, telling: Telling);
}

/// Where a lookout tells what it sees.
pub struct Telling {
    /// The latest readings.
    pub gauges: watch::Sender<Gauges>,
    /// What guardrails saw.
    pub trips: mpsc::UnboundedSender<Trip>,
}

impl Outfit {
    /// Reaches everything a run of `profile` needs. `begun` is the plan of a run that is taken up.
    pub async fn of(
        profile: Profile,
        run: &str,
        dir: &Path,
        facts: &Facts,
        begun: Option<&Plan>,
    ) -> Result<Self, Failure> {
        match profile {
            Profile::BlueGreen(profile) => {
                rds_blue_green::equip(*profile, run, dir, facts, begun).await
            }
            Profile::VipSwitchover(profile) => {
                vip_switchover::equip(*profile, run, dir, facts).await
            }
            Profile::PatroniGuard(profile) => {
                patroni_guard::equip(*profile, run, dir, facts, begun.is_some()).await
            }
        }
    }
}

/// The runbook of a profile that nothing was reached for: what only servers can tell stands as `{name}`.
#[must_use]
pub fn unreached(profile: Profile) -> Runbook {
    match profile {
        Profile::BlueGreen(profile) => rds_blue_green::unreached(*profile),
        Profile::VipSwitchover(profile) => vip_switchover::unreached(*profile),
        Profile::PatroniGuard(profile) => patroni_guard::unreached(*profile),
    }
}

/// Asks the pre-flight checks of a profile without a run; `run` is the name their sessions carry.
pub async fn preflight(
    profile: Profile,
    run: &str,
    show: &(dyn Fn(CheckResult) + Send + Sync),
) -> Result<CheckReport, Failure> {
    match profile {
        Profile::BlueGreen(profile) => rds_blue_green::preflight(&profile, run, show).await,
        Profile::VipSwitchover(profile) => vip_switchover::preflight(*profile, run, show).await,
        Profile::PatroniGuard(profile) => patroni_guard::preflight(&profile, run, show).await,
    }
}
