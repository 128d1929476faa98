use aws_sdk_rds::types::Tag;
use jiff::Timestamp;

use crate::ports::Tags;

/// A time of the API; `None` also for one that no calendar holds.
pub(super) fn time(at: Option<&aws_sdk_rds::primitives::DateTime>) -> Option<Timestamp> {
    let at = at?;
    let nanos = i32::try_from(at.subsec_nanos()).ok()?;
    Timestamp::new(at.secs(), nanos).ok()
}

/// Tags by key; one without a value has the empty one.
pub(super) fn tags(list: &[Tag]) -> Tags {
    let pair = |tag: &Tag| {
        let value = tag.value().unwrap_or_default().to_owned();
        Some((tag.key()?.to_owned(), value))
    };
    list.iter().filter_map(pair).collect()
}

/// Tags as the API takes them; `None` leaves the field out.
pub(super) fn tag_list(tags: &Tags) -> Option<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

/// A text of the API that is there for everything that exists.
pub(super) fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

/// A list, left out of the request when empty.
pub(super) fn list(values: &[String]) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.to_vec())
}
