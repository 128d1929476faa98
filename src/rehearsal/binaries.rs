//! PostgreSQL installations on this machine: where they are, which version, which tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::RehearsalError;
use super::process::RunAs;
use crate::domain::PgVersion;

/// One PostgreSQL installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// The folder with its programs.
    pub bin: PathBuf,
    /// What `postgres --version` says.
    pub version: PgVersion,
}

impl Install {
    /// Looks at a folder of programs; `None` when it holds no working `postgres` and `initdb`.
    #[must_use]
    pub fn probe(bin: &Path) -> Option<Self> {
        let bin = bin.canonicalize().ok()?;
        let output = Command::new(bin.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let version = parse_version(&String::from_utf8_lossy(&output.stdout))?;
        let install = Self { bin, version };
        install.has("initdb").then_some(install)
    }

    /// The path of one of its programs.
    #[must_use]
    pub fn tool(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// True when it has this program.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tool(name).is_file()
    }

    /// True when it holds this extension, in one of the places where builds keep them.
    #[must_use]
    pub fn has_extension(&self, name: &str) -> bool {
        let debian = format!("/usr/share/postgresql/{}/extension", self.version.major());
        let beside = |folder: &str| self.bin.join("..").join(folder);
        [
            beside("share/postgresql/extension"),
            beside("share/extension"),
            debian.into(),
        ]
        .iter()
        .any(|folder| folder.join(format!("{name}.control")).is_file())
    }

    /// True when it can take part in `pg_upgrade`, as the old or the new side.
    #[must_use]
    pub fn can_upgrade(&self) -> bool {
        [
            "pg_upgrade",
            "pg_dump",
            "pg_dumpall",
            "pg_restore",
            "psql",
            "vacuumdb",
        ]
        .iter()
        .all(|tool| self.has(tool))
    }

    /// True when its server was built with TLS: then it names the library.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        let library = b"libssl.so";
        std::fs::read(self.tool("postgres"))
            .is_ok_and(|program| program.windows(library.len()).any(|bytes| bytes == library))
    }

    /// True when the user that servers run as can reach it.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        RunAs::detect()
            .closed_ancestor(&self.tool("postgres"))
            .is_none()
    }
}

/// All usable installations: the given folders first, then `PATH`, Debian's folders and the cache. Each once, in this order.
#[must_use]
pub fn find(given: &[PathBuf]) -> Vec<Install> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = given.to_vec();
    folders.extend(std::env::split_paths(&path));
    folders.extend(folders_like(Path::new("/usr/lib/postgresql"), &["bin"]));
    folders.extend(cache().map(|dir| cached(&dir)).unwrap_or_default());
    let mut installs: Vec<Install> = Vec::new();
    for install in folders.iter().filter_map(|dir| Install::probe(dir)) {
        if install.is_reachable() && !installs.contains(&install) {
            installs.push(install);
        }
    }
    installs
}

/// The best installation of a major version: one that can upgrade before one that cannot, then the newest minor.
#[must_use]
pub fn best(installs: &[Install], major: u32) -> Option<&Install> {
    installs
        .iter()
        .filter(|install| install.version.major() == major)
        .max_by_key(|install| (install.can_upgrade(), install.version))
}

/// The folder that fetched builds are kept in: `$XDG_CACHE_HOME/greenlight/postgresql`. Root's own home is closed to
/// the user that servers run as, hence `/var/cache` there.
pub fn cache() -> Result<PathBuf, RehearsalError> {
    let named = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty());
    let base = match named {
        Some(dir) => PathBuf::from(dir),
        None if rustix::process::geteuid().is_root() => PathBuf::from("/var/cache"),
        None => std::env::var_os("HOME")
            .map(|home| Path::new(&home).join(".cache"))
            .ok_or_else(|| {
                RehearsalError::Unusable(
                    "neither XDG_CACHE_HOME nor HOME is set, so there is no cache folder: set one of them".to_owned(),
                )
            })?,
    };
    Ok(base.join("greenlight/postgresql"))
}

/// The folders of programs inside a cache: wheels have them two levels down, npm packages under `native`.
pub(super) fn cached(cache: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for build in folders_like(cache, &[]) {
        found.extend(folders_like(&build, &["bin"]));
        for inner in folders_like(&build, &[]) {
            found.extend(folders_like(&inner, &["bin"]));
        }
    }
    found
}

/// `dir/*/rest…` where that is a folder, in order of name.
fn folders_like(dir: &Path, rest: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).map(|entries| entries.flatten().collect::<Vec<_>>());
    let mut found: Vec<_> = entries
        .unwrap_or_default()
        .into_iter()
        // A folder still being unpacked begins with a dot.
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| rest.iter().fold(entry.path(), |path, part| path.join(part)))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

/// The version in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_version(text: &str) -> Option<PgVersion> {
    let (_, rest) = text.split_once("(PostgreSQL) ")?;
    PgVersion::from_dotted(rest.split_whitespace().next()?)
}

#[cfg(test)]
mod tests {
    use super::parse_version;
    use crate::domain::PgVersion;

    #[test]
    fn versions_as_packagers_write_them() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some(PgVersion(150_018)));
        assert_eq!(
            parse_version("postgres (PostgreSQL) 17.10\n"),
            Some(PgVersion(170_010))
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 19devel\n"), None);
        assert_eq!(parse_version(""), None);
    }
}
