//! The keys of a `vip-switchover` profile.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::nodes::{NodeSection, node};
use super::read::{At, Section};
use super::schema::{Connection, Hook, SslMode};
use super::{sections, validate};
use crate::domain::{ByteSize, PgVersion};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A checked profile of `vip-switchover`: every value is present and sound.
#[derive(Debug, Clone)]
pub struct VipSwitchover {
    /// The file it came from.
    pub path: PathBuf,
    /// The text it came from, stored with the run.
    pub text: String,
    /// The name shown in the header, `shop-prod`.
    pub name: String,
    /// The database statements go to.
    pub database: String,
    /// Exactly two servers, by name. Which one is the primary is asked.
    pub nodes: BTreeMap<String, VipNode>,
    /// Where applications connect to.
    pub address: VirtualAddress,
    /// The minor upgrade; `None` only swaps the roles.
    pub upgrade: Option<Upgrade>,
    /// How the tool connects to both servers.
    pub connection: Connection,
    /// How each server follows the other.
    pub replication: Following,
    /// What may be spent.
    pub budgets: VipBudgets,
    /// Commands of the operator's own.
    pub hooks: VipHooks,
}

/// One of the two servers.
#[derive(Debug, Clone)]
pub struct VipNode {
    /// The server and its host.
    pub server: NodeSection,
    /// The network interface that carries the address.
    pub interface: Option<String>,
    /// `postgresql.conf`, where it does not lie in the data directory.
    pub config_file: Option<String>,
    /// What starts the server, as root; `None` starts it by `pg_ctl`.
    pub start: Option<Vec<String>>,
}

/// The address applications connect to.
#[derive(Debug, Clone)]
pub struct VirtualAddress {
    /// Who moves it.
    pub by: Mover,
    /// The address, without its prefix; for a hook any name will do, and none is needed.
    pub host: String,
    /// The prefix; without meaning for a hook.
    pub prefix: u8,
    /// The port behind it.
    pub port: u16,
    /// A command that looks at the address from a third place; `None` looks from here.
    pub probe_from: Option<Vec<String>>,
}

/// Who moves the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mover {
    /// `ip` and `arping`, sent by this tool.
    Ip,
    /// keepalived; this tool makes it let go and has it join again.
    Keepalived {
        /// Makes it let go on the old side, as root.
        release: Vec<String>,
        /// Has it join again there, once the new side owns the address.
        join: Vec<String>,
    },
    /// The profile's redirect hook.
    Hook,
}

/// The minor upgrade.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// The version wanted.
    pub version: PgVersion,
    /// How it is installed.
    pub by: Installer,
}

/// How a version is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installer {
    /// `apt-get`, packages named `postgresql-15`.
    Debian,
    /// `dnf`, packages named `postgresql15-server`.
    Rhel,
    /// The profile's own command, run as root with `{node}` and `{version}` filled in.
    Command {
        /// Installs the version.
        command: Vec<String>,
        /// Puts the version before it back.
        back: Option<Vec<String>>,
    },
}

/// How each server follows the other.
#[derive(Debug, Clone)]
pub struct Following {
    /// The role of `primary_conninfo` and `pg_basebackup`.
    pub role: String,
    /// The role of `pg_rewind`; `None` is the tool's own.
    pub rewind_role: Option<String>,
    /// What a follower calls itself; `None` is its node's name.
    pub application_name: Option<String>,
    /// A passfile on the hosts.
    pub passfile: Option<String>,
    /// TLS between the two.
    pub sslmode: SslMode,
}

/// What may be spent.
#[derive(Debug, Clone)]
pub struct VipBudgets {
    /// The write pause up to the point of no return, until the old primary is given back by itself.
    pub write_pause: Duration,
    /// Of which the stop of the old primary may take.
    pub stop: Duration,
    /// A promotion, and the address on its new host, may take.
    pub promote: Duration,
    /// Each way of joining again may take.
    pub rejoin: Duration,
    /// An upgrade of one server may take.
    pub upgrade: Duration,
    /// Lag at which the switchover may begin.
    pub lag_to_enter: ByteSize,
    /// A transaction older than this keeps the gate shut.
    pub longest_transaction: Duration,
}

/// Commands of the operator's own.
#[derive(Debug, Clone, Default)]
pub struct VipHooks {
    /// Told of `{event}`: parked, cut-over, rolled-back, finished.
    pub notify: Option<Hook>,
    /// Has pools reconnect, after the address has moved: `{node}` `{host}` `{port}`.
    pub reconnect: Option<Hook>,
    /// Makes sure that the host of a primary that cannot be reached is dead: `{node}` `{host}`.
    pub fence: Option<Hook>,
    /// Points applications at `{node}` `{host}` `{port}`, for an address that is moved by a hook.
    pub redirect: Option<Hook>,
}

