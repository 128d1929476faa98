use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::schema::{BlueGreen, Names, SslMode};
use crate::domain::{Conninfo, Node, Place};

impl Names {
    /// The slot on BLUE that feeds GREEN for one database: `greenlight_shop_7f3a`.
    ///
    /// Safe for any database name (`[a-z0-9_]`, at most 63 bytes with the default prefix) and unique on a server.
    #[must_use]
    pub fn forward_slot(&self, database: &str, run: &str) -> String {
        format!("{}_{}_{run}", self.slot, slot_part(database))
    }

    /// The slot on GREEN that feeds BLUE after the cutover.
    #[must_use]
    pub fn reverse_slot(&self, database: &str, run: &str) -> String {
        format!("{}_reverse", self.forward_slot(database, run))
    }

    /// The subscription on BLUE after the cutover.
    #[must_use]
    pub fn reverse_subscription(&self) -> String {
        format!("{}_reverse", self.subscription)
    }
}

impl BlueGreen {
    /// The databases that move, on one node.
    #[must_use]
    pub fn places(&self, node: &Node) -> Vec<Place> {
        self.databases
            .iter()
            .map(|database| Place::new(node.clone(), database))
            .collect()
    }

    /// The names of what the tool makes on a server and leaves there while a run lasts; a `_` and more may follow.
    #[must_use]
    pub fn own_names(&self) -> Vec<String> {
        let names = &self.names;
        let own = [
            &names.schema,
            &names.publication,
            &names.subscription,
            &self.replication.role,
        ];
        own.map(Clone::clone).into()
    }

    /// The connection string by which the other side's subscription reaches `node`, which the tool itself reaches at
    /// `address`; what the profile's `[replication]` says goes first.
    #[must_use]
    pub fn replication_conninfo(
        &self,
        node: &Node,
        address: Option<(String, u16)>,
        database: &str,
        password: Option<SecretString>,
    ) -> Conninfo {
        let replication = &self.replication;
        let (host, port) = if *node == Node::blue() {
            (&replication.blue_host, replication.blue_port)
        } else {
            (&replication.green_host, replication.green_port)
        };
        let (seen_host, seen_port) = address.unzip();
        let known =
            |value: Option<String>, name: &str| value.unwrap_or_else(|| format!("{{{name}}}"));
        let host = known(host.clone().or(seen_host), "host");
        let port = known(port.or(seen_port).map(|port| port.to_string()), "port");
        let mut info = Conninfo::new()
            .with("host", &host)
            .with("port", &port)
            .with("dbname", database)
            .with("user", &replication.role)
            .with("sslmode", replication.sslmode.libpq())
            .with("connect_timeout", "10")
            .with("keepalives_idle", "10");
        if let Some(roots) = &replication.sslrootcert {
            info = info.with("sslrootcert", roots);
        }
        info.with_password(password)
    }
}

impl SslMode {
    /// The mode's name as libpq writes it.
    #[must_use]
    pub fn libpq(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// A database's name within a slot's. A name that had to be changed carries a piece of its hash, so that `App-Three`
/// and `app_three` keep apart.
fn slot_part(database: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let safe: String = database
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .take(12)
        .collect();
    if safe == database {
        return safe;
    }
    let hash = Sha256::digest(database.as_bytes());
    format!("{safe}_{:02x}{:02x}", hash[0], hash[1])
}

#[cfg(test)]
mod tests {
    use super::slot_part;

    #[test]
    fn slot_names_are_safe_and_keep_databases_apart() {
        assert_eq!(slot_part("shop"), "shop");
        assert_ne!(slot_part("App-Three"), slot_part("App_Three"));
        assert_ne!(
            slot_part("a_very_long_name_1"),
            slot_part("a_very_long_name_2")
        );
        for name in ["App-Three", "ünï \"x\"", "100%\n"] {
            let part = slot_part(name);
            let safe = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            assert!(part.bytes().all(safe), "{part}");
            assert!(part.len() <= 17);
        }
    }
}
