use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::domain::{Node, Place, Sql};
use crate::ports::{
    CommandOutput, Instance, InstanceChange, RestoreRequest, Rows, Snapshot, Tags, rds_shown,
};

/// One thing sent to one place. What is previewed, journalled and sent comes from this one value.
#[derive(Debug, Clone)]
pub struct Action {
    /// Where it goes.
    pub target: Target,
    /// What is sent.
    pub call: Call,
    /// What would take it back, in the order to send it; empty when nothing needs to be.
    pub undo: Vec<Action>,
    /// How long it may take.
    pub limit: Duration,
}

/// Where an action goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A database.
    Database(Place),
    /// The RDS control plane.
    ControlPlane,
    /// The machine Greenlight runs on.
    Local,
    /// A host by name.
    Host(Node),
}

/// What an action sends.
#[derive(Debug, Clone)]
pub enum Call {
    /// A SQL statement on the shared session of its place.
    Sql(Sql),
    /// A SQL statement on a session of its own, under way when the call returns. The server carries it out to its end
    /// even when this program is gone.
    Standing {
        /// The statement.
        sql: Sql,
        /// How long it may be under way.
        lasts: Duration,
    },
    /// A call of the RDS API.
    Rds(RdsCall),
    /// A call of Patroni's REST API, on the host's member.
    Patroni(PatroniCall),
    /// A command: a hook of the profile here, or one of ours on a database host.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// Variables set beside the inherited ones.
        env: Vec<(String, String)>,
        /// What it reads on its standard input; never shown.
        input: Option<SecretString>,
    },
}

/// A call of the RDS API that changes something.
#[derive(Debug, Clone, PartialEq)]
pub enum RdsCall {
    /// `CreateDBSnapshot`.
    CreateSnapshot {
        /// Of this instance.
        instance: String,
        /// The snapshot's name.
        snapshot: String,
        /// Its tags.
        tags: Tags,
    },
    /// `ModifyDBSnapshot`.
    UpgradeSnapshot {
        /// The snapshot.
        snapshot: String,
        /// The version it is upgraded to.
        engine_version: String,
    },
    /// `RestoreDBInstanceFromDBSnapshot`.
    Restore(Box<RestoreRequest>),
    /// `ModifyDBInstance`.
    ModifyInstance {
        /// The instance.
        instance: String,
        /// The change.
        change: InstanceChange,
    },
    /// `DeleteDBInstance`.
    DeleteInstance {
        /// The instance.
        instance: String,
        /// A last snapshot to keep.
        final_snapshot: Option<String>,
    },
    /// `DeleteDBSnapshot`.
    DeleteSnapshot {
        /// The snapshot.
        snapshot: String,
    },
}

/// A call of Patroni's REST API that changes something.
#[derive(Debug, Clone, PartialEq)]
pub enum PatroniCall {
    /// `PATCH /config`
    PatchConfig(serde_json::Value),
    /// `POST /reload`
    Reload,
    /// `POST /reinitialize`
    Reinitialize,
}

/// What came back.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Rows of a statement.
    Rows(Rows),
    /// An instance as RDS describes it after the call.
    Instance(Box<Instance>),
    /// A snapshot as RDS describes it after the call.
    Snapshot(Box<Snapshot>),
    /// A command's end.
    Command(CommandOutput),
    /// A statement is under way in this server process.
    Standing {
        /// The server's process id.
        pid: i32,
    },
    /// Nothing beyond success.
    Done,
    /// A dry run sent nothing.
    NotSent,
}

/// An action as people see it, as it stands in plans, journals and reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownAction {
    /// `sql`, `rds`, `patroni` or `command`.
    pub kind: String,
    /// Where it goes.
    pub target: String,
    /// What is sent, secrets masked, unknown values as `{name}`.
    pub text: String,
    /// True when something of the text is masked.
    pub secret: bool,
}

impl Action {
    /// A SQL statement at `place`, with a limit of 30 s and no undo.
    #[must_use]
    pub fn sql(place: &Place, sql: Sql) -> Self {
        Self {
            target: Target::Database(place.clone()),
            call: Call::Sql(sql),
            undo: Vec::new(),
            limit: Duration::from_secs(30),
        }
    }

    /// A statement that stays under way at `place` for as long as `lasts`; starting it may take 10 s.
    #[must_use]
    pub fn standing(place: &Place, sql: Sql, lasts: Duration) -> Self {
        Self {
            target: Target::Database(place.clone()),
            call: Call::Standing { sql, lasts },
            undo: Vec::new(),
            limit: Duration::from_secs(10),
        }
    }

    /// An RDS call, with a limit of 60 s (RDS answers at once and works afterwards) and no undo.
    #[must_use]
    pub fn rds(call: RdsCall) -> Self {
        Self {
            target: Target::ControlPlane,
            call: Call::Rds(call),
            undo: Vec::new(),
            limit: Duration::from_secs(60),
        }
    }

    /// A call of Patroni's REST API on `member`, with a limit of 30 s and no undo.
    #[must_use]
    pub fn patroni(member: &Node, call: PatroniCall) -> Self {
        Self {
            target: Target::Host(member.clone()),
            call: Call::Patroni(call),
            undo: Vec::new(),
            limit: Duration::from_secs(30),
        }
    }

