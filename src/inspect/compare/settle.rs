//! The verdict on single rows. A row differs when the sending side held the same version of it before the marker and
//! after the other side was read, the other side held something else, and both were so twice in a row.

use std::collections::BTreeMap;
use std::time::Duration;

use super::PURPOSE;
use super::drill::{Found, Held, Search, held};
use super::statements::Key;
use crate::inspect::InspectError;

/// Rows looked at in one round.
const AT_ONCE: usize = 500;
/// Looks at a row that changes under them.
const LOOKS: u32 = 24;
/// Between two looks, once the first few did not do.
const PAUSE: Duration = Duration::from_millis(25);

/// What the sender and the follower held.
type Seen = (Option<Held>, Option<Held>);

/// What one look at a row showed: the sender's before and after, the follower's between.
struct Look {
    before: Option<Held>,
    between: Option<Held>,
    after: Option<Held>,
}

impl Look {
    /// True when the follower held one of the sender's states.
    fn same(&self) -> bool {
        let value = |held: &Option<Held>| held.as_ref().map(|held| held.value.clone());
        let follower = value(&self.between);
        follower == value(&self.before) || follower == value(&self.after)
    }

    /// True when the sender did not change the row meanwhile.
    fn stood_still(&self) -> bool {
        self.before == self.after
    }
}

impl Search<'_> {
    /// Looks at suspects until each is cleared or found to differ, or has changed too often.
    pub(super) async fn settle(
        &self,
        mut suspects: Vec<Key>,
        found: &mut Found,
    ) -> Result<(), InspectError> {
        while !suspects.is_empty() && found.differing.len() <= self.options.most_rows {
            let rest = suspects.split_off(suspects.len().min(AT_ONCE));
            self.settle_some(suspects, found).await?;
            suspects = rest;
        }
        Ok(())
    }

    async fn settle_some(&self, keys: Vec<Key>, found: &mut Found) -> Result<(), InspectError> {
        // Rows still open, with what was seen when they last seemed to differ.
        let mut open: BTreeMap<Key, Option<Seen>> =
            keys.into_iter().map(|key| (key, None)).collect();
        for look in 0..LOOKS {
            if look > 3 {
                tokio::time::sleep(PAUSE).await;
            }
            for (key, look) in self.look(open.keys().cloned().collect()).await? {
                if look.same() {
                    open.remove(&key);
                    continue;
                }
                let seen = (look.before.clone(), look.between.clone());
                let Some(last) = open.get_mut(&key) else {
                    continue;
                };
                if !look.stood_still() {
                    *last = None;
                } else if last.as_ref() == Some(&seen) {
                    open.remove(&key);
                    let (blue, green) = self.sides_of(seen.0, seen.1);
                    found.differing.push((key, blue, green));
                } else {
                    *last = Some(seen);
                }
            }
            if open.is_empty() {
                return Ok(());
            }
        }
        found.undecided += open.len() as u64;
        Ok(())
    }

    async fn look(&self, keys: Vec<Key>) -> Result<Vec<(Key, Look)>, InspectError> {
        let sql = self.statements.rows_of(&keys);
        let (sender, follower) = self.order();
        let ask = async |side| {
            let rows = self.sides.of(side).query(&sql).await;
            held(&rows.map_err(InspectError::database(PURPOSE))?)
        };
        let mut before = ask(sender).await?;
        self.pass().await?;
        let mut between = ask(follower).await?;
        let mut after = ask(sender).await?;
        let look = |key: Key| {
            let look = Look {
                before: before.remove(&key),
                between: between.remove(&key),
                after: after.remove(&key),
            };
            (key, look)
        };
        Ok(keys.into_iter().map(look).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Held, Look};

    fn held(value: &str, version: &str) -> Held {
        Held {
            value: value.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn a_row_that_came_back_to_what_it_was_did_not_stand_still() {
        let look = Look {
            before: Some(held("1", "700")),
            between: Some(held("2", "31")),
            after: Some(held("1", "702")),
        };
        assert!(!look.stood_still() && !look.same());
    }

    #[test]
    fn either_state_of_the_sender_will_do() {
        let look = Look {
            before: Some(held("1", "700")),
            between: None,
            after: None,
        };
        assert!(look.same());
        let look = Look {
            before: Some(held("1", "700")),
            between: Some(held("2", "9")),
            after: Some(held("2", "701")),
        };
        assert!(look.same());
    }
}
