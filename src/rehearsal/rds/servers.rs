//! The real work behind the stand-in: frozen copies, crash recovery, `pg_upgrade`, servers on copies.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::groups;
use super::world::World;
use crate::rehearsal::process::RunAs;
use crate::rehearsal::run::run;
use crate::rehearsal::{Cluster, ClusterBuilder, Install, RehearsalError, StopMode};

const COPY_LIMIT: Duration = Duration::from_secs(600);
const UPGRADE_LIMIT: Duration = Duration::from_secs(600);
const CONTROL_LIMIT: Duration = Duration::from_secs(10);

/// A server in `dir` (`data` and `log/error` in it), set up as RDS sets up its own.
pub fn builder(
    world: &World,
    install: &Install,
    dir: &Path,
    name: &str,
    group: &str,
) -> ClusterBuilder {
    let logs = dir.join("log/error");
    let mut builder = Cluster::builder(install)
        .name(name)
        .dir(dir)
        .superuser(&world.settings.master)
        .password(world.settings.password.clone())
        .setting("logging_collector", "on")
        .setting("log_directory", &logs.to_string_lossy())
        .setting("log_filename", "postgresql.log.%Y-%m-%d-%H")
        .setting("log_file_mode", "0644")
        .setting("log_rotation_age", "60")
        .setting("log_rotation_size", "0")
        .setting("log_line_prefix", "%t:%r:%u@%d:[%p]:")
        .setting("cluster_name", name);
    for (name, value) in groups::settings(&world.settings.installs, group) {
        builder = builder.setting(&name, &value);
    }
    if let Some((certificate, key)) = world.settings.tls.as_ref().filter(|_| install.has_tls()) {
        builder = builder
            .setting("ssl", "on")
            .setting("ssl_cert_file", &certificate.to_string_lossy())
            .setting("ssl_key_file", &key.to_string_lossy());
    }
    builder
}

/// Makes the folders of a server.
pub fn make_folders(dir: &Path) -> Result<(), RehearsalError> {
    let logs = dir.join("log/error");
    std::fs::create_dir_all(&logs).map_err(RehearsalError::io("create", &logs))?;
    for folder in [dir, &dir.join("log"), &logs] {
        RunAs::detect()
            .own(folder)
            .map_err(RehearsalError::io("hand over", folder))?;
    }
    Ok(())
}

/// Copies the data folder as a crash at this moment would leave it.
pub async fn frozen_copy(cluster: &Cluster, to: &Path) -> Result<(), RehearsalError> {
    make_folders(to)?;
    let frozen = cluster.freeze().await?;
    copy(&cluster.data_dir(), &to.join("data")).await?;
    drop(frozen);
    forget_owner(&to.join("data"));
    Ok(())
}

/// Copies a stopped server or a snapshot: its data and its logs.
pub async fn copy_all(from: &Path, to: &Path) -> Result<(), RehearsalError> {
    make_folders(to)?;
    copy(&from.join("data"), &to.join("data")).await?;
    copy(&from.join("log/error/."), &to.join("log/error")).await
}

async fn copy(from: &Path, to: &Path) -> Result<(), RehearsalError> {
    let mut cp = Command::new("cp");
    cp.args(["-a", "--reflink=auto"]).arg(from).arg(to);
    run(cp, &format!("copying {}", from.display()), COPY_LIMIT).await?;
    Ok(())
}

/// The copy of a running server must not take the original for its own.
fn forget_owner(data: &Path) {
    for file in ["postmaster.pid", "postmaster.opts"] {
        let _ = std::fs::remove_file(data.join(file));
    }
}

/// Removes a folder that belongs to the stand-in.
pub fn remove(dir: &Path) {
    let _ = std::fs::remove_dir_all(dir);
}

/// Takes a copy through crash recovery by the binaries it was written by, and stops it cleanly. The log of this start,
/// with its "redo done at", stays in `log/error`. No worker runs: on RDS this start has no way out either.
pub async fn recover(cluster: ClusterBuilder) -> Result<(), RehearsalError> {
    let mut cluster = cluster
        .setting("max_logical_replication_workers", "0")
        .start()
        .await?;
    cluster.stop(StopMode::Fast).await
}

