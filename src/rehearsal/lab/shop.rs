//! The sample shop that every lab serves, and who may log in to it.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::{MASTER, REPLICATION_ROLE, password};
use crate::domain::Sql;
use crate::rehearsal::cluster::Console;
use crate::rehearsal::url::hex;
use crate::rehearsal::{Install, RehearsalError};

/// Who may log in to the shop.
const APPLICATIONS: [&str; 3] = ["shop_app", "shop_report", "App-Three"];

/// The passwords of a lab.
pub struct Passwords {
    /// The superuser's.
    pub master: SecretString,
    /// The applications'.
    pub application: SecretString,
    /// The replication role's.
    pub replication: SecretString,
}

impl Passwords {
    /// Made up afresh.
    pub fn new() -> Result<Self, RehearsalError> {
        Ok(Self {
            master: random_password()?,
            application: random_password()?,
            replication: random_password()?,
        })
    }

    /// A passfile by which the tool logs in at this address, `*` for any.
    pub fn passfile(&self, address: &str) -> String {
        let line = |user, password: &SecretString| {
            format!("{address}:*:*:{user}:{}\n", password.expose_secret())
        };
        line(MASTER, &self.master) + &line(REPLICATION_ROLE, &self.replication)
    }
}

/// A password nobody can guess.
pub fn random_password() -> Result<SecretString, RehearsalError> {
    Ok(hex(&random::<16>()?).into())
}

/// Bytes that nobody can guess.
pub fn random<const N: usize>() -> Result<[u8; N], RehearsalError> {
    use std::io::Read as _;
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; N];
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(RehearsalError::io("read", source))?;
    Ok(bytes)
}

/// Makes the shop on an empty server; `installs` are the builds that must be able to hold it.
pub async fn fill(
    console: &Console,
    passwords: &Passwords,
    installs: &[&Install],
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), RehearsalError> {
    say("filling the shop");
    console
        .sql("postgres", include_str!("../../../assets/lab/roles.sql"))
        .await?;
    for role in APPLICATIONS {
        let sql = Sql::new("ALTER ROLE {role} PASSWORD {password}")
            .ident("role", role)
            .secret(
                "password",
                password::quick_verifier(&passwords.application)?,
            );
        send(console, &sql).await?;
    }
    console
        .sql("postgres", "CREATE DATABASE shop OWNER shop_owner")
        .await?;
    console
        .sql("postgres", "CREATE DATABASE billing OWNER shop_owner")
        .await?;
    let load = include_str!("../../../assets/lab/load.sql");
    for (database, schema) in [
        ("shop", include_str!("../../../assets/lab/shop.sql")),
        ("billing", include_str!("../../../assets/lab/billing.sql")),
    ] {
        console.sql(database, schema).await?;
        console.sql(database, load).await?;
    }
    if installs.iter().all(|i| i.has_extension("pg_trgm")) {
        let trgm = include_str!("../../../assets/lab/trgm.sql");
        console.sql("shop", trgm).await?;
    } else {
        say("the shop goes without pg_trgm: not all of these builds hold it");
    }
    Ok(())
}

/// Makes the role that standbys connect as.
pub async fn make_replication_role(
    console: &Console,
    passwords: &Passwords,
) -> Result<(), RehearsalError> {
    let sql = Sql::new("CREATE ROLE {role} LOGIN REPLICATION PASSWORD {password}")
        .ident("role", REPLICATION_ROLE)
        .secret("password", passwords.replication.clone());
    send(console, &sql).await
}

async fn send(console: &Console, sql: &Sql) -> Result<(), RehearsalError> {
    let wire = sql
        .wire()
        .map_err(|e| RehearsalError::command("making roles", e.to_string()))?;
    console.sql("postgres", wire.expose_secret()).await?;
    Ok(())
}
