//! An RDS control plane that tells what it is given: the stand-in of the rehearsal knows only sound instances.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use greenlight::adapters::postgres::{Limits, Postgres};
use greenlight::checks::{CheckContext, Moment};
use greenlight::ports::{
    CommandError, CommandOutput, CommandSpec, Commands, EngineVersion, Instance, InstanceChange,
    LogFile, OnLine, ParameterGroup, PendingMaintenance, Quota, RdsApi, RdsError, RdsErrorKind,
    RdsEvent, RestoreRequest, Snapshot, Tags,
};
use greenlight::profile::{BlueGreen, Hook};
use greenlight::runbook::{Facts, World};

use crate::proof::Proof;
use crate::statements::profile;

/// A host on which every command says this.
pub struct Says(pub &'static str);

#[async_trait]
impl Commands for Says {
    async fn run(&self, _: &CommandSpec, _: OnLine<'_>) -> Result<CommandOutput, CommandError> {
        Ok(CommandOutput {
            code: Some(0),
            output: self.0.to_owned(),
            stdout: self.0.to_owned(),
        })
    }
}

/// What the control plane knows.
#[derive(Clone)]
pub struct Control {
    pub caller: String,
    pub blue: Instance,
    pub green: Instance,
    pub targets: Vec<String>,
    pub zones: Option<Vec<String>>,
    pub group: BTreeMap<String, String>,
    pub quota_used: i64,
    pub maintenance: Vec<PendingMaintenance>,
    pub proxies: Vec<String>,
    pub logs: Vec<LogFile>,
}

impl Control {
    /// Sound instances, before GREEN is there or after.
    pub fn sound(moment: Moment) -> Self {
        let blue = Instance {
            identifier: "shop-blue".to_owned(),
            status: "available".to_owned(),
            engine: "postgres".to_owned(),
            engine_version: "15.18".to_owned(),
            class: "db.r6g.large".to_owned(),
            arn: "arn:aws:rds:eu-central-1:123456789012:db:shop-blue".to_owned(),
            parameter_group: "shop-15".to_owned(),
            parameter_apply_status: "in-sync".to_owned(),
            security_groups: vec!["sg-1".to_owned()],
            subnet_zones: vec!["a".to_owned(), "b".to_owned()],
            ..Instance::default()
        };
        let green = Instance {
            identifier: match moment {
                Moment::Preflight => "not there yet",
                Moment::GreenBuilt | Moment::Gate => "shop-green",
            }
            .to_owned(),
            engine_version: "17.10".to_owned(),
            parameter_group: "shop-17".to_owned(),
            ..blue.clone()
        };
        Self {
            caller: "arn:aws:iam::123456789012:role/dba".to_owned(),
            blue,
            green,
            targets: vec!["17.10".to_owned()],
            zones: Some(vec!["a".to_owned(), "b".to_owned()]),
            group: BTreeMap::from([("rds.logical_replication".to_owned(), "1".to_owned())]),
            quota_used: 3,
            maintenance: Vec::new(),
            proxies: Vec::new(),
            logs: vec![LogFile {
                name: "error/postgresql.log".to_owned(),
                last_written_ms: 0,
                size: 1,
            }],
        }
    }
}

fn refused<T>(kind: RdsErrorKind) -> Result<T, RdsError> {
    Err(RdsError {
        operation: "Test",
        kind,
        code: None,
        message: "not by a check".to_owned(),
    })
}

#[async_trait]
impl RdsApi for Control {
    async fn caller(&self) -> Result<String, RdsError> {
        Ok(self.caller.clone())
    }

    async fn instance(&self, identifier: &str) -> Result<Instance, RdsError> {
        let known = [&self.blue, &self.green];
        match known.into_iter().find(|i| i.identifier == identifier) {
            Some(instance) => Ok(instance.clone()),
            None => refused(RdsErrorKind::NotFound),
        }
    }

    async fn snapshot(&self, _: &str) -> Result<Snapshot, RdsError> {
        refused(RdsErrorKind::NotFound)
    }

    async fn create_snapshot(&self, _: &str, _: &str, _: &Tags) -> Result<Snapshot, RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn upgrade_snapshot(&self, _: &str, _: &str) -> Result<Snapshot, RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn restore(&self, _: &RestoreRequest) -> Result<Instance, RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn modify_instance(&self, _: &str, _: &InstanceChange) -> Result<Instance, RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn reboot_instance(&self, _: &str) -> Result<(), RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn delete_instance(&self, _: &str, _: Option<&str>) -> Result<(), RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn delete_snapshot(&self, _: &str) -> Result<(), RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn log_files(&self, _: &str) -> Result<Vec<LogFile>, RdsError> {
        Ok(self.logs.clone())
    }

    async fn log_text(&self, _: &str, _: &str) -> Result<String, RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn engine_version(&self, version: &str) -> Result<EngineVersion, RdsError> {
        Ok(EngineVersion {
            version: version.to_owned(),
            family: format!("postgres{}", &version[..2]),
            status: "available".to_owned(),
            targets: self.targets.clone(),
        })
    }

    async fn parameter_group(&self, name: &str) -> Result<ParameterGroup, RdsError> {
        Ok(ParameterGroup {
            name: name.to_owned(),
            family: format!("postgres{}", &name[name.len() - 2..]),
            values: self.group.clone(),
        })
    }

    async fn class_zones(&self, _: &str, _: &str) -> Result<Option<Vec<String>>, RdsError> {
        Ok(self.zones.clone())
    }

    async fn quotas(&self) -> Result<Vec<Quota>, RdsError> {
        Ok(vec![Quota {
            name: "ManualSnapshots".to_owned(),
            used: self.quota_used,
            max: 100,
        }])
    }

    async fn pending_maintenance(&self, _: &str) -> Result<Vec<PendingMaintenance>, RdsError> {
        Ok(self.maintenance.clone())
    }

    async fn events(&self, _: &str) -> Result<Vec<RdsEvent>, RdsError> {
        refused(RdsErrorKind::Denied)
    }

    async fn proxies_of(&self, _: &str) -> Result<Vec<String>, RdsError> {
        Ok(self.proxies.clone())
    }

    async fn auth_token(
        &self,
        _: &str,
        _: u16,
        _: &str,
    ) -> Result<secrecy::SecretString, RdsError> {
        refused(RdsErrorKind::Denied)
    }
}

type Spoil = fn(&mut Control, &mut BlueGreen);

const EARLY: &[(&str, Spoil)] = &[
    ("rds-caller-and-permissions", |c, _| {
        "arn:aws:iam::999999999999:role/dba".clone_into(&mut c.caller);
    }),
    ("rds-instance-available", |c, _| {
        c.blue.pending_changes = vec!["MultiAZ".to_owned()];
    }),
    ("rds-maintenance-collision", |c, _| {
        c.maintenance = vec![PendingMaintenance {
            action: "system-update".to_owned(),
            applies_at: Some(jiff::Timestamp::now()),
            description: "new operating system".to_owned(),
        }];
    }),
    ("rds-valid-upgrade-target", |c, _| c.targets.clear()),
    ("rds-target-class-orderable", |c, _| c.zones = None),
    ("rds-parameter-group-target", |c, _| c.group.clear()),
    ("rds-snapshot-plan", |c, _| c.quota_used = 100),
    ("rds-own-pollers", |_, p| {
        p.budgets.restore = std::time::Duration::from_secs(60);
    }),
    ("rds-network-both-ways", |c, _| {
        c.blue.security_groups.clear();
    }),
    ("rds-kms", |c, _| c.blue.encrypted = true),
    ("rds-read-replicas", |c, _| {
        c.blue.read_replicas = vec!["replica".to_owned()];
    }),
    ("rds-iam-auth-resource-id", |c, _| c.blue.iam_auth = true),
    ("rds-proxy", |c, _| c.proxies = vec!["front".to_owned()]),
    ("rds-ca-and-clients", |c, _| {
        c.blue.certificate_until = Some(jiff::Timestamp::now());
    }),
    ("rds-master-secret", |c, _| {
        c.blue.managed_master_secret = true;
    }),
    ("rds-traffic-switch-method", |_, p| {
        p.hooks.redirect = Some(Hook {
            argv: vec!["--new-db-instance-identifier".to_owned()],
            limit: std::time::Duration::from_secs(1),
        });
    }),
    ("rds-native-blue-green-better", |c, _| {
        c.blue.managed_master_secret = true;
    }),
    ("rds-engine-lifecycle", |c, _| {
        c.blue.lifecycle_support = Some("open-source-rds-extended-support-disabled".to_owned());
    }),
];

const BUILT: &[(&str, Spoil)] = &[
    ("rds-snapshot-upgraded-for-real", |c, _| {
        "15.18".clone_into(&mut c.green.engine_version);
    }),
    ("rds-restore-parity", |c, _| c.green.public = true),
    ("rds-log-access", |c, _| c.logs.clear()),
];

pub async fn what_the_control_plane_tells(proof: &Proof) {
    for (moment, cases) in [(Moment::Preflight, EARLY), (Moment::GreenBuilt, BUILT)] {
        for (id, spoil) in cases {
            let (mut control, mut profile) = (Control::sound(moment), profile());
            spoil(&mut control, &mut profile);
            let world = World {
                databases: Arc::new(Postgres::new("r1", Limits::default())),
                rds: Some(Arc::new(control)),
                hosts: None,
                patroni: None,
                commands: Arc::new(Says("")),
            };
            let ctx = CheckContext {
                profile: &profile,
                world: &world,
                facts: &Facts::default(),
                run: "r1",
                moment,
                replication_password: None,
                run_dir: None,
            };
            proof.found(&ctx, &[*id]).await;
        }
    }
    // A redirect that flips a name is what the check wants to see.
    let mut profile = profile();
    profile.hooks.redirect = Some(Hook {
        argv: vec!["flip".to_owned(), "{host}".to_owned()],
        limit: std::time::Duration::from_secs(1),
    });
    let world = World {
        databases: Arc::new(Postgres::new("r1", Limits::default())),
        rds: Some(Arc::new(Control::sound(Moment::Preflight))),
        hosts: None,
        patroni: None,
        commands: Arc::new(Says("")),
    };
    let ctx = CheckContext {
        profile: &profile,
        world: &world,
        facts: &Facts::default(),
        run: "r1",
        moment: Moment::Preflight,
        replication_password: None,
        run_dir: None,
    };
    proof.settled(&ctx, &["rds-traffic-switch-method"]).await;
}
