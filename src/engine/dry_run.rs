use async_trait::async_trait;

use crate::ports::OnLine;
use crate::runbook::{Action, Executor, Reply, StepError};

/// The executor of a dry run: sends nothing.
#[derive(Debug)]
pub struct DryRun;

#[async_trait]
impl Executor for DryRun {
    async fn execute(&self, _action: &Action, _on_line: OnLine<'_>) -> Result<Reply, StepError> {
        Ok(Reply::NotSent)
    }

    fn is_dry_run(&self) -> bool {
        true
    }
}
