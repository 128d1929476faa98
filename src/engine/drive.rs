use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::driver::{Channels, Driver};
use super::dry_run::DryRun;
use super::fault::{Fault, Faulty};
use super::machine::Machine;
use super::recorder::Scribe;
use super::resume::Memory;
use crate::event::{Event, Intent, Light, Outcome};
use crate::journal::OpenRun;
use crate::runbook::{CheckReport, Executor, Facts, Runbook, StepInfo, World};

/// The checks of a gate, asked at the moment of confirming.
#[async_trait]
pub trait GateChecks: Send + Sync {
    /// The answers that decide whether this step may be applied now; none for a gate without checks.
    async fn ask(&self, step: &StepInfo, facts: &Facts) -> CheckReport;
}

/// No gate has checks.
#[derive(Debug)]
pub struct NoGateChecks;

#[async_trait]
impl GateChecks for NoGateChecks {
    async fn ask(&self, _step: &StepInfo, _facts: &Facts) -> CheckReport {
        CheckReport::default()
    }
}

/// Something a guardrail saw.
#[derive(Debug, Clone)]
pub struct Trip {
    /// The guardrail.
    pub id: String,
    /// [`Light::Stop`] stops the step under way and has the operator asked before the next.
    pub light: Light,
    /// What it saw.
    pub text: String,
}

/// What the run is called and how it is run.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// The profile's name.
    pub profile: String,
    /// Who confirms: user and host.
    pub operator: String,
    /// BLUE's version, as shown.
    pub blue_version: String,
    /// GREEN's version, as shown.
    pub green_version: String,
    /// What the two sides are called, where not BLUE and GREEN.
    pub sides: Option<(String, String)>,
    /// Everything is read, nothing is changed.
    pub dry_run: bool,
    /// Disposable servers.
    pub rehearsal: bool,
    /// A fault on purpose, honoured in rehearsals only.
    pub fault: Option<Fault>,
}

/// All that a run needs.
pub struct Drive {
    /// What is to be done.
    pub runbook: Arc<Runbook>,
    /// What is read from.
    pub world: World,
    /// What sends; a dry run replaces it.
    pub executor: Arc<dyn Executor>,
    /// The run's folder, lock and journal, with what happened so far.
    pub run: OpenRun,
    /// The checks of the gates.
    pub gate_checks: Arc<dyn GateChecks>,
    /// What the operator wants. Closed, the run is parked: nobody could answer a gate.
    pub intents: UnboundedReceiver<Intent>,
    /// What guardrails see.
    pub trips: Option<UnboundedReceiver<Trip>>,
    /// Where events go, in order and without loss.
    pub events: UnboundedSender<Event>,
    /// Cancelled by a signal: what is under way comes to a safe end, then the run is parked.
    pub cancel: CancellationToken,
    /// What comes before everything else, `GoBack` for `greenlight rollback`.
    pub first: Option<Intent>,
    /// Names and modes.
    pub header: Header,
}

/// Runs the runbook to its end, or until the run is parked. The last event is [`What::Ended`].
pub async fn drive(drive: Drive) -> Outcome {
    let Drive {
        runbook,
        world,
        executor,
        run,
        gate_checks,
        intents,
        trips,
        events,
        cancel,
        first,
        header,
    } = drive;
    let memory = Memory::of(&run.past);
    let fault = header.fault.filter(|_| header.rehearsal);
    let executor: Arc<dyn Executor> = match fault {
        _ if header.dry_run => Arc::new(DryRun),
        Some(fault) => Arc::new(Faulty::new(executor, fault)),
        None => executor,
    };
    let (inbox, inputs) = unbounded_channel();
    let OpenRun {
        id,
        plan,
        past,
        writer,
        lock,
        ..
    } = run;
    let scribe = Arc::new(Scribe::new(
        writer,
        memory.facts.clone(),
        memory.intents,
        events,
        inbox.clone(),
        fault,
    ));
    let driver = Driver {
        machine: Machine::new(&runbook, &memory, &header.operator),
        runbook,
        world,
        executor,
        gate_checks,
        scribe,
        inbox,
        header,
        run: id,
        job: None,
        pretended: false,
    };
    let channels = Channels {
        inputs,
        intents,
        trips,
        cancel,
        deserted: false,
    };
    let began_with = (!past.is_empty()).then_some(&plan);
    let outcome = driver.run(&memory, began_with, first, channels).await;
    drop(lock);
    outcome
}
