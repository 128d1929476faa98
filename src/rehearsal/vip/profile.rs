//! The profile that the wizard is given for the lab.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::servers::{Server, passfile};
use super::{Network, PORT, WRITERS, virtual_address};
use crate::rehearsal::RehearsalError;
use crate::rehearsal::lab::{DATABASES, MASTER, REPLICATION_ROLE, files};
use crate::rehearsal::minors::Minors;
use crate::rehearsal::process::RunAs;

/// What the profile tells of.
pub struct Parts<'a> {
    /// The lab's folder.
    pub dir: &'a Path,
    /// The program that plays the hooks.
    pub program: &'a Path,
    /// The namespaces, where there are any.
    pub network: Option<&'a Network>,
    /// Both servers.
    pub servers: [&'a Server; 2],
    /// The versions between which it upgrades.
    pub minors: &'a Minors,
}

/// The profile's text.
pub fn text(parts: &Parts<'_>) -> Result<String, RehearsalError> {
    let lab = |words: &[&str]| -> Vec<String> {
        let program = parts.program.to_string_lossy();
        let dir = parts.dir.to_string_lossy();
        let before = [&program, "lab", words[0], "--dir", &dir];
        before
            .iter()
            .chain(&words[1..])
            .map(|&word| word.to_owned())
            .collect()
    };
    let older = parts.minors.older.version.to_string();
    let newer = parts.minors.newer.as_ref();
    let newer = newer.map_or(older.clone(), |newer| newer.version.to_string());
    let (address, hooks) = match parts.network {
        Some(network) => (
            json!({
                "by": "ip",
                "address": virtual_address(network),
                "port": PORT,
                "probe_from": probe(network, parts.minors),
            }),
            json!({ "reconnect": { "argv": lab(&["switched"]) } }),
        ),
        None => (
            json!({ "by": "hook" }),
            json!({ "redirect": { "argv": lab(&["redirect", "{host}", "{port}"]) } }),
        ),
    };
    let nodes: Map<String, Value> = parts
        .servers
        .iter()
        .map(|server| (server.name.clone(), node(server, parts.network.is_some())))
        .collect();
    let profile = json!({
        "procedure": "vip-switchover",
        "name": "lab",
        "database": DATABASES[0],
        "nodes": nodes,
        "address": address,
        "upgrade": {
            "version": newer,
            "distribution": "command",
            "command": lab(&["minor", "{node}", &newer]),
            "back": lab(&["minor", "{node}", &older]),
        },
        "connection": {
            "user": MASTER,
            "password": { "passfile": files::passfile(parts.dir) },
            "sslmode": "disable",
        },
        "replication": {
            "role": REPLICATION_ROLE,
            "passfile": passfile(parts.dir),
        },
        "hooks": hooks,
    });
    let text = toml::to_string(&profile)
        .map_err(|e| RehearsalError::command("writing the profile", e.to_string()))?;
    Ok(format!(
        "# Written by the lab; it goes when the lab goes.\n{text}"
    ))
}

/// Looks at the address as the writers do.
fn probe(network: &Network, minors: &Minors) -> Vec<String> {
    let program = minors.older.tool("pg_isready");
    let mut words = network.words(WRITERS);
    words.push(program.to_string_lossy().into_owned());
    words.extend(["-q", "-h", "{host}", "-p", "{port}"].map(str::to_owned));
    words
}

fn node(server: &Server, interface: bool) -> Value {
    let mut node = json!({
        "host": server.address,
        "port": server.port,
        "data": server.data(),
        "bin": server.bin(),
        "local": server.words,
        "root": [],
        "owner": RunAs::detect().words(),
    });
    if interface {
        node["interface"] = super::network::INTERFACE.into();
    }
    node
}
