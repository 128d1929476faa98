//! Phase 4: nothing of the schema may differ but what the upgrade itself changes.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{Node, Place};
use crate::inspect::{Counts, DiffClass, DiffOptions, ObjectDiff};
use crate::procedures::{Job, unread};
use crate::runbook::{Context, Reading, Risk, StepError, StepInfo, StepResult};

/// Compares the objects of both sides, database by database.
pub struct CompareObjects {
    job: Arc<Job>,
    info: StepInfo,
}

impl CompareObjects {
    /// The step.
    #[must_use]
    pub fn new(job: &Arc<Job>) -> Self {
        let info = StepInfo::new(
            "catch-up.objects",
            "Compare objects",
            "Every table, column, index, function, grant and role of both sides, read from the catalogs. What only one side \
             has stops replication or fails after the cutover.",
        )
        .risk(Risk::ReadOnly);
        Self {
            job: Arc::clone(job),
            info,
        }
    }

    async fn compare(&self, ctx: &Context) -> Result<ObjectDiff, StepError> {
        let mut all = ObjectDiff::default();
        let profile = &self.job.profile;
        let options = DiffOptions {
            schemas: profile.schemas.clone(),
            own: profile.own_names(),
            fenced: profile.fence.roles.clone(),
        };
        for database in &profile.databases {
            let session = async |node| {
                ctx.world
                    .databases
                    .dedicated(&Place::new(node, database), "objects")
                    .await
            };
            let (blue, green) =
                futures_util::try_join!(session(Node::blue()), session(Node::green()))?;
            let mut one = crate::inspect::diff(blue.as_ref(), green.as_ref(), &options)
                .await
                .map_err(unread)?;
            let Counts { blue, green } = one.objects;
            all.objects = Counts {
                blue: all.objects.blue + blue,
                green: all.objects.green + green,
            };
            for difference in &mut one.differences {
                difference.database = Some(database.clone());
            }
            all.differences.append(&mut one.differences);
        }
        all.differences.sort_by_key(|difference| difference.class);
        all.equal = all
            .differences
            .iter()
            .all(|difference| difference.class == DiffClass::Expected);
        Ok(all)
    }
}

#[async_trait]
impl Reading for CompareObjects {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn read(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let diff = Arc::new(self.compare(ctx).await?);
        self.job.objects.send_replace(Some(Arc::clone(&diff)));
        let of = |class| {
            diff.differences
                .iter()
                .filter(move |one| one.class == class)
        };
        let (blocks, know) = (of(DiffClass::Blocks).count(), of(DiffClass::Know).count());
        let text = format!(
            "{} objects on BLUE, {} on GREEN: {blocks} differences block, {know} to know, {} expected",
            diff.objects.blue,
            diff.objects.green,
            of(DiffClass::Expected).count()
        );
        if blocks == 0 {
            return Ok(if know == 0 {
                StepResult::Done(text)
            } else {
                StepResult::Warning(text)
            });
        }
        let name = |one: &crate::inspect::Difference| {
            format!(
                "{} {}.{}: {:?}",
                one.kind, one.schema, one.name, one.verdict
            )
        };
        let first: Vec<_> = of(DiffClass::Blocks).take(10).map(name).collect();
        let more = if blocks > 10 {
            format!("\n  and {} more (Objects tab)", blocks - 10)
        } else {
            String::new()
        };
        Err(StepError::Stop(format!(
            "{text}. Make both sides alike and ask again:\n  {}{more}",
            first.join("\n  ")
        )))
    }
}
