use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The typed name of something a step learns and later steps use.
#[derive(Debug)]
pub struct FactKey<T> {
    name: Cow<'static, str>,
    kind: PhantomData<fn() -> T>,
}

impl<T> FactKey<T> {
    /// A fact of the whole run.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind: PhantomData,
        }
    }

    /// The same fact for one database (or one role, or one node).
    #[must_use]
    pub fn of(&self, part: &str) -> Self {
        Self {
            name: Cow::Owned(format!("{}[{part}]", self.name)),
            kind: PhantomData,
        }
    }

    /// The part a name in the journal is about, where the name is this fact's: `shop` of `compare[shop]`.
    #[must_use]
    pub fn part<'a>(&self, name: &'a str) -> Option<&'a str> {
        let part = name.strip_prefix(self.name.as_ref())?;
        part.strip_prefix('[')?.strip_suffix(']')
    }

    /// The name in the journal.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What a run has learnt so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(BTreeMap<String, serde_json::Value>);

impl Facts {
    /// The fact, when it is known and reads as its type.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, key: &FactKey<T>) -> Option<T> {
        self.0
            .get(key.name())
            .and_then(|value| T::deserialize(value).ok())
    }

    /// Takes in a fact as the journal holds it; `null` forgets it.
    pub fn insert(&mut self, name: &str, value: serde_json::Value) {
        if value.is_null() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// All facts by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &serde_json::Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::{FactKey, Facts};
    use crate::domain::Lsn;

    const START: FactKey<Lsn> = FactKey::new("start_lsn");

    #[test]
    fn facts_are_kept_by_name_and_part() {
        let mut facts = Facts::default();
        facts.insert(START.of("shop").name(), serde_json::json!("0/10"));
        assert_eq!(facts.get(&START.of("shop")), Some(Lsn(16)));
        assert_eq!(facts.get(&START), None);
        assert_eq!(START.part(START.of("shop").name()), Some("shop"));
        assert_eq!(START.part("start_lsn"), None);
        assert_eq!(START.part("start_lsnx[shop]"), None);
        facts.insert(START.of("shop").name(), serde_json::Value::Null);
        assert_eq!(facts.get(&START.of("shop")), None);
    }
}
