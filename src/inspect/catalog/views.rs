/// True when two definitions of a view differ only in this: one has `t.` before columns where the other has not, `t`
/// being the same all over. Servers before 16 print it for a view of a single relation, later ones do not.
pub(super) fn same_but_for_qualifiers(one: &str, other: &str) -> bool {
    let (one, other) = (tokens(one), tokens(other));
    let (longer, shorter) = if one.len() >= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    let mut qualifier = None;
    let mut rest = longer.as_slice();
    for token in shorter {
        if let [dropped, ".", column, ..] = rest
            && *dropped != token
            && *column == token
            && *qualifier.get_or_insert(*dropped) == *dropped
        {
            rest = &rest[3..];
        } else if rest.first() == Some(&token) {
            rest = &rest[1..];
        } else {
            return false;
        }
    }
    rest.is_empty()
}

/// Words, quoted identifiers and constants whole, everything else character by character, without white space.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let length = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
            _ if word(first) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::same_but_for_qualifiers;

    #[test]
    fn the_qualifier_of_a_single_relation_may_be_missing() {
        let old = " SELECT orders.id,\n    (orders.\"My note\" || 'orders.id'::text) AS x\n   FROM shop.orders\n  WHERE (orders.id > 3);";
        let new = " SELECT id,\n    (\"My note\" || 'orders.id'::text) AS x\n   FROM shop.orders\n  WHERE (id > 3);";
        assert!(same_but_for_qualifiers(old, new));
        assert!(same_but_for_qualifiers(new, old));
    }

    #[test]
    fn anything_else_is_a_difference() {
        let old = "SELECT t.id, t.a FROM s.t";
        for other in [
            "SELECT id, b FROM s.t",
            "SELECT id, a FROM t",
            "SELECT id, a FROM s.t WHERE true",
            "SELECT id FROM s.t",
            "SELECT a, id FROM s.t",
        ] {
            assert!(!same_but_for_qualifiers(old, other), "{other}");
        }
        assert!(!same_but_for_qualifiers(
            "SELECT t.id, u.a FROM t, u",
            "SELECT id, a FROM t, u"
        ));
        assert!(!same_but_for_qualifiers("SELECT 'a  b'", "SELECT 'a b'"));
    }
}
