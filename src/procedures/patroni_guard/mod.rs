//! The guard of a deployment on a Patroni cluster: one member is held before it, then released, or the cluster is rolled
//! back to the moment before.
//!
//! [`runbook`] reads from top to bottom as an operator would tell it; each step has a file. `sight` looks at the whole
//! cluster, `hands` is what is done on hosts, `follow` says when a member really follows.

pub mod conf;
mod deploy;
mod follow;
mod hands;
mod hold;
pub mod job;
mod keep_wal;
mod look;
mod mark;
mod preflight;
mod recover;
mod rejoin;
mod release;
mod serve;
pub mod sight;
mod switch;
mod timelines;

use std::sync::Arc;
use std::time::Duration;

pub use job::Job;

use self::rejoin::{Rejoin, Who};
use crate::domain::human_duration;
use crate::runbook::{Danger, Gate, Phase, Risk, Runbook, Step, StepId, StepInfo, Undo};

const FREE: &str =
    "Going back from here costs nothing: the leader serves as before, the held member is let go.";
const ROLL_BACK: &str = "The way back from here is the roll back to the restore point.";

/// The whole procedure for one job.
#[must_use]
pub fn runbook(job: &Arc<Job>) -> Runbook {
    Runbook {
        procedure: "patroni-guard",
        forward: vec![
            phase(
                "preflight",
                "Pre-flight",
                vec![Box::new(preflight::Checks::new(job))],
            ),
            prepare(job),
            phase(
                "deploy",
                "Deploy",
                vec![Box::new(deploy::Deploy::new(job, deployment(job)))],
            ),
            release(job),
        ],
        rollback: vec![recover(job), switch(job), rejoin(job)],
        point_of_no_return: Some(StepId::new("deploy.window")),
        way_back_ends: Some(StepId::new("release.member")),
    }
}

fn phase(id: &'static str, title: &str, steps: Vec<Box<dyn Step>>) -> Phase {
    Phase {
        id,
        title: title.to_owned(),
        steps,
    }
}

fn prepare(job: &Arc<Job>) -> Phase {
    let held = &job.profile.hold;
    let keep = free(
        "prepare.keep-wal",
        "Keep more WAL on all members",
        "After a roll back the others come back by pg_rewind, which needs the WAL since the restore point.",
    );
    let hold = free(
        "prepare.hold",
        &format!("Hold {held}"),
        "Its commits are replayed late, by its own Patroni file: that outlasts a crash, a restart and a failover, which a \
         pause of replay does not. It can neither lead nor serve reads meanwhile.",
    )
    .planned(Duration::from_secs(5));
    let checkpoints = free(
        "prepare.checkpoints",
        "Checkpoint all members",
        "pg_rewind begins at the last checkpoint that both sides have: it is to be close to the restore point.",
    )
    .planned(Duration::from_secs(10));
    let mark = free(
        "prepare.mark",
        "Make the restore point",
        &format!("Between two commits, so that {held} has it and stops before it."),
    );
    phase(
        "prepare",
        "Hold a member",
        vec![
            Box::new(keep_wal::KeepWal::new(job, keep)),
            Box::new(hold::Hold::new(job, hold)),
            Box::new(mark::Checkpoints::new(job, checkpoints)),
            Box::new(mark::Mark::new(job, mark)),
        ],
    )
}

fn deployment(job: &Job) -> StepInfo {
    let (title, why) = match &job.deploy {
        Some(argv) => (
            "Deploy",
            format!(
                "The run carries the deployment out: {}. Its exit code decides what is proposed.",
                argv.join(" ")
            ),
        ),
        None => (
            "Begin the deployment",
            format!(
                "{} holds the moment before. Press Enter, then deploy; decide at the next step once you know how it went.",
                job.profile.hold
            ),
        ),
    };
    StepInfo::new("deploy.window", title, &why)
        .gate(Gate::Enter)
        .undo(Undo::RollForwardOnly, ROLL_BACK)
}

fn release(job: &Arc<Job>) -> Phase {
    let held = &job.profile.hold;
    let release = StepInfo::new(
        "release.member",
        &format!("Release {held}"),
        "The deployment is good: the held member replays what it held back and follows again. To roll back instead, go \
         back from here (Ctrl-W).",
    )
    .undo(Undo::Irreversible, "Once released, the moment before the deployment is gone: no roll back afterwards.")
    .gate(Gate::Phrase(job.release_phrase()))
    .danger(Danger {
        heading: format!("RELEASE  {held}"),
        consequences: vec![
            format!("{held} replays everything since the restore point, the deployment included."),
            "Afterwards no roll back is possible.".to_owned(),
            "To roll back instead, close this and go back (Ctrl-W).".to_owned(),
        ],
    });
    let keep = settled(
        "release.keep-wal",
        "Keep as much WAL as before",
        "The dynamic configuration is as it was.",
    );
    let clean = settled(
        "release.clean",
        "Clean up",
        "The copy of the Patroni file is taken away.",
    );
    phase(
        "release",
        "Release",
        vec![
            Box::new(release::Release::new(job, release)),
            Box::new(release::GiveBackWal::new(job, keep)),
            Box::new(release::Clean::new(job, clean)),
        ],
    )
}

