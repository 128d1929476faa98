//! What holds for any text that is read as a profile: no panic, and every complaint is about a place in it.

use std::path::Path;

use proptest::prelude::*;

use super::parse;

/// What may stand where it should not: pieces of TOML, and of texts that are none.
const PIECES: [&str; 24] = [
    "",
    "\n",
    "\r\n",
    "=",
    "[",
    "]",
    "[[blue]]",
    "[green]",
    "{",
    "}",
    "\"",
    "'''",
    "#",
    "ü 漢 🦀",
    "\0",
    "-1",
    "99999999999999999999",
    "1979-05-27T07:32:00Z",
    "nan",
    "\"1000000000 h\"",
    "password = \"x\"\n",
    "a.b.c = 1\n",
    "[connection.password]\n",
    "procedure = \"patroni-guard\"\n",
];

/// Every sample with pieces of it replaced.
fn spoilt() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0..40_usize,
        prop::sample::select(&PIECES[..]),
    );
    let samples = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sample-profiles"));
    let samples: Vec<String> = samples
        .expect("a folder")
        .map(|entry| std::fs::read_to_string(entry.expect("a file").path()).expect("text"))
        .collect();
    let sample = prop::sample::select(samples);
    (sample, prop::collection::vec(edit, 1..8)).prop_map(|(sample, edits)| {
        edits.iter().fold(sample, |text, (at, gone, piece)| {
            let at = at.index(text.chars().count() + 1);
            let before: String = text.chars().take(at).collect();
            let after: String = text.chars().skip(at + gone).collect();
            before + piece + &after
        })
    })
}

fn every_complaint_is_about_a_place_in(text: &str) -> Result<(), TestCaseError> {
    let Err(errors) = parse(Path::new("p.toml"), text) else {
        return Ok(());
    };
    prop_assert!(!errors.problems.is_empty());
    let lines: Vec<_> = text.split('\n').collect();
    for problem in &errors.problems {
        let line = problem.line.checked_sub(1).and_then(|at| lines.get(at));
        prop_assert!(line.is_some(), "{problem:?}");
        // An end is one beyond the last character.
        let columns = 1..=line.map_or(0, |line| line.chars().count()) + 1;
        prop_assert!(columns.contains(&problem.column), "{problem:?}");
        prop_assert!(!problem.problem.is_empty(), "{problem:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spoilt_sample_is_read_or_refused_by_its_places(text in spoilt()) {
        every_complaint_is_about_a_place_in(&text)?;
    }

    #[test]
    fn any_text_is_read_or_refused_by_its_places(text in "(?s)([ -~]|.|\n|\r|\t|= |\\[|\\]|\"){0,80}") {
        every_complaint_is_about_a_place_in(&text)?;
    }
}
