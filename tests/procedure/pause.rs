use std::time::Duration;

use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED, TO_THE_CUTOVER};

/// A session on GREEN holds the fence row, so the drain cannot end.
#[tokio::test]
async fn a_pause_that_cannot_end_is_taken_back() {
    let lab = Lab::up(3).await;
    lab.add_to_profile("[budgets]\nwrite_pause = \"3s\"\ndrain = \"2s\"");
    let before = lab.logins(BLUE).await;
    lab.run(&TO_THE_CUTOVER).await.with(PARKED);
    let holder = lab.connect(GREEN, "shop").await;
    let hold = "BEGIN; SELECT 1 FROM greenlight.fence FOR UPDATE";
    holder.batch_execute(hold).await.expect("lock");

    let ended = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    ended.saying("BLUE was given back").saying("taken back");
    assert_eq!(lab.logins(BLUE).await, before);
    assert!(!lab.is_open(GREEN).await);
    lab.assert_nothing_lost().await;

    holder.batch_execute("ROLLBACK; BEGIN").await.expect("free");
    for signal in ["TERM", "HUP"] {
        settle(&lab).await;
        holder
            .batch_execute("SELECT 1 FROM greenlight.fence FOR UPDATE")
            .await
            .expect("lock");
        let run = lab.resuming(&[CUT_OVER], None);
        while lab.is_open(BLUE).await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let pid = run.id().expect("running").to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &pid])
            .status();
        assert!(sent.expect("kill").success());
        let output = run.wait_with_output().await.expect("ended");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), PARKED, "{signal}: {said}");
        assert_eq!(lab.logins(BLUE).await, before, "{signal}: {said}");
        assert!(!lab.is_open(GREEN).await, "{signal}: {said}");
        lab.assert_nothing_lost().await;
        holder.batch_execute("ROLLBACK; BEGIN").await.expect("free");
    }

    drop(holder);
    settle(&lab).await;
    lab.resume(&[CUT_OVER], None)
        .await
        .with(PARKED)
        .saying("finish.unlink  waits for the phrase");
    assert_eq!(lab.logins(GREEN).await, before);
    assert!(!lab.is_open(BLUE).await);
    lab.assert_nothing_lost().await;
}

/// Waits until GREEN has applied what it was kept from.
async fn settle(lab: &Lab) {
    let sql = "SELECT token FROM greenlight.fence";
    for _ in 0..600 {
        if lab.ask(BLUE, "shop", sql).await == lab.ask(GREEN, "shop", sql).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("GREEN did not catch up");
}

#[tokio::test]
async fn a_redirect_that_fails_or_hangs_is_run_again() {
    let lab = Lab::up(2).await;
    let hook = lab.dir().join("hook.sh");
    let write = |text: &str| std::fs::write(&hook, text).expect("hook");
    let profile = std::fs::read_to_string(lab.profile()).expect("profile");
    let usual = profile
        .lines()
        .find(|line| line.starts_with("argv = "))
        .expect("hook");
    let mine = format!(
        "argv = [\"sh\", \"{}\", \"{{host}}\", \"{{port}}\"]\nlimit = \"1s\"",
        hook.display()
    );
    lab.edit_profile(usual, &mine);

    write("echo the name server says no; exit 7");
    let ended = lab
        .run(&[&TO_THE_CUTOVER[..], &[CUT_OVER]].concat())
        .await
        .with(PARKED);
    ended
        .saying("the name server says no")
        .saying("exit code 7")
        .saying("the redirect hook did not come through")
        .saying("accept.redirect  ✘ failed");
    assert!(lab.is_open(GREEN).await && !lab.is_open(BLUE).await);

    write("echo asking; exec sleep 86.421");
    lab.resume(&[], None)
        .await
        .with(PARKED)
        .saying("accept.redirect  ✘ failed");
    assert!(!is_running("sleep\086.421"), "the hook was left behind");
    assert!(lab.is_open(GREEN).await && !lab.is_open(BLUE).await);

    let program = crate::support::program().display();
    write(&format!(
        "exec {program} lab redirect --dir {} \"$1\" \"$2\"",
        lab.dir().display()
    ));
    lab.resume(&[], None)
        .await
        .with(PARKED)
        .saying("finish.unlink  waits for the phrase");
    lab.assert_nothing_lost().await;
}

fn is_running(words: &str) -> bool {
    let all = std::fs::read_dir("/proc").expect("proc").flatten();
    all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains(words))
}
