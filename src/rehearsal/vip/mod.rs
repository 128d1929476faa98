//! The lab of `vip-switchover`: a primary and a standby in network namespaces, a virtual IP that the writers in a third
//! one go to, a second minor version where there is one.
//!
//! Where namespaces are not allowed it says so and puts both servers on loopback addresses; a hook then plays the
//! virtual IP. It owns the namespaces, the bridge and every process that works in its `servers` folder.

mod minor;
mod network;
mod profile;
mod servers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use super::cluster::{Console, write_private};
use super::guard::free_port;
use super::guardian::Guardian;
use super::lab::files::{self, Card, LabNode, Up};
use super::lab::shop::{self, Passwords};
use super::lab::{DATABASES, LabOptions, MASTER, folder, registry};
use super::minors::{self, Minors};
use super::url::url;
use super::{Disposable, Load, LoadOptions, RehearsalError, inside};
pub use minor::set_minor;
pub use network::Network;
use servers::Server;

/// The major version of both servers.
const MAJOR: u32 = 15;
/// The names of the servers; the first is the primary in the beginning.
pub const NODES: [&str; 2] = ["pg-a", "pg-b"];
/// The namespace that writers live in.
const WRITERS: &str = "app";
/// Last bytes of the addresses: the virtual IP, the servers, the writers.
const VIRTUAL: u8 = 10;
const LAST: [u8; 2] = [11, 12];
const WRITERS_LAST: u8 = 20;
/// The servers' port in their namespaces.
const PORT: u16 = 5432;

/// A lab that is up. Dropped, its servers and its network go; `down` removes the folder as well.
pub struct VipLab {
    ground: Ground,
    up: Up,
}

/// Where servers live, and what ends them.
struct Ground {
    dir: PathBuf,
    network: Option<Network>,
    guardian: Guardian,
}

impl Drop for Ground {
    fn drop(&mut self) {
        inside::end_all(&files::servers(&self.dir));
        if let Some(network) = &self.network {
            network.remove();
        }
    }
}

