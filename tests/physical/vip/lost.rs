//! The host of the old primary is lost in the course of a run: nothing is promoted before it was fenced, and when it
//! comes back it holds rows that nobody else has.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::support::{A, B, CLOSE, DONE, OVER_TO_B, PARKED, UPGRADE, Vip};

pub const FENCE: &str = "cutover.fence=fence pg-a";

/// A way to the host of pg-a that can be cut.
pub fn with_a_cable(lab: &Vip) -> PathBuf {
    let (cable, cut) = (lab.place.dir().join("cable"), lab.place.dir().join("cut"));
    let script = format!(
        "#!/bin/sh\n[ ! -e {} ] || exit 255\nexec \"$@\"\n",
        cut.display()
    );
    std::fs::write(&cable, script).expect("cable");
    std::fs::set_permissions(&cable, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let to = format!("local = [\"{}\", \"ip\"", cable.display());
    lab.edit_profile("local = [\"ip\"", &to);
    cut
}

/// The primary is lost with a row that its standby has never received.
pub async fn lose_the_primary(lab: &Vip, cut: &PathBuf) {
    lab.run(&[])
        .await
        .with(PARKED)
        .saying("cutover.switch  waits for the phrase");
    lab.servers
        .ask(B, "ALTER SYSTEM SET primary_conninfo = ''")
        .await;
    lab.servers.ask(B, "SELECT pg_reload_conf()").await;
    lab.servers
        .until(B, "SELECT count(*) FROM pg_stat_wal_receiver", "0")
        .await;
    lab.servers
        .ask(
            A,
            "CREATE TABLE only_on_a AS SELECT generate_series(1, 10000)",
        )
        .await;
    // The lab has written a file there as root; what lies in a data directory is its owner's.
    let data = lab.place.dir().join("servers/pg-a/data");
    let owner = format!("--reference={}", data.display());
    lab.on_host(
        A,
        false,
        &["chown", "-R", &owner, &data.display().to_string()],
    );
    lab.crash(A);
    std::fs::write(cut, "").expect("cut");
}

async fn comes_back(lab: &Vip, cut: &PathBuf, by: &str) {
    lab.resume(&[OVER_TO_B], None)
        .await
        .with(PARKED)
        .saying("cutover.fence  waits for the phrase");
    assert_eq!(
        lab.primaries().await,
        [""; 0],
        "nothing is promoted before it was fenced"
    );
    let ended = lab.resume(&[FENCE, OVER_TO_B], None).await;
    assert!(ended.said.contains("GREEN (pg-b) serves"), "{}", ended.said);
    assert_eq!(lab.primaries().await, [B]);
    std::fs::remove_file(cut).expect("mended");
    lab.resume(&[UPGRADE, CLOSE], None)
        .await
        .with(DONE)
        .saying(by);
    assert_eq!(lab.primaries().await, [B]);
    let there = "SELECT count(*) FROM pg_class WHERE relname = 'only_on_a'";
    assert_eq!(
        (
            lab.servers.ask(A, there).await,
            lab.servers.ask(B, there).await
        ),
        ("0".to_owned(), "0".to_owned())
    );
    lab.servers
        .ask(B, "CREATE TABLE afterwards AS SELECT 1")
        .await;
    let follows = "SELECT count(*) FROM pg_class WHERE relname = 'afterwards'";
    lab.servers.until(A, follows, "1").await;
}

#[tokio::test]
async fn a_primary_that_was_lost_is_fenced_and_rewound_when_it_comes_back() {
    let Some(lab) = Vip::up(0) else { return };
    let cut = with_a_cable(&lab);
    lab.add_to_profile("[hooks.fence]\nargv = [\"true\"]");
    lose_the_primary(&lab, &cut).await;
    comes_back(&lab, &cut, "rewound to where the two parted").await;
}

#[tokio::test]
async fn one_that_cannot_be_rewound_is_copied_anew_and_its_old_data_kept() {
    let Some(lab) = Vip::up(0) else { return };
    let cut = with_a_cable(&lab);
    lab.add_to_profile("[hooks.fence]\nargv = [\"true\"]");
    lab.edit_profile(
        "[replication]",
        "[replication]\nrewind_role = \"nobody_at_all\"",
    );
    lose_the_primary(&lab, &cut).await;
    comes_back(&lab, &cut, "copied anew").await;
    let aside = format!("data.greenlight-{}", lab.newest_run());
    let kept = lab.place.dir().join("servers/pg-a").join(aside);
    assert!(kept.join("PG_VERSION").is_file(), "{}", kept.display());
}

#[tokio::test]
async fn without_a_hook_or_with_one_that_fails_nothing_is_promoted() {
    let Some(lab) = Vip::up(0) else { return };
    let cut = with_a_cable(&lab);
    lab.add_to_profile("[hooks.fence]\nargv = [\"false\"]");
    lose_the_primary(&lab, &cut).await;
    let ended = lab.resume(&[FENCE, OVER_TO_B], None).await;
    assert!(ended.said.contains("exit code 1"), "{}", ended.said);
    assert_eq!(lab.primaries().await, [""; 0]);
}
