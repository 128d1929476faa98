//! The folder that a lab takes for itself.

use std::path::{Path, PathBuf};

use super::files::Card;
use super::registry;
use crate::rehearsal::RehearsalError;

/// Takes the folder for a lab, or refuses: it must be missing, empty, or left by a lab whose process is gone.
pub fn claim(dir: &Path) -> Result<(PathBuf, Folder), RehearsalError> {
    std::fs::create_dir_all(dir).map_err(RehearsalError::io("create", dir))?;
    let dir = dir
        .canonicalize()
        .map_err(RehearsalError::io("find", dir))?;
    let mut entries = std::fs::read_dir(&dir).map_err(RehearsalError::io("read", &dir))?;
    if entries.next().is_some() {
        let what = match Card::read(&dir) {
            Some(card) if card.is_alive() => {
                "holds a lab that is up: end it with `greenlight lab down`"
            }
            Some(_) => "holds the rest of a lab: remove it with `greenlight lab down`",
            None => "is not empty, and what is in it is not a lab's: choose another folder",
        };
        return Err(RehearsalError::Unusable(format!(
            "{} {what}",
            dir.display()
        )));
    }
    Card::mine().write(&dir)?;
    registry::enter(&dir)?;
    let folder = Folder(Some(dir.clone()));
    Ok((dir, folder))
}

/// Removes the folder unless it is to be kept. It is declared before what runs in it, and so dropped after.
pub struct Folder(Option<PathBuf>);

impl Folder {
    /// The lab is up: its folder stays.
    pub fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(dir) = &self.0 {
            let _ = std::fs::remove_dir_all(dir);
            registry::leave(dir);
        }
    }
}
