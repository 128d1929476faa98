//! The RDS major upgrade by snapshot and logical replication, from the first check to the rollback.
//!
//! [`runbook`] reads from top to bottom as an operator would tell it; each step has a file or a neighbour's.

mod accept;
pub mod build;
mod catch_up;
mod data;
mod finish;
mod green;
mod link_steps;
pub mod log;
mod maintain;
mod objects;
mod preflight;
mod prepare;
mod start_lsn;

use std::sync::Arc;
use std::time::Duration;

use self::build::Way;
use super::job::{Direction, Job};
use super::switch::{SWITCHED_AT, Switch};
use crate::checks::known::START_LSN;
use crate::domain::Node;
use crate::profile::CompareWhen;
use crate::runbook::{Danger, Gate, Phase, Risk, Runbook, Step, StepId, StepInfo, Undo};

/// The whole procedure for one job.
#[must_use]
pub fn runbook(job: &Arc<Job>, way: Way) -> Runbook {
    let mut forward = vec![
        phase(
            "preflight",
            "Pre-flight",
            vec![Box::new(preflight::Checks::preflight(job))],
        ),
        prepare_blue(job),
        build_green(job, way),
        catch_up(job),
        phase("cutover", "Cut over", vec![Box::new(cutover(job))]),
        accept(job),
        way_back(job),
        finish(job),
    ];
    forward.extend(finish::DeleteBlue::phase(job));
    Runbook {
        procedure: "rds-blue-green",
        forward,
        rollback: roll_back(job),
        point_of_no_return: Some(StepId::new("cutover.switch")),
        way_back_ends: Some(StepId::new("finish.unlink")),
    }
}

fn phase(id: &'static str, title: &str, steps: Vec<Box<dyn Step>>) -> Phase {
    Phase {
        id,
        title: title.to_owned(),
        steps,
    }
}

fn prepare_blue(job: &Arc<Job>) -> Phase {
    phase(
        "prepare",
        "Prepare BLUE",
        vec![
            Box::new(prepare::Role::new(job)),
            Box::new(prepare::Tables::new(job)),
            Box::new(prepare::Publication::new(job)),
            Box::new(prepare::Slots::forward(job)),
        ],
    )
}

fn build_green(job: &Arc<Job>, way: Way) -> Phase {
    let mut steps = vec![build::snapshot_step(job)];
    if way == Way::UpgradeSnapshot {
        steps.push(build::upgrade_snapshot_step(job));
    }
    steps.push(build::restore_step(job, way));
    steps.push(Box::new(green::FenceGreen::new(job)));
    steps.push(Box::new(green::CleanGreen::new(job)));
    // Before an upgrade of the instance: that would rewrite GREEN's own history, and logs do not last.
    steps.push(Box::new(start_lsn::FindStart::new(job)));
    if way == Way::UpgradeInstance {
        steps.push(build::upgrade_instance_step(&job.profile));
    }
    phase("build", "Build GREEN", steps)
}

fn catch_up(job: &Arc<Job>) -> Phase {
    let subscribe = StepInfo::new(
        "catch-up.subscribe",
        "Create the subscription, disabled",
        "It copies nothing and makes no slot: GREEN has the rows of the snapshot, the slot on BLUE keeps the rest.",
    );
    let enable = StepInfo::new(
        "catch-up.enable",
        "Advance the origin and enable the subscription",
        "GREEN holds everything up to the last record its recovery replayed. Replication must start one byte later: \
         earlier applies the last commit twice, later loses one.",
    )
    .gate(Gate::Enter);
    let mut steps: Vec<Box<dyn Step>> = vec![
        Box::new(link_steps::Subscribe::new(
            job,
            Direction::Forward,
            subscribe,
        )),
        Box::new(preflight::Checks::green_built(job)),
        Box::new(objects::CompareObjects::new(job)),
        Box::new(link_steps::Enable::new(
            job,
            Direction::Forward,
            START_LSN,
            enable,
        )),
        Box::new(catch_up::CatchUp::new(job)),
        Box::new(maintain::Maintain::new(job)),
    ];
    if matches!(
        job.profile.compare.when,
        CompareWhen::Both | CompareWhen::Before
    ) {
        steps.push(Box::new(data::CompareData::before(job)));
    }
    // After what may take hours: from here on it keeps WAL on GREEN.
    steps.push(Box::new(prepare::Slots::reverse(job)));
    phase("catch-up", "Catch up", steps)
}

