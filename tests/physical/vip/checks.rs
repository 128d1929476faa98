//! Each check fails where what it asks about is wrong, and none does where all is well.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::time::Instant;

use greenlight::checks::{Severity, Subject};
use greenlight::commands::vip_switchover::look_from;
use greenlight::profile::VipSwitchover;
use greenlight::rehearsal::{Cluster, fetch};
use greenlight::runbook::{CheckReport, Verdict};

use super::support::{A, B, Vip};
use crate::place::MOMENT;

/// What is wrong on a server: the check that sees it, where, what makes it so, what mends it.
const WRONG: [(&str, &str, &[&str], &[&str]); 11] = [
    (
        "replay-not-paused",
        B,
        &["SELECT pg_wal_replay_pause()"],
        &["SELECT pg_wal_replay_resume()"],
    ),
    (
        "replay-not-delayed",
        B,
        &["ALTER SYSTEM SET recovery_min_apply_delay = '1h'"],
        &["ALTER SYSTEM RESET recovery_min_apply_delay"],
    ),
    (
        "no-synchronous-standby",
        B,
        &["ALTER SYSTEM SET synchronous_standby_names = 'nobody'"],
        &["ALTER SYSTEM RESET synchronous_standby_names"],
    ),
    (
        "standby-close",
        A,
        &["CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 40000)"],
        &["DROP TABLE much"],
    ),
    (
        "slots-sound",
        A,
        &["SELECT pg_create_physical_replication_slot('forgotten', true)"],
        &["SELECT pg_drop_replication_slot('forgotten')"],
    ),
    (
        "logical-slots",
        A,
        &["SELECT pg_create_logical_replication_slot('reporting', 'pgoutput')"],
        &["SELECT pg_drop_replication_slot('reporting')"],
    ),
    (
        "replication-role",
        A,
        &["ALTER ROLE greenlight_replication NOREPLICATION"],
        &["ALTER ROLE greenlight_replication REPLICATION"],
    ),
    (
        "tablespaces",
        A,
        &[
            "SET allow_in_place_tablespaces = on",
            "CREATE TABLESPACE spare LOCATION ''",
        ],
        &["DROP TABLESPACE spare"],
    ),
    (
        "rewind-possible",
        A,
        &["ALTER SYSTEM SET full_page_writes = off"],
        &["ALTER SYSTEM RESET full_page_writes"],
    ),
    (
        "disk-space",
        A,
        &["ALTER SYSTEM SET max_wal_size = '2147483647MB'"],
        &["ALTER SYSTEM RESET max_wal_size"],
    ),
    (
        "archive-backlog",
        A,
        &[
            "ALTER SYSTEM SET archive_command = 'false'",
            "SELECT pg_reload_conf()",
        ],
        // It tries again within the minute; what it has counted is forgotten at once.
        &[
            "ALTER SYSTEM SET archive_command = 'true'",
            "SELECT pg_stat_reset_shared('archiver')",
        ],
    ),
];

/// What was seen to fail.
struct Seen<'a> {
    lab: &'a Vip,
    failed: BTreeSet<&'static str>,
}

#[tokio::test]
async fn every_check_fails_where_it_should_and_none_where_all_is_well() {
    let Some(lab) = Vip::up(0) else { return };
    let mut seen = Seen {
        lab: &lab,
        failed: BTreeSet::new(),
    };
    seen.sound();
    with_smaller_settings(&mut seen).await;
    on_the_servers(&mut seen).await;
    in_the_profile(&mut seen).await;
    with_the_address(&mut seen);
    between_other_servers(&mut seen).await;
    let all: BTreeSet<_> = VipSwitchover::catalogue().map(|check| check.id).collect();
    assert_eq!(seen.failed, all, "each check was seen to fail");
}

/// What takes a restart: the primary gets more than the standby has, and keeps a prepared transaction.
async fn with_smaller_settings(seen: &mut Seen<'_>) {
    let lab = seen.lab;
    let more = [
        "ALTER SYSTEM SET max_connections = 150",
        "ALTER SYSTEM SET max_prepared_transactions = 5",
        "ALTER SYSTEM SET archive_mode = on",
        "ALTER SYSTEM SET archive_command = 'true'",
    ];
    let restart = ["restart", "-w", "-s", "-l", "/dev/null"];
    lab.all(A, &more).await;
    lab.pg_ctl(A, &restart);
    lab.all(
        A,
        &["BEGIN; CREATE TABLE two(); PREPARE TRANSACTION 'in two phases'"],
    )
    .await;
    seen.fail(&["standby-sizes", "prepared-xacts"]);
    lab.all(A, &["ROLLBACK PREPARED 'in two phases'"]).await;
    lab.all(B, &more).await;
    lab.pg_ctl(B, &restart);
    seen.sound();
}

