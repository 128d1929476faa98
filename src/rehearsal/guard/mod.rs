//! The lab of `patroni-guard`: etcd, three Patroni members, the writers behind what plays the load balancer, and two
//! deployments, a good one and a bad one.
//!
//! Members are daemons of the lab: the run starts and stops them by name, and they outlive it.

mod audit;
mod member;
mod patroni;
mod profile;
mod watcher;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

pub use self::audit::{audit, is_guarded};
pub use self::patroni::{Patroni, find as find_patroni};

use super::cluster::{Console, write_private};
use super::daemon::Daemon;
use super::guardian::Guardian;
use super::lab::files::{self, Card, LabNode, Up};
use super::lab::shop::{self, Passwords};
use super::lab::{DATABASES, LabOptions, MASTER, folder, registry};
use super::run::tail;
use super::url::url;
use super::{Disposable, Load, LoadOptions, RehearsalError, inside, minors};
use member::Member;
use watcher::{Watcher, answers};

const MAJOR: u32 = 15;
/// The members; the first leads in the beginning.
const MEMBERS: [&str; 3] = ["pg1", "pg2", "pg3"];
/// The member that is held.
const HELD: &str = "pg3";
const UP_LIMIT: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_millis(100);

/// A deployment on the lab's cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// It does what it should.
    Good,
    /// An update without its WHERE, a table too many dropped.
    Bad,
}

/// A lab that is up. Dropped, its daemons end; `down` removes the folder as well.
pub struct GuardLab {
    program: PathBuf,
    watcher: Watcher,
    ground: Ground,
    up: Up,
}

/// Where daemons live, and what ends them.
struct Ground {
    dir: PathBuf,
    _guardian: Guardian,
}

impl Drop for Ground {
    fn drop(&mut self) {
        inside::end_all(&files::servers(&self.dir));
    }
}

/// The passwords of the lab.
struct Secrets {
    passwords: Passwords,
    rest: SecretString,
}

