//! The minor upgrade by switchover behind a virtual address, from the first check to the rollback.
//!
//! [`runbook`] reads from top to bottom as an operator would tell it; each step has a file. BLUE is the primary when the
//! run begins, GREEN its standby. A side is only ever promoted once the other one is verified dead, or fenced.

pub mod address;
mod fence;
mod finish;
pub mod job;
mod preflight;
mod prepare;
mod rejoin;
mod server;
mod switch;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

pub use self::job::VipJob;

use self::fence::Fence;
use self::finish::{DropOldSlots, Reconnect};
use self::preflight::Preflight;
use self::prepare::{Checkpoints, Follow};
use self::rejoin::{JoinAddress, Rejoin};
use self::switch::Switch;
use self::upgrade::{Downgrade, UpgradeStandby};
use crate::domain::{Node, human_duration};
use crate::runbook::{Danger, Gate, Phase, Risk, Runbook, Step, StepId, StepInfo, Undo};

/// The step at which applications are switched over.
pub const SWITCH: &str = "cutover.switch";
/// The step at which they are switched back.
pub const SWITCH_BACK: &str = "rollback.switch";

/// The whole procedure for one job. `out_of_reach` is true for a run that is taken up while BLUE's host does not answer:
/// nothing is promoted then before it was fenced.
#[must_use]
pub fn runbook(job: &Arc<VipJob>, out_of_reach: bool) -> Runbook {
    Runbook {
        procedure: "vip-switchover",
        forward: vec![
            phase(
                "preflight",
                "Pre-flight",
                vec![Box::new(Preflight::new(job))],
            ),
            prepare(job),
            cut_over(job, out_of_reach),
            accept(job),
            rejoin(job),
            finish(job),
        ],
        rollback: roll_back(job),
        point_of_no_return: Some(StepId::new(SWITCH)),
        way_back_ends: Some(StepId::new("finish.close")),
    }
}

fn phase(id: &'static str, title: &str, steps: Vec<Box<dyn Step>>) -> Phase {
    Phase {
        id,
        title: title.to_owned(),
        steps,
    }
}

/// A step that may not be there, as part of a phase.
fn some<S: Step + 'static>(step: Option<S>) -> impl Iterator<Item = Box<dyn Step>> {
    step.into_iter().map(|step| Box::new(step) as Box<dyn Step>)
}

fn prepare(job: &Arc<VipJob>) -> Phase {
    let (blue, green) = (Node::blue(), Node::green());
    let follow = StepInfo::new(
        "prepare.slot",
        "Prepare BLUE to follow GREEN",
        "A slot on GREEN keeps from now on what BLUE will need, and BLUE's settings name GREEN. As long as BLUE is the \
         primary they mean nothing; when it is started as a standby, it follows at once.",
    );
    let upgrade = StepInfo::new(
        "prepare.upgrade",
        "Upgrade GREEN",
        "The standby is upgraded first: a standby replays what an older minor version writes. It restarts; BLUE serves on.",
    )
    .planned(Duration::from_secs(60));
    let checkpoints = StepInfo::new(
        "prepare.checkpoints",
        "Checkpoint BLUE, GREEN, BLUE",
        "What is not on disk yet is written by the stop, while applications wait.",
    )
    .planned(Duration::from_secs(10));
    let mut steps: Vec<Box<dyn Step>> = vec![Box::new(Follow::new(job, blue.clone(), follow))];
    steps.extend(some(UpgradeStandby::new(job, green.clone(), upgrade)));
    steps.push(Box::new(Checkpoints::new(
        job,
        vec![blue.clone(), green, blue],
        checkpoints,
    )));
    phase("prepare", "Prepare", steps)
}

