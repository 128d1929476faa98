use futures_util::FutureExt;
use serde_json::Value;

use super::{EARLY, EARLY_AND_GATE, Guarded, Questions, members};
use crate::checks::Moment;
use crate::checks::ask::{Answer, Answering, Ask, AskError, Needs};
use crate::checks::finding::Finding;
use crate::checks::judge::few;
use crate::domain::Node;
use crate::ports::{Cluster, MemberStatus};

/// The checks of this page.
pub const CHECKS: &[Guarded] = &[
    Guarded::block("patroni-api-view", "The cluster is whole", EARLY_AND_GATE, Ask::custom(Needs::Nothing, "Patroni", view))
        .why("Every step goes by who leads and who follows. A cluster that is in doubt about that must be mended first.")
        .remedy("patronictl list; mend the cluster first. Every member needs its section under [nodes]."),
    Guarded::block("patroni-scope", "The REST APIs are this cluster's", EARLY, Ask::custom(Needs::Nothing, "Patroni", scope))
        .why("A REST API of another cluster would be told what to do.")
        .remedy("Correct cluster, or the member's rest, in the profile."),
    Guarded::warn("patroni-version", "Patroni is a version this was tried with", EARLY, Ask::custom(Needs::Nothing, "Patroni", version))
        .why("What Patroni does with a delayed replica, a member's slot and a promoted server differs by version.")
        .remedy("Tried with Patroni 3 and 4: rehearse with the version in use first."),
    Guarded::block("freeze-node-follows", "The member to hold does not lead", EARLY_AND_GATE, Ask::custom(Needs::Nothing, "Patroni", follows))
        .why("A leader cannot be held: it is where the deployment happens.")
        .remedy("Name another member under hold, or switch over first."),
    Guarded::warn("patroni-pg-rewind", "Patroni may use pg_rewind", EARLY, Ask::custom(Needs::Nothing, "Patroni", rewind))
        .why("Without it, every member that comes back after a roll back is copied anew from the leader.")
        .remedy("patronictl edit-config: postgresql.use_pg_rewind: true."),
    Guarded::block("freeze-sync-mode", "Commits do not wait for the member to hold alone", EARLY, Ask::custom(Needs::Nothing, "Patroni", sync_mode))
        .why("In strict synchronous mode a commit waits for a synchronous replica; the held one is none, so another is needed.")
        .remedy("Add a replica, or leave strict synchronous mode for the time of the deployment."),
];

async fn cluster_of(asking: &Questions<'_>, member: &Node) -> Result<Cluster, AskError> {
    let patroni = asking.ctx.world.patroni.as_ref();
    let patroni =
        patroni.ok_or_else(|| AskError::Other("this procedure knows no Patroni".to_owned()))?;
    Ok(patroni.cluster(member).await?)
}

async fn status_of(asking: &Questions<'_>, member: &Node) -> Result<MemberStatus, AskError> {
    let patroni = asking.ctx.world.patroni.as_ref();
    let patroni =
        patroni.ok_or_else(|| AskError::Other("this procedure knows no Patroni".to_owned()))?;
    Ok(patroni.status(member).await?)
}

async fn config(asking: &Questions<'_>) -> Result<Value, AskError> {
    let patroni = asking.ctx.world.patroni.as_ref();
    let patroni =
        patroni.ok_or_else(|| AskError::Other("this procedure knows no Patroni".to_owned()))?;
    let mut last = AskError::Other("no member is known".to_owned());
    for member in members(asking) {
        match patroni.config(&member).await {
            Ok(config) => return Ok(config),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// What is wrong with a cluster as one member sees it.
#[must_use]
pub(super) fn judge_view(
    cluster: &Cluster,
    profile: &[&str],
    held: &str,
    holding: bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let leaders: Vec<_> = cluster
        .leaders()
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    match leaders.as_slice() {
        [_] => {}
        [] => wrong.push("nobody leads".to_owned()),
        several => wrong.push(format!("{} lead", several.join(" and "))),
    }
    if cluster.paused {
        wrong.push("it is in maintenance mode (pause)".to_owned());
    }
    if cluster.switchover {
        wrong.push("a switchover is planned".to_owned());
    }
    let names: Vec<_> = cluster
        .members
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    for name in names.iter().filter(|name| !profile.contains(name)) {
        wrong.push(format!("{name} is not in the profile"));
    }
    for name in profile.iter().filter(|name| !names.contains(name)) {
        wrong.push(format!("{name} is not in the cluster"));
    }
    let timeline = cluster.leaders().first().and_then(|leader| leader.timeline);
    for member in &cluster.members {
        if !member.is_up() {
            wrong.push(format!("{} is {}", member.name, member.state));
        } else if member.timeline.is_some()
            && member.timeline != timeline
            && !(holding && member.name == held)
        {
            wrong.push(format!("{} is on another timeline", member.name));
        }
    }
    wrong
}

fn view<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let profile: Vec<_> = asking
            .ctx
            .profile
            .nodes
            .keys()
            .map(String::as_str)
            .collect();
        let (held, holding) = (&asking.ctx.profile.hold, asking.ctx.moment == Moment::Gate);
        let mut answers = Vec::new();
        for member in members(asking) {
            let cluster = cluster_of(asking, &member).await?;
            let wrong = judge_view(&cluster, &profile, held, holding);
            let finding = if wrong.is_empty() {
                Finding::pass(format!("{} members, one leader", cluster.members.len()))
            } else {
                Finding::fail(few(&wrong))
            };
            answers.push(Answer::new(member.as_str(), finding));
        }
        Ok(answers)
    }
    .boxed()
}

fn scope<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let wanted = &asking.ctx.profile.cluster;
        let mut answers = Vec::new();
        for member in members(asking) {
            let said = status_of(asking, &member).await?.scope;
            let finding = if said == *wanted {
                Finding::pass(format!("its cluster is {said}"))
            } else {
                Finding::fail(format!(
                    "its cluster is {said:?}, the profile's is {wanted:?}"
                ))
            };
            answers.push(Answer::new(member.as_str(), finding));
        }
        Ok(answers)
    }
    .boxed()
}

