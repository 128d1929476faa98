use std::path::PathBuf;
use std::time::Duration;

use super::patroni_guard::PatroniGuard;
use super::vip_switchover::VipSwitchover;
use crate::domain::{ByteSize, Node};

/// A checked profile, by its procedure.
#[derive(Debug, Clone)]
pub enum Profile {
    /// `rds-blue-green`
    BlueGreen(Box<BlueGreen>),
    /// `vip-switchover`
    VipSwitchover(Box<VipSwitchover>),
    /// `patroni-guard`
    PatroniGuard(Box<PatroniGuard>),
}

impl Profile {
    /// The procedure's id.
    #[must_use]
    pub fn procedure(&self) -> &'static str {
        match self {
            Self::BlueGreen(_) => "rds-blue-green",
            Self::VipSwitchover(_) => "vip-switchover",
            Self::PatroniGuard(_) => "patroni-guard",
        }
    }

    /// The name shown in the header, `shop-prod`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::BlueGreen(profile) => &profile.name,
            Self::VipSwitchover(profile) => &profile.name,
            Self::PatroniGuard(profile) => &profile.name,
        }
    }

    /// The text it came from, stored with the run.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::BlueGreen(profile) => &profile.text,
            Self::VipSwitchover(profile) => &profile.text,
            Self::PatroniGuard(profile) => &profile.text,
        }
    }

    /// What it is about, in a few words: the servers.
    #[must_use]
    pub fn about(&self) -> String {
        match self {
            Self::BlueGreen(profile) => format!(
                "{} → {}",
                profile.blue.identifier, profile.green.address.identifier
            ),
            Self::VipSwitchover(profile) => {
                let names: Vec<_> = profile.nodes.keys().map(String::as_str).collect();
                format!("{} behind {}", names.join(", "), profile.address.host)
            }
            Self::PatroniGuard(profile) => {
                format!("{} holds {}", profile.cluster, profile.hold)
            }
        }
    }

    /// The profile of `rds-blue-green`, when it is one.
    #[must_use]
    pub fn blue_green(self) -> Option<BlueGreen> {
        match self {
            Self::BlueGreen(profile) => Some(*profile),
            Self::VipSwitchover(_) | Self::PatroniGuard(_) => None,
        }
    }

    /// The profile of `vip-switchover`, when it is one.
    #[must_use]
    pub fn vip_switchover(self) -> Option<VipSwitchover> {
        match self {
            Self::VipSwitchover(profile) => Some(*profile),
            Self::BlueGreen(_) | Self::PatroniGuard(_) => None,
        }
    }

    /// The same with a deployment that the run carries out; `None` where the procedure guards none.
    #[must_use]
    pub fn deploying(self, argv: Vec<String>) -> Option<Self> {
        match self {
            Self::PatroniGuard(mut profile) => {
                profile.deploy = Some(argv);
                Some(Self::PatroniGuard(profile))
            }
            Self::BlueGreen(_) | Self::VipSwitchover(_) => None,
        }
    }

    /// The command that is told of a run's course.
    #[must_use]
    pub fn notify(&self) -> Option<&Hook> {
        match self {
            Self::BlueGreen(profile) => profile.hooks.notify.as_ref(),
            Self::VipSwitchover(profile) => profile.hooks.notify.as_ref(),
            Self::PatroniGuard(profile) => profile.hooks.notify.as_ref(),
        }
    }
}

/// A checked profile of `rds-blue-green`: every value is present and sound.
#[derive(Debug, Clone)]
pub struct BlueGreen {
    /// The file it came from.
    pub path: PathBuf,
    /// The text it came from, stored with the run.
    pub text: String,
    /// The name shown in the header, `shop-prod`.
    pub name: String,
    /// BLUE: the instance that serves now.
    pub blue: ServerAddress,
    /// GREEN: the instance to be made.
    pub green: Green,
    /// How to reach RDS.
    pub rds: Rds,
    /// How the tool connects to databases, both sides.
    pub connection: Connection,
    /// How each side's subscription reaches the other.
    pub replication: Replication,
    /// The databases that move, at least one, in order.
    pub databases: Vec<String>,
    /// Schemas whose objects are compared; empty means all but the system's.
    pub schemas: Vec<String>,
    /// Who is fenced.
    pub fence: Fence,
    /// Checks of [`ACKNOWLEDGEABLE`] whose finding the operator has taken care of: they warn instead of blocking.
    pub acknowledged: Vec<String>,
    /// What may be spent.
    pub budgets: Budgets,
    /// When a guardrail trips.
    pub thresholds: Thresholds,
    /// The data compare.
    pub compare: Compare,
    /// The writer that goes through the write pause as an application does.
    pub canary: Option<Canary>,
    /// Commands of the operator's own.
    pub hooks: Hooks,
    /// Names of what the tool creates.
    pub names: Names,
    /// What becomes of BLUE in the end.
    pub blue_after: BlueAfter,
}