/// Upgrades the stopped server in `dir/data` in place. When it fails, `dir/data` is as it was.
pub async fn upgrade(
    world: &World,
    dir: &Path,
    from: &Install,
    to: &Install,
    group: &str,
) -> Result<(), RehearsalError> {
    let work = dir.join("new");
    remove(&work);
    let result = upgrade_into(world, dir, &work, from, to, group).await;
    if result.is_ok() {
        let data = dir.join("data");
        remove(&data);
        std::fs::rename(work.join("data"), &data).map_err(RehearsalError::io("replace", &data))?;
    }
    remove(&work);
    result
}

/// A server of a later release notes at each column when it was made; `pg_dump` of an earlier one takes the note for an
/// option and fails. What RDS does about it is not known; here the stopped server's notes are taken away.
async fn forget_notes(world: &World, dir: &Path, from: &Install) -> Result<(), RehearsalError> {
    const NOTES: &str = "UPDATE pg_catalog.pg_attribute SET attoptions = (\
        SELECT pg_catalog.array_agg(o) FROM pg_catalog.unnest(attoptions) AS o WHERE o NOT LIKE 'pg\\_attver=%') \
        WHERE attrelid >= 16384 AND attoptions::text LIKE '%pg\\_attver=%'";
    let mut old = Cluster::builder(from)
        .name("upgrade")
        .dir(dir)
        .superuser(&world.settings.master)
        .setting("max_logical_replication_workers", "0")
        .setting("allow_system_table_mods", "on")
        .start()
        .await?;
    let databases = "SELECT datname FROM pg_database WHERE datallowconn";
    for database in old.sql("postgres", databases).await? {
        if let Some(Some(name)) = database.into_iter().next() {
            old.sql(&name, NOTES).await?;
        }
    }
    old.stop(StopMode::Fast).await
}

async fn upgrade_into(
    world: &World,
    dir: &Path,
    work: &Path,
    from: &Install,
    to: &Install,
    group: &str,
) -> Result<(), RehearsalError> {
    let old = dir.join("data");
    if to.version.is_older_release_than(from.version) {
        forget_notes(world, dir, from).await?;
    }
    make_folders(work)?;
    let mut new = builder(world, to, work, "upgrade", group);
    if has_checksums(from, &old).await? {
        new = new.initdb_arg("--data-checksums");
    } else if to.version.major() >= 18 {
        new = new.initdb_arg("--no-data-checksums");
    }
    let new = new.create().await?;
    let mut pg_upgrade = Command::new(to.tool("pg_upgrade"));
    pg_upgrade
        .args(["--no-sync", "--jobs=2"])
        .arg("--old-bindir")
        .arg(&from.bin)
        .arg("--new-bindir")
        .arg(&to.bin)
        .arg("--old-datadir")
        .arg(&old)
        .arg("--new-datadir")
        .arg(new.data_dir())
        .arg("--username")
        .arg(&world.settings.master)
        .arg("--socketdir")
        .arg(new.socket_dir())
        // Its own settings for the old server, which may hold subscriptions that must not run now.
        .arg("--old-options=-c max_logical_replication_workers=0 -c logging_collector=off")
        .arg("--new-options=-c logging_collector=off")
        .current_dir(work);
    RunAs::detect().apply(&mut pg_upgrade);
    let what = format!("pg_upgrade {} to {}", from.version, to.version);
    let result = run(pg_upgrade, &what, UPGRADE_LIMIT).await;
    result
        .map(drop)
        .map_err(|error| with_report(error, &new.data_dir()))
}

/// `pg_upgrade` leaves the names of what stood in its way in files beside its log.
fn with_report(error: RehearsalError, data: &Path) -> RehearsalError {
    let RehearsalError::Command { what, mut reason } = error else {
        return error;
    };
    for file in reports(&data.join("pg_upgrade_output.d")) {
        if let Ok(text) = std::fs::read_to_string(&file) {
            reason.push('\n');
            reason.push_str(text.trim_end());
        }
    }
    RehearsalError::Command { what, reason }
}

fn reports(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .flat_map(|path| {
            if path.is_dir() {
                reports(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect()
}

async fn has_checksums(install: &Install, data: &Path) -> Result<bool, RehearsalError> {
    let mut control = Command::new(install.tool("pg_controldata"));
    control.arg(data).env("LC_ALL", "C");
    let text = run(control, "reading the control file", CONTROL_LIMIT).await?;
    let line = text
        .lines()
        .find(|l| l.starts_with("Data page checksum version:"));
    Ok(line.is_some_and(|l| !l.ends_with(" 0")))
}
