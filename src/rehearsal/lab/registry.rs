//! Which labs there are, so that the next start finds and removes what a killed one left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::files::{self, Card};
use crate::rehearsal::url::hex;
use crate::rehearsal::vip::Network;
use crate::rehearsal::{RehearsalError, binaries, inside, process};

const GUARDIANS: Duration = Duration::from_secs(15);

fn folder() -> Result<PathBuf, RehearsalError> {
    let folder = binaries::cache()?.with_file_name("labs");
    std::fs::create_dir_all(&folder).map_err(RehearsalError::io("create", &folder))?;
    Ok(folder)
}

fn entry(dir: &Path) -> Result<PathBuf, RehearsalError> {
    let digest = Sha256::digest(dir.as_os_str().as_encoded_bytes());
    Ok(folder()?.join(hex(&digest[..8])))
}

/// Remembers the lab in `dir`.
pub fn enter(dir: &Path) -> Result<(), RehearsalError> {
    let entry = entry(dir)?;
    std::fs::write(&entry, dir.as_os_str().as_encoded_bytes())
        .map_err(RehearsalError::io("write", &entry))
}

/// Forgets the lab in `dir`.
pub fn leave(dir: &Path) {
    if let Ok(entry) = entry(dir) {
        let _ = std::fs::remove_file(entry);
    }
}

/// Removes the labs whose process is gone; `say` hears of each.
pub async fn clean_up(say: &(dyn Fn(&str) + Send + Sync)) -> Result<(), RehearsalError> {
    let folder = folder()?;
    let entries = std::fs::read_dir(&folder).map_err(RehearsalError::io("read", &folder))?;
    for entry in entries.flatten() {
        let Ok(dir) = std::fs::read_to_string(entry.path()).map(PathBuf::from) else {
            continue;
        };
        match Card::read(&dir) {
            Some(card) if card.is_alive() => {}
            Some(_) => {
                say(&format!(
                    "removing {}, left by a lab that was killed",
                    dir.display()
                ));
                remove(&dir).await?;
            }
            // Its folder went without us.
            None => leave(&dir),
        }
    }
    Ok(())
}

/// Removes a lab whose process is gone: its servers, once the guardians have ended those that they watch, its network,
/// its folder.
pub async fn remove(dir: &Path) -> Result<(), RehearsalError> {
    let network = Card::read(dir).and_then(|card| card.network);
    let folder = files::servers(dir);
    let own = tokio::task::spawn_blocking(move || inside::end_all(&folder));
    let own = own
        .await
        .map_err(|e| RehearsalError::command("ending a lab's servers", e.to_string()))?;
    still_running(dir, &own)?;
    let until = tokio::time::Instant::now() + GUARDIANS;
    while !servers(dir).is_empty() {
        if tokio::time::Instant::now() > until {
            return still_running(dir, &servers(dir));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if let Some(network) = network {
        Network::named(&network).remove();
    }
    match std::fs::remove_dir_all(dir) {
        // Another start removed it at the same time.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        removed => removed.map_err(RehearsalError::io("remove", dir))?,
    }
    leave(dir);
    Ok(())
}

fn still_running(dir: &Path, servers: &[u32]) -> Result<(), RehearsalError> {
    if servers.is_empty() {
        return Ok(());
    }
    Err(RehearsalError::Unusable(format!(
        "{} still has servers running (processes {servers:?}): end them, then try again",
        dir.display(),
    )))
}

/// The servers that still run in a lab's folder, by their `postmaster.pid`.
fn servers(dir: &Path) -> Vec<u32> {
    let instances = std::fs::read_dir(dir.join("rds/i"))
        .into_iter()
        .flatten()
        .flatten();
    instances
        .filter_map(|instance| {
            let data = instance.path().join("data");
            let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
            let pid: u32 = text.lines().next()?.trim().parse().ok()?;
            // The id may have gone to another process meanwhile.
            process::runs_in(pid, &data).then_some(pid)
        })
        .collect()
}