pub(super) fn read(root: &Section<'_>, path: &Path, text: &str) -> Option<VipSwitchover> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = root.required("name", "a short name for the header, \"shop-prod\"");
    let database = root.required("database", "the database statements go to");
    let nodes = nodes(&root.section("nodes"), folder);
    let address = address(&root.section("address"));
    let upgrade = upgrade(&root.section("upgrade"));
    let connection = sections::connection(&root.section("connection"), folder);
    let replication = following(&root.section("replication"));
    let budgets = budgets(&root.section("budgets"));
    let hooks = hooks(&root.section("hooks"));
    root.finish();
    if let (Some(nodes), Some(address)) = (&nodes, &address) {
        agree(root, nodes, address, &hooks);
    }
    Some(VipSwitchover {
        path: path.to_owned(),
        text: text.to_owned(),
        name: name?.value,
        database: database?.value,
        nodes: nodes?.value,
        address: address?.value,
        upgrade,
        connection: connection?,
        replication: replication?,
        budgets,
        hooks,
    })
}

fn nodes(section: &Section<'_>, folder: &Path) -> Option<At<BTreeMap<String, VipNode>>> {
    const TWO: &str = "two sections, [nodes.pg-a] and [nodes.pg-b]";
    let mut nodes = BTreeMap::new();
    let mut sound = true;
    let entries = section.entries();
    let count = entries.len();
    for (name, entry) in entries {
        let server = node(&entry, folder);
        let text = |key, allowed| entry.text(key, allowed).map(|at| at.value);
        let interface = text("interface", "a network interface, \"eth0\"");
        let config_file = text("config_file", "a whole path on the host");
        let start = entry.argv("start", "a program and its arguments");
        entry.finish();
        if !validate::node_name(&name) {
            let allowed = "at most 40 of a to z, 0 to 9, -, _ and .";
            entry.findings().add(
                &entry.span(),
                &section.full(&name),
                "is no name of a node".to_owned(),
                allowed,
            );
        }
        let start = start.map(|at| at.value);
        match server {
            None => sound = false,
            Some(server) => {
                let node = VipNode {
                    server,
                    interface,
                    config_file,
                    start,
                };
                nodes.insert(name, node);
            }
        }
    }
    if count != 2 {
        let problem = format!("names {count} servers");
        let findings = section.findings();
        findings.add(&section.span(), &section.full(""), problem, TWO);
        return None;
    }
    sound.then(|| section.at("", section.span(), nodes))
}

fn address(section: &Section<'_>) -> Option<At<VirtualAddress>> {
    const ADDRESS: &str = "an IPv4 address with its prefix, \"10.0.0.10/24\"";
    const ARGV: &str = "a program and its arguments";
    #[derive(Clone, Copy)]
    enum By {
        Ip,
        Keepalived,
        Hook,
    }
    let ways = [
        ("ip", By::Ip),
        ("keepalived", By::Keepalived),
        ("hook", By::Hook),
    ];
    let by = section.choice("by", &ways).map_or(By::Ip, |at| at.value);
    let address = if matches!(by, By::Hook) && !section.has("address") {
        let none = String::new();
        Some(section.at("address", section.span(), none))
    } else {
        section.required("address", ADDRESS)
    };
    let port = section.whole("port", (1, 65_535)).unwrap_or(5432);
    let probe_from = section.argv("probe_from", ARGV).map(|at| at.value);
    let service = |key, verb: &str| {
        let default = || {
            ["systemctl", verb, "keepalived"]
                .map(str::to_owned)
                .to_vec()
        };
        section.argv(key, ARGV).map_or_else(default, |at| at.value)
    };
    let (release, join) = (service("release", "stop"), service("join", "start"));
    section.finish();
    let address = address?;
    let split = address.value.split_once('/').and_then(|(host, prefix)| {
        let host: Ipv4Addr = host.parse().ok()?;
        let prefix = prefix
            .parse()
            .ok()
            .filter(|prefix| (1..=32).contains(prefix))?;
        Some((host.to_string(), prefix))
    });
    let (host, prefix) = match (split, by) {
        (Some(split), _) => split,
        (None, By::Hook) => (address.value.clone(), 32),
        (None, _) => {
            let problem = format!("{:?} is not one", address.value);
            section.findings().at(&address, problem, ADDRESS);
            return None;
        }
    };
    let value = VirtualAddress {
        by: match by {
            By::Ip => Mover::Ip,
            By::Keepalived => Mover::Keepalived { release, join },
            By::Hook => Mover::Hook,
        },
        host,
        prefix,
        port,
        probe_from,
    };
    Some(section.at("address", address.span, value))
}

