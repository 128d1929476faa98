mod refusals;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use greenlight::rehearsal::rds::{ApiError, Settings, StandIn};
use greenlight::rehearsal::{Cluster, Install, fetch};
use serde_json::Value;

fn quiet(_: &str) {}

/// A stand-in with the instance `blue` (15) behind it, and the official command line to speak to it.
struct Lab {
    stand_in: StandIn,
    _dir: tempfile::TempDir,
}

impl Lab {
    async fn up(targets: &[u32]) -> Self {
        Self::at_pace(targets, Duration::from_millis(200)).await
    }

    /// Whatever takes time takes at least this much.
    async fn at_pace(targets: &[u32], pace: Duration) -> Self {
        let mut installs = vec![fetch::full(15, &[], &quiet).await.expect("a PostgreSQL 15")];
        for &major in targets {
            installs.push(
                fetch::full(major, &[], &quiet)
                    .await
                    .expect("the target version"),
            );
        }
        let dir = tempfile::Builder::new()
            .prefix("gl-rds-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .expect("scratch");
        let stand_in = StandIn::start(Settings {
            dir: dir.path().to_owned(),
            installs: installs.clone(),
            master: "lab_admin".to_owned(),
            password: "hush".to_owned().into(),
            pace,
            log_portion: 1_000_000,
            tls: None,
        })
        .await
        .expect("stand-in");
        let blue = blue(&stand_in, &installs[0]).await;
        stand_in.adopt("blue", blue);
        Self {
            stand_in,
            _dir: dir,
        }
    }

    /// Runs the official command line; `Err` is what it wrote to standard error.
    async fn aws(&self, line: &str) -> Result<Value, String> {
        let mut aws = Command::new("aws");
        aws.args(line.split_whitespace())
            .args(["--endpoint-url", &self.stand_in.endpoint_url()])
            .args(["--region", "eu-lab-1", "--output", "json"])
            .env("AWS_ACCESS_KEY_ID", "lab")
            .env("AWS_SECRET_ACCESS_KEY", "lab")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_PAGER", "");
        let output = tokio::task::spawn_blocking(move || aws.output())
            .await
            .expect("join")
            .expect("the aws command line");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    }

    async fn rds(&self, line: &str) -> Value {
        match self.aws(&format!("rds {line}")).await {
            Ok(value) => value,
            Err(error) => panic!("aws rds {line}: {error}"),
        }
    }

    async fn refused(&self, line: &str, code: &str) {
        let error = self.aws(&format!("rds {line}")).await.expect_err(line);
        assert!(error.contains(&format!("({code})")), "{line}: {error}");
    }

    /// Asks until `look` is content; the state on the way is whatever it may be.
    async fn until(&self, line: &str, look: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..120 {
            let value = self.rds(line).await;
            if look(&value) {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{line} never came to what was waited for");
    }

    /// Asks until it is available, then has the official waiter agree (it would look only every 15 or 30 seconds).
    async fn settled(&self, kind: &str, name: &str, waiter: &str) {
        let which = format!("--db-{kind}-identifier {name}");
        self.until(&format!("describe-db-{kind}s {which}"), |v| {
            let text = v.to_string();
            assert!(!text.contains("\"failed\""), "{text}");
            text.contains("Status\":\"available\"")
        })
        .await;
        self.rds(&format!("wait {waiter} {which}")).await;
    }

    async fn on(&self, instance: &str, sql: &str) -> Result<String, tokio_postgres::Error> {
        let told = self.stand_in.instance(instance).expect("instance");
        let (host, port) = told.endpoint.expect("endpoint");
        let url = format!("postgresql://lab_admin:hush@{host}:{port}/postgres");
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let messages = client.simple_query(sql).await?;
        let value = messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        Ok(value.unwrap_or_default())
    }
}

async fn blue(stand_in: &StandIn, install: &Install) -> Cluster {
    let builder = stand_in.instance_builder("blue", install).expect("builder");
    let cluster = builder.start().await.expect("blue");
    let schema = "CREATE TABLE t AS SELECT g AS id FROM generate_series(1, 1000) AS g";
    cluster.sql("postgres", schema).await.expect("schema");
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_snapshot_route_by_the_official_command_line() {
    let lab = Lab::up(&[17]).await;
    let caller = lab.aws("sts get-caller-identity").await.expect("caller");
    assert_eq!(caller["Account"], "000000000000");
    lab.on(
        "blue",
        "SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
    )
    .await
    .expect("slot");
    let created = lab
        .rds("create-db-snapshot --db-instance-identifier blue --db-snapshot-identifier snap --tags Key=run,Value=r1")
        .await;
    assert_eq!(created["DBSnapshot"]["Status"], "creating");
    lab.settled("snapshot", "snap", "db-snapshot-completed")
        .await;
    let early = lab
        .rds("modify-db-snapshot --db-snapshot-identifier snap --engine-version 17.10")
        .await;
    assert_eq!(early["DBSnapshot"]["Status"], "available");
    assert_eq!(early["DBSnapshot"]["EngineVersion"], "15.18");
    lab.until("describe-db-snapshots --db-snapshot-identifier snap", |v| {
        v["DBSnapshots"][0]["EngineVersion"] == "17.10"
    })
    .await;
    lab.settled("snapshot", "snap", "db-snapshot-available")
        .await;

    let restore = "restore-db-instance-from-db-snapshot --db-instance-identifier green --db-snapshot-identifier snap \
        --db-instance-class db.r7g.large --db-parameter-group-name lab-postgres17 --db-subnet-group-name nets \
        --vpc-security-group-ids sg-1 sg-2 --multi-az --enable-iam-database-authentication --no-publicly-accessible \
        --port 1 --storage-type io2 --iops 3000 --deletion-protection --no-auto-minor-version-upgrade \
        --enable-cloudwatch-logs-exports postgresql upgrade --ca-certificate-identifier rds-ca-rsa4096-g1 \
        --tags Key=run,Value=r1 Key=name,Value=x";
    let green = lab.rds(restore).await;
    assert_eq!(green["DBInstance"]["DBInstanceStatus"], "creating");
    lab.refused(restore, "DBInstanceAlreadyExists").await;
    lab.settled("instance", "green", "db-instance-available")
        .await;
    let told = lab
        .rds("describe-db-instances --db-instance-identifier green")
        .await;
    let told = &told["DBInstances"][0];
    assert_eq!(told["EngineVersion"], "17.10");
    assert_eq!(told["MultiAZ"], true);
    assert_eq!(told["IAMDatabaseAuthenticationEnabled"], true);
    assert_eq!(told["PubliclyAccessible"], false);
    assert_eq!(told["Iops"], 3000);
    assert_eq!(told["VpcSecurityGroups"][1]["VpcSecurityGroupId"], "sg-2");
    assert_eq!(told["DBSubnetGroup"]["DBSubnetGroupName"], "nets");
    assert_eq!(told["EnabledCloudwatchLogsExports"][1], "upgrade");
    assert_eq!(told["CACertificateIdentifier"], "rds-ca-rsa4096-g1");
    assert_eq!(told["TagList"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        lab.on("green", "SELECT count(*) FROM t")
            .await
            .expect("rows"),
        "1000"
    );
    assert_eq!(
        lab.on("green", "SHOW wal_level").await.expect("level"),
        "logical"
    );
    let version = lab
        .on("green", "SHOW server_version_num")
        .await
        .expect("version");
    assert!(version.starts_with("1700"), "{version}");

    let text = lab.whole_log("green").await;
    assert_eq!(text.matches("redo done at").count(), 1, "{text}");
    assert!(text.contains(" UTC::@:["), "the prefix is RDS's: {text}");

    take_down(&lab).await;
}

/// Deletes GREEN and the snapshot, deletion protection first.
async fn take_down(lab: &Lab) {
    lab.refused(
        "delete-db-instance --db-instance-identifier green --skip-final-snapshot",
        "InvalidParameterCombination",
    )
    .await;
    lab.rds("modify-db-instance --db-instance-identifier green --no-deletion-protection --apply-immediately").await;
    lab.rds("delete-db-instance --db-instance-identifier green --skip-final-snapshot")
        .await;
    for _ in 0..100 {
        if lab.stand_in.instance("green").is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lab.rds("wait db-instance-deleted --db-instance-identifier green")
        .await;
    lab.refused(
        "describe-db-instances --db-instance-identifier green",
        "DBInstanceNotFound",
    )
    .await;
    lab.rds("delete-db-snapshot --db-snapshot-identifier snap")
        .await;
    lab.refused(
        "delete-db-snapshot --db-snapshot-identifier snap",
        "DBSnapshotNotFound",
    )
    .await;
}

impl Lab {
    /// All log files of an instance, each from Marker 0, in portions of three lines.
    async fn whole_log(&self, instance: &str) -> String {
        let files = self
            .rds(&format!("describe-db-log-files --db-instance-identifier {instance} --filename-contains postgresql.log"))
            .await;
        let mut text = String::new();
        for file in files["DescribeDBLogFiles"].as_array().expect("files") {
            let name = file["LogFileName"].as_str().expect("name");
            let mut marker = "0".to_owned();
            loop {
                let portion = self
                    .rds(&format!(
                        "download-db-log-file-portion --no-paginate --db-instance-identifier {instance} \
                         --log-file-name {name} --marker {marker} --number-of-lines 3"
                    ))
                    .await;
                text += portion["LogFileData"].as_str().unwrap_or_default();
                portion["Marker"]
                    .as_str()
                    .expect("marker")
                    .clone_into(&mut marker);
                if portion["AdditionalDataPending"] == false {
                    break;
                }
            }
        }
        text
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_instance_route_refuses_slots_and_upgrades_without_them() {
    let lab = Lab::up(&[17]).await;
    lab.on(
        "blue",
        "SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
    )
    .await
    .expect("slot");
    lab.rds("create-db-snapshot --db-instance-identifier blue --db-snapshot-identifier snap")
        .await;
    lab.settled("snapshot", "snap", "db-snapshot-available")
        .await;
    lab.rds(
        "restore-db-instance-from-db-snapshot --db-instance-identifier green --db-snapshot-identifier snap \
         --db-parameter-group-name lab-postgres15",
    )
    .await;
    lab.settled("instance", "green", "db-instance-available")
        .await;
    assert_eq!(
        lab.on("green", "SELECT count(*) FROM pg_replication_slots")
            .await
            .expect("slots"),
        "1"
    );
    assert_eq!(
        lab.whole_log("green").await.matches("redo done at").count(),
        1
    );

    let upgrade = "modify-db-instance --db-instance-identifier green --engine-version 17.10 --apply-immediately \
        --db-parameter-group-name";
    lab.refused(
        &format!("{upgrade} lab-postgres17"),
        "InvalidParameterCombination",
    )
    .await;
    let upgrade = format!("{upgrade} lab-postgres17 --allow-major-version-upgrade");
    lab.rds(&upgrade).await;
    let events = lab
        .until(
            "describe-events --source-type db-instance --source-identifier green",
            |v| v.to_string().contains("cannot be upgraded"),
        )
        .await;
    assert!(
        events.to_string().contains("logical replication slot s"),
        "{events}"
    );
    lab.settled("instance", "green", "db-instance-available")
        .await;
    assert_eq!(
        lab.stand_in
            .instance("green")
            .expect("green")
            .engine_version,
        "15.18"
    );

    lab.on("green", "SELECT pg_drop_replication_slot('s')")
        .await
        .expect("drop");
    lab.rds(&upgrade).await;
    lab.until(
        "describe-db-instances --db-instance-identifier green",
        |v| v["DBInstances"][0]["EngineVersion"] == "17.10",
    )
    .await;
    let told = lab.stand_in.instance("green").expect("green");
    assert_eq!(
        (told.status.as_str(), told.parameter_group.as_str()),
        ("available", "lab-postgres17")
    );
    assert_eq!(
        lab.on("green", "SELECT count(*) FROM t")
            .await
            .expect("rows"),
        "1000"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_snapshot_upgrade_goes_back_to_the_old_version() {
    let lab = Lab::up(&[17]).await;
    lab.on("blue", "ALTER SYSTEM SET max_prepared_transactions = 5")
        .await
        .expect("setting");
    lab.rds("reboot-db-instance --db-instance-identifier blue")
        .await;
    lab.settled("instance", "blue", "db-instance-available")
        .await;
    lab.on(
        "blue",
        "BEGIN; INSERT INTO t VALUES (0); PREPARE TRANSACTION 'stuck'",
    )
    .await
    .expect("prepare");
    lab.rds("create-db-snapshot --db-instance-identifier blue --db-snapshot-identifier snap")
        .await;
    lab.settled("snapshot", "snap", "db-snapshot-completed")
        .await;
    lab.rds("modify-db-snapshot --db-snapshot-identifier snap --engine-version 17.10")
        .await;
    let events = lab
        .until(
            "describe-events --source-type db-snapshot --source-identifier snap",
            |v| v.to_string().contains("taken back"),
        )
        .await;
    assert!(
        events.to_string().contains("prepared transactions"),
        "{events}"
    );
    let snapshot = lab
        .rds("describe-db-snapshots --db-snapshot-identifier snap")
        .await;
    assert_eq!(snapshot["DBSnapshots"][0]["Status"], "available");
    assert_eq!(snapshot["DBSnapshots"][0]["EngineVersion"], "15.18");
}
