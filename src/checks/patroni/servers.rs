use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::{EARLY, EARLY_AND_GATE, Guarded, Questions, members, place};
use crate::checks::ask::{Answer, Answering, Ask, AskError, Needs, On};
use crate::checks::finding::Finding;
use crate::checks::judge::few;
use crate::domain::{Node, Sql, human_bytes};
use crate::ports::{Row, Rows, ValueError};

/// A replica further behind than this is not ready to be held, bytes.
const CLOSE: i64 = 16 << 20;
/// Clocks further apart than this make the delay another one, seconds.
const APART: f64 = 2.0;
/// And this far apart they make it none.
const FAR_APART: f64 = 60.0;

const SUPERUSER: &[(u32, &str)] = &[(
    10,
    include_str!("../../../assets/sql/checks/patroni/guard-superuser.sql"),
)];
const BASEBACKUP: &[(u32, &str)] = &[(
    10,
    include_str!("../../../assets/sql/checks/patroni/guard-basebackup.sql"),
)];
const SERVER: &str = include_str!("../../../assets/sql/checks/patroni/guard-server.sql");
const FOLLOWERS: &str = include_str!("../../../assets/sql/checks/patroni/guard-followers.sql");

/// The checks of this page.
pub const CHECKS: &[Guarded] = &[
    Guarded::block("guard-superuser", "The tool is a superuser", EARLY, Ask::server(On::Each, SUPERUSER, |_, rows| superuser(rows)))
        .why("Checkpoints, restore points, promotion and the configuration file's place are a superuser's.")
        .remedy("Name a superuser under [connection]."),
    Guarded::block("same-major", "All members run one major version, from 12 on", EARLY, Ask::custom(Needs::Nothing, "all", majors))
        .why("Recovery targets are settings from 12 on; members of different majors are no cluster.")
        .remedy("Upgrade the members first."),
    Guarded::block("guard-data-directory", "The data folders are the profile's", EARLY, Ask::custom(Needs::Nothing, "all", data))
        .why("Programs are told to work on the folder that the profile names.")
        .remedy("Correct data under [nodes], as the server writes it."),
    Guarded::block("freeze-node-free", "The member to hold has no delay yet", EARLY, Ask::custom(Needs::Nothing, "all", free))
        .why("A delay that is there already is somebody's: another run's, or a standby delayed on purpose.")
        .remedy("Finish the other run, or hold another member."),
    Guarded::block("standby-caught-up", "The member to hold follows closely", EARLY, Ask::custom(Needs::Nothing, "leader", caught_up))
        .why("What it has not received when it is held cannot be recovered from it.")
        .remedy("Wait until it has caught up, or mend what holds it up."),
    Guarded::block("freeze-not-sync-standby", "No commit waits for the held member to replay", EARLY, Ask::custom(Needs::Nothing, "leader", not_sync))
        .why("With synchronous_commit = remote_apply every commit would wait for the delay.")
        .remedy("Set nosync for the member, or synchronous_commit to on, for the time of the deployment."),
    Guarded::block("standby-limits", "The held member's limits are as high as the leader's", EARLY, Ask::custom(Needs::Nothing, "all", limits))
        .why("With lower ones it refuses to recover, or stops replaying in a way that looks like a wanted pause.")
        .remedy("Raise them on it to the leader's, and restart it."),
    Guarded::warn("rewind-possible", "pg_rewind is possible", EARLY, Ask::custom(Needs::Nothing, "all", rewind))
        .why("Without wal_log_hints or checksums a diverged member must be copied anew after a roll back.")
        .remedy("wal_log_hints: on in the dynamic configuration, and a restart; or go on, and let them be copied."),
    Guarded::warn("freeze-slot-limit", "The leader keeps enough WAL for the held member's slot", EARLY, Ask::custom(Needs::Nothing, "leader", slot_limit))
        .why("Past max_slot_wal_keep_size the slot is lost; a walreceiver that drops after that never comes back.")
        .remedy("Raise max_slot_wal_keep_size for the time of the deployment, or lower guard.wal_keep_size."),
    Guarded::warn("freeze-feedback", "The held member does not hold vacuum up", EARLY, Ask::custom(Needs::Nothing, "all", feedback))
        .why("hot_standby_feedback tells the leader about the held member's oldest snapshot; queries on it would stop vacuum.")
        .remedy("Set hot_standby_feedback off on it, or run no queries on it while it is held."),
    Guarded::block("guard-clocks", "The clocks agree", EARLY, Ask::custom(Needs::Nothing, "all", clocks))
        .why("A commit is replayed when its own time, the leader's, plus the delay has passed on the held member's clock.")
        .remedy("Have both hosts set by one time server."),
    Guarded::warn("no-backup-running", "No base backup is under way", EARLY_AND_GATE, Ask::server(On::Each, BASEBACKUP, |_, rows| {
        crate::checks::judge::list(rows, "none is under way", ("base backup is under way", "base backups are under way"))
    }))
        .why("A roll back stops servers at once, and a backup with them.")
        .remedy("Wait for it."),
];