fn cutover(job: &Arc<Job>) -> Switch {
    let profile = &job.profile;
    let budget = crate::domain::human_duration(profile.budgets.write_pause);
    let info = StepInfo::new(
        "cutover.switch",
        "Cut over",
        "Applications stop writing to BLUE, everything written is applied on GREEN, sequences are set, GREEN is opened.",
    )
    .undo(
        Undo::RollForwardOnly,
        "Until GREEN opens BLUE is given back in milliseconds. Afterwards the way back is the rollback half, which loses \
         nothing.",
    )
    .gate(Gate::Phrase(job.phrase("cut over")))
    .danger(Danger {
        heading: format!("CUT OVER  {} → {}", profile.blue.identifier, profile.green.address.identifier),
        consequences: vec![
            format!("Applications stop writing to BLUE now. Roles: {}.", profile.fence.roles.join(", ")),
            format!("Past the budget of {budget} BLUE is given back by itself."),
            "Until GREEN opens this is undone in milliseconds. Afterwards the way back is a rollback (reverse slot ready, \
             loses nothing)."
                .to_owned(),
            "A session ended while it commits cannot know whether it did: applications must be able to ask.".to_owned(),
        ],
    });
    Switch::new(job, Direction::Forward, info)
}

fn accept(job: &Arc<Job>) -> Phase {
    let redirect = after(
        "accept.redirect",
        "Point applications at GREEN",
        "Done within the write pause; here again when the hook did not come through then.",
    );
    let checks = after(
        "accept.checks",
        "Look at GREEN in service",
        "It takes writes, and no sequence is behind BLUE's.",
    );
    let unlink = after(
        "accept.unlink",
        "Drop the forward link",
        "Forward and reverse link must never run together: rows would go round in circles. What was drained is on GREEN's \
         disk, so BLUE's slot keeps nothing that is still needed.",
    );
    phase(
        "accept",
        "Accept",
        vec![
            Box::new(accept::Redirect::new(job, Node::green(), redirect)),
            Box::new(accept::FinalChecks::new(job, Direction::Forward, checks)),
            Box::new(link_steps::Unlink::new(job, Direction::Forward, unlink)),
        ],
    )
}

fn way_back(job: &Arc<Job>) -> Phase {
    let subscribe = after(
        "way-back.subscribe",
        "Create the reverse subscription",
        "BLUE, still fenced, follows GREEN from the cutover on, so that a rollback loses nothing.",
    );
    let enable = after(
        "way-back.enable",
        "Start the reverse link at the cutover",
        "Its origin is where GREEN's log stood when BLUE's last change had been applied and nothing of GREEN's own had been \
         written: earlier would send BLUE its own rows back.",
    );
    let compare = after(
        "way-back.compare",
        "Compare data again",
        "Every row, while applications write to GREEN and BLUE follows. A row that was wrong on GREEN and has been written \
         again since the cutover is no longer to be told: BLUE got it back as GREEN has it.",
    );
    let mut steps: Vec<Box<dyn Step>> = vec![
        Box::new(link_steps::Subscribe::new(
            job,
            Direction::Reverse,
            subscribe,
        )),
        Box::new(link_steps::Enable::new(
            job,
            Direction::Reverse,
            SWITCHED_AT.of(Node::green().as_str()),
            enable,
        )),
        Box::new(accept::ProveReverse::new(job)),
    ];
    if matches!(
        job.profile.compare.when,
        CompareWhen::Both | CompareWhen::After
    ) {
        steps.push(Box::new(data::CompareData::after(job, compare)));
    }
    phase("way-back", "Open the way back", steps)
}

