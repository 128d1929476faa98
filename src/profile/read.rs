use std::cell::RefCell;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use toml_edit::{Item, TableLike};

use super::error::Problem;
use crate::domain::ByteSize;

/// Collects what is wrong with a text, by position.
pub(super) struct Findings<'t> {
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Range<usize>,
    pub key: String,
}

/// A section under reading. Every key asked for is a known one; what is left over is unknown.
pub(super) struct Section<'t> {
    findings: &'t Findings<'t>,
    name: String,
    table: Option<&'t dyn TableLike>,
    span: Range<usize>,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Findings<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: RefCell::default(),
        }
    }

    /// Notes a problem at a place of the text.
    pub(super) fn add(&self, span: &Range<usize>, key: &str, problem: String, allowed: &str) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        self.problems.borrow_mut().push(Problem {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key.to_owned(),
            problem,
            allowed: allowed.to_owned(),
        });
    }

    /// Notes a problem with a value.
    pub(super) fn at<T>(&self, at: &At<T>, problem: impl Into<String>, allowed: &str) {
        self.add(&at.span, &at.key, problem.into(), allowed);
    }

    /// All that was noted, in the order of the text.
    pub(super) fn take(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }

    pub(super) fn root(&'t self, table: &'t dyn TableLike) -> Section<'t> {
        Section {
            findings: self,
            name: String::new(),
            table: Some(table),
            span: 0..0,
            known: RefCell::default(),
        }
    }
}

