//! Where commands about a server are run, and as whom: keys of `[nodes.NAME]`.

use std::path::{Path, PathBuf};

use super::read::Section;

/// A database host, and how commands get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// How commands get there.
    pub via: Via,
    /// The words before a command that root runs.
    pub root: Vec<String>,
    /// The words before a command that the servers' user runs.
    pub owner: Vec<String>,
}

/// How commands get to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// Over the system's OpenSSH.
    Ssh {
        /// The host as `ssh_config` knows it.
        destination: String,
        /// Another file than the user's own.
        config: Option<PathBuf>,
    },
    /// They run on this machine, after these words.
    Local(Vec<String>),
}

impl Host {
    /// A command as root runs it.
    #[must_use]
    pub fn as_root<S: AsRef<str>>(&self, argv: &[S]) -> Vec<String> {
        joined(&self.root, argv)
    }

    /// A command as the servers' user runs it.
    #[must_use]
    pub fn as_owner<S: AsRef<str>>(&self, argv: &[S]) -> Vec<String> {
        joined(&self.owner, argv)
    }
}

fn joined<S: AsRef<str>>(before: &[String], argv: &[S]) -> Vec<String> {
    let argv = argv.iter().map(|word| word.as_ref().to_owned());
    before.iter().cloned().chain(argv).collect()
}

/// The keys of a host; the section is left open for what more it holds.
pub(super) fn host(section: &Section<'_>, folder: &Path) -> Option<Host> {
    const WORDS: &str = "the words before a command, [\"sudo\", \"-n\"]; [] for none";
    const SSH: &str = "the host as ssh_config knows it, \"pg1\"";
    const LOCAL: &str =
        "the words before each command, [\"ip\", \"netns\", \"exec\", \"pg1\"]; [] for none";
    let words = |key, default: &[&str]| {
        let default = || default.iter().map(|&word| word.to_owned()).collect();
        section.argv(key, WORDS).map_or_else(default, |at| at.value)
    };
    let ssh = section.text("ssh", SSH);
    let config = section.text("ssh_config", "a file as ssh_config(5) describes it");
    let local = section.argv("local", LOCAL);
    if let Some(at) = ssh.as_ref().filter(|at| at.value.starts_with('-')) {
        section
            .findings()
            .at(at, "would be taken for an option", SSH);
    }
    let (root, owner) = (
        words("root", &["sudo", "-n"]),
        words("owner", &["sudo", "-n", "-u", "postgres"]),
    );
    let via = match (ssh, local) {
        (Some(ssh), None) => Via::Ssh {
            destination: ssh.value,
            config: config.map(|at| folder.join(at.value)),
        },
        (None, Some(local)) => Via::Local(local.value),
        (Some(_), Some(local)) => {
            section
                .findings()
                .at(&local, "stands beside ssh", "one of the two");
            return None;
        }
        (None, None) => {
            section.missing("ssh", SSH);
            return None;
        }
    };
    Some(Host { via, root, owner })
}
