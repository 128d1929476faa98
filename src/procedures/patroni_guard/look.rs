use std::sync::Arc;

use async_trait::async_trait;

use super::job::{Job, POINT};
use super::sight::relied_on;
use crate::domain::{Lsn, Place, Sql, human_bytes};
use crate::inspect::{Counts, DiffClass, DiffOptions, Difference, ObjectDiff};
use crate::procedures::unread;
use crate::runbook::{Context, Reading, StepError, StepInfo, StepResult};

/// So many of the objects that differ are named.
const NAMED: usize = 6;

/// Says what a roll back would lose.
pub struct Look {
    job: Arc<Job>,
    info: StepInfo,
}

impl Look {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>, info: StepInfo) -> Self {
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    async fn objects(
        &self,
        ctx: &Context,
        leader: &crate::domain::Node,
    ) -> Result<ObjectDiff, StepError> {
        let mut all = ObjectDiff::default();
        for database in &self.job.profile.databases {
            let session = async |node| {
                let place = Place::new(node, database);
                ctx.world.databases.dedicated(&place, "objects").await
            };
            let sides = futures_util::try_join!(session(leader.clone()), session(self.job.held()))?;
            let (leads, held) = sides;
            let mut one =
                crate::inspect::diff(leads.as_ref(), held.as_ref(), &DiffOptions::default())
                    .await
                    .map_err(unread)?;
            all.objects = Counts {
                blue: all.objects.blue + one.objects.blue,
                green: all.objects.green + one.objects.green,
            };
            for difference in &mut one.differences {
                difference.database = Some(database.clone());
            }
            all.differences.append(&mut one.differences);
        }
        all.differences.sort_by_key(|difference| difference.class);
        all.equal = !all.differences.iter().any(counts);
        Ok(all)
    }
}

fn counts(difference: &Difference) -> bool {
    difference.class != DiffClass::Expected
}

#[async_trait]
impl Reading for Look {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn read(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let leader = relied_on(ctx, &self.job).await?;
        let point = ctx.known(&POINT)?;
        let sql = Sql::new(include_str!("../../../assets/sql/guard/written_since.sql"));
        let rows = ctx.read(&self.job.server(&leader), &sql).await?;
        let row = rows.one()?;
        let written: Lsn = row.get("written")?;
        let next: u64 = row.get("next_xid")?;
        let bytes = u64::try_from(written.bytes_since(point.lsn)).unwrap_or(0);
        let commits = next.saturating_sub(point.next_xid + 1);
        let diff = Arc::new(self.objects(ctx, &leader).await?);
        self.job.objects.send_replace(Some(Arc::clone(&diff)));
        let named: Vec<_> = diff
            .differences
            .iter()
            .filter(|one| counts(one))
            .map(|one| format!("{} {}.{}", one.kind, one.schema, one.name))
            .collect();
        let objects = match named.len() {
            0 => "no object differs".to_owned(),
            n if n <= NAMED => format!("{n} objects differ: {}", named.join(", ")),
            n => format!(
                "{n} objects differ (Objects tab): {} …",
                named[..NAMED].join(", ")
            ),
        };
        let since = point.at.strftime("%F %T UTC");
        Ok(StepResult::Warning(format!(
            "a roll back would lose what {leader} took since {since}: up to {commits} transactions, {} of WAL; {objects}",
            human_bytes(bytes)
        )))
    }
}
