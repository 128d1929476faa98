//! The stand-in for the package step: a server's `bin` is a link, and this points it at another minor version.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::NODES;
use crate::rehearsal::RehearsalError;
use crate::rehearsal::lab::files;
use crate::rehearsal::minors::Minors;

/// Lays out the links: both versions, and each server's own, at the older one.
pub fn lay_out(dir: &Path, minors: &Minors) -> Result<(), RehearsalError> {
    let versions = versions(dir);
    std::fs::create_dir_all(&versions).map_err(RehearsalError::io("create", &versions))?;
    for install in [Some(&minors.older), minors.newer.as_ref()]
        .into_iter()
        .flatten()
    {
        let at = versions.join(install.version.to_string());
        symlink(&install.bin, &at).map_err(RehearsalError::io("link", &at))?;
    }
    NODES
        .iter()
        .try_for_each(|node| set_minor(dir, node, &minors.older.version.to_string()))
}

/// Puts the programs of a minor version in place for a server of the lab in `dir`. The server that runs goes on as it
/// is until it is restarted, as after a package's upgrade.
pub fn set_minor(dir: &Path, node: &str, version: &str) -> Result<(), RehearsalError> {
    let programs = std::fs::read_link(versions(dir).join(version));
    if !NODES.contains(&node) || programs.is_err() {
        return Err(RehearsalError::Unusable(format!(
            "the lab in {} has no server {node} that could become {version}",
            dir.display()
        )));
    }
    let bin = files::servers(dir).join(node).join("bin");
    let new = bin.with_extension("new");
    let _ = std::fs::remove_file(&new);
    programs
        .and_then(|programs| symlink(programs, &new))
        .and_then(|()| std::fs::rename(&new, &bin))
        .map_err(RehearsalError::io("replace", &bin))
}

fn versions(dir: &Path) -> PathBuf {
    dir.join("versions")
}