impl GuardLab {
    /// Cleans up after killed labs, then makes a new one. `say` hears of each step as it begins. When it fails or is
    /// given up half-way, nothing of it stays.
    pub async fn up(
        options: &LabOptions,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, RehearsalError> {
        registry::clean_up(say).await?;
        let (dir, folder) = folder::claim(&options.dir)?;
        let ground = Ground {
            _guardian: Guardian::watch_folder(&files::servers(&dir), None)?,
            dir,
        };
        let lab = ground.build(options, say).await?;
        folder.keep();
        Ok(lab)
    }
}

impl Ground {
    async fn build(
        self,
        options: &LabOptions,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<GuardLab, RehearsalError> {
        let install = minors::any(MAJOR, &options.pg_bin)?;
        let patroni = patroni::find(options.patroni, say).await?;
        let secrets = Secrets {
            passwords: Passwords::new()?,
            rest: shop::random_password()?,
        };
        say("starting etcd");
        let etcd = self.start_etcd().await?;
        let members = self.members()?;
        let mut daemons = Vec::new();
        for member in &members {
            daemons.push(member.make(&patroni, &install, etcd, &secrets)?);
        }
        let (leader, version) = (&members[0], &patroni.version);
        say(&format!(
            "starting {} members, PostgreSQL {}, Patroni {version}",
            members.len(),
            install.version
        ));
        daemons[0].start()?;
        up_within(&daemons[0], leader, "/primary").await?;
        // They copy the leader side by side, while it is filled.
        daemons.iter().skip(1).try_for_each(Daemon::start)?;
        let passwords = &secrets.passwords;
        let master = |member: &Member| {
            let at = (member.address.as_str(), member.port);
            url(MASTER, Some(&passwords.master), at, DATABASES[0])
        };
        let console = Console::by_url(&leader.name, &master(leader))?;
        shop::fill(&console, passwords, &[&install], say).await?;
        for (member, daemon) in members.iter().zip(&daemons).skip(1) {
            up_within(daemon, member, "/replica").await?;
        }
        wait_streaming(&console, members.len() - 1).await?;
        audit::remember(&self.dir, &console).await?;
        let application = Some(&passwords.application);
        let at = (leader.address.as_str(), leader.port);
        files::write_endpoint(&self.dir, &url("shop_app", application, at, DATABASES[0]))?;
        write_private(&files::passfile(&self.dir), &passwords.passfile("*"))?;
        let rest_password = self.dir.join("rest.password");
        write_private(&rest_password, secrets.rest.expose_secret())?;
        let text = profile::text(&profile::Parts {
            dir: &self.dir,
            program: &options.program,
            members: &members,
            install: &install,
            patroni: &patroni,
            rest_password: &rest_password,
        })?;
        write_private(&files::profile(&self.dir), &text)?;
        let node = |member: &Member| LabNode {
            name: member.name.clone(),
            url: master(member),
        };
        let up = Up {
            dir: self.dir.clone(),
            profile: files::profile(&self.dir),
            nodes: members.iter().map(node).collect(),
            rds_endpoint: String::new(),
        };
        let card = Card {
            up: Some(up.clone()),
            ..Card::mine()
        };
        card.write(&self.dir)?;
        Ok(GuardLab {
            program: options.program.clone(),
            watcher: Watcher::start(self.dir.clone(), members, 0),
            ground: self,
            up,
        })
    }

    /// Starts etcd; its clients' port.
    async fn start_etcd(&self) -> Result<u16, RehearsalError> {
        let dir = files::servers(&self.dir).join("etcd");
        std::fs::create_dir_all(&dir).map_err(RehearsalError::io("create", &dir))?;
        let (clients, peers) = (free_port("127.0.0.1")?, free_port("127.0.0.1")?);
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        let argv = [
            "etcd".to_owned(),
            "--name=lab".to_owned(),
            format!("--data-dir={}", dir.join("data").display()),
            format!("--listen-client-urls={}", at(clients)),
            format!("--advertise-client-urls={}", at(clients)),
            format!("--listen-peer-urls={}", at(peers)),
            format!("--initial-advertise-peer-urls={}", at(peers)),
            format!("--initial-cluster=lab={}", at(peers)),
            "--unsafe-no-fsync".to_owned(),
        ];
        let daemon = Daemon::make(&dir, &argv)?;
        daemon.start().map_err(|error| {
            RehearsalError::Unusable(format!("{error}: install the Debian package etcd-server"))
        })?;
        let until = Instant::now() + UP_LIMIT;
        while !answers(("127.0.0.1", clients), "/health").await {
            still_coming(&daemon, "etcd", until)?;
            tokio::time::sleep(EVERY).await;
        }
        Ok(clients)
    }

    fn members(&self) -> Result<Vec<Member>, RehearsalError> {
        let [second, third] = shop::random::<2>()?;
        let member = |(name, last): (&&str, u8)| {
            let address = format!("127.{}.{third}.{last}", 1 + second % 254);
            Ok(Member {
                name: (*name).to_owned(),
                dir: files::servers(&self.dir).join(name),
                port: free_port(&address)?,
                rest_port: free_port(&address)?,
                address,
            })
        };
        MEMBERS.iter().zip(1..).map(member).collect()
    }
}

async fn up_within(daemon: &Daemon, member: &Member, path: &str) -> Result<(), RehearsalError> {
    let until = Instant::now() + UP_LIMIT;
    while !answers(member.rest(), path).await {
        still_coming(daemon, &member.name, until)?;
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}

fn still_coming(daemon: &Daemon, name: &str, until: Instant) -> Result<(), RehearsalError> {
    let problem = match () {
        () if !daemon.is_running() => "ended",
        () if Instant::now() > until => "was not ready in time",
        () => return Ok(()),
    };
    let log = std::fs::read_to_string(daemon.log()).unwrap_or_default();
    Err(RehearsalError::Server {
        server: name.to_owned(),
        problem: problem.to_owned(),
        log: tail(&log, 20),
    })
}

async fn wait_streaming(leader: &Console, standbys: usize) -> Result<(), RehearsalError> {
    let until = Instant::now() + UP_LIMIT;
    let streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    while leader.value("postgres", streaming).await? != standbys.to_string() {
        if Instant::now() > until {
            return Err(RehearsalError::TimedOut {
                what: "the members' way to streaming".to_owned(),
                limit: UP_LIMIT,
            });
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}

/// Carries a deployment out on whoever leads now.
pub async fn deploy(dir: &Path, deployment: Deployment) -> Result<(), RehearsalError> {
    let statements = match deployment {
        Deployment::Good => include_str!("../../../assets/lab/deploy_good.sql"),
        Deployment::Bad => include_str!("../../../assets/lab/deploy_bad.sql"),
    };
    let leader = audit::leader(dir)?;
    Console::by_url(&leader.name, &leader.url)?
        .sql(DATABASES[0], statements)
        .await?;
    Ok(())
}

#[async_trait]
impl Disposable for GuardLab {
    fn told(&self) -> &Up {
        &self.up
    }

    fn load(&self, writers: usize, pause: Duration) -> Result<Load, RehearsalError> {
        Load::start(LoadOptions::usual(&self.up.dir, writers, pause))
    }

    fn deployment(&self, good: bool) -> Option<Vec<String>> {
        let (program, dir) = (
            self.program.to_string_lossy(),
            self.up.dir.to_string_lossy(),
        );
        let which = if good { "good" } else { "bad" };
        let argv = [&program, "lab", "deploy", "--dir", &dir, which];
        Some(argv.map(str::to_owned).to_vec())
    }

    async fn down(self: Box<Self>) -> Result<(), RehearsalError> {
        let Self {
            watcher,
            ground,
            up,
            ..
        } = *self;
        drop(watcher);
        let ended = tokio::task::spawn_blocking(move || drop(ground));
        let _ = ended.await;
        registry::remove(&up.dir).await
    }
}

/// A port of this address that nobody listens on, as the system chooses it.
pub(super) fn free_port(address: &str) -> Result<u16, RehearsalError> {
    TcpListener::bind((address, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| {
            RehearsalError::command(&format!("choosing a free port on {address}"), e.to_string())
        })
}
