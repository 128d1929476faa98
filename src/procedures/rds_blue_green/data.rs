//! Phases 4 and 7: every row of both sides is compared, while the side in service is written to and the other follows.

use std::sync::Arc;

use async_trait::async_trait;

use crate::inspect::{Comparison, InspectError, TableComparison, compare};
use crate::procedures::compare::{COMPARED, Watching, options, places};
use crate::procedures::{Job, unread};
use crate::runbook::{Action, Context, Facts, Probe, Risk, Step, StepError, StepInfo, StepResult};

/// Rows named in an error; the Data tab and the journal hold the others.
const NAMED: usize = 10;

/// Compares the data of both sides, database by database.
pub struct CompareData {
    job: Arc<Job>,
    info: StepInfo,
    remedy: &'static str,
}

impl CompareData {
    /// Before the cutover: BLUE is in service.
    #[must_use]
    pub fn before(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "catch-up.compare",
            "Compare data",
            "Every row of both sides, by hashes the servers compute, without a lock. GREEN is read once it has applied what \
             BLUE showed before, so what is merely late does not count. Rows that differ were lost, doubled or changed on \
             the way, or somebody wrote to GREEN.",
        );
        Self {
            job: Arc::clone(job),
            info: info.risk(Risk::ReadOnly),
            remedy: "Nothing was changed, BLUE is in service. Find out what wrote to GREEN or what was lost; repair GREEN \
                     (`greenlight compare --repair FILE` proposes a script) and ask again, or take the run back and build \
                     GREEN again.",
        }
    }

    /// After the cutover: GREEN is in service and BLUE follows.
    #[must_use]
    pub fn after(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info: info.risk(Risk::ReadOnly),
            remedy: "GREEN stays in service and BLUE follows it: the way back is open. Judge each row: what applications \
                     have written since the cutover is right on GREEN, what BLUE alone has was lost. Repair it \
                     (`greenlight compare --repair FILE` proposes a script) and ask again, or roll back.",
        }
    }

    /// What one database came to: the comparison, and whether the limit ended it.
    async fn one(&self, ctx: &Context, database: &str) -> Result<(Comparison, bool), InspectError> {
        let (blue, green) = places(database);
        let watch = Watching::new(ctx, database);
        let databases = ctx.world.databases.as_ref();
        let found = compare(databases, (&blue, &green), &options(&self.job), &watch).await;
        match found {
            Ok(found) => Ok((found, false)),
            Err(InspectError::TooLong(_)) => {
                let tables = watch.done();
                let equal = tables.iter().all(|table| table.equal);
                let found = Comparison {
                    equal,
                    tables,
                    ..Comparison::default()
                };
                Ok((found, true))
            }
            Err(other) => Err(other),
        }
    }
}

#[async_trait]
impl Step for CompareData {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    /// Asked every time: data change.
    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        Vec::new()
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let mut all = Comparison::default();
        let mut cut_short = false;
        for database in &self.job.profile.databases {
            let (mut found, short) = match self.one(ctx, database).await {
                Ok(found) => found,
                Err(InspectError::Stopped) => return Err(StepError::Cancelled),
                Err(error @ InspectError::TooOld { .. }) => {
                    return Ok(StepResult::Skipped(error.to_string()));
                }
                Err(error) => return Err(unread(error)),
            };
            cut_short |= short;
            ctx.learn(&COMPARED.of(database), &found)?;
            for table in &mut found.tables {
                table.database = Some(database.clone());
            }
            all.tables.append(&mut found.tables);
        }
        let different: Vec<_> = all
            .tables
            .iter()
            .filter(|table| table.is_different())
            .collect();
        if !different.is_empty() {
            return Err(StepError::Stop(format!(
                "{}. {}\n  {}",
                all.line(),
                self.remedy,
                named(&different).join("\n  ")
            )));
        }
        let open: u64 = all.tables.iter().map(|table| table.undecided).sum();
        let mut text = all.line();
        if open > 0 {
            text = format!(
                "{text}; {open} rows changed whenever they were looked at, so nothing is known about them"
            );
        }
        if cut_short {
            text = format!(
                "{text}; the limit of {} ended it before all tables were compared",
                crate::domain::human_duration(self.job.profile.compare.limit)
            );
        }
        Ok(if open > 0 || cut_short {
            StepResult::Warning(text)
        } else {
            StepResult::Done(text)
        })
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// The first rows that differ, or why a table could not be compared.
fn named(tables: &[&TableComparison]) -> Vec<String> {
    let lines = tables.iter().flat_map(|table| {
        let database = table.database.as_deref().unwrap_or_default();
        let name = format!("{database}.{}.{}", table.schema, table.name);
        let problem = table.problem.iter().map({
            let name = name.clone();
            move |problem| format!("{name}: {problem}")
        });
        let rows = table
            .differing
            .iter()
            .map(move |row| format!("{name} {}", row.words()));
        problem.chain(rows)
    });
    let mut lines: Vec<_> = lines.take(NAMED + 1).collect();
    if lines.len() > NAMED {
        "and more (Data tab)".clone_into(&mut lines[NAMED]);
    }
    lines
}