fn upgrade(section: &Section<'_>) -> Option<Upgrade> {
    const VERSION: &str = "the version wanted, \"15.20\"";
    const ARGV: &str =
        "a program and its arguments, [\"/usr/local/bin/upgrade-postgres\", \"{node}\"]";
    #[derive(Clone, Copy)]
    enum By {
        Debian,
        Rhel,
        Command,
    }
    if !section.is_there() {
        return None;
    }
    let version = section.required("version", VERSION);
    let ways = [
        ("debian", By::Debian),
        ("rhel", By::Rhel),
        ("command", By::Command),
    ];
    let by = section.choice("distribution", &ways);
    if by.is_none() && !section.has("distribution") {
        section.missing("distribution", "\"debian\", \"rhel\", \"command\"");
    }
    let command = section.argv("command", ARGV);
    let back = section.argv("back", ARGV).map(|at| at.value);
    section.finish();
    let version = version?;
    let Some(wanted) = PgVersion::from_dotted(&version.value) else {
        let problem = format!("{:?} is not one", version.value);
        section.findings().at(&version, problem, VERSION);
        return None;
    };
    let by = match by?.value {
        By::Debian => Installer::Debian,
        By::Rhel => Installer::Rhel,
        By::Command => {
            let Some(command) = command.filter(|at| validate::runs(&at.value)) else {
                section.missing("command", ARGV);
                return None;
            };
            Installer::Command {
                command: command.value,
                back,
            }
        }
    };
    Some(Upgrade {
        version: wanted,
        by,
    })
}

fn following(section: &Section<'_>) -> Option<Following> {
    let role = section.required("role", "the role each server follows the other as");
    let text = |key, allowed| section.text(key, allowed).map(|at| at.value);
    let following = Following {
        role: String::new(),
        rewind_role: text(
            "rewind_role",
            "a role that may read the other server's files",
        ),
        application_name: text("application_name", "a name"),
        passfile: text("passfile", "a passfile on the hosts, by its whole path"),
        sslmode: sections::sslmode(section, SslMode::Prefer),
    };
    section.finish();
    Some(Following {
        role: role?.value,
        ..following
    })
}

fn budgets(section: &Section<'_>) -> VipBudgets {
    let write_pause = section.duration("write_pause", 10 * SECOND);
    let stop = section.duration("stop", write_pause.value.min(5 * SECOND));
    if stop.value > write_pause.value {
        let problem = "is longer than the whole write pause";
        let findings = section.findings();
        findings.at(&stop, problem, "at most budgets.write_pause");
    }
    let budgets = VipBudgets {
        write_pause: write_pause.value,
        stop: stop.value,
        promote: section.duration("promote", 30 * SECOND).value,
        rejoin: section.duration("rejoin", 60 * MINUTE).value,
        upgrade: section.duration("upgrade", 15 * MINUTE).value,
        lag_to_enter: section.size("lag_to_enter").unwrap_or(ByteSize(16 << 20)),
        longest_transaction: section.duration("longest_transaction", 30 * SECOND).value,
    };
    section.finish();
    budgets
}

fn hooks(section: &Section<'_>) -> VipHooks {
    let hooks = VipHooks {
        notify: sections::hook(section, "notify", 30 * SECOND),
        reconnect: sections::hook(section, "reconnect", 30 * SECOND),
        fence: sections::hook(section, "fence", 60 * SECOND),
        redirect: sections::hook(section, "redirect", 10 * SECOND),
    };
    section.finish();
    hooks
}

/// What the way the address is moved asks of the rest.
fn agree(
    root: &Section<'_>,
    nodes: &At<BTreeMap<String, VipNode>>,
    address: &At<VirtualAddress>,
    hooks: &VipHooks,
) {
    let findings = root.findings();
    let complain = |problem: &str, allowed: &str| findings.at(address, problem, allowed);
    if address.value.by == Mover::Hook && hooks.redirect.is_none() {
        complain("is moved by a hook that is not there", "[hooks.redirect]");
    }
    for (name, node) in &nodes.value {
        if address.value.by != Mover::Hook && node.interface.is_none() {
            let problem = format!("nodes.{name} does not say which interface carries it");
            complain(&problem, "interface = \"eth0\" in each node");
        }
        if node.server.address == address.value.host {
            let problem = format!("is the own address of nodes.{name}");
            complain(&problem, "an address that moves");
        }
    }
}
