use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::FutureExt;

use super::{EARLY, EARLY_AND_GATE, Guarded, Questions, members, on_host};
use crate::checks::ask::{Answer, Answering, Ask, Needs};
use crate::checks::finding::Finding;
use crate::checks::judge::few;
use crate::domain::{Node, held_file, human_bytes};

/// Beside the WAL that is to be kept, this much of the disk stays free, bytes.
const SPARE: u64 = 1 << 30;

/// The checks of this page.
pub const CHECKS: &[Guarded] = &[
    Guarded::block("host-patroni-runs", "Every host answers, and Patroni runs there", EARLY_AND_GATE, Ask::custom(Needs::Nothing, "hosts", runs))
        .why("A roll back stops and starts Patroni on every host and must be able to see that it is gone.")
        .remedy("See that the host is reached as the profile says, and that running ends with 0 while Patroni runs."),
    Guarded::block("host-programs", "PostgreSQL's programs are where the profile says", EARLY, Ask::custom(Needs::Nothing, "hosts", programs))
        .why("pg_ctl recovers and restarts the held member; pg_controldata proves that a server was shut down.")
        .remedy("Correct bin and owner under [nodes]."),
    Guarded::block("host-sudo", "What root does may be done", EARLY, Ask::custom(Needs::Nothing, "hosts", sudo))
        .why("A command that sudo refuses in the middle of a roll back leaves nobody to write to.")
        .remedy("Put the lines of docs/patroni-guard.md into the host's sudoers."),
    Guarded::block("patroni-file", "The held member's Patroni file can be edited", EARLY, Ask::custom(Needs::Nothing, "hosts", file))
        .why("The hold stands in it: only that outlasts a restart. It is read into memory, and shown nowhere.")
        .remedy("yaml under [nodes] names the file itself (no link), which root may read, with a plain postgresql section."),
    Guarded::block("freeze-wal-space", "There is space for the WAL that is kept", EARLY, Ask::custom(Needs::Nothing, "hosts", space))
        .why("The held member keeps all WAL it receives, and the leader keeps it too: a full disk stops the leader.")
        .remedy("Grow the disk, lower guard.wal_keep_size, or keep the deployment short."),
    Guarded::warn("host-autostart", "A reboot in a roll back starts nothing", EARLY, Ask::custom(Needs::Nothing, "hosts", autostart))
        .why("An old leader whose host boots while it must stay stopped would take writes again.")
        .remedy("Name disable and enable under [nodes]."),
];

fn runs<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for (name, node) in &asking.ctx.profile.nodes {
            let argv = node.server.host.as_root(&node.running);
            let told = on_host(asking, &Node::new(name), argv).await?;
            let finding = if told.code == Some(0) {
                Finding::pass("it runs")
            } else {
                Finding::fail(format!(
                    "{} ended with {:?}",
                    node.running.join(" "),
                    told.code
                ))
            };
            answers.push(Answer::new(name, finding));
        }
        Ok(answers)
    }
    .boxed()
}

fn programs<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for member in members(asking) {
            let Some(node) = asking.ctx.profile.nodes.get(member.as_str()) else {
                continue;
            };
            let data = node.server.data.display().to_string();
            let mut wrong = Vec::new();
            for (program, arguments, fine) in [
                ("pg_ctl", ["-D", data.as_str(), "status"].as_slice(), 0),
                ("pg_controldata", &["-D", data.as_str()], 0),
            ] {
                let program = node.server.program(program);
                let argv: Vec<_> = std::iter::once(program.as_str())
                    .chain(arguments.iter().copied())
                    .collect();
                let told = on_host(asking, &member, node.server.host.as_owner(&argv)).await?;
                if told.code != Some(fine) {
                    let last = told.output.lines().last().unwrap_or_default().to_owned();
                    wrong.push(format!("{program} ended with {:?}: {last}", told.code));
                }
            }
            let finding = if wrong.is_empty() {
                Finding::pass(node.server.bin.display().to_string())
            } else {
                Finding::fail(few(&wrong))
            };
            answers.push(Answer::new(member.as_str(), finding));
        }
        Ok(answers)
    }
    .boxed()
}

