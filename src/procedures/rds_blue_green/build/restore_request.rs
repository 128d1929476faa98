use super::ours::RUN_TAG;
use super::route::Way;
use crate::domain::PgVersion;
use crate::ports::{Instance, RestoreRequest};
use crate::profile::BlueGreen;

/// gp3 takes IOPS and throughput only from this size on, GiB.
const GP3_TUNABLE_FROM: i32 = 400;

/// What GREEN is restored with: the profile where it speaks, BLUE's own description where it is silent.
///
/// Never public, never upgraded by AWS in the middle of the run.
#[must_use]
pub fn restore_request(
    profile: &BlueGreen,
    way: Way,
    blue: &Instance,
    snapshot: &str,
    run: &str,
) -> RestoreRequest {
    let green = &profile.green;
    let or_blue = |wish: &Option<String>, blue: &str| {
        wish.clone()
            .or_else(|| (!blue.is_empty()).then(|| blue.to_owned()))
    };
    let storage_type = or_blue(&green.storage_type, &blue.storage_type);
    let same_storage = storage_type.as_deref() == Some(blue.storage_type.as_str());
    let tunable = match storage_type.as_deref() {
        Some("io1" | "io2") => true,
        Some("gp3") => blue.allocated_gib >= GP3_TUNABLE_FROM,
        _ => false,
    };
    let gp3 = storage_type.as_deref() == Some("gp3");
    // A parameter group belongs to one major: the target's fits only once that version runs.
    let parameter_group = match way {
        Way::UpgradeSnapshot => green.parameter_group.clone(),
        Way::UpgradeInstance => or_blue(&None, &blue.parameter_group),
    };
    let same_major =
        way == Way::UpgradeInstance || major(&blue.engine_version) == major(&green.engine_version);
    let own_options = !blue.option_group.is_empty() && !blue.option_group.starts_with("default:");
    let mut tags = blue.tags.clone();
    // AWS keeps this prefix to itself and refuses it from others.
    tags.retain(|key, _| !key.starts_with("aws:"));
    tags.insert(RUN_TAG.to_owned(), run.to_owned());
    RestoreRequest {
        identifier: green.address.identifier.clone(),
        snapshot: snapshot.to_owned(),
        class: or_blue(&green.instance_class, &blue.class),
        parameter_group,
        subnet_group: or_blue(&green.subnet_group, &blue.subnet_group),
        security_groups: green
            .security_groups
            .clone()
            .unwrap_or_else(|| blue.security_groups.clone()),
        multi_az: green.multi_az.unwrap_or(blue.multi_az),
        iam_auth: green.iam_auth.unwrap_or(blue.iam_auth),
        public: false,
        port: blue.endpoint.as_ref().map(|(_, port)| *port),
        iops: tunable
            .then(|| green.iops.or(blue.iops.filter(|_| same_storage)))
            .flatten(),
        storage_throughput: (tunable && gp3 && same_storage)
            .then_some(blue.storage_throughput)
            .flatten(),
        storage_type,
        option_group: (own_options && same_major).then(|| blue.option_group.clone()),
        copy_tags_to_snapshot: blue.copy_tags_to_snapshot,
        lifecycle_support: blue.lifecycle_support.clone(),
        deletion_protection: blue.deletion_protection,
        auto_minor_upgrade: false,
        log_exports: blue.log_exports.clone(),
        ca_certificate: or_blue(&None, &blue.ca_certificate),
        tags,
    }
}

fn major(version: &str) -> Option<u32> {
    PgVersion::from_dotted(version).map(PgVersion::major)
}

#[cfg(test)]
mod tests {
    use super::{Way, restore_request};
    use crate::ports::{Instance, Tags};
    use crate::procedures::rds_blue_green::build::testing::profile;

    fn blue() -> Instance {
        Instance {
            identifier: "shop-blue".to_owned(),
            engine_version: "15.18".to_owned(),
            class: "db.r6g.large".to_owned(),
            endpoint: Some(("blue".to_owned(), 5433)),
            parameter_group: "shop15".to_owned(),
            subnet_group: "private".to_owned(),
            security_groups: vec!["sg-1".to_owned()],
            multi_az: true,
            iam_auth: true,
            public: true,
            storage_type: "gp3".to_owned(),
            allocated_gib: 500,
            iops: Some(12_000),
            storage_throughput: Some(500),
            deletion_protection: true,
            auto_minor_upgrade: true,
            log_exports: vec!["postgresql".to_owned()],
            tags: Tags::from([
                ("team".to_owned(), "shop".to_owned()),
                ("aws:cloudformation:stack-name".to_owned(), "x".to_owned()),
            ]),
            ..Instance::default()
        }
    }

    #[test]
    fn what_the_profile_leaves_open_is_read_from_blue() {
        let request = restore_request(&profile(), Way::UpgradeSnapshot, &blue(), "snap", "7f3a");
        assert_eq!(request.class.as_deref(), Some("db.r6g.large"));
        assert_eq!(request.subnet_group.as_deref(), Some("private"));
        assert_eq!(request.security_groups, ["sg-1"]);
        assert_eq!(request.port, Some(5433));
        assert_eq!(
            (request.iops, request.storage_throughput),
            (Some(12_000), Some(500))
        );
        assert!(request.multi_az && request.iam_auth && request.deletion_protection);
        assert_eq!(request.tags.get("greenlight:run"), Some(&"7f3a".to_owned()));
        assert_eq!(request.tags.get("team"), Some(&"shop".to_owned()));
        assert_eq!(request.tags.len(), 2, "{:?}", request.tags);
    }

    #[test]
    fn never_public_and_never_upgraded_in_the_middle() {
        let request = restore_request(&profile(), Way::UpgradeSnapshot, &blue(), "snap", "7f3a");
        assert!(!request.public && !request.auto_minor_upgrade);
    }

    #[test]
    fn the_parameter_group_fits_the_version_that_comes_up() {
        let mut profile = profile();
        profile.green.parameter_group = Some("shop17".to_owned());
        let group = |way| restore_request(&profile, way, &blue(), "snap", "7f3a").parameter_group;
        assert_eq!(group(Way::UpgradeSnapshot).as_deref(), Some("shop17"));
        assert_eq!(group(Way::UpgradeInstance).as_deref(), Some("shop15"));
    }

    #[test]
    fn small_gp3_takes_no_iops_and_the_profile_wins() {
        let small = Instance {
            allocated_gib: 100,
            ..blue()
        };
        let request = restore_request(&profile(), Way::UpgradeSnapshot, &small, "snap", "7f3a");
        assert_eq!((request.iops, request.storage_throughput), (None, None));
        let mut profile = profile();
        profile.green.storage_type = Some("io2".to_owned());
        profile.green.iops = Some(4000);
        profile.green.multi_az = Some(false);
        let request = restore_request(&profile, Way::UpgradeSnapshot, &small, "snap", "7f3a");
        assert_eq!(request.storage_type.as_deref(), Some("io2"));
        assert_eq!(
            (request.iops, request.storage_throughput),
            (Some(4000), None)
        );
        assert!(!request.multi_az);
    }
}
