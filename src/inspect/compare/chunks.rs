use std::collections::BTreeMap;

use super::catalog::json;
use super::statements::{Key, Span, Statements};
use super::{CompareOptions, PURPOSE};
use crate::inspect::InspectError;
use crate::ports::{Rows, ValueError};

/// Pages a sample reads for each span: fewer would make the spans uneven.
const PAGES_A_SPAN: u64 = 4;
const PAGE: u64 = 8192;
/// No table is parted further; its spans grow instead.
const MOST_SPANS: u64 = 20_000;
/// Rows of a bucket.
const BUCKET_ROWS: u64 = 256;
const MOST_BUCKETS: u64 = 16_384;

/// So few rows are fetched rather than parted.
pub(super) const FEW_ROWS: u64 = 2_000;

/// Number of rows and sum of their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub rows: u64,
    pub sum: String,
}

pub(super) fn sum(rows: &Rows) -> Result<Sum, ValueError> {
    let row = rows.one()?;
    Ok(Sum {
        rows: row.get("rows")?,
        sum: row.get("sum")?,
    })
}

/// The sums of buckets by their number; a bucket without rows is not there.
pub(super) fn buckets(rows: &Rows) -> Result<BTreeMap<u32, Sum>, ValueError> {
    let bucket = |row: &crate::ports::Row| {
        let sum = Sum {
            rows: row.get("rows")?,
            sum: row.get("sum")?,
        };
        Ok((row.get("bucket")?, sum))
    };
    rows.iter().map(bucket).collect()
}

/// How many buckets `rows` rows are parted into: a power of two.
pub(super) fn bucket_count(rows: u64) -> u32 {
    let wanted = (rows / BUCKET_ROWS).clamp(2, MOST_BUCKETS);
    u32::try_from(wanted.next_power_of_two()).unwrap_or(2)
}

/// How many spans a table of `rows` rows is parted into.
pub(super) fn span_count(rows: u64, options: &CompareOptions) -> u64 {
    (rows / options.chunk_rows.max(1)).clamp(1, MOST_SPANS)
}

/// The share of pages to sample for `parts` spans, percent.
pub(super) fn sample_percent(bytes: u64, parts: u64) -> f64 {
    let pages = (bytes / PAGE).max(1);
    (100.0 * (parts * PAGES_A_SPAN) as f64 / pages as f64).min(100.0)
}

/// The spans between the bounds a server gave.
pub(super) fn spans(rows: &Rows) -> Result<Vec<Span>, InspectError> {
    let bounds: Result<Vec<Key>, ValueError> = rows
        .iter()
        .map(|row| json(&row.get::<String>("bound")?, "bound"))
        .collect();
    let mut bounds = bounds.map_err(InspectError::answer(PURPOSE))?;
    bounds.dedup();
    let mut spans = Vec::with_capacity(bounds.len() + 1);
    let mut after = None;
    for bound in bounds {
        spans.push(Span {
            after: after.replace(bound.clone()),
            upto: Some(bound),
        });
    }
    spans.push(Span { after, upto: None });
    Ok(spans)
}

/// Neighbouring spans made one, `many` at a time.
pub(super) fn coarse(spans: &[Span], many: usize) -> Vec<Span> {
    let whole = |part: &[Span]| Span {
        after: part.first().and_then(|span| span.after.clone()),
        upto: part.last().and_then(|span| span.upto.clone()),
    };
    spans.chunks(many.max(1)).map(whole).collect()
}

impl Statements<'_> {
    /// True when the table can be parted by key.
    pub(super) fn has_spans(&self) -> bool {
        self.plan.ordered > 0
    }
}

#[cfg(test)]
mod tests {
    use super::{bucket_count, coarse, spans};
    use crate::ports::{Row, Rows};

    fn bounds(values: &[&str]) -> Rows {
        let columns: std::sync::Arc<[String]> = ["bound".to_owned()].into();
        let row = |value: &&str| Row {
            columns: columns.clone(),
            values: vec![Some(format!("[\"{value}\"]").into())],
        };
        Rows(values.iter().map(row).collect())
    }

    #[test]
    fn spans_meet_and_leave_nothing_out() {
        let spans = spans(&bounds(&["10", "20", "20"])).expect("bounds");
        let shown: Vec<_> = spans
            .iter()
            .map(|span| (span.after.clone(), span.upto.clone()))
            .collect();
        let key = |text: &str| Some(vec![text.to_owned()]);
        assert_eq!(
            shown,
            [(None, key("10")), (key("10"), key("20")), (key("20"), None)]
        );
        let whole = coarse(&spans, 9);
        assert_eq!(whole.len(), 1);
        assert_eq!((&whole[0].after, &whole[0].upto), (&None, &None));
        assert_eq!(coarse(&spans, 2)[0].upto, key("20"));
    }

    #[test]
    fn buckets_are_a_power_of_two() {
        assert_eq!(bucket_count(0), 2);
        assert_eq!(bucket_count(20_000), 128);
        assert_eq!(bucket_count(u64::MAX), 16_384);
    }
}