/// Asks sudo itself whether it would let each command be run.
fn sudo<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for (name, node) in &asking.ctx.profile.nodes {
            let root = &node.server.host.root;
            if root.first().is_none_or(|word| !word.ends_with("sudo")) {
                answers.push(Answer::new(
                    name,
                    Finding::skip("root's commands go by no sudo"),
                ));
                continue;
            }
            let units = [
                Some(&node.start),
                Some(&node.stop),
                node.disable.as_ref(),
                node.enable.as_ref(),
            ];
            let mut refused = Vec::new();
            for unit in units.into_iter().flatten() {
                let argv: Vec<_> = root
                    .iter()
                    .cloned()
                    .chain(["-l".to_owned()])
                    .chain(unit.iter().cloned())
                    .collect();
                if on_host(asking, &Node::new(name), argv).await?.code != Some(0) {
                    refused.push(unit.join(" "));
                }
            }
            let finding = if refused.is_empty() {
                Finding::pass("sudo lets them be run")
            } else {
                Finding::fail(format!("sudo refuses {}", few(&refused)))
            };
            answers.push(Answer::new(name, finding));
        }
        Ok(answers)
    }
    .boxed()
}

fn file<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let held = Node::new(&asking.ctx.profile.hold);
        let Some(node) = asking.ctx.profile.nodes.get(held.as_str()) else {
            return Ok(Vec::new());
        };
        let answer = |finding| Ok(vec![Answer::new(held.as_str(), finding)]);
        let (folder, name) = node.yaml.rsplit_once('/').unwrap_or(("", &node.yaml));
        let left = node.server.host.as_root(&["find", folder, "-maxdepth", "1", "-name", &format!("{name}.greenlight-*")]);
        let left = on_host(asking, &held, left).await?;
        if let Some(copy) = left.stdout.lines().find(|line| !line.contains(asking.ctx.run)) {
            return answer(Finding::fail(format!("another run's copy lies beside it: {copy}")).remedy(
                "Finish or roll back that run. Where it is lost, compare the copy with the file and take it away by hand.",
            ));
        }
        let kind = node.server.host.as_root(&["stat", "-c", "%F", &node.yaml]);
        let kind = on_host(asking, &held, kind).await?;
        if kind.stdout.trim() != "regular file" {
            return answer(Finding::fail(format!("{} is no plain file", node.yaml)));
        }
        let told = on_host(asking, &held, node.server.host.as_root(&["base64", &node.yaml])).await?;
        if told.code != Some(0) {
            return answer(Finding::fail(format!("{} cannot be read", node.yaml)));
        }
        let encoded: String = told.stdout.split_whitespace().collect();
        let text = BASE64_STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let held_text = text.ok_or_else(|| "it is no UTF-8 text".to_owned());
        let held_text = held_text.and_then(|text| held_file::with_hold(&text, asking.ctx.profile.guard.delay));
        answer(match held_text {
            Ok(_) => Finding::pass(format!("{} can be", node.yaml)),
            Err(why) => Finding::fail(format!("{}: {why}", node.yaml)),
        })
    }
    .boxed()
}

fn space<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let needed = asking.ctx.profile.guard.wal_keep_size.0 + SPARE;
        let mut answers = Vec::new();
        for (name, node) in &asking.ctx.profile.nodes {
            let argv = node.server.host.as_owner(&[
                "df",
                "-B1",
                "--output=avail",
                &node.server.data_file("pg_wal"),
            ]);
            let told = on_host(asking, &Node::new(name), argv).await?;
            let free = told
                .stdout
                .lines()
                .last()
                .and_then(|line| line.trim().parse().ok());
            answers.push(Answer::new(name, judge_space(free, needed)));
        }
        Ok(answers)
    }
    .boxed()
}

/// Whether a disk with this much free takes the WAL.
#[must_use]
pub(super) fn judge_space(free: Option<u64>, needed: u64) -> Finding {
    match free {
        None => Finding::warn("df does not say what is free"),
        Some(free) if free < needed => Finding::fail(format!(
            "{} free, {} needed",
            human_bytes(free),
            human_bytes(needed)
        )),
        Some(free) => Finding::pass(format!("{} free", human_bytes(free))),
    }
}

fn autostart<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let nodes = asking.ctx.profile.nodes.iter();
        let without = nodes.filter(|(_, node)| node.disable.is_none() || node.enable.is_none());
        let names: Vec<_> = without.map(|(name, _)| name.as_str()).collect();
        let finding = if names.is_empty() {
            Finding::pass("autostart is switched off and on again")
        } else {
            Finding::fail(format!(
                "the profile does not say how for {}",
                names.join(", ")
            ))
        };
        Ok(vec![Answer::new("profile", finding)])
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::judge_space;
    use crate::checks::finding::FindingKind;

    #[test]
    fn space_is_enough_or_not() {
        for (free, kind) in [
            (Some(9), FindingKind::Fail),
            (Some(10), FindingKind::Pass),
            (None, FindingKind::Warn),
        ] {
            assert_eq!(judge_space(free, 10).kind, kind);
        }
    }
}