async fn on_the_servers(seen: &mut Seen<'_>) {
    let lab = seen.lab;
    let scratch = tempfile::tempdir().expect("scratch");
    let started = others_at_work(lab, scratch.path());
    let patroni = lab.servers.connect_as(A, "Patroni").await;
    let profile = lab.profile_text();
    lab.add_to_profile("[budgets]\nlongest_transaction = \"1ms\"");
    for (_, node, make, _) in WRONG {
        lab.all(node, make).await;
    }
    // A slot for logical decoding is not made as long as one is open.
    let long = lab.servers.connect(A).await.expect("a session");
    let begun = long.batch_execute("BEGIN; SELECT txid_current()").await;
    begun.expect("a transaction");
    let hba = lab.place.dir().join("servers/pg-a/data/pg_hba.conf");
    let lets_in = std::fs::read_to_string(&hba).expect("pg_hba.conf");
    std::fs::write(&hba, lets_in.replace("replication", "nothing")).expect("pg_hba.conf");
    for node in [A, B] {
        lab.servers.ask(node, "SELECT pg_reload_conf()").await;
    }
    // What the archiver did before it read its new command has succeeded.
    let failed = "SELECT failed_count > 0 FROM pg_stat_archiver, pg_create_restore_point('more'), pg_switch_wal()";
    lab.servers.until(A, failed, "t").await;
    let wrong = WRONG.iter().map(|(id, ..)| *id);
    let others = [
        "hba-lets-in",
        "no-backup-running",
        "other-followers",
        "no-cluster-manager",
        "address-manager",
        "long-transactions",
    ];
    seen.fail(&wrong.chain(others).collect::<Vec<_>>());
    drop((started, patroni, long));
    lab.write_profile(&profile);
    std::fs::write(&hba, lets_in).expect("pg_hba.conf");
    for (_, node, _, mend) in WRONG {
        lab.all(node, mend).await;
    }
    for node in [A, B] {
        lab.servers.ask(node, "SELECT pg_reload_conf()").await;
    }
    seen.sound();
}

/// A backup that takes long, another follower, and what is called vip-manager on the primary's host.
fn others_at_work(lab: &Vip, scratch: &std::path::Path) -> [Started; 3] {
    let server = &lab.known().nodes[A].server;
    let to = |name| scratch.join(name).display().to_string();
    let mut backup = Command::new(server.program("pg_basebackup"));
    backup
        .args(["--dbname", lab.servers.url(A), "--pgdata", &to("copy")])
        .args(["--wal-method=none", "--checkpoint=fast", "--max-rate=32k"]);
    std::fs::create_dir(to("wal")).expect("a folder");
    let mut follower = Command::new(server.program("pg_receivewal"));
    let url = format!("{}?application_name=third", lab.servers.url(A));
    follower.args(["--dbname", &url, "--directory", &to("wal")]);
    std::fs::copy("/bin/sleep", to("vip-manager")).expect("a program");
    let manager = lab.command(A, false, &[&to("vip-manager"), "600"]);
    [backup, follower, manager].map(Started::of)
}

/// What is wrong in the profile, or is seen with another one.
async fn in_the_profile(seen: &mut Seen<'_>) {
    let lab = seen.lab;
    let profile = lab.profile_text();
    lab.edit_profile("user = \"", "user = \"greenlight_replication\" # \"");
    seen.fail(&["tool-superuser"]);
    lab.write_profile(&profile);
    // By the address the standby would follow itself once that has moved.
    let followed = lab.servers.ask(B, "SHOW primary_conninfo").await;
    let known = lab.known();
    let own = format!("host={}", known.nodes[A].server.address);
    let virtual_one = followed.replace(&own, &format!("host={}", known.address.host));
    assert_ne!(followed, virtual_one, "it names {own}");
    follow_by(lab, &virtual_one).await;
    lab.edit_profile("servers/pg-a/bin", "servers/pg-a/nowhere");
    lab.edit_profile("distribution = \"command\"", "distribution = \"debian\"");
    lab.edit_profile("version = \"15.", "version = \"15.9");
    let edited: Vec<_> = lab
        .profile_text()
        .lines()
        .filter(|line| !line.starts_with("command = ") && !line.starts_with("back = "))
        .map(str::to_owned)
        .collect();
    lab.write_profile(&edited.join("\n"));
    seen.fail(&[
        "standby-streaming",
        "commands-allowed",
        "data-directory",
        "upgrade-candidate",
        "fencing-hook",
    ]);
    lab.write_profile(&profile);
    follow_by(lab, &followed).await;
    // Nobody would move the address.
    lab.edit_profile("by = \"ip\"", "by = \"keepalived\"");
    let report = lab.check();
    assert!(fails(&report, "address-manager"), "{report:#?}");
    lab.write_profile(&profile);
    seen.sound();
}

