//! The lab: BLUE with a sample shop, an RDS stand-in that can make GREEN of it, a profile, an endpoint file.

pub mod files;
pub(super) mod folder;
mod password;
mod profile;
pub mod registry;
pub(super) mod shop;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use super::cluster::write_private;
use super::rds::{Settings, StandIn};
use super::url::url;
use super::{Disposable, Load, LoadOptions, RehearsalError, fetch};
use files::{Card, LabNode, Up};
use shop::Passwords;

/// BLUE's instance identifier.
pub const BLUE: &str = "shop-blue";
/// GREEN's instance identifier.
pub const GREEN: &str = "shop-green";
/// The databases that move.
pub const DATABASES: [&str; 2] = ["shop", "billing"];
/// The master user; in the lab a superuser.
pub const MASTER: &str = "lab_admin";
/// The role that subscriptions connect as. The tool makes it; its password stands in the passfile.
pub const REPLICATION_ROLE: &str = "greenlight_replication";

/// What a lab is made of.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// Its folder: made when missing, empty otherwise.
    pub dir: PathBuf,
    /// Folders of PostgreSQL programs to use, beside those found on the machine.
    pub pg_bin: Vec<PathBuf>,
    /// BLUE's and GREEN's major version.
    pub majors: (u32, u32),
    /// How long each passing state of RDS stands at least.
    pub pace: Duration,
    /// The `greenlight` program, which the profile's hooks call.
    pub program: PathBuf,
    /// Patroni's major version, 3 or 4.
    pub patroni: u32,
    /// Loopback addresses even where network namespaces are allowed.
    pub loopback: bool,
}

/// A lab that is up. Dropped, its servers end; `down` removes the folder as well.
#[derive(Debug)]
pub struct Lab {
    stand_in: StandIn,
    up: Up,
}

impl LabOptions {
    /// The usual lab in `dir`: 15 to 17.
    pub fn new(dir: &Path) -> Result<Self, RehearsalError> {
        Ok(Self {
            dir: dir.to_owned(),
            pg_bin: Vec::new(),
            majors: (15, 17),
            pace: Duration::from_millis(250),
            patroni: 3,
            loopback: false,
            program: std::env::current_exe()
                .map_err(RehearsalError::io("find", Path::new("this program")))?,
        })
    }
}

impl Lab {
    /// Cleans up after killed labs, then makes a new one. `say` hears of each step as it begins. When it fails or is
    /// given up half-way, the folder goes again.
    pub async fn up(
        options: &LabOptions,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, RehearsalError> {
        registry::clean_up(say).await?;
        let (dir, folder) = folder::claim(&options.dir)?;
        let lab = Self::build(options, &dir, say).await?;
        folder.keep();
        Ok(lab)
    }

    async fn build(
        options: &LabOptions,
        dir: &Path,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, RehearsalError> {
        let (from, to) = options.majors;
        say(&format!("finding PostgreSQL {from} and {to}"));
        let old = fetch::full(from, &options.pg_bin, say).await?;
        let new = fetch::full(to, &options.pg_bin, say).await?;
        let passwords = Passwords::new()?;
        let stand_in = StandIn::start(Settings {
            dir: dir.join("rds"),
            installs: vec![old.clone(), new.clone()],
            master: MASTER.to_owned(),
            password: passwords.master.clone(),
            pace: options.pace,
            log_portion: 1_000_000,
            tls: None,
        })
        .await?;
        say(&format!("starting BLUE, PostgreSQL {}", old.version));
        let blue = stand_in.instance_builder(BLUE, &old)?.start().await?;
        shop::fill(&blue.console(), &passwords, &[&old, &new], say).await?;
        let address = ("127.0.0.1", blue.port());
        let application = url(
            "shop_app",
            Some(&passwords.application),
            address,
            DATABASES[0],
        );
        files::write_endpoint(dir, &application)?;
        write_private(&files::passfile(dir), &passwords.passfile("127.0.0.1"))?;
        let text = profile::text(dir, &stand_in.endpoint_url(), new.version, &options.program);
        write_private(&files::profile(dir), &text)?;
        let up = Up {
            dir: dir.to_owned(),
            profile: files::profile(dir),
            nodes: vec![LabNode {
                name: "BLUE".to_owned(),
                url: blue.url(DATABASES[0]),
            }],
            rds_endpoint: stand_in.endpoint_url(),
        };
        stand_in.adopt(BLUE, blue);
        let card = Card {
            up: Some(up.clone()),
            ..Card::mine()
        };
        card.write(dir)?;
        Ok(Self { stand_in, up })
    }

    /// The RDS stand-in, to plan errors for it.
    #[must_use]
    pub fn stand_in(&self) -> &StandIn {
        &self.stand_in
    }
}

#[async_trait]
impl Disposable for Lab {
    fn told(&self) -> &Up {
        &self.up
    }

    fn load(&self, writers: usize, pause: Duration) -> Result<Load, RehearsalError> {
        Load::start(LoadOptions::usual(&self.up.dir, writers, pause))
    }

    async fn down(self: Box<Self>) -> Result<(), RehearsalError> {
        self.stand_in.stop().await;
        registry::remove(&self.up.dir).await
    }
}
