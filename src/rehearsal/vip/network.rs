use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::rehearsal::RehearsalError;
use crate::rehearsal::lab::shop::random;
use crate::rehearsal::run::run;

const LIMIT: Duration = Duration::from_secs(10);
const NAMESPACES: &str = "/run/netns";
/// Subnets that are tried before giving up.
const ATTEMPTS: u32 = 50;

/// The interface of each host in its namespace.
pub const INTERFACE: &str = "eth0";

/// Hosts as network namespaces, joined by a bridge that has an address as well, so that this machine reaches them.
///
/// Its name is that of the bridge, `gl-77-13` for 10.77.13.0/24: whoever makes the bridge has the subnet, so labs side
/// by side never share one. The namespace of a host is `gl-77-13-pg-a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    name: String,
}

impl Network {
    /// The network of this name, which may or may not be there.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }

    /// Takes a subnet that nobody has, by making its bridge.
    pub async fn claim() -> Result<Self, RehearsalError> {
        if !rustix::process::geteuid().is_root() {
            return Err(RehearsalError::Unusable(
                "network namespaces are root's to make".to_owned(),
            ));
        }
        let here = ip(&["-o", "-4", "addr", "show"]).await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let [second, third] = random::<2>()?;
            let network = Self {
                name: format!("gl-{}-{third}", 64 + second % 64),
            };
            if here.contains(&format!(" {}.", network.prefix())) {
                continue;
            }
            match ip(&["link", "add", &network.name, "type", "bridge"]).await {
                Ok(_) => return Ok(network),
                Err(error) if attempt < ATTEMPTS && network.is_there().await => drop(error),
                Err(error) => return Err(error),
            }
        }
    }

    /// Brings the bridge up and joins these hosts to it, each with the last byte of its address.
    pub async fn join(&self, hosts: &[(&str, u8)]) -> Result<(), RehearsalError> {
        let bridge = self.name.as_str();
        let own = format!("{}/24", self.address(1));
        ip(&["addr", "add", &own, "dev", bridge]).await?;
        ip(&["link", "set", bridge, "up"]).await?;
        for (at, (host, last)) in hosts.iter().enumerate() {
            let namespace = self.namespace(host);
            // An interface's name has room for 15 bytes.
            let outside = format!("{bridge}.{at}");
            let address = format!("{}/24", self.address(*last));
            ip(&["netns", "add", &namespace]).await?;
            ip(&[
                "link", "add", &outside, "type", "veth", "peer", "name", INTERFACE, "netns",
                &namespace,
            ])
            .await?;
            ip(&["link", "set", &outside, "master", bridge, "up"]).await?;
            for inside in [
                &["addr", "add", &address, "dev", INTERFACE][..],
                &["link", "set", INTERFACE, "up"],
                &["link", "set", "lo", "up"],
            ] {
                ip(&[&["-n", &namespace], inside].concat()).await?;
            }
        }
        Ok(())
    }

    /// Gives a host a further address.
    pub async fn give(&self, host: &str, address: &str) -> Result<(), RehearsalError> {
        let namespace = self.namespace(host);
        ip(&["-n", &namespace, "addr", "add", address, "dev", INTERFACE]).await?;
        Ok(())
    }

    /// Its name, that of the bridge.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace of a host.
    #[must_use]
    pub fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.name)
    }

    /// The file by which a thread enters the namespace of a host.
    #[must_use]
    pub fn namespace_file(&self, host: &str) -> PathBuf {
        PathBuf::from(NAMESPACES).join(self.namespace(host))
    }

    /// The words before a command that is run in the namespace of a host.
    #[must_use]
    pub fn words(&self, host: &str) -> Vec<String> {
        let namespace = self.namespace(host);
        ["ip", "netns", "exec", &namespace]
            .map(str::to_owned)
            .to_vec()
    }

    /// The address with this last byte.
    #[must_use]
    pub fn address(&self, last: u8) -> String {
        format!("{}.{last}", self.prefix())
    }

    /// The subnet, as `pg_hba.conf` takes it.
    #[must_use]
    pub fn subnet(&self) -> String {
        format!("{}.0/24", self.prefix())
    }

    fn prefix(&self) -> String {
        let bytes = self.name.trim_start_matches("gl-").replace('-', ".");
        format!("10.{bytes}")
    }

    async fn is_there(&self) -> bool {
        ip(&["link", "show", &self.name]).await.is_ok()
    }

    /// Removes namespaces and bridge, blocking; what is gone already is no error. The interfaces go with them.
    pub fn remove(&self) {
        let prefix = format!("{}-", self.name);
        let namespaces = std::fs::read_dir(NAMESPACES)
            .into_iter()
            .flatten()
            .flatten();
        for name in namespaces.filter_map(|entry| entry.file_name().into_string().ok()) {
            if name.starts_with(&prefix) {
                quietly(&["netns", "del", &name]);
            }
        }
        quietly(&["link", "del", &self.name]);
    }
}

async fn ip(args: &[&str]) -> Result<String, RehearsalError> {
    let mut command = Command::new("ip");
    command.args(args);
    run(command, &format!("ip {}", args.join(" ")), LIMIT).await
}

fn quietly(args: &[&str]) {
    let _ = Command::new("ip")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn the_name_says_the_subnet() {
        let network = Network::named("gl-77-13");
        assert_eq!(network.subnet(), "10.77.13.0/24");
        assert_eq!(network.address(10), "10.77.13.10");
        assert_eq!(network.namespace("pg-a"), "gl-77-13-pg-a");
        assert!(format!("gl-127-255.{}", 9).len() <= 15);
    }
}
