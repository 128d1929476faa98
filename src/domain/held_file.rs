//! The hold, written into a member's own Patroni file: a few keys more, every other byte as it was.
//!
//! The file is edited as text where a parser says: written anew from what was read, a file in YAML's older dialect
//! (`yes`, `0600`) would mean something else.

use std::ops::Range;
use std::time::Duration;

use saphyr_parser::{Event, Parser, Span};

/// What holds a member: no leader, no load balancer's, nobody's copy, nothing that commits wait for.
pub const TAGS: [(&str, bool); 4] = [
    ("nofailover", true),
    ("noloadbalance", true),
    ("clonefrom", false),
    ("nosync", true),
];

/// The value of `recovery_min_apply_delay` for a delay, as it stands in the file and as PostgreSQL reads it.
#[must_use]
pub fn delay_text(delay: Duration) -> String {
    format!("{}s", delay.as_secs())
}

/// The file with the hold in it. An error says what about the file cannot be edited, and nothing of what it holds.
pub fn with_hold(text: &str, delay: Duration) -> Result<String, String> {
    let chars: Vec<char> = text.chars().collect();
    let root = read(text, &chars)?;
    let delay = delay_text(delay);
    let mut edits = Vec::new();
    let postgresql = root
        .mapping("postgresql")?
        .ok_or("it has no section postgresql")?;
    let conf = format!("{{recovery_min_apply_delay: {delay}}}");
    match postgresql.mapping("recovery_conf")? {
        Some(conf) => edits.push(conf.put("recovery_min_apply_delay", &delay, &chars)?),
        None => edits.push(postgresql.put("recovery_conf", &conf, &chars)?),
    }
    if let Some(tags) = root.mapping("tags")? {
        for (tag, value) in TAGS {
            edits.push(tags.put(tag, &value.to_string(), &chars)?);
        }
    } else {
        let tags = TAGS
            .map(|(tag, value)| format!("{tag}: {value}"))
            .join(", ");
        edits.push(root.put("tags", &format!("{{{tags}}}"), &chars)?);
    }
    // From the end, so that what comes before stays where it is; those at one place in their order.
    edits.sort_by_key(|edit| edit.place.start);
    let mut edited = chars.clone();
    for edit in edits.into_iter().rev() {
        edited.splice(edit.place, edit.text.chars());
    }
    let edited: String = edited.into_iter().collect();
    if holds(&edited, &delay)? {
        Ok(edited)
    } else {
        Err("the hold could not be written into it".to_owned())
    }
}

/// Whether the file has the hold in it.
fn holds(text: &str, delay: &str) -> Result<bool, String> {
    let chars: Vec<char> = text.chars().collect();
    let root = read(text, &chars)?;
    let is = |mapping: Option<&Mapping>, key: &str, wanted: &str| {
        mapping
            .and_then(|mapping| mapping.value(key))
            .is_some_and(|value| matches!(value, Value::Scalar { text, .. } if text == wanted))
    };
    let postgresql = root.mapping("postgresql")?;
    let conf = match postgresql {
        Some(postgresql) => postgresql.mapping("recovery_conf")?,
        None => None,
    };
    let tags = root.mapping("tags")?;
    Ok(is(conf, "recovery_min_apply_delay", delay)
        && TAGS
            .iter()
            .all(|(tag, value)| is(tags, tag, &value.to_string())))
}

struct Edit {
    place: Range<usize>,
    text: String,
}

/// A mapping, as far as its own keys go.
struct Mapping {
    start: usize,
    flow: bool,
    entries: Vec<Entry>,
}

struct Entry {
    key: String,
    /// Where its key stands, and in which column.
    at: Range<usize>,
    column: usize,
    value: Value,
}

enum Value {
    Scalar { text: String, place: Range<usize> },
    Mapping(Mapping),
    Other,
}

