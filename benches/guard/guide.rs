//! The old guide, as a script that never hesitates: pause the replay of one replica before the deployment, then resume it,
//! or recover it to where it stood and build the cluster anew from it. Where the guide as written does not work it has
//! what it lacks: maintenance mode while replay is paused (else Patroni ends the pause), a restore point for its
//! transaction id.

use super::lab::{Failure, HELD, LEADER, Lab, OTHER, run, sleep};

/// Pauses replay, and marks the moment; the name of the restore point.
pub async fn hold(lab: &Lab) -> Result<String, Failure> {
    ctl(lab, &["pause", "--wait", &lab.profile.cluster], "").await?;
    lab.sql(HELD, "SELECT pg_wal_replay_pause()").await?;
    until(
        lab,
        HELD,
        "SELECT pg_get_wal_replay_pause_state() = 'paused'",
    )
    .await?;
    let point = "guide";
    let mark = format!("SELECT pg_create_restore_point('{point}')");
    let at = lab.sql(LEADER, &mark).await?;
    until(
        lab,
        HELD,
        &format!("SELECT pg_last_wal_receive_lsn() > '{at}'"),
    )
    .await?;
    Ok(point.to_owned())
}

/// Replay goes on, and Patroni takes over again.
pub async fn release(lab: &Lab) -> Result<(), Failure> {
    lab.sql(HELD, "SELECT pg_wal_replay_resume()").await?;
    ctl(lab, &["resume", "--wait", &lab.profile.cluster], "").await
}

/// Recovers the replica to the point, and builds the cluster anew from it.
pub async fn roll_back(lab: &Lab, point: &str) -> Result<(), Failure> {
    // In maintenance mode Patroni leaves the server running.
    run(&lab.node(HELD).stop, "").await?;
    pg_ctl(lab, &["stop", "-m", "fast", "-w"]).await?;
    ctl(lab, &["resume", &lab.profile.cluster], "").await?;
    for member in [OTHER, LEADER] {
        run(&lab.node(member).stop, "").await?;
        // One that has not heard of the end of maintenance mode leaves its server running as well.
        let server = &lab.node(member).server;
        let _ = on(lab, member, &stop_words(server)).await;
    }
    recover(lab, point).await?;
    let words = format!("{0}\nYes I am aware\n{LEADER}\n", lab.profile.cluster);
    ctl(lab, &["remove", &lab.profile.cluster], &words).await?;
    run(&lab.node(HELD).start, "").await?;
    until(lab, HELD, "SELECT NOT pg_is_in_recovery()").await?;
    for member in [LEADER, OTHER] {
        let data = lab.node(member).server.directory();
        on(lab, member, &["rm", "-rf", &data].map(str::to_owned)).await?;
        run(&lab.node(member).start, "").await?;
    }
    Ok(())
}

/// The server by hand, under Patroni's configuration with a target in place of whom to follow, until it has promoted
/// itself there.
async fn recover(lab: &Lab, point: &str) -> Result<(), Failure> {
    let server = &lab.node(HELD).server;
    let patronis = std::fs::read_to_string(server.data_file("postgresql.conf"))?;
    let kept = patronis.lines().filter(|line| {
        let follows = [
            "recovery_",
            "primary_",
            "restore_command",
            "promote_trigger",
        ];
        !follows.iter().any(|key| line.starts_with(key))
    });
    let mut conf: Vec<_> = kept.collect();
    let target = format!("recovery_target_name = '{point}'");
    conf.extend([&target, "recovery_target_action = 'promote'"]);
    let ours = server.data_file("guide.conf");
    std::fs::write(&ours, conf.join("\n") + "\n")?;
    // Else the new cluster would begin in maintenance mode.
    let known = server.data_file("patroni.dynamic.json");
    let mut dynamic: serde_json::Value = serde_json::from_slice(&std::fs::read(&known)?)?;
    if let Some(settings) = dynamic.as_object_mut() {
        settings.remove("pause");
    }
    std::fs::write(&known, dynamic.to_string())?;
    let open = ["chmod", "644", &ours].map(str::to_owned);
    run(&open, "").await?;
    let signal = server.data_file("standby.signal");
    on(lab, HELD, &["touch", &signal].map(str::to_owned)).await?;
    let (options, log) = (
        format!("-c config_file={ours}"),
        server.data_file("guide.log"),
    );
    pg_ctl(lab, &["start", "-w", "-l", &log, "-o", &options]).await?;
    until(lab, HELD, "SELECT NOT pg_is_in_recovery()").await?;
    pg_ctl(lab, &["stop", "-m", "fast", "-w"]).await
}

async fn until(lab: &Lab, member: &str, statement: &str) -> Result<(), Failure> {
    for _ in 0..3000 {
        if lab
            .sql(member, statement)
            .await
            .is_ok_and(|said| said == "t")
        {
            return Ok(());
        }
        sleep(20).await;
    }
    Err(format!("{member}: never true: {statement}").into())
}

fn stop_words(server: &greenlight::profile::NodeSection) -> Vec<String> {
    let data = server.directory();
    [
        &server.program("pg_ctl"),
        "-D",
        &data,
        "stop",
        "-m",
        "fast",
        "-w",
    ]
    .map(str::to_owned)
    .to_vec()
}

async fn pg_ctl(lab: &Lab, words: &[&str]) -> Result<(), Failure> {
    let server = &lab.node(HELD).server;
    let (program, data) = (server.program("pg_ctl"), server.directory());
    let argv = [&[program.as_str(), "-D", &data], words].concat();
    let argv: Vec<_> = argv.iter().map(|&word| word.to_owned()).collect();
    on(lab, HELD, &argv).await
}

/// Runs words as the servers' user does.
async fn on(lab: &Lab, member: &str, words: &[String]) -> Result<(), Failure> {
    run(&lab.node(member).server.host.as_owner(words), "").await
}

async fn ctl(lab: &Lab, words: &[&str], input: &str) -> Result<(), Failure> {
    let words = words.iter().map(|&word| word.to_owned());
    let argv: Vec<_> = lab
        .profile
        .patroni
        .ctl
        .iter()
        .cloned()
        .chain(words)
        .collect();
    run(&argv, input).await
}
