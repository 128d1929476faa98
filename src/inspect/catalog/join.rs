use std::collections::HashMap;

use super::super::{Counts, DiffClass, DiffVerdict, Difference, ObjectDiff};
use super::{DiffOptions, classes, views};
use crate::domain::PgVersion;
use crate::ports::Row;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Blue,
    Green,
}

/// Kind, schema, name.
type Key = [Box<str>; 3];

/// Pairs the rows of both sides as they come, in whatever order.
#[derive(Default)]
pub(super) struct Join {
    counts: Counts,
    single: HashMap<Key, (Side, Box<str>)>,
    changed: Vec<(Key, Box<str>, Box<str>)>,
}

impl Join {
    pub(super) fn add(&mut self, side: Side, row: Row) {
        let mut values = row.values.into_iter().map(Option::unwrap_or_default);
        let mut next = || values.next().unwrap_or_default();
        let mut key = [next(), next(), next()];
        let definition = next();
        match side {
            Side::Blue => self.counts.blue += 1,
            Side::Green => self.counts.green += 1,
        }
        // Should one side have two rows of one name, the second must not hide the first.
        while self.single.get(&key).is_some_and(|(of, _)| *of == side) {
            key[2] = format!("{} (again)", key[2]).into();
        }
        match self.single.remove(&key) {
            None => {
                self.single.insert(key, (side, definition));
            }
            Some((_, other)) if other == definition => {}
            Some((_, other)) if side == Side::Blue => self.changed.push((key, definition, other)),
            Some((_, other)) => self.changed.push((key, other, definition)),
        }
    }

    pub(super) fn finish(
        self,
        options: &DiffOptions,
        (blue, green): (PgVersion, PgVersion),
    ) -> ObjectDiff {
        let views_differ = (blue.major() < 16) != (green.major() < 16);
        let mut differences: Vec<Difference> = self
            .single
            .into_iter()
            .map(|(key, (side, definition))| match side {
                Side::Blue => (key, Some(definition), None),
                Side::Green => (key, None, Some(definition)),
            })
            .chain(
                self.changed
                    .into_iter()
                    .map(|(key, blue, green)| (key, Some(blue), Some(green))),
            )
            .filter(|(key, blue, green)| match (key[0].as_ref(), blue, green) {
                ("view" | "materialized view", Some(blue), Some(green)) if views_differ => {
                    !views::same_but_for_qualifiers(blue, green)
                }
                // A column too many or too few is told as such.
                ("column order", Some(blue), Some(green)) => same_columns(blue, green),
                ("column order", _, _) => false,
                _ => true,
            })
            .map(|(key, blue, green)| difference(key, blue, green, options))
            .collect();
        differences.sort_by(|a, b| {
            (a.class, &a.kind, &a.schema, &a.name).cmp(&(b.class, &b.kind, &b.schema, &b.name))
        });
        ObjectDiff {
            equal: differences.iter().all(|d| d.class == DiffClass::Expected),
            objects: self.counts,
            differences,
        }
    }
}

fn same_columns(blue: &str, green: &str) -> bool {
    let sorted = |text: &str| {
        let mut names: Vec<_> = text.split(", ").map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    sorted(blue) == sorted(green)
}

fn difference(
    [kind, schema, name]: Key,
    blue: Option<Box<str>>,
    green: Option<Box<str>>,
    options: &DiffOptions,
) -> Difference {
    let verdict = match (&blue, &green) {
        (Some(_), None) => DiffVerdict::MissingOnGreen,
        (None, _) => DiffVerdict::MissingOnBlue,
        (Some(_), Some(_)) => DiffVerdict::Changed,
    };
    let mut difference = Difference {
        kind: kind.into(),
        database: None,
        schema: schema.into(),
        name: name.into(),
        verdict,
        class: DiffClass::Know,
        blue: blue.map(String::from),
        green: green.map(String::from),
    };
    difference.class = classes::class_of(&difference, options);
    difference
}
