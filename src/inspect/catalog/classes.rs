//! What a difference means for the cutover.
//!
//! | class | what |
//! |---|---|
//! | expected | the tool's own objects; LOGIN of fenced roles; extension versions; roles of the platform (`rds…`) |
//! | know | what applications keep working without: comments, security labels, tablespaces, statistics, column order, settings, invalid indexes' kin on GREEN only, extra objects on GREEN that neither constrain nor compute |
//! | blocks | everything else |

use std::borrow::Cow;

use super::super::{DiffClass, DiffVerdict, Difference};
use super::DiffOptions;

pub(super) fn class_of(difference: &Difference, options: &DiffOptions) -> DiffClass {
    if is_expected(difference, options) {
        DiffClass::Expected
    } else if is_to_know(difference) {
        DiffClass::Know
    } else {
        DiffClass::Blocks
    }
}

fn is_expected(difference: &Difference, options: &DiffOptions) -> bool {
    let own = |name: &str| {
        options.own.iter().any(|own| {
            name.strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
    };
    let name = difference.name.as_str();
    match difference.kind.as_str() {
        "schema" | "publication" | "subscription" => own(name),
        "role" => own(name) || platform(name),
        "login" => {
            own(name) || platform(name) || options.fenced.iter().any(|fenced| fenced == name)
        }
        "membership" | "setting" => platform(name.trim_start_matches("ROLE ")),
        "extension version" => difference.verdict == DiffVerdict::Changed,
        "owner" | "grants" | "comment" => {
            own(&difference.schema)
                || name.split_once(' ').is_some_and(|(kind, named)| {
                    matches!(kind, "schema" | "publication" | "subscription")
                        && own(&unquoted(named))
                })
        }
        _ => own(&difference.schema),
    }
}

/// A name as it is, from how the catalog spells it in an identity.
fn unquoted(name: &str) -> Cow<'_, str> {
    let inner = name.strip_prefix('"').and_then(|n| n.strip_suffix('"'));
    inner.map_or(Cow::Borrowed(name), |n| n.replace("\"\"", "\"").into())
}

/// Roles that the platform keeps, which change with its versions.
fn platform(role: &str) -> bool {
    role.trim_start_matches('"').starts_with("rds")
}

fn is_to_know(difference: &Difference) -> bool {
    let kind = difference.kind.as_str();
    let never_stops = matches!(
        kind,
        "comment"
            | "security label"
            | "tablespace"
            | "statistics"
            | "column order"
            | "setting"
            | "database"
            | "extension version"
            | "subscription"
            | "publication"
    );
    // More on GREEN than on BLUE harms only where it constrains, computes or fires.
    let harmless_extra = difference.verdict == DiffVerdict::MissingOnBlue
        && !matches!(
            kind,
            "constraint" | "trigger" | "rule" | "policy" | "column" | "event trigger" | "index"
        );
    never_stops || harmless_extra
}

#[cfg(test)]
mod tests {
    use super::super::super::{DiffClass, DiffVerdict, Difference};
    use super::{DiffOptions, class_of};

    fn class(kind: &str, schema: &str, name: &str, verdict: DiffVerdict) -> DiffClass {
        let difference = Difference {
            kind: kind.to_owned(),
            database: None,
            schema: schema.to_owned(),
            name: name.to_owned(),
            verdict,
            class: DiffClass::Know,
            blue: None,
            green: None,
        };
        let options = DiffOptions {
            fenced: vec!["App-Three".to_owned()],
            own: ["greenlight", "my \"own\""].map(str::to_owned).into(),
            ..DiffOptions::default()
        };
        class_of(&difference, &options)
    }

    #[test]
    fn each_class_by_example() {
        use DiffClass::{Blocks, Expected, Know};
        use DiffVerdict::{Changed, MissingOnBlue, MissingOnGreen};
        let cases = [
            ("index", "shop", "i", MissingOnGreen, Blocks),
            ("index", "shop", "i", MissingOnBlue, Blocks),
            ("table", "shop", "t", MissingOnBlue, Know),
            ("comment", "shop", "table t", Changed, Know),
            (
                "comment",
                "",
                "subscription greenlight",
                MissingOnBlue,
                Expected,
            ),
            (
                "comment",
                "",
                "publication \"my \"\"own\"\"\"",
                MissingOnBlue,
                Expected,
            ),
            ("comment", "", "subscription other", MissingOnBlue, Know),
            ("extension version", "", "citext", Changed, Expected),
            ("table", "greenlight", "fence", MissingOnGreen, Expected),
            ("table", "greenlighting", "fence", MissingOnGreen, Blocks),
            (
                "publication",
                "",
                "greenlight_shop",
                MissingOnGreen,
                Expected,
            ),
            ("login", "", "App-Three", Changed, Expected),
            ("login", "", "app", Changed, Blocks),
            ("role", "", "App-Three", Changed, Blocks),
            ("role", "", "rds_reserved", MissingOnBlue, Expected),
        ];
        for (kind, schema, name, verdict, expected) in cases {
            assert_eq!(
                class(kind, schema, name, verdict),
                expected,
                "{kind} {schema} {name}"
            );
        }
    }
}