impl<'t> Section<'t> {
    /// A section inside this one; it may be missing, then everything in it is.
    pub(super) fn section(&self, key: &'static str) -> Section<'t> {
        let (table, span) = match self.item(key) {
            None => (None, self.span.clone()),
            Some((item, span)) => {
                let table = item.as_table_like();
                if table.is_none() {
                    let header = format!("a section, [{}]", self.full(key));
                    self.wrong_type(key, &span, item, &header);
                }
                (table, span)
            }
        };
        Section {
            findings: self.findings,
            name: self.full(key),
            table,
            span,
            known: RefCell::default(),
        }
    }

    /// The sections inside this one, whatever their names: `[hosts.pg1]`, `[hosts.pg2]`.
    pub(super) fn entries(&self) -> Vec<(String, Section<'t>)> {
        let inside = self.table.into_iter().flat_map(TableLike::iter);
        let read = |(key, item): (&'t str, &'t Item)| {
            let span = self.key_span(key).or_else(|| item.span());
            let span = span.unwrap_or_else(|| self.span.clone());
            let Some(table) = item.as_table_like() else {
                let header = format!("a section, [{}]", self.full(key));
                self.wrong_type(key, &span, item, &header);
                return None;
            };
            let section = Section {
                findings: self.findings,
                name: self.full(key),
                table: Some(table),
                span,
                known: RefCell::default(),
            };
            Some((key.to_owned(), section))
        };
        inside.filter_map(read).collect()
    }

    /// The name of a key with its section.
    pub(super) fn full(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    /// The raw value of a key, and where it stands.
    pub(super) fn item(&self, key: &'static str) -> Option<(&'t Item, Range<usize>)> {
        self.ask(key);
        let item = self.table?.get(key)?;
        let span = item.span().or_else(|| self.key_span(key));
        Some((item, span.unwrap_or_else(|| self.span.clone())))
    }

    fn ask(&self, key: &'static str) {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
    }

    /// Where the section's problems go.
    pub(super) fn findings(&self) -> &'t Findings<'t> {
        self.findings
    }

    /// Where the section stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// True when the key stands there, sound or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// True when the section stands there and is one.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table?.key(key)?.span()
    }

    pub(super) fn wrong_type(&self, key: &str, span: &Range<usize>, item: &Item, allowed: &str) {
        let problem = format!("is {}", with_article(item.type_name()));
        self.findings.add(span, &self.full(key), problem, allowed);
    }

    pub(super) fn missing(&self, key: &str, allowed: &str) {
        let problem = "is missing".to_owned();
        self.findings
            .add(&self.span, &self.full(key), problem, allowed);
    }

    pub(super) fn at<T>(&self, key: &str, span: Range<usize>, value: T) -> At<T> {
        At {
            value,
            span,
            key: self.full(key),
        }
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str, allowed: &str) -> Option<At<String>> {
        let (item, span) = self.item(key)?;
        let Some(text) = item.as_str() else {
            self.wrong_type(key, &span, item, allowed);
            return None;
        };
        let at = self.at(key, span, text.to_owned());
        if text.trim().is_empty() {
            self.findings.at(&at, "is empty", allowed);
            return None;
        }
        if text.contains('\0') {
            self.findings.at(&at, "holds a NUL character", allowed);
            return None;
        }
        Some(at)
    }

    /// A text that must be there.
    pub(super) fn required(&self, key: &'static str, allowed: &str) -> Option<At<String>> {
        if !self.has(key) {
            self.ask(key);
            self.missing(key, allowed);
            return None;
        }
        self.text(key, allowed)
    }

    /// A text that says one of a few things.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<At<T>> {
        let words: Vec<_> = choices
            .iter()
            .map(|(word, _)| format!("{word:?}"))
            .collect();
        let allowed = words.join(", ");
        let text = self.text(key, &allowed)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text.value) {
            return Some(self.at(key, text.span, *value));
        }
        let close = suggestion(&text.value, choices.iter().map(|(word, _)| *word));
        let problem = format!("{:?} is not known{close}", text.value);
        self.findings.at(&text, problem, &allowed);
        None
    }

    /// True or false.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let (item, span) = self.item(key)?;
        let value = item.as_bool();
        if value.is_none() {
            self.wrong_type(key, &span, item, "true or false");
        }
        value
    }

    /// A whole number within bounds.
    pub(super) fn whole<T: TryFrom<i64>>(
        &self,
        key: &'static str,
        bounds: (i64, i64),
    ) -> Option<T> {
        let allowed = format!("a whole number from {} to {}", bounds.0, bounds.1);
        let (item, span) = self.item(key)?;
        let Some(number) = item.as_integer() else {
            self.wrong_type(key, &span, item, &allowed);
            return None;
        };
        let value = (bounds.0..=bounds.1)
            .contains(&number)
            .then(|| T::try_from(number).ok())
            .flatten();
        if value.is_none() {
            let problem = format!("{number} is out of range");
            self.findings.add(&span, &self.full(key), problem, &allowed);
        }
        value
    }

    /// A number above zero.
    pub(super) fn positive(&self, key: &'static str) -> Option<f64> {
        let allowed = "a number above 0";
        let (item, span) = self.item(key)?;
        let number = item.as_float().or_else(|| {
            item.as_integer()
                .and_then(|n| i32::try_from(n).ok())
                .map(f64::from)
        });
        let Some(number) = number else {
            self.wrong_type(key, &span, item, allowed);
            return None;
        };
        if number.is_finite() && number > 0.0 {
            return Some(number);
        }
        let problem = format!("is {number}");
        self.findings.add(&span, &self.full(key), problem, allowed);
        None
    }

    /// A list of texts, none of them empty, none twice.
    pub(super) fn texts(&self, key: &'static str, allowed: &str) -> Option<At<Vec<String>>> {
        let list = self.argv(key, allowed)?;
        for (at, text) in list.value.iter().enumerate() {
            if text.is_empty() {
                self.findings.at(&list, "holds an empty text", allowed);
            } else if list.value[..at].contains(text) {
                let problem = format!("names {text:?} twice");
                self.findings.at(&list, problem, allowed);
            }
        }
        Some(list)
    }

    /// A list of texts of any kind.
    pub(super) fn argv(&self, key: &'static str, allowed: &str) -> Option<At<Vec<String>>> {
        let (item, span) = self.item(key)?;
        let Some(array) = item.as_array() else {
            self.wrong_type(key, &span, item, allowed);
            return None;
        };
        let mut texts = Vec::new();
        for value in array {
            match value.as_str() {
                Some(text) if !text.contains('\0') => texts.push(text.to_owned()),
                _ => {
                    let span = value.span().unwrap_or_else(|| span.clone());
                    let problem = match value.as_str() {
                        Some(_) => "holds a NUL character".to_owned(),
                        None => format!("holds {}", with_article(value.type_name())),
                    };
                    self.findings.add(&span, &self.full(key), problem, allowed);
                }
            }
        }
        Some(self.at(key, span, texts))
    }

    /// A duration above zero, `"500ms"`, `"30s"`, `"15min"`, `"2h"`.
    pub(super) fn duration(&self, key: &'static str, default: Duration) -> At<Duration> {
        let allowed = "a duration above 0: \"500ms\", \"30s\", \"15min\", \"2h\"";
        let read = || {
            let text = self.text(key, allowed)?;
            let value = duration_of(&text.value).filter(|value| !value.is_zero());
            if value.is_none() {
                let problem = format!("{:?} is not one", text.value);
                self.findings.at(&text, problem, allowed);
            }
            Some(self.at(key, text.span, value?))
        };
        read().unwrap_or_else(|| self.at(key, self.span.clone(), default))
    }

    /// A size above zero, `"16MB"`.
    pub(super) fn size(&self, key: &'static str) -> Option<ByteSize> {
        let allowed = "a size above 0: \"512kB\", \"16MB\", \"40GB\"";
        let text = self.text(key, allowed)?;
        let size = ByteSize::from_str(&text.value)
            .ok()
            .filter(|size| size.0 > 0);
        if size.is_none() {
            let problem = format!("{:?} is not one", text.value);
            self.findings.at(&text, problem, allowed);
        }
        size
    }

    /// Complains about keys nobody asked for; true when there were any.
    pub(super) fn finish(&self) -> bool {
        let known = self.known.borrow();
        let unknown = self.table.into_iter().flat_map(TableLike::iter);
        let unknown = unknown.filter(|(key, _)| !known.contains(key));
        let mut any = false;
        for (key, item) in unknown {
            any = true;
            let span = self.key_span(key).or_else(|| item.span());
            let close = suggestion(key, known.iter().copied());
            let problem = format!("this key is not known{close}");
            let span = span.unwrap_or_else(|| self.span.clone());
            self.findings
                .add(&span, &self.full(key), problem, &known.join(", "));
        }
        any
    }
}

fn with_article(type_name: &str) -> String {
    let vowel = type_name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {type_name}", if vowel { "an" } else { "a" })
}

/// `, did you mean "write_pause"?`, when something known is close.
pub(super) fn suggestion<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    closest(word, known).map_or_else(String::new, |known| format!(", did you mean {known:?}?"))
}

/// The known word that resembles `word` most, when one does.
pub(super) fn closest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

fn duration_of(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let milliseconds = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::duration_of;

    #[test]
    fn durations() {
        assert_eq!(duration_of("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration_of("2 h"), Some(Duration::from_secs(7200)));
        for text in [
            "5",
            "s",
            "-5s",
            "5 parsecs",
            "1.5s",
            "",
            "99999999999999999999s",
        ] {
            assert_eq!(duration_of(text), None, "{text:?}");
        }
    }
}
