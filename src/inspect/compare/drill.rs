//! From a table that differs to its rows: by key ranges, by buckets of a range, then the rows of the buckets themselves.
//! A table without a key that all servers order alike has one range: all of it.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::{join_all, try_join};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::catalog::json;
use super::chunks::{self, FEW_ROWS, Sum};
use super::marker::Link;
use super::pool::Sides;
use super::statements::{Key, Span, Statements};
use super::{CompareOptions, CompareWatcher, PURPOSE, Side};
use crate::domain::Sql;
use crate::inspect::InspectError;
use crate::ports::{DbError, Rows, ValueError};

/// Ranges between two markers.
const SPANS_A_ROUND: usize = 16;
/// Buckets whose rows are fetched at once.
const BUCKETS_AT_ONCE: usize = 64;
/// Rounds under way at once.
const ROUNDS: usize = 3;

/// The search in one table.
pub(super) struct Search<'a> {
    pub sides: &'a Sides,
    pub link: Option<&'a Link>,
    pub options: &'a CompareOptions,
    pub watch: &'a dyn CompareWatcher,
    pub statements: Statements<'a>,
}

/// What a row held when it was read: its hash, or how many copies there are; and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub value: String,
    pub version: String,
}

/// What was found among some rows.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Keys of rows that differ, with what BLUE and what GREEN holds.
    pub differing: Vec<(Key, Option<Held>, Option<Held>)>,
    /// Rows that changed at every look.
    pub undecided: u64,
}