impl BlueGreen {
    /// The RDS identifier of a node.
    #[must_use]
    pub fn instance(&self, node: &Node) -> &str {
        if *node == Node::blue() {
            &self.blue.identifier
        } else {
            &self.green.address.identifier
        }
    }
}

/// Blocking checks whose finding can be taken care of outside the procedure, so that the operator may acknowledge it
/// (`[checks] acknowledge`). The others would lose rows or cause an outage whatever the operator does.
pub const ACKNOWLEDGEABLE: [&str; 3] = ["auto-ddl-jobs", "cron-jobs", "large-objects"];

/// What becomes of BLUE once the way back is closed (`[finish] blue = "keep" | "delete"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlueAfter {
    /// It stays, fenced.
    #[default]
    Keep,
    /// It is deleted behind a typed phrase, a final snapshot taken.
    Delete,
}

/// An instance that exists: its identifier, and an address where the profile overrides what RDS says.
#[derive(Debug, Clone, Default)]
pub struct ServerAddress {
    /// RDS instance identifier.
    pub identifier: String,
    /// Host to connect to, when not the RDS endpoint.
    pub host: Option<String>,
    /// Port to connect to, when not the RDS endpoint's.
    pub port: Option<u16>,
}

/// The instance to be made; what is `None` is read from BLUE.
#[derive(Debug, Clone, Default)]
pub struct Green {
    /// Identifier and address overrides.
    pub address: ServerAddress,
    /// Target engine version, `17.10`.
    pub engine_version: String,
    /// Instance class.
    pub instance_class: Option<String>,
    /// Parameter group of the target's family, with `rds.logical_replication = 1`.
    pub parameter_group: Option<String>,
    /// Subnet group.
    pub subnet_group: Option<String>,
    /// VPC security groups.
    pub security_groups: Option<Vec<String>>,
    /// Multi-AZ.
    pub multi_az: Option<bool>,
    /// IAM database authentication.
    pub iam_auth: Option<bool>,
    /// Storage type.
    pub storage_type: Option<String>,
    /// Provisioned IOPS.
    pub iops: Option<i32>,
}

/// How to reach RDS.
#[derive(Debug, Clone, Default)]
pub struct Rds {
    /// AWS region; `None` takes the environment's.
    pub region: Option<String>,
    /// Named AWS profile; `None` takes the environment's.
    pub aws_profile: Option<String>,
    /// Another endpoint than AWS's own: the rehearsal's stand-in.
    pub endpoint_url: Option<String>,
    /// Which way the upgrade goes.
    pub route: Route,
    /// Name of the snapshot; the run id is appended.
    pub snapshot_prefix: String,
}

/// Which way the upgrade goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Route {
    /// Chosen from what BLUE is and holds.
    #[default]
    Auto,
    /// Upgrade the snapshot, then restore.
    UpgradeSnapshot,
    /// Restore at the old version, then upgrade the instance.
    UpgradeInstance,
}

/// How the tool connects to databases.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its role, the RDS master user or an equal.
    pub user: String,
    /// Where its password comes from.
    pub password: PasswordSource,
    /// TLS.
    pub sslmode: SslMode,
    /// CA file; `None` takes the system's CAs, which do not know RDS.
    pub sslrootcert: Option<PathBuf>,
    /// Limit for a connection to come about.
    pub connect_timeout: Duration,
    /// `statement_timeout` of short statements.
    pub statement_timeout: Duration,
    /// `lock_timeout` of every session.
    pub lock_timeout: Duration,
}

/// Where a password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// None is sent (trust, peer, certificate).
    None,
    /// An environment variable.
    Env(String),
    /// A passfile by libpq's rules; `None` is `$PGPASSFILE` or `~/.pgpass`.
    Passfile(Option<PathBuf>),
    /// A section of a service file (`password=` in it); `None` file is `$PGSERVICEFILE` or `~/.pg_service.conf`.
    Service {
        /// Section.
        name: String,
        /// File.
        file: Option<PathBuf>,
    },
    /// The first line a command prints.
    Command(Vec<String>),
    /// An RDS IAM token, made afresh for each connection.
    Iam,
}

/// TLS towards a server, as libpq names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS when the server has it.
    Prefer,
    /// TLS, the server not authenticated.
    Require,
    /// TLS, certificate checked against the CA.
    VerifyCa,
    /// TLS, certificate and name checked.
    VerifyFull,
}

