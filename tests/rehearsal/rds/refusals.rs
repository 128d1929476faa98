//! What the stand-in refuses and offers, as RDS does.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_names_and_states_are_refused_as_rds_does() {
    // A snapshot is to be met while it is being made, by a command line that takes its time to start.
    let lab = Lab::at_pace(&[17], Duration::from_secs(3)).await;
    for (line, code) in [
        (
            "describe-db-instances --db-instance-identifier nobody",
            "DBInstanceNotFound",
        ),
        (
            "describe-db-snapshots --db-snapshot-identifier none",
            "DBSnapshotNotFound",
        ),
        (
            "create-db-snapshot --db-instance-identifier nobody --db-snapshot-identifier x",
            "DBInstanceNotFound",
        ),
        (
            "create-db-snapshot --db-instance-identifier blue --db-snapshot-identifier 1x--",
            "InvalidParameterValue",
        ),
        (
            "describe-db-log-files --db-instance-identifier nobody",
            "DBInstanceNotFound",
        ),
        (
            "download-db-log-file-portion --db-instance-identifier blue --log-file-name error/../../x",
            "DBLogFileNotFoundFault",
        ),
        (
            "describe-db-parameter-groups --db-parameter-group-name none",
            "DBParameterGroupNotFound",
        ),
        (
            "describe-db-parameters --db-parameter-group-name none",
            "DBParameterGroupNotFound",
        ),
        (
            "modify-db-instance --db-instance-identifier blue --engine-version 99.1 --apply-immediately",
            "InvalidParameterCombination",
        ),
        (
            "delete-db-instance --db-instance-identifier blue",
            "InvalidParameterCombination",
        ),
        (
            "list-tags-for-resource --resource-name arn:aws:rds:eu-lab-1:000000000000:og:x",
            "InvalidParameterValue",
        ),
        ("describe-account-attributes", "InvalidAction"),
    ] {
        lab.refused(line, code).await;
    }
    lab.rds("create-db-snapshot --db-instance-identifier blue --db-snapshot-identifier snap")
        .await;
    assert_eq!(
        lab.stand_in.instance("blue").expect("blue").status,
        "backing-up"
    );
    lab.refused(
        "create-db-snapshot --db-instance-identifier blue --db-snapshot-identifier other",
        "InvalidDBInstanceState",
    )
    .await;
    lab.refused(
        "modify-db-snapshot --db-snapshot-identifier snap --engine-version 17.10",
        "InvalidDBSnapshotState",
    )
    .await;
    lab.settled("snapshot", "snap", "db-snapshot-completed")
        .await;
    lab.refused(
        "modify-db-snapshot --db-snapshot-identifier snap --engine-version 14.1",
        "InvalidParameterCombination",
    )
    .await;
    lab.refused(
        "create-db-snapshot --db-instance-identifier blue --db-snapshot-identifier snap",
        "DBSnapshotAlreadyExists",
    )
    .await;
    let restore = "restore-db-instance-from-db-snapshot --db-instance-identifier g --db-snapshot-identifier snap";
    lab.refused(
        &format!("{restore} --db-parameter-group-name lab-postgres17"),
        "InvalidParameterCombination",
    )
    .await;
    lab.refused(
        &format!("{restore} --db-instance-class db.none"),
        "InvalidParameterValue",
    )
    .await;
    lab.stand_in.plan_error(
        "DescribeDBInstances",
        ApiError::new("Throttling", "Rate exceeded"),
    );
    lab.refused("describe-db-instances", "Throttling").await;
    lab.rds("describe-db-instances").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_offered_and_tagged() {
    let lab = Lab::up(&[17]).await;
    let versions = lab
        .rds("describe-db-engine-versions --engine postgres --engine-version 15.18")
        .await;
    let target = &versions["DBEngineVersions"][0]["ValidUpgradeTarget"][0];
    assert_eq!(target["EngineVersion"], "17.10");
    assert_eq!(target["IsMajorVersionUpgrade"], true);
    let orderable = lab
        .rds(
            "describe-orderable-db-instance-options --engine postgres --engine-version 17.10 \
             --db-instance-class db.r7g.large",
        )
        .await;
    assert_eq!(
        orderable["OrderableDBInstanceOptions"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let group = lab
        .rds("describe-db-parameter-groups --db-parameter-group-name lab-postgres17")
        .await;
    assert_eq!(
        group["DBParameterGroups"][0]["DBParameterGroupFamily"],
        "postgres17"
    );
    let values = lab
        .rds("describe-db-parameters --db-parameter-group-name lab-postgres17 --source user")
        .await;
    let values = values["Parameters"].as_array().expect("parameters");
    assert!(
        values
            .iter()
            .any(|p| p["ParameterName"] == "rds.logical_replication" && p["ParameterValue"] == "1")
    );
    let empty = lab.rds("describe-pending-maintenance-actions").await;
    assert_eq!(empty["PendingMaintenanceActions"], Value::Array(vec![]));
    assert_eq!(
        lab.rds("describe-db-proxies").await["DBProxies"],
        Value::Array(vec![])
    );
    let arn = "--resource-name arn:aws:rds:eu-lab-1:000000000000:db:blue";
    lab.rds(&format!(
        "add-tags-to-resource {arn} --tags Key=a,Value=b Key=c,Value=d"
    ))
    .await;
    lab.rds(&format!("remove-tags-from-resource {arn} --tag-keys a"))
        .await;
    let tags = lab.rds(&format!("list-tags-for-resource {arn}")).await;
    assert_eq!(
        tags["TagList"],
        serde_json::json!([{"Key": "c", "Value": "d"}])
    );

    let files = lab
        .rds("describe-db-log-files --db-instance-identifier blue")
        .await;
    let name = files["DescribeDBLogFiles"][0]["LogFileName"]
        .as_str()
        .expect("a log")
        .to_owned();
    let ask = format!(
        "download-db-log-file-portion --no-paginate --db-instance-identifier blue --log-file-name {name}"
    );
    let tail = lab.rds(&format!("{ask} --number-of-lines 1")).await;
    assert_eq!(
        tail["LogFileData"].as_str().map(|t| t.lines().count()),
        Some(1)
    );
    let whole = lab.rds(&format!("{ask} --marker 0")).await;
    let whole = whole["LogFileData"].as_str().expect("text");
    let dir: PathBuf = lab.stand_in.instance_dir("blue").join("log");
    let file = std::fs::read_to_string(dir.join(name)).expect("the file itself");
    assert!(file.starts_with(whole) && whole.ends_with('\n'));
}