fn cut_over(job: &Arc<VipJob>, out_of_reach: bool) -> Phase {
    let blue = Node::blue();
    let mut steps: Vec<Box<dyn Step>> = Vec::new();
    if out_of_reach {
        steps.push(Box::new(Fence::new(job, blue.clone(), fence_info(job))));
    }
    let info = StepInfo::new(
        SWITCH,
        "Switch over",
        "BLUE is stopped cleanly and seen dead, GREEN is seen to have replayed its last record, is promoted, and takes \
         over the address.",
    )
    .undo(
        Undo::RollForwardOnly,
        "Until GREEN is promoted BLUE is started again and serves. Afterwards the way back is the rollback half, which \
         loses nothing.",
    )
    .gate(Gate::Phrase(job.phrase("switch over", &blue)))
    .danger(switch_danger(job, &blue));
    steps.push(Box::new(Switch::new(job, blue, info)));
    phase("cutover", "Switch over", steps)
}

fn switch_danger(job: &VipJob, from: &Node) -> Danger {
    let (from_name, to_name) = (job.name(from), job.name(&job::other(from)));
    let budget = human_duration(job.profile.budgets.write_pause);
    Danger {
        heading: format!("SWITCH OVER  {from_name} → {to_name}"),
        consequences: vec![
            format!("{from_name} is stopped now: all its sessions end, nobody can write."),
            format!("Before {to_name} is promoted every failure, and going over {budget}, starts {from_name} again."),
            format!("{to_name} is promoted only when {from_name} is seen dead and every record of it replayed."),
            "A session ended while it commits cannot know whether it did: applications must be able to ask.".to_owned(),
        ],
    }
}

fn fence_info(job: &VipJob) -> StepInfo {
    let name = &job.blue;
    StepInfo::new(
        "cutover.fence",
        "Fence BLUE",
        "BLUE's host does not answer, so it may be alive and serve. The fencing hook has to say that it is dead before \
         GREEN may be promoted.",
    )
    .undo(Undo::Reversible, "What the hook did to the host is not taken back by this run.")
    .gate(Gate::Phrase(job.phrase("fence", &Node::blue())))
    .danger(Danger {
        heading: format!("FENCE  {name}"),
        consequences: vec![
            format!("{name} is shut off for good by your fencing hook: power, hypervisor or network."),
            format!("Commits of {name} that GREEN had not received ARE LOST once GREEN is promoted."),
            format!("If {name} may come back by itself, park the run now and wait for it instead."),
        ],
    })
}

fn accept(job: &Arc<VipJob>) -> Phase {
    let green = Node::green();
    let checkpoint = after(
        "accept.checkpoint",
        "Checkpoint GREEN",
        "Until then GREEN's control data names the timeline before: pg_rewind would find nothing to do on a server that \
         has parted from it.",
    );
    let reconnect = after(
        "accept.reconnect",
        "Have pools reconnect",
        "Their idle sessions are to a server that is gone.",
    );
    let mut steps: Vec<Box<dyn Step>> = vec![Box::new(Checkpoints::new(
        job,
        vec![green.clone()],
        checkpoint,
    ))];
    steps.extend(some(Reconnect::new(job, green, reconnect)));
    phase("accept", "Accept", steps)
}

fn rejoin(job: &Arc<VipJob>) -> Phase {
    let blue = Node::blue();
    let rejoin = after(
        "rejoin.follow",
        "Have BLUE follow GREEN",
        "By the cheapest way that is safe: started as a standby when the switchover was seen to be clean, else rewound, \
         else copied anew with its old data moved aside.",
    );
    let address = after(
        "rejoin.address",
        "Have keepalived join again on BLUE",
        "So that the address can move the next time. If it takes the address back it is made to let go again.",
    );
    let upgrade = after(
        "rejoin.upgrade",
        "Upgrade BLUE",
        "It is a standby now. Until then a rollback leads back to the version before.",
    )
    .gate(Gate::Enter)
    .planned(Duration::from_secs(60));
    let mut steps: Vec<Box<dyn Step>> = vec![Box::new(Rejoin::new(job, blue.clone(), rejoin))];
    steps.extend(some(JoinAddress::new(job, blue.clone(), address)));
    steps.extend(some(UpgradeStandby::new(job, blue, upgrade)));
    phase("rejoin", "Bring BLUE back", steps)
}

