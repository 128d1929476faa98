use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::Cluster;
use crate::rehearsal::process::RunAs;
use crate::rehearsal::run::run;
use crate::rehearsal::{Install, RehearsalError};

const INITDB_LIMIT: Duration = Duration::from_secs(60);
/// Room for a socket's path in the kernel, less `/.s.PGSQL.65535` and the ending NUL.
const SOCKET_FOLDER_MAX: usize = 107 - 16;

/// What a cluster is made with.
#[derive(Debug, Clone)]
pub struct ClusterBuilder {
    pub(super) install: Install,
    pub(super) name: String,
    dir: Option<PathBuf>,
    pub(super) superuser: String,
    pub(super) password: Option<SecretString>,
    locale: String,
    initdb_args: Vec<String>,
    pub(super) settings: BTreeMap<String, String>,
    port: u16,
}

impl ClusterBuilder {
    /// The usual settings: loopback, no passwords, ready for logical replication.
    pub(super) fn new(install: &Install) -> Self {
        Self {
            install: install.clone(),
            name: format!("pg{}", install.version.major()),
            dir: None,
            superuser: "postgres".to_owned(),
            password: None,
            locale: "C.UTF-8".to_owned(),
            initdb_args: Vec::new(),
            port: 0,
            settings: [
                ("wal_level", "logical"),
                ("max_connections", "100"),
                ("shared_buffers", "32MB"),
                ("log_timezone", "UTC"),
                ("timezone", "UTC"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        }
    }

    /// The name in errors and in the server's process title.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The folder to keep everything in; without it a temporary one is made. It may hold a cluster already, in `data`.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.to_owned());
        self
    }

    /// The superuser's name; `postgres` unless given.
    #[must_use]
    pub fn superuser(mut self, name: &str) -> Self {
        name.clone_into(&mut self.superuser);
        self
    }

    /// Asks for passwords (SCRAM) on TCP, this one for the superuser. Without it everybody is trusted. The socket is
    /// always trusted: its folder is closed to others.
    #[must_use]
    pub fn password(mut self, password: SecretString) -> Self {
        self.password = Some(password);
        self
    }

    /// Locale of the cluster; `C.UTF-8` unless given.
    #[must_use]
    pub fn locale(mut self, locale: &str) -> Self {
        locale.clone_into(&mut self.locale);
        self
    }

    /// A further option for `initdb`.
    #[must_use]
    pub fn initdb_arg(mut self, arg: &str) -> Self {
        self.initdb_args.push(arg.to_owned());
        self
    }

    /// The port to take when it is free; otherwise, and without this, the system chooses.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A server setting.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Makes the data folder, unless it is there, without starting the server.
    pub async fn create(self) -> Result<Cluster, RehearsalError> {
        let user = RunAs::detect();
        let (dir, temporary) = if let Some(dir) = &self.dir {
            std::fs::create_dir_all(dir).map_err(RehearsalError::io("create", dir))?;
            let full = dir
                .canonicalize()
                .map_err(RehearsalError::io("find", dir))?;
            (full, None)
        } else {
            let temporary = tempfile::Builder::new()
                .prefix("greenlight-")
                .tempdir()
                .map_err(RehearsalError::io(
                    "create a folder in",
                    &std::env::temp_dir(),
                ))?;
            (temporary.path().to_owned(), Some(temporary))
        };
        if let Some(closed) = user.closed_ancestor(&dir) {
            return Err(RehearsalError::Unusable(format!(
                "{} is closed to the unprivileged user that servers run as: choose a folder outside of it, or open it \
                 (chmod o+x)",
                closed.display()
            )));
        }
        user.own(&dir)
            .map_err(RehearsalError::io("hand over", &dir))?;
        let cluster = Cluster {
            port: self.port,
            with: self,
            dir,
            temporary,
            running: None,
        };
        let sockets = cluster.socket_dir();
        if sockets.as_os_str().len() > SOCKET_FOLDER_MAX {
            return Err(RehearsalError::Unusable(format!(
                "{} is too long for a socket's path: choose a folder with a shorter name",
                sockets.display()
            )));
        }
        std::fs::create_dir_all(&sockets).map_err(RehearsalError::io("create", &sockets))?;
        close_to_others(&sockets)?;
        user.own(&sockets)
            .map_err(RehearsalError::io("hand over", &sockets))?;
        if !cluster.data_dir().join("PG_VERSION").is_file() {
            cluster.initdb(user).await?;
        }
        cluster.write_settings()?;
        Ok(cluster)
    }

    /// Makes the data folder, unless it is there, and starts the server.
    pub async fn start(self) -> Result<Cluster, RehearsalError> {
        let mut cluster = self.create().await?;
        cluster.start_again().await?;
        Ok(cluster)
    }
}

impl Cluster {
    async fn initdb(&self, user: RunAs) -> Result<(), RehearsalError> {
        let what = format!("initdb of {}", self.with.name);
        let mut initdb = Command::new(self.install().tool("initdb"));
        initdb
            .arg("--pgdata")
            .arg(self.data_dir())
            .args(["--no-sync", "--encoding=UTF8", "--auth-local=trust"])
            .arg(format!("--locale={}", self.with.locale))
            .arg(format!("--username={}", self.with.superuser))
            .args(&self.with.initdb_args)
            .current_dir(&self.dir);
        user.apply(&mut initdb);
        let passfile = self.dir.join("initdb.password");
        if let Some(password) = &self.with.password {
            write_private(&passfile, password.expose_secret())?;
            user.own(&passfile)
                .map_err(RehearsalError::io("hand over", &passfile))?;
            initdb
                .arg("--auth-host=scram-sha-256")
                .arg("--pwfile")
                .arg(&passfile);
        } else {
            initdb.arg("--auth-host=trust");
        }
        let made = run(initdb, &what, INITDB_LIMIT).await;
        let _ = std::fs::remove_file(&passfile);
        made?;
        let conf = self.data_dir().join("postgresql.conf");
        let mut text = std::fs::read_to_string(&conf).map_err(RehearsalError::io("read", &conf))?;
        text.push_str("include 'greenlight.conf'\n");
        std::fs::write(&conf, text).map_err(RehearsalError::io("write", &conf))
    }
}

fn close_to_others(dir: &Path) -> Result<(), RehearsalError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
        .map_err(RehearsalError::io("close", dir))
}

/// Writes a file that nobody else can read.
pub(in crate::rehearsal) fn write_private(path: &Path, text: &str) -> Result<(), RehearsalError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(RehearsalError::io("write", path))
}
