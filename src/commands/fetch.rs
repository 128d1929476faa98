use std::process::ExitCode;

use super::{Ended, Failure, print};
use crate::cli::FetchArgs;
use crate::rehearsal::{fetch, guard, minors};

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
    if args.labs {
        match minors::of(FIRST_FULL, &[], &say).await {
            Ok(minors) if minors.newer.is_some() => {}
            Ok(_) => lacking.push(format!("a second minor version of PostgreSQL {FIRST_FULL}")),
            Err(error) => lacking.push(error.to_string()),
        }
        for major in [3, 4] {
            match guard::find_patroni(major, &say).await {
                Ok(patroni) => print(&format!("Patroni {}\n", patroni.version))?,
                Err(error) => lacking.push(format!("Patroni {major}: {error}")),
            }
        }
    }
    if lacking.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::new(lacking.join("\n")))
    }
}