impl Mapping {
    /// The last entry of this name: where there are two, Patroni reads the last.
    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.key == key)
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A mapping in this one; none where nothing (or null) stands.
    fn mapping(&self, key: &str) -> Result<Option<&Self>, String> {
        if self.entries.iter().any(|entry| entry.key == "<<") {
            return Err(format!("it merges other parts (<<) around {key}"));
        }
        match self.value(key) {
            None => Ok(None),
            Some(Value::Mapping(mapping)) => Ok(Some(mapping)),
            Some(Value::Scalar { text, .. }) if matches!(text.as_str(), "" | "~" | "null") => {
                Ok(None)
            }
            Some(_) => Err(format!("{key} is no plain mapping")),
        }
    }

    /// Sets a key, where it stands or as the first.
    fn put(&self, key: &str, value: &str, chars: &[char]) -> Result<Edit, String> {
        let Some(entry) = self.entry(key) else {
            return self.prepend(key, value, chars);
        };
        match &entry.value {
            Value::Scalar { place, .. } if !place.is_empty() => Ok(Edit {
                place: place.clone(),
                text: value.to_owned(),
            }),
            Value::Scalar { .. } => {
                let colon = chars[entry.at.end..].iter().position(|c| *c == ':');
                let after = entry.at.end + colon.ok_or_else(|| format!("{key} has no colon"))? + 1;
                Ok(Edit {
                    place: after..after,
                    text: format!(" {value}"),
                })
            }
            _ => Err(format!("{key} is no plain value")),
        }
    }

    fn prepend(&self, key: &str, value: &str, chars: &[char]) -> Result<Edit, String> {
        let first = self.entries.first();
        let (at, text) = match (self.flow, first) {
            (true, _) => (self.start + 1, format!("{key}: {value}, ")),
            (false, None) => return Err(format!("there is no place for {key}")),
            (false, Some(first)) => {
                let at = first.at.start;
                let indented =
                    at >= first.column && chars[at - first.column..at].iter().all(|c| *c == ' ');
                if !indented {
                    return Err(format!("there is no line for {key}"));
                }
                (at, format!("{key}: {value}\n{}", " ".repeat(first.column)))
            }
        };
        Ok(Edit {
            place: at..at,
            text,
        })
    }
}

fn read(text: &str, chars: &[char]) -> Result<Mapping, String> {
    // What a parser says of an error may quote the file.
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| format!("line {} is no YAML", error.marker().line()))?;
        events.push((event, span));
    }
    let documents = events
        .iter()
        .filter(|(event, _)| matches!(event, Event::DocumentStart(_)));
    if documents.count() > 1 {
        return Err("it holds several documents".to_owned());
    }
    let mut events = events.into_iter().skip_while(|(event, _)| {
        matches!(
            event,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_)
        )
    });
    match value(&mut events, chars) {
        Some(Value::Mapping(root)) => Ok(root),
        _ => Err("it is no mapping".to_owned()),
    }
}

fn value<'t>(
    events: &mut impl Iterator<Item = (Event<'t>, Span)>,
    chars: &[char],
) -> Option<Value> {
    let (event, span) = events.next()?;
    let place = span.start.index()..span.end.index();
    match event {
        Event::Scalar(text, _, anchor, tag) if anchor == 0 && tag.is_none() => {
            Some(Value::Scalar {
                text: text.into_owned(),
                place,
            })
        }
        Event::MappingStart(anchor, tag) => {
            let mapping = mapping(place.start, events, chars)?;
            let plain = anchor == 0 && tag.is_none();
            Some(if plain {
                Value::Mapping(mapping)
            } else {
                Value::Other
            })
        }
        Event::SequenceStart(..) => {
            let mut depth = 1;
            while depth > 0 {
                match events.next()?.0 {
                    Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
                    Event::SequenceEnd | Event::MappingEnd => depth -= 1,
                    _ => {}
                }
            }
            Some(Value::Other)
        }
        Event::Scalar(..) | Event::Alias(_) => Some(Value::Other),
        _ => None,
    }
}

