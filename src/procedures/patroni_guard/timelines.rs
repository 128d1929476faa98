//! Histories of timelines. A promotion takes the number after the last one its server knows of: one that was kept apart
//! while another member began a timeline would take the same number again, and members of two histories would look to
//! everybody, `pg_rewind` and Patroni included, as if they had one.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::hands::send;
use super::job::{Job, Point};
use super::sight::server;
use crate::domain::{Node, Sql};
use crate::ports::{Databases, Row, ValueError};
use crate::runbook::{Action, Context, StepError};

/// The text of each history file a server has, by its name.
type Histories = BTreeMap<String, String>;

/// What a timeline's history is called.
fn file_of(timeline: u32) -> String {
    format!("{timeline:08X}.history")
}

async fn histories(
    databases: &dyn Databases,
    job: &Job,
    member: &Node,
) -> Result<Histories, StepError> {
    let sql = Sql::new(include_str!("../../../assets/sql/guard/histories.sql"));
    let rows = databases.query(&job.server(member), &sql).await?;
    let read = |row: &Row| Ok((row.get("name")?, row.get("text")?));
    let read: Result<_, ValueError> = rows.iter().map(read).collect();
    Ok(read?)
}

/// Whether two servers on a timeline of this number have begun it at the same place: where both say it, they say the
/// same.
pub(super) async fn same_history(
    databases: &dyn Databases,
    job: &Job,
    members: (&Node, &Node),
    timeline: u32,
) -> Result<bool, StepError> {
    let (one, other) = futures_util::try_join!(
        histories(databases, job, members.0),
        histories(databases, job, members.1)
    )?;
    let file = file_of(timeline);
    Ok(match (one.get(&file), other.get(&file)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    })
}

impl Job {
    fn write_history(&self, file: &str, text: &str) -> Result<Action, StepError> {
        let held = self.held();
        let to = self
            .section(&held)?
            .server
            .data_file(&format!("pg_wal/{file}"));
        let write = ["dd", &format!("of={to}"), "conv=fsync", "status=none"];
        Ok(self
            .as_owner(&held, &write)?
            .reading(SecretString::from(text.to_owned())))
    }

    /// Gives the held member the histories of all timelines that were begun since the point was made.
    pub(super) async fn tell_timelines(
        &self,
        ctx: &Context,
        leader: &Node,
        point: &Point,
    ) -> Result<(), StepError> {
        let databases = ctx.world.databases.as_ref();
        let now = server(databases, &self.server(leader)).await?.timeline;
        let begun = point.timeline + 1..=now.unwrap_or(0);
        if begun.is_empty() {
            return Ok(());
        }
        let known = histories(databases, self, leader).await?;
        for file in begun.map(file_of) {
            let Some(text) = known.get(&file) else {
                return Err(StepError::Stop(format!(
                    "{leader} has no {file} in its pg_wal: without it {} would begin a timeline under a number that is \
                     taken. Nothing was changed by this. Put the file there from another member or the archive, then \
                     retry.",
                    self.held()
                )));
            };
            send(ctx, &self.write_history(&file, text)?).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::file_of;

    #[test]
    fn a_history_is_named_as_the_server_names_it() {
        assert_eq!(file_of(27), "0000001B.history");
    }
}
