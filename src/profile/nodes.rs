//! `[nodes.NAME]`: a server that this tool starts and stops, and the host it lives on.

use std::path::{Path, PathBuf};

use super::hosts::{Host, host};
use super::read::{At, Section};

const PORTS: (i64, i64) = (1, 65_535);

/// A server and its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSection {
    /// Where statements go: the server's own address, never a virtual one.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Its data directory.
    pub data: PathBuf,
    /// The folder of its programs.
    pub bin: PathBuf,
    /// Where commands about it are run.
    pub host: Host,
}

impl NodeSection {
    /// One of PostgreSQL's programs, by its whole path.
    #[must_use]
    pub fn program(&self, name: &str) -> String {
        self.bin.join(name).display().to_string()
    }

    /// The data directory, as commands take it.
    #[must_use]
    pub fn directory(&self) -> String {
        self.data.display().to_string()
    }

    /// A file of the data directory, by its whole path.
    #[must_use]
    pub fn data_file(&self, name: &str) -> String {
        self.data.join(name).display().to_string()
    }
}

/// The keys that every node has, `profile` the folder the profile lies in; the section is left open for those of its
/// procedure.
pub(super) fn node(section: &Section<'_>, profile: &Path) -> Option<NodeSection> {
    let address = section.required("host", "the server's own host name or address");
    let port = section.whole("port", PORTS).unwrap_or(5432);
    let data = folder(section, "data", "/var/lib/postgresql/15/main");
    let bin = folder(section, "bin", "/usr/lib/postgresql/15/bin");
    let host = host(section, profile);
    Some(NodeSection {
        address: address?.value,
        port,
        data: data?.value,
        bin: bin?.value,
        host: host?,
    })
}

/// A folder of the host, by its whole path: what is taken from the current folder there is anybody's guess.
fn folder(section: &Section<'_>, key: &'static str, example: &str) -> Option<At<PathBuf>> {
    let allowed = format!("a whole path on the host, {example:?}");
    let at = section.required(key, &allowed)?;
    if !Path::new(&at.value).is_absolute() {
        let problem = format!("{:?} is not a whole path", at.value);
        section.findings().at(&at, problem, &allowed);
    }
    let value = PathBuf::from(&at.value);
    Some(section.at(key, at.span, value))
}
