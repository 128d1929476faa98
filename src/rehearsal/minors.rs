//! Two minor versions of one major, side by side: the one that is installed, and another that Debian's archive holds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::binaries::{self, Install};
use super::making::Making;
use super::run::run;
use super::{RehearsalError, fetch};
use crate::domain::PgVersion;

const ASK_LIMIT: Duration = Duration::from_secs(30);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
const UNPACK_LIMIT: Duration = Duration::from_secs(60);

/// Minor versions of one major.
#[derive(Debug, Clone)]
pub struct Minors {
    /// The older one, or the only one.
    pub older: Install,
    /// The newer one, where there is one.
    pub newer: Option<Install>,
}

/// Finds two minor versions of `major` that can run a standby, or fetches the second; `say` hears of it, and of why
/// there is only one.
pub async fn of(
    major: u32,
    given: &[PathBuf],
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Minors, RehearsalError> {
    let mut found = usable(major, given)?;
    if found.is_empty() {
        found.push(fetch::full(major, given, say).await?);
    }
    if found.len() == 1 {
        match fetch_another(major, found[0].version, say).await {
            Ok(()) => found.extend(usable(major, &[])?),
            Err(error) => say(&format!(
                "there is only one minor version of PostgreSQL {major} here: {error}"
            )),
        }
    }
    found.sort_by_key(|install| install.version);
    found.dedup_by_key(|install| install.version);
    let newer = (found.len() > 1).then(|| found.pop()).flatten();
    let older = found.pop();
    let older = older.ok_or_else(|| {
        RehearsalError::Unusable(format!("there is no PostgreSQL {major} on this machine"))
    })?;
    Ok(Minors { older, newer })
}

/// An installation of `major` that can run a standby: the oldest minor version there is.
pub fn any(major: u32, given: &[PathBuf]) -> Result<Install, RehearsalError> {
    let found = usable(major, given)?;
    found.into_iter().next().ok_or_else(|| {
        RehearsalError::Unusable(format!(
            "no PostgreSQL {major} with pg_basebackup and pg_rewind was found on this machine: install the package \
             postgresql-{major}, or give its folder of programs"
        ))
    })
}

/// The installations of `major` with the tools that a pair of servers needs, one for each minor version.
fn usable(major: u32, given: &[PathBuf]) -> Result<Vec<Install>, RehearsalError> {
    let fetched = std::fs::read_dir(cache()?).into_iter().flatten().flatten();
    let fetched = fetched.map(|entry| entry.path().join(programs(major)));
    let mut found = binaries::find(given);
    found.extend(fetched.filter_map(|bin| Install::probe(&bin)));
    found.retain(|install| {
        let tools = ["pg_ctl", "pg_controldata", "pg_basebackup", "pg_rewind"];
        install.version.major() == major && tools.iter().all(|tool| install.has(tool))
    });
    found.sort_by_key(|install| install.version);
    found.dedup_by_key(|install| install.version);
    Ok(found)
}

fn cache() -> Result<PathBuf, RehearsalError> {
    Ok(binaries::cache()?.with_file_name("minors"))
}

/// Where a Debian package keeps the programs of a major version.
fn programs(major: u32) -> PathBuf {
    format!("usr/lib/postgresql/{major}/bin").into()
}

/// Fetches the packages of another minor version and unpacks them; they run in place.
async fn fetch_another(
    major: u32,
    other_than: PgVersion,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), RehearsalError> {
    let server = format!("postgresql-{major}");
    let mut madison = Command::new("apt-cache");
    madison.args(["madison", &server]);
    let listed = run(madison, "asking for Debian's versions", ASK_LIMIT).await?;
    let version = another(&listed, other_than).ok_or_else(|| {
        RehearsalError::Unusable(format!("Debian's archive holds {other_than} alone"))
    })?;
    let home = cache()?.join(format!("{server}_{version}"));
    let Some(making) = Making::begin(&home).await? else {
        return Ok(());
    };
    let what = format!("fetching Debian's {server} {version}");
    say(&what);
    let (packages, unpacked) = (making.work().join("packages"), making.work().join("all"));
    for dir in [&packages, &unpacked] {
        std::fs::create_dir(dir).map_err(RehearsalError::io("create", dir))?;
    }
    let mut download = Command::new("apt-get");
    download.arg("download").current_dir(&packages);
    // pg_basebackup is among the client's programs.
    for package in [&server, &format!("postgresql-client-{major}")] {
        download.arg(format!("{package}={version}"));
    }
    run(download, &what, DOWNLOAD_LIMIT).await?;
    for package in files_in(&packages)? {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("-x").arg(package).arg(&unpacked);
        run(unpack, &what, UNPACK_LIMIT).await?;
    }
    let mut open = Command::new("chmod");
    open.args(["-R", "a+rX"]).arg(&unpacked);
    run(open, &what, UNPACK_LIMIT).await?;
    making.done(&unpacked)
}

fn files_in(dir: &Path) -> Result<Vec<PathBuf>, RehearsalError> {
    let entries = std::fs::read_dir(dir).map_err(RehearsalError::io("read", dir))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// The newest version that `apt-cache madison` lists and that is not `other_than`, in Debian's words.
fn another(listed: &str, other_than: PgVersion) -> Option<String> {
    let version = |line: &str| {
        let text = line.split('|').nth(1)?.trim().to_owned();
        let upstream = text.split('-').next()?;
        Some((PgVersion::from_dotted(upstream)?, text))
    };
    let all = listed.lines().filter_map(version);
    let others = all.filter(|(version, _)| *version != other_than);
    others.max().map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::{PgVersion, another};

    #[test]
    fn the_newest_other_version_is_chosen() {
        let listed = "postgresql-15 | 15.20-0+deb12u1 | http://a bookworm-security/main amd64 Packages\n\
                      postgresql-15 | 15.18-0+deb12u1 | http://a bookworm/main amd64 Packages\n";
        let other_than = |minor: u32| another(listed, PgVersion(150_000 + minor));
        assert_eq!(other_than(18).as_deref(), Some("15.20-0+deb12u1"));
        assert_eq!(other_than(20).as_deref(), Some("15.18-0+deb12u1"));
        assert_eq!(another("", PgVersion(150_018)), None);
    }
}
