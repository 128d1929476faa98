use super::support::{
    A, B, BACK_TO_A, CLOSE, DONE, OVER_TO_A, OVER_TO_B, PARKED, ROLLED_BACK, STUCK, UPGRADE, Vip,
};

const NO_RETURN: &str = "point of no return ══";

/// There, back by the next run, and there again, which is then rolled back: each finds the roles as the one before has
/// left them.
#[tokio::test]
async fn there_and_back_and_there_again() {
    let Some(lab) = Vip::up(4) else { return };
    lab.dry_run()
        .await
        .with(DONE)
        .saying("skipped: dry run: nothing was sent");
    assert_eq!(lab.primaries().await, [A]);
    lab.run(&[OVER_TO_B, UPGRADE, CLOSE])
        .await
        .with(DONE)
        .saying("BLUE (pg-a) follows GREEN: it lacked nothing");
    assert_eq!(lab.primaries().await, [B]);
    let version = "SELECT current_setting('server_version_num')";
    assert_eq!(
        lab.servers.ask(A, version).await,
        lab.servers.ask(B, version).await
    );
    lab.place.assert_nothing_lost();
    lab.run(&[OVER_TO_A, UPGRADE, CLOSE]).await.with(DONE);
    assert_eq!(lab.primaries().await, [A]);
    lab.run(&[OVER_TO_B, UPGRADE])
        .await
        .with(PARKED)
        .saying("finish.close  waits");
    lab.roll_back(&[BACK_TO_A], None).await.with(ROLLED_BACK);
    assert_eq!(lab.primaries().await, [A]);
    assert_eq!(
        lab.servers
            .ask(
                A,
                "SELECT count(*) FROM pg_replication_slots WHERE NOT active"
            )
            .await,
        "0"
    );
    assert_eq!(
        lab.servers
            .ask(B, "SELECT count(*) FROM pg_replication_slots")
            .await,
        "0"
    );
    lab.place.assert_nothing_lost();
}

#[tokio::test]
async fn rolled_back_before_the_old_primary_is_upgraded_all_is_as_it_was() {
    let Some(lab) = Vip::up(2) else { return };
    let version = "SELECT current_setting('server_version_num')";
    let before = lab.servers.ask(B, version).await;
    lab.run(&[OVER_TO_B])
        .await
        .with(PARKED)
        .saying("rejoin.upgrade  waits");
    assert_eq!(lab.primaries().await, [B]);
    lab.roll_back(&[BACK_TO_A], None).await.with(ROLLED_BACK);
    assert_eq!(lab.primaries().await, [A]);
    assert_eq!(
        (
            lab.servers.ask(A, version).await,
            lab.servers.ask(B, version).await
        ),
        (before.clone(), before)
    );
    lab.place.assert_nothing_lost();
}

#[tokio::test]
async fn a_pause_over_its_budget_gives_the_old_primary_back() {
    let Some(lab) = Vip::up(2) else { return };
    lab.add_to_profile("[budgets]\nwrite_pause = \"1ms\"");
    let ended = lab
        .run(&[OVER_TO_B])
        .await
        .with(PARKED)
        .saying("was given back");
    assert!(!ended.said.contains("pg_promote"), "{}", ended.said);
    assert_eq!(lab.primaries().await, [A]);
    lab.place.assert_nothing_lost();
}

/// Killed before the point of no return the old primary is given back and the phrase asked for anew; killed beyond it
/// the next process goes on unasked, for applications wait.
#[tokio::test]
async fn the_phrase_is_asked_for_once_on_each_side_of_the_point_of_no_return() {
    let Some(lab) = Vip::up(2) else { return };
    lab.run(&[]).await.with(PARKED);
    let killed = lab
        .resume(&[OVER_TO_B], Some("kill-sent:4"))
        .await
        .with(None);
    assert!(!killed.said.contains(NO_RETURN), "{}", killed.said);
    assert_eq!(lab.primaries().await, [""; 0], "it was stopped");
    let ended = lab.resume(&[], None).await.with(PARKED);
    let ended = ended.saying("cutover.switch  waits for the phrase");
    assert!(!ended.said.contains(NO_RETURN), "{}", ended.said);
    assert_eq!(lab.primaries().await, [A]);
    // The standby tries to connect again every few seconds.
    let streams = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'";
    lab.servers.until(B, streams, "1").await;
    lab.resume(&[OVER_TO_B], Some("kill-before:6"))
        .await
        .with(None)
        .saying(NO_RETURN);
    assert_eq!(lab.primaries().await, [""; 0], "nothing was promoted yet");
    let ended = lab.resume(&[], None).await.with(PARKED);
    let ended = ended.saying("goes on beyond the point of no return");
    ended.saying("rejoin.upgrade  waits");
    assert_eq!(lab.primaries().await, [B]);
    lab.place.assert_nothing_lost();
}

/// Somebody else has promoted the standby: a human looks, and nothing is touched.
#[tokio::test]
async fn two_primaries_are_not_touched() {
    let Some(lab) = Vip::up(0) else { return };
    lab.run(&[])
        .await
        .with(PARKED)
        .saying("cutover.switch  waits for the phrase");
    lab.servers.ask(B, "SELECT pg_promote()").await;
    lab.resume(&[OVER_TO_B], None)
        .await
        .with(STUCK)
        .saying("TWO PRIMARIES");
    let mut primaries = lab.primaries().await;
    primaries.sort_unstable();
    assert_eq!(primaries, [A, B]);
    // A new run does not even begin.
    let refused = lab.run(&[OVER_TO_B]).await.with(Some(2));
    assert!(refused.said.contains("TWO PRIMARIES"), "{}", refused.said);
}