fn mapping<'t>(
    start: usize,
    events: &mut impl Iterator<Item = (Event<'t>, Span)>,
    chars: &[char],
) -> Option<Mapping> {
    let mut entries = Vec::new();
    loop {
        let (event, span) = events.next()?;
        let key = match event {
            Event::MappingEnd => break,
            Event::Scalar(text, ..) => text.into_owned(),
            // A key that is a list or a mapping is nobody's here.
            _ => return None,
        };
        entries.push(Entry {
            key,
            at: span.start.index()..span.end.index(),
            column: span.start.col(),
            value: value_boxed(events, chars)?,
        });
    }
    Some(Mapping {
        start,
        flow: chars.get(start) == Some(&'{'),
        entries,
    })
}

/// Apart, so that the type of the iterator does not grow with the depth.
fn value_boxed<'t>(
    events: &mut impl Iterator<Item = (Event<'t>, Span)>,
    chars: &[char],
) -> Option<Value> {
    value(events, chars)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::with_hold;

    const HELD: Duration = Duration::from_secs(43_200);

    fn held(text: &str) -> String {
        with_hold(text, HELD).expect("can be held")
    }

    #[test]
    fn keys_are_added_and_nothing_else_is_touched() {
        let file = "# é: mind the accent\nscope: shop\nrestapi: {listen: 'a:1'}\npostgresql:\n  # hush\n  \
                    authentication: {superuser: {password: 'p#w: {x'}}\n  use: yes\n\ntags:\n    nofailover: false # why\n    \
                    dc: a\n";
        let wanted = "# é: mind the accent\nscope: shop\nrestapi: {listen: 'a:1'}\npostgresql:\n  # hush\n  \
                      recovery_conf: {recovery_min_apply_delay: 43200s}\n  authentication: {superuser: {password: 'p#w: {x'}}\n  \
                      use: yes\n\ntags:\n    noloadbalance: true\n    clonefrom: false\n    nosync: true\n    \
                      nofailover: true # why\n    dc: a\n";
        assert_eq!(held(file), wanted);
    }

    #[test]
    fn tags_and_recovery_conf_in_every_shape() {
        for (file, part) in [
            (
                "postgresql:\n  a: 1\n",
                "tags: {nofailover: true, noloadbalance: true, clonefrom: false, nosync: true}\npostgresql:\n",
            ),
            ("postgresql:\n  a: 1\ntags:\n", "tags: {nofailover: true,"),
            ("postgresql:\n  a: 1\ntags: ~\n", "tags: {nofailover: true,"),
            ("postgresql:\n  a: 1\ntags: {}\n", "nofailover: true"),
            ("postgresql:\n  a: 1\ntags: {dc: a}\n", "dc: a}"),
            (
                "postgresql: {a: 1}\n",
                "postgresql: {recovery_conf: {recovery_min_apply_delay: 43200s}, a: 1}",
            ),
            ("{\"postgresql\": {\"a\": 1}}", "\"a\": 1"),
            (
                "postgresql:\n  recovery_conf:\n    restore_command: cp\n",
                "    recovery_min_apply_delay: 43200s\n    restore_command: cp\n",
            ),
            (
                "postgresql:\n  recovery_conf: {recovery_min_apply_delay: 0}\n",
                "{recovery_min_apply_delay: 43200s}",
            ),
            ("---\npostgresql:\r\n  a: 1\r\n", "a: 1\r\n"),
        ] {
            assert!(
                held(file).contains(part),
                "{file:?} became {:?}",
                held(file)
            );
            assert_eq!(held(&held(file)), held(file), "held twice is held once");
        }
    }

    #[test]
    fn what_cannot_be_edited_is_refused_without_quoting_it() {
        for file in [
            "scope: hush\n",
            "- hush\n",
            "a: 1\n---\nb: hush\n",
            "postgresql: &hush\n  a: 1\n",
            "x: &d {a: 1}\npostgresql:\n  <<: *d\n",
            "postgresql: hush\n",
            "postgresql: [hush\n",
            "postgresql:\n  a: 1\ntags: [hush]\n",
            "postgresql:\n  a: 1\ntags: {nosync: [hush]}\n",
        ] {
            let told = with_hold(file, HELD).expect_err(file);
            assert!(!told.contains("hush"), "{told}");
        }
    }
}