    /// A command hook.
    #[must_use]
    pub fn command(argv: &[String], env: Vec<(String, String)>, limit: Duration) -> Self {
        Self {
            target: Target::Local,
            call: Call::Command {
                argv: argv.to_vec(),
                env,
                input: None,
            },
            undo: Vec::new(),
            limit,
        }
    }

    /// A command on a database host. Its answer is its exit code and output: a failure is for the step to judge.
    #[must_use]
    pub fn on_host(host: &Node, argv: Vec<String>, limit: Duration) -> Self {
        Self {
            target: Target::Host(host.clone()),
            call: Call::Command {
                argv,
                env: Vec::new(),
                input: None,
            },
            undo: Vec::new(),
            limit,
        }
    }

    /// The same command with something to read on its standard input, which is not shown.
    #[must_use]
    pub fn reading(mut self, text: SecretString) -> Self {
        if let Call::Command { input, .. } = &mut self.call {
            *input = Some(text);
        }
        self
    }

    /// The same action with what takes it back.
    #[must_use]
    pub fn undone_by(mut self, undo: impl IntoIterator<Item = Action>) -> Self {
        self.undo.extend(undo);
        self
    }

    /// The same action with another limit.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The action as people see it.
    #[must_use]
    pub fn shown(&self) -> ShownAction {
        let (kind, text, secret) = match &self.call {
            Call::Sql(sql) | Call::Standing { sql, .. } => ("sql", sql.shown(), sql.has_secret()),
            Call::Rds(call) => ("rds", call.to_string(), false),
            Call::Patroni(call) => ("patroni", call.to_string(), false),
            Call::Command { argv, input, .. } => {
                let fed = if input.is_some() { " < •••" } else { "" };
                ("command", shown_argv(argv) + fed, input.is_some())
            }
        };
        ShownAction {
            kind: kind.to_owned(),
            target: self.target.to_string(),
            text,
            secret,
        }
    }
}

/// An argument list for people: an argument that is not a plain word stands in single quotes.
fn shown_argv(argv: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_./:=,@%+{}".contains(&b))
    };
    let shown = |word: &String| {
        if plain(word) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    argv.iter().map(shown).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(place) => write!(f, "{place}"),
            Self::ControlPlane => f.write_str("RDS"),
            Self::Local => f.write_str("here"),
            Self::Host(node) => write!(f, "{node}"),
        }
    }
}

/// As HTTP says it.
impl fmt::Display for PatroniCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PatchConfig(change) => write!(f, "PATCH /config {change}"),
            Self::Reload => f.write_str("POST /reload"),
            Self::Reinitialize => f.write_str("POST /reinitialize {\"force\": true}"),
        }
    }
}

/// As the AWS command line would say it.
impl fmt::Display for RdsCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateSnapshot {
                instance,
                snapshot,
                tags,
            } => {
                write!(
                    f,
                    "aws rds create-db-snapshot --db-instance-identifier {instance} --db-snapshot-identifier {snapshot}"
                )?;
                if !tags.is_empty() {
                    f.write_str(" --tags")?;
                }
                tags.iter()
                    .try_for_each(|(key, value)| write!(f, " Key={key},Value={value}"))
            }
            Self::UpgradeSnapshot {
                snapshot,
                engine_version,
            } => {
                write!(
                    f,
                    "aws rds modify-db-snapshot --db-snapshot-identifier {snapshot} --engine-version {engine_version}"
                )
            }
            Self::Restore(request) => f.write_str(&rds_shown(request)),
            Self::ModifyInstance { instance, change } => {
                write!(
                    f,
                    "aws rds modify-db-instance --db-instance-identifier {instance} --apply-immediately"
                )?;
                if let Some(version) = &change.engine_version {
                    write!(
                        f,
                        " --engine-version {version} --allow-major-version-upgrade"
                    )?;
                }
                if let Some(group) = &change.parameter_group {
                    write!(f, " --db-parameter-group-name {group}")?;
                }
                if let Some(days) = change.backup_retention_days {
                    write!(f, " --backup-retention-period {days}")?;
                }
                if let Some(gib) = change.max_allocated_gib {
                    write!(f, " --max-allocated-storage {gib}")?;
                }
                if let Some(window) = &change.maintenance_window {
                    write!(f, " --preferred-maintenance-window {window}")?;
                }
                match change.deletion_protection {
                    Some(true) => f.write_str(" --deletion-protection"),
                    Some(false) => f.write_str(" --no-deletion-protection"),
                    None => Ok(()),
                }
            }
            Self::DeleteInstance {
                instance,
                final_snapshot,
            } => {
                write!(
                    f,
                    "aws rds delete-db-instance --db-instance-identifier {instance}"
                )?;
                match final_snapshot {
                    Some(name) => write!(f, " --final-db-snapshot-identifier {name}"),
                    None => f.write_str(" --skip-final-snapshot"),
                }
            }
            Self::DeleteSnapshot { snapshot } => write!(
                f,
                "aws rds delete-db-snapshot --db-snapshot-identifier {snapshot}"
            ),
        }
    }
}