/// How each side's subscription reaches the other.
#[derive(Debug, Clone)]
pub struct Replication {
    /// The role a subscription connects as; made on BLUE when it is missing.
    pub role: String,
    /// Its password; `PasswordSource::None` leaves it to a passfile on the servers.
    pub password: PasswordSource,
    /// `sslmode` inside the subscription's connection string.
    pub sslmode: SslMode,
    /// `sslrootcert` inside the subscription's connection string: a path on the servers.
    pub sslrootcert: Option<String>,
    /// BLUE as seen from GREEN, when that differs from how the tool sees it.
    pub blue_host: Option<String>,
    /// Its port.
    pub blue_port: Option<u16>,
    /// GREEN as seen from BLUE.
    pub green_host: Option<String>,
    /// Its port.
    pub green_port: Option<u16>,
}

/// Who is fenced.
#[derive(Debug, Clone, Default)]
pub struct Fence {
    /// Roles that lose LOGIN on BLUE for good at the cutover.
    pub roles: Vec<String>,
    /// Login roles known not to be applications; neither fenced nor complained about.
    pub ignore: Vec<String>,
}

/// What may be spent.
#[derive(Debug, Clone)]
pub struct Budgets {
    /// The write pause, until BLUE is given back by itself.
    pub write_pause: Duration,
    /// Of which the drain may take.
    pub drain: Duration,
    /// Lag at which the cutover may begin.
    pub lag_to_enter: ByteSize,
    /// A transaction on BLUE older than this keeps the gate shut.
    pub longest_transaction: Duration,
    /// A snapshot may take.
    pub snapshot: Duration,
    /// An upgrade may take.
    pub upgrade: Duration,
    /// A restore may take.
    pub restore: Duration,
    /// Catching up may take.
    pub catch_up: Duration,
    /// The creation of a slot may wait for open transactions.
    pub slot: Duration,
}

/// When a guardrail trips.
#[derive(Debug, Clone)]
pub struct Thresholds {
    /// WAL retained on BLUE.
    pub wal_retained: ByteSize,
    /// Space BLUE's disk has for it, when the operator knows better than the tool can.
    pub wal_space: Option<ByteSize>,
    /// Hours until that space is used up.
    pub hours_until_full: f64,
    /// WAL that may still be written before a slot of ours is lost (`safe_wal_size`).
    pub slot_room: ByteSize,
    /// How long lag may grow without falling back.
    pub lag_growing: Duration,
    /// How often the schema is read whole, to see whether it changed.
    pub schema_every: Duration,
}

/// The data compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    /// When the run compares all data.
    pub when: CompareWhen,
    /// Sessions on each side.
    pub sessions: usize,
    /// What one compare of all data may take.
    pub limit: Duration,
    /// What it may take of the write pause to compare once more the tables that were written to; `None` spends nothing.
    pub in_pause: Option<Duration>,
}

/// When a run compares all data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CompareWhen {
    /// Before the cutover and after.
    #[default]
    Both,
    /// Before the cutover only.
    Before,
    /// After the cutover only.
    After,
    /// Not at all.
    Never,
}

impl Default for Compare {
    fn default() -> Self {
        Self {
            when: CompareWhen::Both,
            sessions: 4,
            limit: Duration::from_secs(4 * 3600),
            in_pause: None,
        }
    }
}

/// A writer through the application's own URL that tells what an application sees of the write pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Where the URL comes from.
    pub url: CanaryUrl,
    /// The application's role, one of the fenced ones: fenced and ended as any other, and granted the canary's table.
    pub role: String,
    /// Its password, where the URL holds none.
    pub password: PasswordSource,
    /// How often it writes a row.
    pub every: Duration,
}

/// Where an application's URL comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanaryUrl {
    /// A file, read afresh for each connection.
    File(PathBuf),
    /// This one, without a password.
    Fixed(String),
}

/// A command of the operator's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Program and arguments; `{name}` stands for values documented with each hook.
    pub argv: Vec<String>,
    /// What it may take.
    pub limit: Duration,
}

/// Commands of the operator's own.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    /// Points applications at `{host}` `{port}`; runs inside the write pause, so it should be quick.
    pub redirect: Option<Hook>,
    /// Told of `{event}`: parked, cut-over, rolled-back, finished.
    pub notify: Option<Hook>,
}

/// Names of what the tool creates; every one begins with `greenlight` unless the profile says otherwise.
#[derive(Debug, Clone)]
pub struct Names {
    /// Schema of the fence and probe tables.
    pub schema: String,
    /// Publication.
    pub publication: String,
    /// Prefix of slots; the database's name (made safe) and the run are appended.
    pub slot: String,
    /// Subscription.
    pub subscription: String,
}