/// A server's answer.
type Answers = BTreeMap<Node, Row>;

async fn servers(asking: &Questions<'_>) -> Result<Answers, AskError> {
    let mut answers = BTreeMap::new();
    for member in members(asking) {
        let rows = asking
            .sessions
            .query(&place(asking, &member), &Sql::new(SERVER))
            .await?;
        answers.insert(member, rows.one()?.clone());
    }
    Ok(answers)
}

fn leader(answers: &Answers) -> Result<(&Node, &Row), AskError> {
    for (member, row) in answers {
        if !row.get::<bool>("in_recovery")? {
            return Ok((member, row));
        }
    }
    Err(AskError::Other("no member takes writes".to_owned()))
}

fn held<'a>(asking: &Questions<'_>, answers: &'a Answers) -> Result<&'a Row, AskError> {
    let held = Node::new(&asking.ctx.profile.hold);
    answers
        .get(&held)
        .ok_or_else(|| AskError::Other(format!("{held} did not answer")))
}

fn one(node: impl Into<String>, finding: Finding) -> Vec<Answer> {
    vec![Answer::new(node, finding)]
}

/// One answer a member.
async fn each(
    asking: &Questions<'_>,
    judge: impl Fn(&Node, &Row) -> Result<Finding, ValueError> + Send + Sync,
) -> Result<Vec<Answer>, AskError> {
    let answers = servers(asking).await?;
    let judged = answers
        .iter()
        .map(|(member, row)| Ok(Answer::new(member.as_str(), judge(member, row)?)));
    judged.collect()
}

fn superuser(rows: &Rows) -> Result<Finding, ValueError> {
    Ok(if rows.one()?.get("superuser")? {
        Finding::pass("it is one")
    } else {
        Finding::fail("it is none")
    })
}

fn majors<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let answers = servers(asking).await?;
        let (_, first) = leader(&answers)?;
        let major: u32 = first.get("major")?;
        let mut wrong = Vec::new();
        for (member, row) in &answers {
            let its: u32 = row.get("major")?;
            if its != major || its < 12 {
                wrong.push(format!("{member} runs {}", row.get::<String>("version")?));
            }
        }
        let finding = if wrong.is_empty() {
            Finding::pass(format!("PostgreSQL {major}"))
        } else {
            Finding::fail(few(&wrong))
        };
        Ok(one("all", finding))
    }
    .boxed()
}

fn data<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        each(asking, |member, row| {
            let its: String = row.get("data")?;
            let node = asking.ctx.profile.nodes.get(member.as_str());
            let wanted = node
                .map(|node| node.server.data.display().to_string())
                .unwrap_or_default();
            Ok(
                if its.trim_end_matches('/') == wanted.trim_end_matches('/') {
                    Finding::pass(its)
                } else {
                    Finding::fail(format!("the server's is {its}, the profile's {wanted}"))
                },
            )
        })
        .await
    }
    .boxed()
}

fn free<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let answers = servers(asking).await?;
        let delay: u64 = held(asking, &answers)?.opt("delay_ms")?.unwrap_or(0);
        let finding = if delay == 0 {
            Finding::pass("recovery_min_apply_delay is 0")
        } else {
            Finding::fail(format!("recovery_min_apply_delay is {} s", delay / 1000))
        };
        Ok(one(asking.ctx.profile.hold.as_str(), finding))
    }
    .boxed()
}

async fn follower(asking: &Questions<'_>) -> Result<(Node, Row, Option<Row>), AskError> {
    let answers = servers(asking).await?;
    let (leader, row) = leader(&answers)?;
    let rows = asking
        .sessions
        .query(&place(asking, leader), &Sql::new(FOLLOWERS))
        .await?;
    let mut its = None;
    for row in &rows {
        if row.get::<String>("name")? == asking.ctx.profile.hold {
            its = Some(row.clone());
        }
    }
    Ok((leader.clone(), row.clone(), its))
}

fn caught_up<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let held = &asking.ctx.profile.hold;
        let (leader, _, row) = follower(asking).await?;
        let finding = match row {
            None => Finding::fail(format!("{held} does not stream from it")),
            Some(row) => {
                let behind: i64 = row.opt("behind")?.unwrap_or(i64::MAX);
                let state: String = row.get("state")?;
                if state == "streaming" && behind < CLOSE {
                    Finding::pass(format!(
                        "{held} is {} behind",
                        human_bytes(behind.unsigned_abs())
                    ))
                } else {
                    Finding::fail(format!(
                        "{held} is {state}, {} behind",
                        human_bytes(behind.unsigned_abs())
                    ))
                }
            }
        };
        Ok(one(leader.as_str(), finding))
    }
    .boxed()
}

