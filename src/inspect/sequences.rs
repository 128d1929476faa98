use std::cmp::Ordering;

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::InspectError;
use crate::domain::Sql;
use crate::ports::{Row, Rows, Session, ValueError};

const PURPOSE: &str = "reading the sequences";

/// Planning a UNION ALL grows with the square of its branches; this many stay in the low milliseconds.
const UNCALLED_AT_ONCE: usize = 50;

/// Schema and name.
type Name = (String, String);

/// Where a sequence stands: all that `setval` needs to put another one exactly there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceState {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The last value given out, or the one to be given out first when `is_called` is false.
    pub last_value: i64,
    /// False when no value was given out since the sequence was made or restarted.
    pub is_called: bool,
}

/// A sequence that stands elsewhere on the other side, or is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceDifference {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Last value and `is_called` on the side it was read from.
    pub source: Option<(i64, bool)>,
    /// Last value and `is_called` on the side it was set on.
    pub target: Option<(i64, bool)>,
}

/// Reads all sequences of a database, in the order of schema and name; temporary ones and those in `own_schema` are
/// left out. Exact only while nobody calls them: read after the fence.
pub async fn read(
    session: &dyn Session,
    own_schema: &str,
) -> Result<Vec<SequenceState>, InspectError> {
    let file = if session.version().major() >= 18 {
        include_str!("../../assets/sql/inspect/sequences_from_18.sql")
    } else {
        include_str!("../../assets/sql/inspect/sequences.sql")
    };
    let rows = session
        .query(&Sql::new(file).literal("own_schema", own_schema))
        .await
        .map_err(InspectError::database(PURPOSE))?;
    let (mut sequences, uncalled) = sort_out(&rows).map_err(InspectError::answer(PURPOSE))?;
    let values = try_join_all(uncalled.chunks(UNCALLED_AT_ONCE).map(async |chunk| {
        let rows = session
            .query(&uncalled_statement(chunk))
            .await
            .map_err(InspectError::database(PURPOSE))?;
        fill_in(chunk, &rows).map_err(InspectError::answer(PURPOSE))
    }))
    .await?;
    sequences.extend(values.into_iter().flatten());
    sequences.sort_by(by_name);
    Ok(sequences)
}

/// One statement that puts the sequences of a database exactly there, and whose commit is on disk when it returns:
/// whatever was applied before it (apply commits asynchronously) is on disk then, too. It fails as a whole when one
/// of the sequences is missing. Its row has `sequences`, how many were set.
#[must_use]
pub fn set_statement(sequences: &[SequenceState]) -> Sql {
    // The message makes the transaction write WAL even when there is no sequence to set: only a transaction that wrote
    // some waits for the disk.
    let column = |value: fn(&SequenceState) -> String| -> Vec<String> {
        sequences.iter().map(value).collect()
    };
    Sql::new(include_str!("../../assets/sql/inspect/set_sequences.sql"))
        .literals("schemas", &column(|s| s.schema.clone()))
        .literals("names", &column(|s| s.name.clone()))
        .literals("values", &column(|s| s.last_value.to_string()))
        .literals("called", &column(|s| s.is_called.to_string()))
}

/// The sequences that do not stand alike, both lists in the order [`read`] gives.
#[must_use]
pub fn differing(source: &[SequenceState], target: &[SequenceState]) -> Vec<SequenceDifference> {
    let mut differences = Vec::new();
    let (mut left, mut right) = (source.iter().peekable(), target.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return differences,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => by_name(a, b),
        };
        let source = left.next_if(|_| order.is_le());
        let target = right.next_if(|_| order.is_ge());
        if source == target {
            continue;
        }
        differences.extend(source.or(target).map(|named| SequenceDifference {
            schema: named.schema.clone(),
            name: named.name.clone(),
            source: source.map(|s| (s.last_value, s.is_called)),
            target: target.map(|s| (s.last_value, s.is_called)),
        }));
    }
}

fn by_name(a: &SequenceState, b: &SequenceState) -> Ordering {
    (&a.schema, &a.name).cmp(&(&b.schema, &b.name))
}

/// Sequences whose state is known, and the names of those never called since they were made or restarted: for these
/// the catalog functions before 18 give NULL, and `ALTER SEQUENCE … RESTART WITH` may have put them anywhere.
fn sort_out(rows: &Rows) -> Result<(Vec<SequenceState>, Vec<Name>), ValueError> {
    let mut known = Vec::with_capacity(rows.len());
    let mut uncalled = Vec::new();
    for row in rows {
        let (schema, name) = (row.get("schema")?, row.get("name")?);
        match row.opt("last_value")? {
            Some(last_value) => known.push(SequenceState {
                schema,
                name,
                last_value,
                is_called: row.get("is_called")?,
            }),
            None => uncalled.push((schema, name)),
        }
    }
    Ok((known, uncalled))
}

fn uncalled_statement(names: &[Name]) -> Sql {
    let branch = |(at, (schema, name)): (usize, &Name)| {
        Sql::new("SELECT {at} AS at, last_value, is_called FROM {sequence}")
            .number("at", i64::try_from(at).unwrap_or(i64::MAX))
            .qualified("sequence", schema, name)
    };
    let mut branches = names.iter().enumerate().map(branch);
    let first = branches.next().unwrap_or_else(|| Sql::new("SELECT"));
    branches.fold(first, |before, next| {
        Sql::new("{before} UNION ALL {next}")
            .statement("before", before)
            .statement("next", next)
    })
}

fn fill_in(names: &[Name], rows: &Rows) -> Result<Vec<SequenceState>, ValueError> {
    let state = |row: &Row| {
        let at: usize = row.get("at")?;
        let (schema, name) = names.get(at).ok_or_else(|| ValueError {
            column: "at".to_owned(),
            problem: format!("there is no sequence {at}"),
        })?;
        Ok(SequenceState {
            schema: schema.clone(),
            name: name.clone(),
            last_value: row.get("last_value")?,
            is_called: row.get("is_called")?,
        })
    };
    rows.iter().map(state).collect()
}

#[cfg(test)]
mod tests {
    use super::{SequenceState, differing, set_statement};

    fn sequence(name: &str, last_value: i64, is_called: bool) -> SequenceState {
        SequenceState {
            schema: "Shop".to_owned(),
            name: name.to_owned(),
            last_value,
            is_called,
        }
    }

    #[test]
    fn what_stands_elsewhere_or_is_missing_is_found() {
        let source = [
            sequence("a", 1, true),
            sequence("b", 1, false),
            sequence("c", -5, true),
        ];
        let target = [
            sequence("b", 1, true),
            sequence("c", -5, true),
            sequence("d", 9, true),
        ];
        let found = differing(&source, &target);
        let found: Vec<_> = found
            .iter()
            .map(|d| (d.name.as_str(), d.source, d.target))
            .collect();
        assert_eq!(
            found,
            [
                ("a", Some((1, true)), None),
                ("b", Some((1, false)), Some((1, true))),
                ("d", None, Some((9, true))),
            ]
        );
        assert_eq!(differing(&source, &source), []);
    }

    #[test]
    fn names_and_values_are_quoted_in_the_batch() {
        let text = set_statement(&[sequence("it's \"x\"", -3, false)]).shown();
        for part in [
            r#"ARRAY['it''s "x"']"#,
            "ARRAY['-3']::text[]::bigint[]",
            "ARRAY['false']::text[]::boolean[]",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