impl VipLab {
    /// Cleans up after killed labs, then makes a new one. `say` hears of each step as it begins. When it fails or is
    /// given up half-way, nothing of it stays.
    pub async fn up(
        options: &LabOptions,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, RehearsalError> {
        registry::clean_up(say).await?;
        let (dir, folder) = folder::claim(&options.dir)?;
        let ground = Ground::make(&dir, options.loopback, say).await?;
        let lab = ground.build(options, say).await?;
        folder.keep();
        Ok(lab)
    }
}

impl Ground {
    async fn make(
        dir: &Path,
        loopback: bool,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, RehearsalError> {
        let mut ground = Self {
            dir: dir.to_owned(),
            network: None,
            guardian: Guardian::watch_folder(&files::servers(dir), None)?,
        };
        if loopback {
            say(
                "no network namespaces, as asked: loopback addresses, and a hook that plays the virtual IP",
            );
            return Ok(ground);
        }
        match ground.lay_network().await {
            Ok(()) => Ok(ground),
            Err(error) => {
                ground.network.take().iter().for_each(Network::remove);
                Card::mine().write(dir)?;
                say(&format!(
                    "network namespaces cannot be had here ({error}): loopback addresses instead, and a hook that \
                     plays the virtual IP"
                ));
                Ok(ground)
            }
        }
    }

    async fn lay_network(&mut self) -> Result<(), RehearsalError> {
        let network = Network::claim().await?;
        self.network = Some(network.clone());
        self.guardian = Guardian::watch_folder(&files::servers(&self.dir), Some(network.name()))?;
        self.card(None).write(&self.dir)?;
        let hosts = [
            (NODES[0], LAST[0]),
            (NODES[1], LAST[1]),
            (WRITERS, WRITERS_LAST),
        ];
        network.join(&hosts).await?;
        network.give(NODES[0], &virtual_address(&network)).await
    }

    fn card(&self, up: Option<Up>) -> Card {
        Card {
            network: self
                .network
                .as_ref()
                .map(|network| network.name().to_owned()),
            up,
            ..Card::mine()
        }
    }

    async fn build(
        self,
        options: &LabOptions,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<VipLab, RehearsalError> {
        let minors = minors::of(MAJOR, &options.pg_bin, say).await?;
        say(&what_upgrades(&minors));
        let passwords = Passwords::new()?;
        let [primary, standby] = self.servers()?;
        for server in [&primary, &standby] {
            server.prepare()?;
        }
        minor::lay_out(&self.dir, &minors)?;
        servers::write_passfile(&self.dir, &passwords)?;
        say(&format!(
            "starting {}, PostgreSQL {}",
            primary.name, minors.older.version
        ));
        let console = primary.make(&minors.older, &passwords).await?;
        let installs = [Some(&minors.older), minors.newer.as_ref()];
        let installs: Vec<_> = installs.into_iter().flatten().collect();
        shop::make_replication_role(&console, &passwords).await?;
        shop::fill(&console, &passwords, &installs, say).await?;
        say(&format!("building {} from it", standby.name));
        standby.follow(&primary, &minors.older, &passwords).await?;
        let nodes = [&primary, &standby].map(|server| LabNode {
            name: server.name.clone(),
            url: url(
                MASTER,
                Some(&passwords.master),
                (&server.address, server.port),
                DATABASES[0],
            ),
        });
        // By the address that the tool will use.
        let console = Console::by_url(&primary.name, &nodes[0].url)?;
        servers::wait_streaming(&console, &standby.name).await?;
        let to = match &self.network {
            Some(network) => (network.address(VIRTUAL), PORT),
            None => (primary.address.clone(), primary.port),
        };
        let application = Some(&passwords.application);
        let application = url("shop_app", application, (&to.0, to.1), DATABASES[0]);
        files::write_endpoint(&self.dir, &application)?;
        write_private(&files::passfile(&self.dir), &passwords.passfile("*"))?;
        let text = profile::text(&profile::Parts {
            dir: &self.dir,
            program: &options.program,
            network: self.network.as_ref(),
            servers: [&primary, &standby],
            minors: &minors,
        })?;
        write_private(&files::profile(&self.dir), &text)?;
        let up = Up {
            dir: self.dir.clone(),
            profile: files::profile(&self.dir),
            nodes: nodes.to_vec(),
            rds_endpoint: String::new(),
        };
        self.card(Some(up.clone())).write(&self.dir)?;
        Ok(VipLab { ground: self, up })
    }

    fn servers(&self) -> Result<[Server; 2], RehearsalError> {
        let at = |name: &str| files::servers(&self.dir).join(name);
        if let Some(network) = &self.network {
            return Ok([0, 1].map(|one| Server {
                name: NODES[one].to_owned(),
                dir: at(NODES[one]),
                address: network.address(LAST[one]),
                port: PORT,
                listen: "*".to_owned(),
                clients: network.subnet(),
                words: network.words(NODES[one]),
            }));
        }
        let [second, third] = shop::random::<2>()?;
        let alone = |one: usize| -> Result<Server, RehearsalError> {
            let address = format!("127.{}.{third}.{}", 1 + second % 254, LAST[one]);
            Ok(Server {
                name: NODES[one].to_owned(),
                dir: at(NODES[one]),
                port: free_port(&address)?,
                listen: address.clone(),
                address,
                clients: "127.0.0.0/8".to_owned(),
                words: Vec::new(),
            })
        };
        Ok([alone(0)?, alone(1)?])
    }
}

#[async_trait]
impl Disposable for VipLab {
    fn told(&self) -> &Up {
        &self.up
    }

    fn load(&self, writers: usize, pause: Duration) -> Result<Load, RehearsalError> {
        let network = self.ground.network.as_ref();
        // Nobody tells the writers that an address has moved.
        let often = Duration::from_millis(2);
        Load::start(LoadOptions {
            knock: often..=often,
            namespace: network.map(|network| network.namespace_file(WRITERS)),
            ..LoadOptions::usual(&self.up.dir, writers, pause)
        })
    }

    async fn down(self: Box<Self>) -> Result<(), RehearsalError> {
        let Self { ground, up } = *self;
        let ended = tokio::task::spawn_blocking(move || drop(ground));
        let _ = ended.await;
        registry::remove(&up.dir).await
    }
}

fn virtual_address(network: &Network) -> String {
    format!("{}/24", network.address(VIRTUAL))
}

fn what_upgrades(minors: &Minors) -> String {
    let older = minors.older.version;
    match &minors.newer {
        Some(newer) => format!(
            "two minor versions, {older} and {}: the package step is a stand-in that swaps the folder of programs",
            newer.version
        ),
        None => format!(
            "one minor version, {older}: the package step is a stand-in that puts the same programs in place again"
        ),
    }
}
