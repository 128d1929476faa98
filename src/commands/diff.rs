use std::process::ExitCode;

use super::sides::Sides;
use super::{Ended, print, print_json};
use crate::cli::DiffArgs;
use crate::inspect::{DiffClass, DiffOptions, DiffVerdict, ObjectDiff, diff};
use crate::ports::Databases;

/// The name sessions of this command carry where a run's would stand.
const RUN: &str = "diff";

/// What is the same whichever database of a server is asked.
const OF_THE_CLUSTER: [&str; 4] = ["role", "login", "membership", "tablespace"];

/// Compares the objects of both sides and prints what differs; exit code 1 when something blocks or is to know.
pub async fn run(args: &DiffArgs) -> Ended {
    let sides = Sides::reach(&args.servers, RUN).await?;
    let options = sides
        .profile
        .as_ref()
        .map_or_else(DiffOptions::default, |profile| DiffOptions {
            schemas: profile.schemas.clone(),
            own: profile.own_names(),
            fenced: profile.fence.roles.clone(),
        });
    let mut whole = ObjectDiff {
        equal: true,
        ..ObjectDiff::default()
    };
    let several = sides.pairs.len() > 1;
    for (at, (blue, green)) in sides.pairs.iter().enumerate() {
        let (blue_session, green_session) = tokio::try_join!(
            sides.databases.dedicated(blue, "objects"),
            sides.databases.dedicated(green, "objects")
        )?;
        let found = diff(blue_session.as_ref(), green_session.as_ref(), &options).await?;
        whole.equal &= found.equal;
        whole.objects.blue += found.objects.blue;
        whole.objects.green += found.objects.green;
        let told = |kind: &str| at > 0 && OF_THE_CLUSTER.contains(&kind);
        for mut difference in found.differences {
            if !told(&difference.kind) {
                difference.database = several.then(|| blue.database.clone());
                whole.differences.push(difference);
            }
        }
    }
    whole.differences.sort_by_key(|difference| difference.class);
    if args.json {
        print_json(&whole)?;
    } else {
        print(&table(&whole))?;
    }
    Ok(ExitCode::from(u8::from(!whole.equal)))
}

/// For people: one line a difference. Names of objects may hold anything, so control characters are shown escaped.
fn table(diff: &ObjectDiff) -> String {
    let mut lines: Vec<String> = diff
        .differences
        .iter()
        .map(|difference| {
            let class = match difference.class {
                DiffClass::Blocks => "BLOCKS",
                DiffClass::Know => "know",
                DiffClass::Expected => "expected",
            };
            let verdict = match difference.verdict {
                DiffVerdict::MissingOnGreen => "missing on GREEN",
                DiffVerdict::MissingOnBlue => "missing on BLUE",
                DiffVerdict::Changed => "changed",
            };
            let parts = [
                difference.database.as_deref().unwrap_or(""),
                &difference.schema,
                &difference.name,
            ];
            let named: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let named = named.join(".").escape_debug().to_string();
            format!("{class:<9}{:<18} {named:<48} {verdict}", difference.kind)
        })
        .collect();
    let count = |class| diff.differences.iter().filter(|d| d.class == class).count();
    lines.push(format!(
        "{} block, {} to know, {} expected; {} objects on BLUE, {} on GREEN compared",
        count(DiffClass::Blocks),
        count(DiffClass::Know),
        count(DiffClass::Expected),
        diff.objects.blue,
        diff.objects.green
    ));
    lines.join("\n") + "\n"
}
