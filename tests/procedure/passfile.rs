use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED, ROLL_BACK, ROLLED_BACK, TO_THE_CUTOVER};

/// The profile has no password for the links: the servers find it in a passfile of their own, and it stands in no
/// subscription. A server without one is found out before anything relies on its link.
#[tokio::test]
async fn the_servers_own_passfile_is_enough() {
    let servers = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .expect("a folder");
    let passfile = servers.path().join("pgpass");
    let lab = Lab::up_within(2, &[], &[("PGPASSFILE", &passfile)]).await;
    let profile = std::fs::read_to_string(lab.profile()).expect("profile");
    let (_, replication) = profile.split_once("[replication]\n").expect("a section");
    let password = replication
        .lines()
        .find(|line| line.starts_with("password"));
    let line = password.expect("a source");
    assert_eq!(profile.matches(line).count(), 2, "{profile}");
    let without = replication.replacen(&format!("{line}\n"), "", 1);
    let head = &profile[..profile.len() - replication.len()];
    std::fs::write(lab.profile(), format!("{head}{without}")).expect("profile");
    let role = "CREATE ROLE greenlight_replication LOGIN REPLICATION PASSWORD 'of the servers'";
    lab.ask(BLUE, "postgres", role).await;

    let refused = lab.run(&TO_THE_CUTOVER).await.with(PARKED);
    refused
        .saying("catch-up.subscribe  ✘ failed: GREEN · shop: could not connect to the publisher")
        .saying("no password supplied");

    let entry = "127.0.0.1:*:*:greenlight_replication:of the servers\n";
    let data = lab.dir().join("rds/i/shop-blue/data");
    hand_over(&passfile, entry, &data);
    let there = lab.resume(&TO_THE_CUTOVER, None).await.with(PARKED);
    there.saying("cutover.switch  waits for the phrase");
    let there = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    there.saying("finish.unlink  waits for the phrase");
    let kept = "SELECT count(*) FROM pg_subscription WHERE subconninfo LIKE '%password%'";
    for node in [BLUE, GREEN] {
        assert_eq!(lab.ask(node, "shop", kept).await, ["0"], "{node}");
    }
    lab.roll_back(&[ROLL_BACK], None).await.with(ROLLED_BACK);
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;
}

/// libpq takes a passfile only when nobody else may read it.
fn hand_over(passfile: &Path, text: &str, data: &Path) {
    std::fs::write(passfile, text).expect("passfile");
    std::fs::set_permissions(passfile, std::fs::Permissions::from_mode(0o600)).expect("mode");
    let owner = std::fs::metadata(data).expect("a data folder");
    std::os::unix::fs::chown(passfile, Some(owner.uid()), Some(owner.gid())).expect("owner");
}