fn recover(job: &Arc<Job>) -> Phase {
    let held = &job.profile.hold;
    let recover = StepInfo::new(
        "rollback.recover",
        &format!("Recover {held} to the restore point"),
        "Apart from the cluster, read-only, to be looked at. The leader serves as before; nothing is lost yet.",
    )
    .gate(Gate::Enter)
    .planned(Duration::from_secs(10))
    .undo(Undo::Reversible, "Undone, the member goes back to the hold, and the run to its release.");
    let look = StepInfo::new(
        "rollback.look",
        "See what a roll back would lose",
        "What the leader took since the restore point, and which objects differ. Look at the held member yourself, too.",
    )
    .risk(Risk::ReadOnly)
    .undo(Undo::Reversible, FREE);
    phase(
        "rollback",
        "Look at the moment before",
        vec![
            Box::new(recover::Recover::new(job, recover)),
            Box::new(look::Look::new(job, look)),
        ],
    )
}

fn switch(job: &Arc<Job>) -> Phase {
    let held = &job.profile.hold;
    let budget = human_duration(job.profile.budgets.write_pause);
    let switch = StepInfo::new(
        "rollback.switch",
        "Roll back",
        "All others are stopped and proven stopped, then the held member is promoted at the restore point.",
    )
    .undo(
        Undo::Irreversible,
        "Until the promotion the old leader is started again, and nothing is lost. Afterwards nothing leads back.",
    )
    .gate(Gate::Phrase(job.roll_back_phrase()))
    .planned(Duration::from_secs(5))
    .danger(Danger {
        heading: format!("ROLL BACK TO {}", job.point_name(1)),
        consequences: vec![
            format!("Everything written since the restore point is lost to the cluster; {held} leads without it."),
            format!("Nobody takes writes until {held} leads. Past {budget} before the promotion all is given back."),
            "The promotion is the point of no return. The old leader's data is kept until you say so.".to_owned(),
        ],
    });
    let mut switch = switch;
    switch.pause = true;
    let serve = back(
        "rollback.serve",
        &format!("Have {held} lead"),
        "Under Patroni's own configuration, with its own file; it leads, takes a write, and the history names the point.",
    );
    phase(
        "switch",
        "Roll back",
        vec![
            Box::new(switch::Switch::new(job, switch)),
            Box::new(serve::Serve::new(job, serve)),
        ],
    )
}

fn rejoin(job: &Arc<Job>) -> Phase {
    let others = back(
        "rollback.rejoin",
        "Bring the others back",
        "By pg_rewind or anew; each must stream on the new timeline, whatever its Patroni says.",
    )
    .planned(Duration::from_secs(15));
    let old = StepInfo::new(
        "rollback.old-leader",
        "Bring the old leader back",
        "It holds the only copy of what came after the restore point: back it up first if you may want any of it.",
    )
    .gate(Gate::Enter)
    .planned(Duration::from_secs(15))
    .undo(Undo::Irreversible, "What it alone has is rewound away.");
    let keep = settled(
        "rollback.keep-wal",
        "Keep as much WAL as before",
        "The dynamic configuration is as it was.",
    );
    let clean = settled(
        "rollback.clean",
        "Clean up",
        "The copy of the Patroni file is taken away.",
    );
    phase(
        "rejoin",
        "Bring the others back",
        vec![
            Box::new(Rejoin::new(job, Who::Others, others)),
            Box::new(Rejoin::new(job, Who::OldLeader, old)),
            Box::new(release::GiveBackWal::new(job, keep)),
            Box::new(release::Clean::new(job, clean)),
        ],
    )
}

/// A step before the deployment.
fn free(id: &str, title: &str, why: &str) -> StepInfo {
    StepInfo::new(id, title, why).undo(Undo::Reversible, FREE)
}

/// A step after the promotion.
fn back(id: &str, title: &str, why: &str) -> StepInfo {
    StepInfo::new(id, title, why).undo(
        Undo::Irreversible,
        "The cluster goes on from the restore point.",
    )
}

/// A step that tidies up.
fn settled(id: &str, title: &str, why: &str) -> StepInfo {
    StepInfo::new(id, title, why).undo(
        Undo::Irreversible,
        "Nothing is left to go back to, and nothing more is lost.",
    )
}