impl Search<'_> {
    /// The side that sends, and the one that follows; without a link the order does not matter.
    pub(super) fn order(&self) -> (Side, Side) {
        match self.link.map(|link| link.source) {
            Some(Side::Green) => (Side::Green, Side::Blue),
            _ => (Side::Blue, Side::Green),
        }
    }

    /// BLUE's and GREEN's of what the sender and the follower gave.
    pub(super) fn sides_of<T>(&self, sender: T, follower: T) -> (T, T) {
        match self.order().0 {
            Side::Blue => (sender, follower),
            Side::Green => (follower, sender),
        }
    }

    /// Returns once the follower has applied what the sender has committed.
    pub(super) async fn pass(&self) -> Result<(), InspectError> {
        match self.link {
            Some(link) => link.pass().await,
            None => Ok(()),
        }
    }

    /// The same statements on both sides: the follower's after the marker has passed.
    pub(super) async fn ask(&self, asked: &[Sql]) -> Result<(Vec<Rows>, Vec<Rows>), InspectError> {
        let (sender, follower) = self.order();
        let ask = async |side| {
            let pool = self.sides.of(side);
            let answers = join_all(asked.iter().map(|sql| pool.query(sql))).await;
            let answers: Result<Vec<Rows>, DbError> = answers.into_iter().collect();
            answers.map_err(InspectError::database(PURPOSE))
        };
        let (sent, followed) = if self.link.is_none() {
            try_join(ask(sender), ask(follower)).await?
        } else {
            let sent = ask(sender).await?;
            self.pass().await?;
            (sent, ask(follower).await?)
        };
        Ok(self.sides_of(sent, followed))
    }

    async fn ask_one(&self, sql: Sql) -> Result<(Rows, Rows), InspectError> {
        let (mut blue, mut green) = self.ask(&[sql]).await?;
        Ok((
            blue.pop().unwrap_or_default(),
            green.pop().unwrap_or_default(),
        ))
    }

    /// What the table takes on disk: as last analysed, or as it is on BLUE.
    pub(super) async fn bytes(&self) -> Result<u64, InspectError> {
        if self.statements.plan.bytes > 0 {
            return Ok(self.statements.plan.bytes);
        }
        let size = self.sides.blue.query(&self.statements.size()).await;
        let size = size.map_err(InspectError::database(PURPOSE))?;
        let bytes = size.one().and_then(|row| row.get("bytes"));
        bytes.map_err(InspectError::answer(PURPOSE))
    }

    /// The table's key ranges, by a sample of the larger side; a single one where its key has no common order.
    pub(super) async fn spans(&self, rows: u64) -> Result<Vec<Span>, InspectError> {
        let parts = chunks::span_count(rows, self.options);
        if parts == 1 || !self.statements.has_spans() {
            return Ok(vec![Span::default()]);
        }
        let percent = chunks::sample_percent(self.bytes().await?, parts);
        let sql = self.statements.bounds(parts, percent);
        let bounds = self
            .sides
            .blue
            .query(&sql)
            .await
            .map_err(InspectError::database(PURPOSE))?;
        chunks::spans(&bounds)
    }

    /// BLUE's and GREEN's sums of each range.
    pub(super) async fn sums(&self, spans: &[Span]) -> Result<Vec<(Sum, Sum)>, InspectError> {
        let rounds: Vec<_> = spans
            .chunks(SPANS_A_ROUND)
            .map(|round| self.round(round).boxed())
            .collect();
        let done: Vec<Vec<_>> = stream::iter(rounds).buffered(ROUNDS).try_collect().await?;
        Ok(done.into_iter().flatten().collect())
    }

    async fn round(&self, spans: &[Span]) -> Result<Vec<(Sum, Sum)>, InspectError> {
        let asked: Vec<Sql> = spans.iter().map(|span| self.statements.sum(span)).collect();
        let (blue, green) = self.ask(&asked).await?;
        let sums = blue
            .iter()
            .zip(&green)
            .map(|(blue, green)| Ok((chunks::sum(blue)?, chunks::sum(green)?)));
        sums.collect::<Result<Vec<_>, ValueError>>()
            .map_err(InspectError::answer(PURPOSE))
    }

    /// The rows that differ within `spans` of a table of `rows` rows; true when there are more than are asked for.
    pub(super) async fn rows(
        &self,
        spans: &[Span],
        rows: u64,
    ) -> Result<(Found, bool), InspectError> {
        let plan = self.statements.plan;
        let name = format!("{}.{}", plan.schema, plan.name);
        let mut suspects: Vec<(&Span, u64)> = spans.iter().map(|span| (span, rows)).collect();
        if spans.len() > 1 {
            let text = format!("{name} differs as a whole: {} key ranges", spans.len());
            self.watch.progress(&text, None);
            let sums = self.sums(spans).await?;
            let differing = spans
                .iter()
                .zip(&sums)
                .filter(|(_, (blue, green))| blue != green);
            suspects = differing
                .map(|(span, (blue, green))| (span, blue.rows.max(green.rows)))
                .collect();
        }
        let mut found = Found::default();
        for (at, (span, rows)) in suspects.iter().enumerate() {
            let text = format!(
                "{name}: key range {} of {} that differ",
                at + 1,
                suspects.len()
            );
            self.watch.progress(&text, None);
            self.within(span, *rows, &mut found).await?;
            if found.differing.len() > self.options.most_rows {
                found.differing.truncate(self.options.most_rows);
                return Ok((found, true));
            }
        }
        Ok((found, false))
    }

    /// The rows that differ within one range of `rows` rows.
    async fn within(&self, span: &Span, rows: u64, found: &mut Found) -> Result<(), InspectError> {
        if rows <= FEW_ROWS {
            return self.fetched(span, &[], 0, found).await;
        }
        let count = chunks::bucket_count(rows);
        let (blue, green) = self.ask_one(self.statements.buckets(span, count)).await?;
        let read = |rows| chunks::buckets(rows).map_err(InspectError::answer(PURPOSE));
        let (blue, green) = (read(&blue)?, read(&green)?);
        let differing: Vec<u32> = (0..count)
            .filter(|bucket| blue.get(bucket) != green.get(bucket))
            .collect();
        for some in differing.chunks(BUCKETS_AT_ONCE) {
            self.fetched(span, some, count, found).await?;
            if found.differing.len() > self.options.most_rows {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Fetches rows of both sides and settles those that are not the same.
    async fn fetched(
        &self,
        span: &Span,
        some: &[u32],
        count: u32,
        found: &mut Found,
    ) -> Result<(), InspectError> {
        let (blue, green) = self
            .ask_one(self.statements.rows(span, some, count))
            .await?;
        let (blue, green) = (held(&blue)?, held(&green)?);
        let value = |held: Option<&Held>| held.map(|held| held.value.clone());
        let keys = blue
            .keys()
            .chain(green.keys().filter(|key| !blue.contains_key(*key)));
        let suspects: Vec<Key> = keys
            .filter(|key| value(blue.get(*key)) != value(green.get(*key)))
            .cloned()
            .collect();
        self.settle(suspects, found).await
    }
}

/// Rows by key.
pub(super) fn held(rows: &Rows) -> Result<BTreeMap<Key, Held>, InspectError> {
    let one = |row: &crate::ports::Row| {
        let held = Held {
            value: row.get("value")?,
            version: row.get("version")?,
        };
        Ok((json(&row.get::<String>("key")?, "key")?, held))
    };
    let rows: Result<_, ValueError> = rows.iter().map(one).collect();
    rows.map_err(InspectError::answer(PURPOSE))
}
