//! The profile that the wizard is given for the lab.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::HELD;
use super::member::{Member, REST_USER, SCOPE};
use super::patroni::Patroni;
use crate::rehearsal::lab::{DATABASES, MASTER, files};
use crate::rehearsal::process::RunAs;
use crate::rehearsal::{Install, RehearsalError};

/// What the profile tells of.
pub struct Parts<'a> {
    /// The lab's folder.
    pub dir: &'a Path,
    /// The program that plays the service manager.
    pub program: &'a Path,
    /// The members.
    pub members: &'a [Member],
    /// PostgreSQL's programs.
    pub install: &'a Install,
    /// Patroni's.
    pub patroni: &'a Patroni,
    /// The file that holds the REST API's password.
    pub rest_password: &'a Path,
}

/// The profile's text.
pub fn text(parts: &Parts<'_>) -> Result<String, RehearsalError> {
    let members = parts.members.iter();
    let nodes: Map<String, Value> = members
        .map(|member| (member.name.clone(), node(parts, member)))
        .collect();
    let mut ctl = parts.patroni.ctl.clone();
    ctl.push("-c".to_owned());
    ctl.push(parts.members[0].yaml().to_string_lossy().into_owned());
    let profile = json!({
        "procedure": "patroni-guard",
        "name": "lab",
        "cluster": SCOPE,
        "hold": HELD,
        "databases": DATABASES,
        "nodes": nodes,
        "patroni": {
            "ctl": ctl,
            "user": REST_USER,
            "password": { "command": ["cat", parts.rest_password] },
        },
        "guard": {
            "delay": "12h",
            "wal_keep_size": "1GB",
        },
        "connection": {
            "user": MASTER,
            "password": { "passfile": files::passfile(parts.dir) },
            "sslmode": "disable",
        },
    });
    let text = toml::to_string(&profile)
        .map_err(|e| RehearsalError::command("writing the profile", e.to_string()))?;
    Ok(format!(
        "# Written by the lab; it goes when the lab goes.\n{text}"
    ))
}

fn node(parts: &Parts<'_>, member: &Member) -> Value {
    let (program, dir) = (parts.program, parts.dir);
    let service = |verb: &str| json!([program, "lab", "node", verb, "--dir", dir, member.name]);
    json!({
        "host": member.address,
        "port": member.port,
        "data": member.data(),
        "bin": parts.install.bin,
        "local": [],
        "root": [],
        "owner": RunAs::detect().words(),
        "rest": format!("http://{}:{}", member.address, member.rest_port),
        "yaml": member.yaml(),
        "start": service("start"),
        "stop": service("stop"),
        "running": service("running"),
        "disable": service("disable"),
        "enable": service("enable"),
    })
}
