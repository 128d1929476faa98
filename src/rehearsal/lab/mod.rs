//! The lab: BLUE with a sample shop, an RDS stand-in that can make GREEN of it, a profile, an endpoint file.

pub mod files;
mod password;
mod profile;
pub mod registry;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::cluster::write_private;
use super::rds::{Settings, StandIn};
use super::url::{hex, url};
use super::{Cluster, Disposable, Load, LoadOptions, RehearsalError, fetch};
use crate::domain::Sql;
use files::{Card, LabNode, Up};

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

/// What a writer waits between two transactions, so that two cores have something left for the upgrade.
const WRITER_PAUSE: Duration = Duration::from_millis(2);

/// Who may log in to the shop.
const APPLICATIONS: [&str; 3] = ["shop_app", "shop_report", "App-Three"];

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
    /// The `greenlight` program, which the profile's redirect hook calls.
    pub program: PathBuf,
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
        let dir = claim(&options.dir)?;
        let folder = Folder(Some(dir.clone()));
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
        say("filling the shop");
        let extension = [&old, &new].iter().all(|i| i.has_extension("pg_trgm"));
        if !extension {
            say("the shop goes without pg_trgm: not all of these builds hold it");
        }
        fill(&blue, &passwords, extension).await?;
        let address = ("127.0.0.1", blue.port());
        let application = url(
            "shop_app",
            Some(&passwords.application),
            address,
            DATABASES[0],
        );
        files::write_endpoint(dir, &application)?;
        write_private(&files::passfile(dir), &passwords.passfile())?;
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

    fn load(&self, writers: usize) -> Result<Load, RehearsalError> {
        Load::start(&LoadOptions {
            dir: self.up.dir.clone(),
            writers,
            databases: DATABASES.map(str::to_owned).to_vec(),
            pause: WRITER_PAUSE,
        })
    }

    async fn down(self: Box<Self>) -> Result<(), RehearsalError> {
        self.stand_in.stop().await;
        registry::remove(&self.up.dir).await
    }
}

/// Takes the folder for this lab, or refuses: it must be missing, empty, or left by a lab whose process is gone.
fn claim(dir: &Path) -> Result<PathBuf, RehearsalError> {
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
    Ok(dir)
}

/// Removes the folder unless it is to be kept. It is declared before what runs in it, and so dropped after.
struct Folder(Option<PathBuf>);

impl Folder {
    fn keep(mut self) {
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

struct Passwords {
    master: SecretString,
    application: SecretString,
    replication: SecretString,
}

impl Passwords {
    fn new() -> Result<Self, RehearsalError> {
        Ok(Self {
            master: random_password()?,
            application: random_password()?,
            replication: random_password()?,
        })
    }

    fn passfile(&self) -> String {
        let line = |user, password: &SecretString| {
            format!("127.0.0.1:*:*:{user}:{}\n", password.expose_secret())
        };
        line(MASTER, &self.master) + &line(REPLICATION_ROLE, &self.replication)
    }
}

fn random_password() -> Result<SecretString, RehearsalError> {
    Ok(hex(&random::<16>()?).into())
}

fn random<const N: usize>() -> Result<[u8; N], RehearsalError> {
    use std::io::Read as _;
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; N];
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(RehearsalError::io("read", source))?;
    Ok(bytes)
}

async fn fill(
    blue: &Cluster,
    passwords: &Passwords,
    extension: bool,
) -> Result<(), RehearsalError> {
    blue.sql("postgres", include_str!("../../../assets/lab/roles.sql"))
        .await?;
    for role in APPLICATIONS {
        let sql = Sql::new("ALTER ROLE {role} PASSWORD {password}")
            .ident("role", role)
            .secret(
                "password",
                password::quick_verifier(&passwords.application)?,
            );
        let wire = sql
            .wire()
            .map_err(|e| RehearsalError::command("making roles", e.to_string()))?;
        blue.sql("postgres", wire.expose_secret()).await?;
    }
    blue.sql("postgres", "CREATE DATABASE shop OWNER shop_owner")
        .await?;
    blue.sql("postgres", "CREATE DATABASE billing OWNER shop_owner")
        .await?;
    let load = include_str!("../../../assets/lab/load.sql");
    for (database, schema) in [
        ("shop", include_str!("../../../assets/lab/shop.sql")),
        ("billing", include_str!("../../../assets/lab/billing.sql")),
    ] {
        blue.sql(database, schema).await?;
        blue.sql(database, load).await?;
    }
    if extension {
        let trgm = include_str!("../../../assets/lab/trgm.sql");
        blue.sql("shop", trgm).await?;
    }
    Ok(())
}