fn finish(job: &Arc<Job>) -> Phase {
    let unlink = StepInfo::new(
        "finish.unlink",
        "Close the way back",
        "The reverse link keeps WAL on GREEN and forbids DDL. Once GREEN is trusted it goes, and with it the way back.",
    )
    .undo(Undo::Irreversible, "Afterwards BLUE no longer follows GREEN: going back would lose what GREEN has taken.")
    .gate(Gate::Phrase(job.phrase("finish")))
    .danger(Danger {
        heading: format!("CLOSE THE WAY BACK TO {}", job.profile.blue.identifier),
        consequences: vec![
            "The reverse link is dropped on both sides. A rollback is no longer possible.".to_owned(),
            "BLUE stays as it is, fenced. GREEN is in service and is not touched.".to_owned(),
        ],
    });
    let clean = |id, title, why| {
        StepInfo::new(id, title, why).undo(
            Undo::Irreversible,
            "The way back is closed already; nothing more is lost.",
        )
    };
    let green = clean(
        "finish.clean-green",
        "Clean up GREEN",
        "Publication and tables of this run are dropped.",
    );
    let blue = clean(
        "finish.clean-blue",
        "Clean up BLUE",
        "BLUE stays fenced; publication and tables of this run are dropped.",
    );
    phase(
        "finish",
        "Finish",
        vec![
            Box::new(link_steps::Unlink::new(job, Direction::Reverse, unlink)),
            Box::new(finish::Clean::new(job, Node::green(), green)),
            Box::new(finish::Clean::new(job, Node::blue(), blue)),
        ],
    )
}

/// The cutover mirrored: GREEN is fenced and drained into BLUE, BLUE is opened.
fn roll_back(job: &Arc<Job>) -> Vec<Phase> {
    let profile = &job.profile;
    let switch = StepInfo::new(
        "rollback.switch",
        "Roll back",
        "The cutover mirrored: applications stop writing to GREEN, all they wrote there is applied on BLUE, BLUE is opened.",
    )
    .undo(Undo::RollForwardOnly, "Until BLUE opens GREEN is given back in milliseconds. Afterwards BLUE is in service.")
    .gate(Gate::Phrase(job.phrase("roll back to")))
    .danger(Danger {
        heading: format!("ROLL BACK  {} → {}", profile.green.address.identifier, profile.blue.identifier),
        consequences: vec![
            format!("Applications stop writing to GREEN now. Roles: {}.", profile.fence.roles.join(", ")),
            "Everything written to GREEN since the cutover is on BLUE before BLUE opens.".to_owned(),
            "Afterwards GREEN is fenced and follows nobody: another upgrade begins anew.".to_owned(),
        ],
    });
    let redirect = after(
        "rollback.redirect",
        "Point applications at BLUE",
        "Again, when the hook did not come through.",
    );
    let checks = after(
        "rollback.checks",
        "Look at BLUE in service",
        "It takes writes, and no sequence is behind GREEN's.",
    );
    let unlink = after(
        "rollback.unlink",
        "Drop the reverse link",
        "BLUE follows nobody any more.",
    );
    let clean = after(
        "rollback.clean-blue",
        "Clean up BLUE",
        "Publication and tables of this run are dropped.",
    );
    vec![
        phase(
            "rollback",
            "Roll back",
            vec![Box::new(Switch::new(job, Direction::Reverse, switch))],
        ),
        phase(
            "rollback-accept",
            "Accept BLUE",
            vec![
                Box::new(accept::Redirect::new(job, Node::blue(), redirect)),
                Box::new(accept::FinalChecks::new(job, Direction::Reverse, checks)),
                Box::new(link_steps::Unlink::new(job, Direction::Reverse, unlink)),
                Box::new(finish::Clean::new(job, Node::blue(), clean)),
            ],
        ),
    ]
}

/// A step beyond the point of no return: only the rollback half leads back.
fn after(id: &str, title: &str, why: &str) -> StepInfo {
    StepInfo::new(id, title, why)
        .risk(Risk::Mutating)
        .planned(Duration::from_secs(1))
        .undo(
            Undo::RollForwardOnly,
            "The way back from here is the rollback half, which loses nothing.",
        )
}
