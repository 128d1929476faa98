//! Sequences: replication does not carry them, so they are read on the fenced side and set on the other, exactly.

use super::Switch;
use crate::domain::{Node, Place};
use crate::inspect::sequences::{self, SequenceState};
use crate::procedures::unread;
use crate::runbook::{Action, Context, StepError};

/// The sequences of one database as one side has them.
pub(super) struct DatabaseSequences {
    database: String,
    states: Vec<SequenceState>,
}

impl Switch {
    pub(super) async fn read_sequences(
        &self,
        ctx: &Context,
        node: &Node,
    ) -> Result<Vec<DatabaseSequences>, StepError> {
        let read = |at: Place| async move {
            let session = ctx.world.databases.shared(&at).await?;
            let states = sequences::read(session.as_ref(), self.job.schema())
                .await
                .map_err(unread)?;
            Ok::<_, StepError>(DatabaseSequences {
                database: at.database,
                states,
            })
        };
        futures_util::future::try_join_all(self.job.places(node).into_iter().map(read)).await
    }

    /// Sets them in one statement a database. Its commit is synchronous and flushes all that the apply worker committed
    /// before it, so what was drained is on disk as well as applied.
    pub(super) async fn set_sequences(
        &self,
        ctx: &Context,
        all: &[DatabaseSequences],
    ) -> Result<String, StepError> {
        let set = |one: &DatabaseSequences| {
            let at = Place::new(self.to(), &one.database);
            Action::sql(&at, sequences::set_statement(&one.states))
        };
        ctx.send_together(&all.iter().map(set).collect::<Vec<_>>())
            .await?;
        let count: usize = all.iter().map(|one| one.states.len()).sum();
        Ok(format!("{count} set"))
    }
}