fn version<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let mut answers = Vec::new();
        for member in members(asking) {
            let version = status_of(asking, &member).await?.version;
            let finding = match version.split('.').next() {
                Some("3" | "4") => Finding::pass(format!("Patroni {version}")),
                _ => Finding::fail(format!("Patroni {version}")),
            };
            answers.push(Answer::new(member.as_str(), finding));
        }
        Ok(answers)
    }
    .boxed()
}

fn follows<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let held = Node::new(&asking.ctx.profile.hold);
        let cluster = cluster_of(asking, &held).await?;
        let leads = cluster
            .leaders()
            .iter()
            .any(|leader| leader.name == held.as_str());
        let finding = if leads {
            Finding::fail(format!("{held} leads"))
        } else {
            Finding::pass(format!("{held} follows"))
        };
        Ok(vec![Answer::new(held.as_str(), finding)])
    }
    .boxed()
}

fn rewind<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let config = config(asking).await?;
        let finding = if config["postgresql"]["use_pg_rewind"] == Value::Bool(true) {
            Finding::pass("use_pg_rewind is on")
        } else {
            Finding::fail("use_pg_rewind is off")
        };
        Ok(vec![Answer::new("Patroni", finding)])
    }
    .boxed()
}

/// Whether commits would wait for nobody once the held member is no synchronous one.
#[must_use]
pub(super) fn judge_sync(config: &Value, members: usize) -> Finding {
    let on = |key: &str| {
        config[key] == Value::Bool(true) || config[key] == Value::String("quorum".to_owned())
    };
    if !on("synchronous_mode") {
        return Finding::pass("synchronous mode is off");
    }
    if on("synchronous_mode_strict") && members < 3 {
        return Finding::fail("strict synchronous mode, and no replica beside the one to hold");
    }
    Finding::pass("another replica can be the synchronous one")
}

fn sync_mode<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let config = config(asking).await?;
        let finding = judge_sync(&config, asking.ctx.profile.nodes.len());
        Ok(vec![Answer::new("Patroni", finding)])
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{judge_sync, judge_view};
    use crate::checks::finding::FindingKind;
    use crate::ports::{Cluster, Member, Role};

    type Spoil = fn(&mut Cluster);

    fn member(name: &str, role: Role, state: &str, timeline: u32) -> Member {
        Member {
            name: name.to_owned(),
            role,
            state: state.to_owned(),
            timeline: Some(timeline),
            tags: std::collections::BTreeMap::new(),
        }
    }

    fn whole() -> Cluster {
        Cluster {
            members: vec![
                member("pg1", Role::Primary, "running", 2),
                member("pg2", Role::Replica, "streaming", 2),
                member("pg3", Role::Replica, "running", 2),
            ],
            paused: false,
            switchover: false,
        }
    }

    #[test]
    fn everything_that_is_wrong_with_a_cluster_is_said() {
        let profile = ["pg1", "pg2", "pg3"];
        assert!(judge_view(&whole(), &profile, "pg3", false).is_empty());
        let spoilt: [(Spoil, &str); 8] = [
            (|c| c.members[0].role = Role::Replica, "nobody leads"),
            (|c| c.members[1].role = Role::Primary, "pg1 and pg2 lead"),
            (|c| c.paused = true, "maintenance mode"),
            (|c| c.switchover = true, "a switchover is planned"),
            (
                |c| c.members[1].state = "start failed".to_owned(),
                "pg2 is start failed",
            ),
            (
                |c| c.members[1].timeline = Some(1),
                "pg2 is on another timeline",
            ),
            (
                |c| c.members[1].name = "pg9".to_owned(),
                "pg9 is not in the profile",
            ),
            (|c| c.members.truncate(2), "pg3 is not in the cluster"),
        ];
        for (spoil, words) in spoilt {
            let mut cluster = whole();
            spoil(&mut cluster);
            let wrong = judge_view(&cluster, &profile, "pg3", false).join("; ");
            assert!(wrong.contains(words), "{words}: {wrong}");
        }
    }

    #[test]
    fn commits_must_have_somebody_to_wait_for() {
        let strict = json!({"synchronous_mode": true, "synchronous_mode_strict": true});
        assert_eq!(judge_sync(&strict, 2).kind, FindingKind::Fail);
        assert_eq!(judge_sync(&strict, 3).kind, FindingKind::Pass);
        assert_eq!(judge_sync(&json!({}), 2).kind, FindingKind::Pass);
    }
}