fn finish(job: &Arc<VipJob>) -> Phase {
    let close = StepInfo::new(
        "finish.close",
        "Close the run",
        "The slots by which GREEN followed BLUE would keep WAL on BLUE for nobody. The roles are swapped; the next run \
         finds them so, and switches back.",
    )
    .undo(
        Undo::Irreversible,
        "Afterwards this run is not rolled back: the next run switches over the other way.",
    )
    .gate(Gate::Enter);
    phase(
        "finish",
        "Finish",
        vec![Box::new(DropOldSlots::new(job, Node::blue(), close))],
    )
}

/// The switchover mirrored: GREEN is stopped, BLUE is promoted.
fn roll_back(job: &Arc<VipJob>) -> Vec<Phase> {
    let (blue, green) = (Node::blue(), Node::green());
    let rejoin_blue = after(
        "rollback.follow",
        "Have BLUE follow GREEN",
        "Only a server that has all of it can take over.",
    );
    let join = after(
        "rollback.join",
        "Have keepalived join again on BLUE",
        "Where it was left out of service after the switchover, the address could not come back to BLUE.",
    );
    let slot = after(
        "rollback.slot",
        "Prepare GREEN to follow BLUE",
        "A slot on BLUE keeps what GREEN will need, and GREEN's settings name BLUE.",
    );
    let switch = StepInfo::new(
        SWITCH_BACK,
        "Switch back",
        "The switchover mirrored: GREEN is stopped and seen dead, BLUE is promoted and takes over the address.",
    )
    .undo(
        Undo::RollForwardOnly,
        "Until BLUE is promoted GREEN is started again and serves. Afterwards BLUE is in service.",
    )
    .gate(Gate::Phrase(job.phrase("roll back to", &blue)))
    .danger(switch_danger(job, &green));
    let checkpoint = after(
        "rollback.checkpoint",
        "Checkpoint BLUE",
        "pg_rewind would otherwise find nothing to do on a server that has parted from it.",
    );
    let reconnect = after(
        "rollback.reconnect",
        "Have pools reconnect",
        "Their idle sessions are to a server that is gone.",
    );
    let rejoin_green = after(
        "rollback.rejoin",
        "Have GREEN follow BLUE",
        "By the cheapest way that is safe.",
    );
    let address = after(
        "rollback.address",
        "Have keepalived join again on GREEN",
        "So that the address can move the next time.",
    );
    let downgrade = after(
        "rollback.downgrade",
        "Put GREEN's version before back",
        "Only where BLUE still runs it: then all is as it was.",
    );
    let close = after(
        "rollback.close",
        "Drop slots nobody uses",
        "The slot by which BLUE followed GREEN would keep WAL on GREEN for nobody.",
    );
    let slots = after(
        "rollback.slots",
        "Drop BLUE's slots nobody uses",
        "GREEN follows by a slot of this run now; the one it followed by before would keep WAL for nobody.",
    );
    let mut accept: Vec<Box<dyn Step>> = vec![Box::new(Checkpoints::new(
        job,
        vec![blue.clone()],
        checkpoint,
    ))];
    accept.extend(some(Reconnect::new(job, blue.clone(), reconnect)));
    accept.push(Box::new(Rejoin::new(job, green.clone(), rejoin_green)));
    accept.extend(some(JoinAddress::new(job, green.clone(), address)));
    accept.extend(some(Downgrade::new(job, green.clone(), downgrade)));
    accept.push(Box::new(DropOldSlots::new(job, green.clone(), close)));
    accept.push(Box::new(DropOldSlots::new(job, blue.clone(), slots)));
    let mut back: Vec<Box<dyn Step>> = vec![Box::new(Rejoin::new(job, blue.clone(), rejoin_blue))];
    back.extend(some(JoinAddress::new(job, blue, join)));
    back.push(Box::new(Follow::new(job, green.clone(), slot)));
    back.push(Box::new(Switch::new(job, green, switch)));
    vec![
        phase("rollback", "Switch back", back),
        phase("rollback-accept", "Accept BLUE", accept),
    ]
}

/// A step beyond the point of no return: only the rollback half leads back.
fn after(id: &str, title: &str, why: &str) -> StepInfo {
    StepInfo::new(id, title, why).risk(Risk::Mutating).undo(
        Undo::RollForwardOnly,
        "The way back from here is the rollback half, which loses nothing.",
    )
}
