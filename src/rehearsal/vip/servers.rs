use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::super::cluster::{Console, write_private};
use super::super::lab::files;
use super::super::lab::shop::Passwords;
use super::super::lab::{MASTER, REPLICATION_ROLE};
use super::super::process::RunAs;
use super::super::run::run;
use super::super::{Cluster, ClusterBuilder, Install, RehearsalError};

const LIMIT: Duration = Duration::from_secs(60);

/// One of the two servers.
pub struct Server {
    /// `pg-a`
    pub name: String,
    /// Its folder: `data`, `bin` (a link to the programs it runs on), the socket, the log.
    pub dir: PathBuf,
    /// Its own address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// What it listens on.
    pub listen: String,
    /// Where sessions may come from.
    pub clients: String,
    /// The words before a command on its host.
    pub words: Vec<String>,
}

impl Server {
    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The link to the folder of its programs.
    pub fn bin(&self) -> PathBuf {
        self.dir.join("bin")
    }

    /// Its name as a slot's.
    pub fn slot(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Makes its folder.
    pub fn prepare(&self) -> Result<(), RehearsalError> {
        std::fs::create_dir_all(&self.dir).map_err(RehearsalError::io("create", &self.dir))?;
        let owned = RunAs::detect().own(&self.dir);
        owned.map_err(RehearsalError::io("hand over", &self.dir))
    }

    /// Makes it an empty primary and starts it.
    pub async fn make(
        &self,
        install: &Install,
        passwords: &Passwords,
    ) -> Result<Console, RehearsalError> {
        let cluster = self.builder(install, passwords).create().await?;
        let hba = self.data().join("pg_hba.conf");
        let mut text = std::fs::read_to_string(&hba).map_err(RehearsalError::io("read", &hba))?;
        for database in ["all", "replication"] {
            let _ = writeln!(text, "host {database} all {} scram-sha-256", self.clients);
        }
        std::fs::write(&hba, text).map_err(RehearsalError::io("write", &hba))?;
        self.start().await?;
        Ok(cluster.console())
    }

    /// Makes it a standby of `primary`, by a slot, and starts it.
    pub async fn follow(
        &self,
        primary: &Server,
        install: &Install,
        passwords: &Passwords,
    ) -> Result<(), RehearsalError> {
        let passfile = passfile_of(&self.dir);
        let conninfo = format!(
            "host={} port={} user={REPLICATION_ROLE} passfile={} application_name={}",
            primary.address,
            primary.port,
            passfile.display(),
            self.name
        );
        let mut copy = self.command("pg_basebackup");
        copy.arg("--pgdata")
            .arg(self.data())
            .args(["--dbname", &conninfo, "--slot", &self.slot()])
            .args(["--create-slot", "--write-recovery-conf"])
            .args(["--checkpoint=fast", "--no-sync"]);
        run(
            copy,
            &format!("copying {} to {}", primary.name, self.name),
            LIMIT,
        )
        .await?;
        // What the copy brought along are the primary's settings.
        self.builder(install, passwords).create().await?;
        self.start().await
    }

    fn builder(&self, install: &Install, passwords: &Passwords) -> ClusterBuilder {
        Cluster::builder(install)
            .name(&self.name)
            .dir(&self.dir)
            .superuser(MASTER)
            .password(passwords.master.clone())
            .port(self.port)
            .setting("listen_addresses", &self.listen)
            .setting("port", &self.port.to_string())
            // From the data folder: after pg_rewind a server has the other's settings.
            .setting("unix_socket_directories", "../sock")
            .setting("wal_log_hints", "on")
            .setting("wal_keep_size", "128MB")
    }

    async fn start(&self) -> Result<(), RehearsalError> {
        let mut start = self.command("pg_ctl");
        start
            .args(["start", "--wait", "--silent", "--pgdata"])
            .arg(self.data())
            .arg("--log")
            .arg(self.dir.join("server.log"));
        run(start, &format!("starting {}", self.name), LIMIT).await?;
        Ok(())
    }

    /// One of its programs, run on its host as the servers' user.
    fn command(&self, program: &str) -> Command {
        let mut words = self.words.clone();
        words.extend(RunAs::detect().words());
        words.push(self.bin().join(program).to_string_lossy().into_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&self.dir);
        command
    }
}

/// The passfile that the servers themselves use, beside their folders.
fn passfile_of(server: &Path) -> PathBuf {
    server.with_file_name("passfile")
}

/// The passfile that the servers themselves use.
pub fn passfile(dir: &Path) -> PathBuf {
    files::servers(dir).join("passfile")
}

/// Writes it, readable by the servers' user alone.
pub fn write_passfile(dir: &Path, passwords: &Passwords) -> Result<(), RehearsalError> {
    let path = passfile(dir);
    // The superuser as well, as whom pg_rewind reads the other's files.
    write_private(&path, &passwords.passfile("*"))?;
    let owned = RunAs::detect().own(&path);
    owned.map_err(RehearsalError::io("hand over", &path))
}

/// Waits until a standby streams and has said that it has replayed what there is: a lab that is up passes its checks.
pub async fn wait_streaming(primary: &Console, standby: &str) -> Result<(), RehearsalError> {
    let until = Instant::now() + LIMIT;
    // Until the standby answers, a moment after it is seen streaming, what it has replayed is NULL.
    let close = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' \
                 AND pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) < 1048576";
    while primary.value("postgres", close).await? != "1" {
        if Instant::now() > until {
            return Err(RehearsalError::TimedOut {
                what: format!("{standby}'s way to streaming"),
                limit: LIMIT,
            });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
