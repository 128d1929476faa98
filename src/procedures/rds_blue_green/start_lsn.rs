//! Phase 3: where replication must start. The log line is shown, and two proofs that it is the right one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;

use super::build::{SNAPSHOT_CREATED, SNAPSHOT_FLUSH_BEFORE, SNAPSHOT_INSERT_AFTER};
use super::log::{Bracket, RedoDone, StartLsn, start_lsn};
use crate::checks::known::{SNAPSHOT_BRACKET, START_LSN};
use crate::domain::{Lsn, Node, Place, Sql};
use crate::procedures::Job;
use crate::procedures::job::Direction;
use crate::runbook::{
    Action, Context, Facts, Probe, Progress, Risk, Step, StepError, StepInfo, StepResult,
};

/// Finds the start LSN in GREEN's log and proves it.
pub struct FindStart {
    job: Arc<Job>,
    info: StepInfo,
}

/// What one database's probe rows say about the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ProbeCommits {
    /// Commit position of the last probe row that is on GREEN.
    last_there: Option<Lsn>,
    /// Commit position of the first one that is not.
    first_missing: Option<Lsn>,
}

impl FindStart {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "build.start-lsn",
            "Find the start LSN",
            "GREEN holds everything up to the end of its own crash recovery, whose log line names the start of the last \
             record replayed. Replication must start one byte later: earlier applies the last commit twice, later loses one.",
        )
        .risk(Risk::ReadOnly);
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    /// The recovery that made GREEN, from all its logs; waits a little, for RDS publishes logs late.
    async fn recovery(&self, ctx: &Context, bracket: Bracket) -> Result<RedoDone, StepError> {
        let created = ctx.facts().get(&SNAPSHOT_CREATED);
        ctx.wait_for("GREEN's log to tell of its recovery", Duration::from_secs(2), Duration::from_secs(600), || async {
            let text = self.log_text(ctx).await?;
            match start_lsn(&text, created, bracket) {
                StartLsn::Found(found) => Ok(Ok(found)),
                StartLsn::Absent | StartLsn::OnlyEarlier(_) => {
                    Ok(Err(Progress::seen("no \"redo done\" line since the snapshot yet")))
                }
                StartLsn::Truncated { line } => Ok(Err(Progress::seen(format!("the line is cut off so far: {line}")))),
                StartLsn::NotRequired { line } => Err(StepError::Stop(format!(
                    "GREEN needed no recovery ({line}), so its log names no position. The probe rows should have prevented \
                     that: was BLUE stopped during the snapshot? Take the run back and start again."
                ))),
                StartLsn::OutsideBracket(found) => Err(StepError::Stop(format!(
                    "GREEN's log tells of {}, but none lies between {} and {}, where BLUE's log stood around the snapshot. \
                     Nothing was enabled. Take the run back and start again.",
                    lines(&found),
                    bracket.flush_before,
                    bracket.insert_after
                ))),
                StartLsn::Several(found) => Err(StepError::Stop(format!(
                    "GREEN's log tells of several recoveries since the snapshot: {}. Which one is the snapshot's own cannot \
                     be told. Nothing was enabled. Take the run back and start again.",
                    lines(&found)
                ))),
            }
        })
        .await
    }

    async fn log_text(&self, ctx: &Context) -> Result<String, StepError> {
        let rds = ctx.rds()?;
        let green = &self.job.profile.green.address.identifier;
        let mut files = rds.log_files(green).await?;
        files.retain(|file| file.name.contains("postgresql"));
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let mut text = String::new();
        for file in files {
            text.push_str(&rds.log_text(green, &file.name).await?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Reads, from the slot that nobody consumes yet, where the probe rows around GREEN's last one were committed.
    async fn probe_commits(
        &self,
        ctx: &Context,
        blue: &Place,
        upto: Lsn,
    ) -> Result<ProbeCommits, StepError> {
        let green = Place::new(Node::green(), &blue.database);
        let newest = Sql::new("SELECT coalesce(max(id), 0) AS id FROM {probe}").qualified(
            "probe",
            self.job.schema(),
            "probe",
        );
        let last_there: i64 = ctx.read(&green, &newest).await?.one()?.get("id")?;
        let peek = Sql::new(include_str!("../../../assets/sql/prepare/peek_probe.sql"))
            .literal("slot", &self.job.slot(Direction::Forward, &blue.database))
            .lsn("upto", upto)
            .literal("publication", self.job.publication());
        let session = ctx.world.databases.dedicated(blue, "peek").await?;
        let rows = session
            .query_within(&peek, Duration::from_secs(600))
            .await?;
        let mut commits = ProbeCommits {
            last_there: None,
            first_missing: None,
        };
        let mut pending = Vec::new();
        let mut relation = None;
        for row in &rows {
            let data: String = row.get("data")?;
            // The server breaks base64 into lines.
            let data: String = data.split_whitespace().collect();
            let Ok(message) = base64::engine::general_purpose::STANDARD.decode(data) else {
                continue;
            };
            match Message::read(&message) {
                Message::Relation { oid, schema, name }
                    if schema == self.job.schema() && name == "probe" =>
                {
                    relation = Some(oid);
                }
                Message::Insert { oid, first_column } if Some(oid) == relation => {
                    pending.extend(first_column.parse::<i64>().ok());
                }
                Message::Commit { lsn } => {
                    for id in pending.drain(..) {
                        if id <= last_there {
                            commits.last_there = Some(lsn);
                        } else if commits.first_missing.is_none() {
                            commits.first_missing = Some(lsn);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(commits)
    }
}

#[async_trait]
impl Step for FindStart {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        Ok(if ctx.facts().get(&START_LSN).is_some() {
            Probe::Applied
        } else {
            Probe::NotApplied
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        Vec::new()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let flush_before = ctx.known(&SNAPSHOT_FLUSH_BEFORE)?;
        let insert_after = ctx.known(&SNAPSHOT_INSERT_AFTER)?;
        ctx.learn(&SNAPSHOT_BRACKET, &(flush_before, insert_after))?;
        let bracket = Bracket {
            flush_before,
            insert_after,
        };
        let found = self.recovery(ctx, bracket).await?;
        ctx.proof(
            true,
            &format!("{}, between {flush_before} and {insert_after}", found.line),
        )?;
        for blue in self.job.places(&Node::blue()) {
            let commits = self.probe_commits(ctx, &blue, insert_after).await?;
            let text = format!(
                "{blue}: the last probe row on GREEN was committed at {}, the first missing one at {}: {} lies between",
                shown(commits.last_there),
                shown(commits.first_missing),
                found.lsn
            );
            let holds = commits.hold(found.lsn);
            ctx.proof(holds, &text)?;
            if !holds {
                return Err(StepError::Stop(format!(
                    "the start LSN does not fit what GREEN holds: {text} does not hold. Nothing was enabled. Take the run \
                     back and start again."
                )));
            }
        }
        ctx.learn(&START_LSN, &found.start())?;
        Ok(StepResult::Done(format!(
            "{} = {} + 1",
            found.start(),
            found.lsn
        )))
    }

    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        ctx.forget(&START_LSN)
    }
}

impl ProbeCommits {
    /// What is on GREEN was committed at or before the last record replayed, what is missing after it. A side without
    /// a row proves nothing, so both are required: the probe writer ran before and after the snapshot.
    fn hold(self, redo_done: Lsn) -> bool {
        match (self.last_there, self.first_missing) {
            (Some(there), Some(missing)) => there <= redo_done && redo_done < missing,
            _ => false,
        }
    }
}

fn shown(lsn: Option<Lsn>) -> String {
    lsn.map_or_else(|| "nowhere".to_owned(), |lsn| lsn.to_string())
}

fn lines(found: &[RedoDone]) -> String {
    found
        .iter()
        .map(|one| format!("\"{}\"", one.line))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The messages of `pgoutput`, protocol 1, that the proof needs.
#[derive(Debug, PartialEq, Eq)]
enum Message {
    Relation {
        oid: u32,
        schema: String,
        name: String,
    },
    Insert {
        oid: u32,
        first_column: String,
    },
    Commit {
        lsn: Lsn,
    },
    Else,
}

impl Message {
    /// Reads one message; what is not as the protocol says is `Else`.
    fn read(message: &[u8]) -> Self {
        Self::try_read(message).unwrap_or(Self::Else)
    }

    fn try_read(message: &[u8]) -> Option<Self> {
        let (kind, rest) = message.split_first()?;
        match kind {
            b'R' => {
                let (oid, rest) = rest.split_first_chunk::<4>()?;
                let mut names = rest.split(|byte| *byte == 0);
                let text =
                    |bytes: Option<&[u8]>| Some(String::from_utf8_lossy(bytes?).into_owned());
                Some(Self::Relation {
                    oid: u32::from_be_bytes(*oid),
                    schema: text(names.next())?,
                    name: text(names.next())?,
                })
            }
            b'I' => {
                // oid, 'N', number of columns (2), then 't', length (4), text for the first.
                let (oid, rest) = rest.split_first_chunk::<4>()?;
                let rest = rest.strip_prefix(b"N")?.get(2..)?.strip_prefix(b"t")?;
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let text = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
                Some(Self::Insert {
                    oid: u32::from_be_bytes(*oid),
                    first_column: String::from_utf8_lossy(text).into_owned(),
                })
            }
            b'C' => {
                // flags (1), then the position of the commit record (8).
                let (lsn, _) = rest.get(1..)?.split_first_chunk::<8>()?;
                Some(Self::Commit {
                    lsn: Lsn(u64::from_be_bytes(*lsn)),
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, ProbeCommits};
    use crate::domain::Lsn;

    #[test]
    fn messages_are_read_by_protocol_1() {
        let relation = b"R\0\0\x40\x01greenlight\0probe\0d\0\x02";
        let expected = Message::Relation {
            oid: 0x4001,
            schema: "greenlight".to_owned(),
            name: "probe".to_owned(),
        };
        assert_eq!(Message::read(relation), expected);
        let insert = b"I\0\0\x40\x01N\0\x02t\0\0\0\x0242t\0\0\0\x01x";
        assert_eq!(
            Message::read(insert),
            Message::Insert {
                oid: 0x4001,
                first_column: "42".to_owned()
            }
        );
        let commit = b"C\0\0\0\0\0\x01\x52\x61\xC0\0\0\0\0\0\0\0\0";
        assert_eq!(
            Message::read(commit),
            Message::Commit {
                lsn: Lsn(0x0152_61C0)
            }
        );
        assert_eq!(Message::read(b"C\0\0"), Message::Else);
        assert_eq!(Message::read(b""), Message::Else);
    }

    #[test]
    fn the_position_must_lie_between_what_is_there_and_what_is_missing() {
        let commits = ProbeCommits {
            last_there: Some(Lsn(100)),
            first_missing: Some(Lsn(200)),
        };
        assert!(commits.hold(Lsn(100)) && commits.hold(Lsn(199)));
        assert!(!commits.hold(Lsn(99)) && !commits.hold(Lsn(200)));
        assert!(
            !ProbeCommits {
                last_there: None,
                ..commits
            }
            .hold(Lsn(150))
        );
        assert!(
            !ProbeCommits {
                first_missing: None,
                ..commits
            }
            .hold(Lsn(150))
        );
    }
}