fn not_sync<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let held = &asking.ctx.profile.hold;
        let (leader, settings, row) = follower(asking).await?;
        let sync = row.map(|row| row.get::<String>("sync_state")).transpose()?;
        let waits = settings.get::<String>("synchronous_commit")? == "remote_apply";
        let finding = match sync.as_deref() {
            Some("sync" | "quorum") if waits => Finding::fail(format!(
                "{held} is synchronous, and synchronous_commit is remote_apply"
            )),
            Some("sync" | "quorum") => Finding::warn(format!(
                "{held} is synchronous now: another replica takes its place once it is held"
            )),
            _ => Finding::pass(format!("{held} is not synchronous")),
        };
        Ok(one(leader.as_str(), finding))
    }
    .boxed()
}

fn limits<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let answers = servers(asking).await?;
        let (leader, first) = leader(&answers)?;
        let its = held(asking, &answers)?;
        let mut lower = Vec::new();
        for name in [
            "max_connections",
            "max_worker_processes",
            "max_wal_senders",
            "max_prepared_transactions",
            "max_locks_per_transaction",
        ] {
            let (wanted, is): (i64, i64) = (first.get(name)?, its.get(name)?);
            if is < wanted {
                lower.push(format!("{name} is {is}, {wanted} on {leader}"));
            }
        }
        let finding = if lower.is_empty() {
            Finding::pass("all are")
        } else {
            Finding::fail(few(&lower))
        };
        Ok(one(asking.ctx.profile.hold.as_str(), finding))
    }
    .boxed()
}

fn rewind<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        each(asking, |_, row| {
            let on = |name| Ok::<_, ValueError>(row.get::<String>(name)? == "on");
            Ok(if (on("hints")? || on("checksums")?) && on("fpw")? {
                Finding::pass("hints are in the WAL, and full pages")
            } else {
                Finding::fail("neither wal_log_hints nor checksums, or full_page_writes is off")
            })
        })
        .await
    }
    .boxed()
}

fn slot_limit<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let answers = servers(asking).await?;
        let (leader, row) = leader(&answers)?;
        let limit: Option<i64> = row.opt("slot_keep_mb")?;
        let wanted =
            i64::try_from(asking.ctx.profile.guard.wal_keep_size.0 >> 20).unwrap_or(i64::MAX);
        let finding = match limit {
            Some(limit) if (0..wanted).contains(&limit) => Finding::fail(format!(
                "max_slot_wal_keep_size is {limit} MB, less than guard.wal_keep_size"
            )),
            _ => Finding::pass("max_slot_wal_keep_size is no less"),
        };
        Ok(one(leader.as_str(), finding))
    }
    .boxed()
}

fn feedback<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let answers = servers(asking).await?;
        let on = held(asking, &answers)?.get::<String>("feedback")? == "on";
        let finding = if on {
            Finding::fail("hot_standby_feedback is on")
        } else {
            Finding::pass("hot_standby_feedback is off")
        };
        Ok(one(asking.ctx.profile.hold.as_str(), finding))
    }
    .boxed()
}

fn clocks<'a>(asking: &'a Questions<'a>) -> Answering<'a> {
    async move {
        let hold = Node::new(&asking.ctx.profile.hold);
        let answers = servers(asking).await?;
        let (leader, _) = leader(&answers)?;
        let now = Sql::new("SELECT extract(epoch FROM clock_timestamp()) AS now");
        let (leads, held) = (place(asking, leader), place(asking, &hold));
        let (one_clock, other) = futures_util::try_join!(
            asking.sessions.query(&leads, &now),
            asking.sessions.query(&held, &now)
        )?;
        let apart = one_clock.one()?.get::<f64>("now")? - other.one()?.get::<f64>("now")?;
        Ok(one(hold.as_str(), judge_clocks(apart, leader)))
    }
    .boxed()
}

/// Seconds between the leader's clock and the held member's.
#[must_use]
pub(super) fn judge_clocks(apart: f64, leader: &Node) -> Finding {
    let seen = format!("{:.1} s from {leader}'s", apart.abs());
    if apart.abs() >= FAR_APART {
        Finding::fail(seen)
    } else if apart.abs() >= APART {
        Finding::warn(seen)
    } else {
        Finding::pass(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::judge_clocks;
    use crate::checks::finding::FindingKind;
    use crate::domain::Node;

    #[test]
    fn clocks_may_differ_a_little() {
        let leader = Node::new("pg1");
        for (apart, kind) in [
            (0.1, FindingKind::Pass),
            (-5.0, FindingKind::Warn),
            (90.0, FindingKind::Fail),
        ] {
            assert_eq!(judge_clocks(apart, &leader).kind, kind, "{apart}");
        }
    }
}