async fn follow_by(lab: &Vip, conninfo: &str) {
    let quoted = conninfo.replace('\'', "''");
    let set = format!("ALTER SYSTEM SET primary_conninfo = '{quoted}'");
    lab.all(B, &[&set, "SELECT pg_reload_conf()"]).await;
}

fn with_the_address(seen: &mut Seen<'_>) {
    let lab = seen.lab;
    let known = lab.known();
    let address = format!("{}/{}", known.address.host, known.address.prefix);
    let add = ["ip", "addr", "add", &address, "dev", "eth0"];
    let del = ["ip", "addr", "del", &address, "dev", "eth0"];
    lab.on_host(B, false, &add);
    seen.fail(&["address-owner"]);
    lab.on_host(A, false, &del);
    let report = lab.check();
    assert!(
        fails(&report, "address-owner"),
        "on the standby alone: {report:#?}"
    );
    lab.on_host(B, false, &del);
    let report = lab.check();
    let both = ["address-owner", "address-elsewhere"].map(|id| fails(&report, id));
    assert_eq!(both, [true; 2], "on neither: {report:#?}");
    lab.on_host(A, false, &add);
    let third = lab.place.network().expect("a network") + "-app";
    let netns = |words: &[&str]| {
        let inside = ["netns", "exec", &third];
        let status = Command::new("ip").args(inside).args(words).status();
        assert!(status.expect("ip").success(), "{words:?}");
    };
    netns(&add);
    seen.fail(&["address-elsewhere"]);
    netns(&del);
    seen.sound();
}

/// The roles are not as the run has noted them; the standby is another server altogether.
async fn between_other_servers(seen: &mut Seen<'_>) {
    let mut known = seen.lab.known();
    let report = look_from(&known, B, "test", &|_| {}).await;
    seen.saw(&report, &["serves-writes", "standby-replays"]);
    let install = fetch::server(14, &[], &|_| ()).await.expect("a PostgreSQL");
    let user = &known.connection.user;
    let other = Cluster::builder(&install).superuser(user).start().await;
    let other = other.expect("a server");
    let create = format!("CREATE DATABASE {}", known.database);
    other.sql("postgres", &create).await.expect("a database");
    if let Some(node) = known.nodes.get_mut(B) {
        (node.server.address, node.server.port) = ("127.0.0.1".to_owned(), other.port());
    }
    let report = look_from(&known, A, "test", &|_| {}).await;
    seen.saw(&report, &["same-system", "same-major", "same-platform"]);
}

impl Seen<'_> {
    /// Asks until all of these fail, which comes in a moment.
    #[track_caller]
    fn fail(&mut self, ids: &[&'static str]) {
        let until = Instant::now() + MOMENT;
        let mut report = self.lab.check();
        while !ids.iter().all(|id| fails(&report, id)) && Instant::now() < until {
            report = self.lab.check();
        }
        self.saw(&report, ids);
    }

    #[track_caller]
    fn saw(&mut self, report: &CheckReport, ids: &[&'static str]) {
        let unseen: Vec<_> = ids.iter().filter(|id| !fails(report, id)).collect();
        assert!(unseen.is_empty(), "{unseen:?} do not fail: {report:#?}");
        self.failed.extend(ids);
    }

    /// Asks until none fails, which comes in a moment. The lab has no hook that fences.
    #[track_caller]
    fn sound(&self) {
        let until = Instant::now() + MOMENT;
        loop {
            let mut report = self.lab.check();
            let well = |verdict| matches!(verdict, Verdict::Pass | Verdict::Skipped);
            report
                .checks
                .retain(|check| !well(check.verdict) && check.id != "fencing-hook");
            if report.checks.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "{report:#?}");
        }
    }
}

/// Whether a check fails as what it is; one that could not be asked does not.
fn fails(report: &CheckReport, id: &str) -> bool {
    let mut checks = VipSwitchover::catalogue();
    let check = checks.find(|check| check.id == id).expect("a check");
    let wanted = match check.severity {
        Severity::Block => Verdict::Block,
        Severity::Warn | Severity::Info => Verdict::Warn,
    };
    let mut answers = report.checks.iter();
    answers.any(|answer| answer.id == id && answer.verdict == wanted && !answer.unknown)
}

/// A process that goes with the test.
struct Started(Child);

impl Started {
    fn of(mut command: Command) -> Self {
        Self(command.spawn().expect("a process"))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
