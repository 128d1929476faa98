use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::Secrets;
use super::patroni::Patroni;
use crate::rehearsal::cluster::write_private;
use crate::rehearsal::daemon::Daemon;
use crate::rehearsal::lab::{MASTER, REPLICATION_ROLE};
use crate::rehearsal::process::RunAs;
use crate::rehearsal::{Install, RehearsalError};

/// The cluster's name, Patroni's scope.
pub const SCOPE: &str = "lab";
/// Who may change things by Patroni's REST API.
pub const REST_USER: &str = "lab_rest";

/// A member of the cluster.
#[derive(Debug, Clone)]
pub struct Member {
    /// `pg1`
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// Its address.
    pub address: String,
    /// PostgreSQL's port.
    pub port: u16,
    /// The REST API's port.
    pub rest_port: u16,
}

impl Member {
    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Its Patroni file.
    pub fn yaml(&self) -> PathBuf {
        self.dir.join("patroni.yml")
    }

    /// Where its REST API is.
    pub fn rest(&self) -> (&str, u16) {
        (&self.address, self.rest_port)
    }

    /// Makes its folder and its daemon, without starting it.
    pub fn make(
        &self,
        patroni: &Patroni,
        install: &Install,
        etcd: u16,
        secrets: &Secrets,
    ) -> Result<Daemon, RehearsalError> {
        let sockets = self.dir.join("sock");
        std::fs::create_dir_all(&sockets).map_err(RehearsalError::io("create", &sockets))?;
        let yaml = self.yaml();
        write_private(&yaml, &self.text(install, etcd, secrets))?;
        for path in [&sockets, &yaml] {
            let owned = RunAs::detect().own(path);
            owned.map_err(RehearsalError::io("hand over", path))?;
        }
        let mut argv = patroni.daemon.clone();
        argv.push(yaml.to_string_lossy().into_owned());
        Daemon::make(&self.dir, &argv)
    }

    /// Patroni's file.
    fn text(&self, install: &Install, etcd: u16, secrets: &Secrets) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let path = |path: PathBuf| quoted(&path.to_string_lossy());
        let word = |secret: &SecretString| quoted(secret.expose_secret());
        let Self {
            name,
            address,
            port,
            rest_port,
            ..
        } = self;
        let passwords = &secrets.passwords;
        let (master, replication) = (word(&passwords.master), word(&passwords.replication));
        format!(
            "scope: {SCOPE}
namespace: /greenlight/
name: {name}
restapi:
  listen: {address}:{rest_port}
  connect_address: {address}:{rest_port}
  authentication:
    username: {REST_USER}
    password: {rest}
etcd3:
  hosts: 127.0.0.1:{etcd}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 16777216
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        wal_level: replica
        wal_log_hints: 'on'
        wal_keep_size: 128MB
        max_connections: 100
        max_wal_senders: 10
        max_replication_slots: 10
        shared_buffers: 32MB
  initdb:
  - encoding: UTF8
  - locale: C.UTF-8
postgresql:
  listen: {address}:{port}
  connect_address: {address}:{port}
  data_dir: {data}
  bin_dir: {bin}
  pgpass: {pgpass}
  authentication:
    superuser:
      username: {MASTER}
      password: {master}
    replication:
      username: {REPLICATION_ROLE}
      password: {replication}
    rewind:
      username: {MASTER}
      password: {master}
  parameters:
    unix_socket_directories: {sockets}
  pg_hba:
  - local all all trust
  - host all all 127.0.0.0/8 scram-sha-256
  - host replication {REPLICATION_ROLE} 127.0.0.0/8 scram-sha-256
  basebackup:
  - checkpoint: fast
tags:
  nofailover: false
  noloadbalance: false
  clonefrom: false
  nosync: false
",
            rest = word(&secrets.rest),
            data = path(self.data()),
            bin = path(install.bin.clone()),
            pgpass = path(self.dir.join("pgpass")),
            sockets = path(self.dir.join("sock")),
        )
    }
}
