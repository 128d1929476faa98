use std::process::ExitCode;

use super::{Ended, Failure, print};
use crate::cli::FetchArgs;
use crate::rehearsal::fetch;

/// From this major on, builds with `pg_upgrade` are known; older ones serve as servers only.
const FIRST_FULL: u32 = 15;

/// Finds or fetches PostgreSQL builds, so that a rehearsal starts at once, and prints where they are.
pub async fn run(args: &FetchArgs) -> Ended {
    let say = |text: &str| eprintln!("{text}");
    let mut lacking = Vec::new();
    for &major in &args.majors {
        let install = if major >= FIRST_FULL {
            fetch::full(major, &[], &say).await
        } else {
            fetch::server(major, &[], &say).await
        };
        match install {
            Ok(install) => print(&format!("{}  {}\n", install.version, install.bin.display()))?,
            Err(error) => lacking.push(format!("PostgreSQL {major}: {error}")),
        }
    }
    if lacking.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::new(lacking.join("\n")))
    }
}
