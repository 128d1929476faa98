use std::process::Command;

use crate::support::{BLUE, GREEN, Lab, PARKED};

/// What happens to a link that is being enabled: its slot was read by somebody else, is held by somebody else, its
/// subscriber is too slow to answer.
#[tokio::test]
async fn a_link_with_troubles_does_not_go_on() {
    let lab = Lab::up(2).await;
    lab.edit_profile(
        "[connection]",
        "[connection]\nstatement_timeout = \"2s\"\nconnect_timeout = \"2s\"",
    );
    lab.run(&["build.snapshot=x"])
        .await
        .with(PARKED)
        .saying("catch-up.enable  waits for Enter");
    somebody_has_read_from_the_slot(&lab).await;
    somebody_holds_the_slot(&lab).await;
    green_is_slow(&lab).await;
    lab.resume(&[], None)
        .await
        .with(PARKED)
        .saying("cutover.switch  waits for the phrase");
    lab.assert_nothing_lost().await;
}

const SLOT: &str = "SELECT slot_name FROM pg_replication_slots WHERE database = 'billing' AND slot_name <> 'spare'";

/// What was read is gone for the subscriber, which would begin after it without a word.
async fn somebody_has_read_from_the_slot(lab: &Lab) {
    let slot = lab.ask(BLUE, "billing", SLOT).await[0].clone();
    let copy =
        |from: &str, to: &str| format!("SELECT pg_copy_logical_replication_slot('{from}', '{to}')");
    let drop = |slot: &str| format!("SELECT pg_drop_replication_slot('{slot}')");
    lab.ask(BLUE, "billing", &copy(&slot, "spare")).await;
    let write = "UPDATE billing.invoice SET amount = amount + 1 WHERE id = 5001";
    lab.ask(BLUE, "billing", write).await;
    let read = format!("SELECT pg_replication_slot_advance('{slot}', pg_current_wal_flush_lsn())");
    lab.ask(BLUE, "billing", &read).await;
    lab.resume(&["catch-up.enable=x"], None)
        .await
        .with(PARKED)
        .saying("catch-up.enable  ✘ failed: BLUE · billing: somebody has read from slot")
        .saying("The link was not enabled");
    for sql in [drop(&slot), copy("spare", &slot), drop("spare")] {
        lab.ask(BLUE, "billing", &sql).await;
    }
}

/// The subscription is enabled, and its worker finds the slot taken.
async fn somebody_holds_the_slot(lab: &Lab) {
    let slot = lab.ask(BLUE, "billing", SLOT).await[0].clone();
    let config = lab.login(BLUE, "billing").expect("BLUE is there");
    let password = config.get_password().expect("password").to_vec();
    let mut holder = Command::new("pg_recvlogical")
        .args([
            "--host=127.0.0.1",
            "--username=lab_admin",
            "--dbname=billing",
        ])
        .arg(format!("--port={}", config.get_ports()[0]))
        .arg(format!("--slot={slot}"))
        .args([
            "--start",
            "--file=/dev/null",
            "--no-loop",
            "--status-interval=0",
        ])
        .args([
            "--option=proto_version=1",
            "--option=publication_names=greenlight",
        ])
        .env("PGPASSWORD", String::from_utf8(password).expect("text"))
        .spawn()
        .expect("pg_recvlogical of the PostgreSQL clients");
    let held = "SELECT active FROM pg_replication_slots WHERE database = 'billing'";
    lab.until(BLUE, "billing", held, "t").await;
    signal("STOP", &[holder.id()]);
    let ended = lab.resume(&["catch-up.enable=x"], None).await;
    signal("KILL", &[holder.id()]);
    holder.wait().expect("ended");
    ended
        .with(PARKED)
        .saying("catch-up.wait  ✘ failed: GREEN · billing: the link is down")
        .saying("of role lab_admin (pg_recvlogical, from 127.0.0.1)");
}

/// GREEN does not answer any more: the run says so, parks, and goes on when it does.
async fn green_is_slow(lab: &Lab) {
    let holder = lab.connect(GREEN, "shop").await;
    let hold = "BEGIN; LOCK TABLE shop.voucher";
    holder.batch_execute(hold).await.expect("lock");
    lab.ask(BLUE, "shop", "INSERT INTO shop.voucher VALUES ('late', 1)")
        .await;
    let mut run = lab.start_resuming(&[], None);
    run.says("GREEN · shop: ").await;
    let server = lab.processes(GREEN);
    signal("STOP", &server);
    let said = run.says("catch-up.wait  ✘ failed").await;
    assert!(said.contains("GREEN"), "{said}");
    // The guardrails ask on their own; the run ends without them.
    let ended = run.ended().await;
    signal("CONT", &server);
    ended.with(PARKED);
    holder.batch_execute("ROLLBACK").await.expect("free");
}

fn signal(name: &str, pids: &[u32]) {
    for pid in pids {
        let sent = Command::new("kill")
            .args(["-s", name, &pid.to_string()])
            .status();
        assert!(sent.expect("kill").success());
    }
}
