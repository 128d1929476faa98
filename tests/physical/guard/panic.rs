//! `greenlight panic` from a second terminal: nothing while only a member is held, the roll back from the deployment on.

use super::support::{Guard, PARKED, ROLLED_BACK};
use crate::call::Ended;
use crate::place::kill;
use crate::under_way::UnderWay;

const OLD_LEADER: [&str; 1] = ["rollback.old-leader=x"];

impl Guard {
    fn panic(&self, run: &str) -> Ended {
        let phrase = format!("roll back to predeploy_{run}");
        self.call(&["panic", run], &[&phrase])
    }

    /// A run whose deployment never ends by itself, once that is under way; its id.
    async fn deploys_for_ever(&self) -> (UnderWay, String) {
        let profile = self.profile();
        let mut command = self.command(
            &["run", profile.to_str().expect("path"), "--headless"],
            &["deploy.window=x"],
        );
        command.args(["--deploy-command", "sleep", &self.for_ever()]);
        let mut run = UnderWay::start(command);
        run.says("here ← sleep").await;
        (run, self.run())
    }

    /// So many seconds as no other lab's deployment takes.
    fn for_ever(&self) -> String {
        format!("{}", 1_000_000 + self.place.owner())
    }

    fn deploys(&self) -> bool {
        let processes = std::fs::read_dir("/proc").expect("proc").flatten();
        let ours = format!("sleep\0{}\0", self.for_ever());
        let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.into_iter().any(|line| line == ours.as_bytes())
    }
}

/// While a member is held nothing is lost; in the write outage of a roll back the rest of it follows.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_member_held_and_in_a_roll_back() {
    let guard = Guard::up(&["--load", "2"]);
    guard.begin().with(PARKED);
    let run = guard.run();
    guard
        .panic(&run)
        .with(PARKED)
        .saying("nothing was switched");
    guard.is_held(&run).await;
    guard
        .call(&["resume", &run, "--headless"], &["deploy.window=x"])
        .with(PARKED);
    let answers = Guard::answers(&run);
    let answers: Vec<_> = answers.iter().map(String::as_str).collect();
    let mut rollback = UnderWay::start(guard.command(&["rollback", &run, "--headless"], &answers));
    rollback.says("write pause begins").await;
    guard.panic(&run).with(PARKED).saying("stopping process");
    rollback.ended().await.with(PARKED);
    assert_eq!(guard.leader().await, "pg3");
    guard
        .call(&["resume", &run, "--headless"], &OLD_LEADER)
        .with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.lost_nothing();
}

/// A deployment that hangs is ended, and rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_run_deploys() {
    let guard = Guard::up(&["--load", "2"]);
    let (deploying, run) = guard.deploys_for_ever().await;
    assert!(guard.deploys());
    guard.panic(&run).with(PARKED).saying("stopping process");
    assert!(!guard.deploys());
    deploying
        .ended()
        .await
        .with(PARKED)
        .saying("ended the deployment half-way");
    assert_eq!(guard.leader().await, "pg3");
    guard
        .call(&["resume", &run, "--headless"], &OLD_LEADER)
        .with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.lost_nothing();
}

/// How the deployment ended is not known, and does not matter.
#[tokio::test(flavor = "multi_thread")]
async fn once_a_run_died_while_it_deployed() {
    let guard = Guard::up(&["--load", "2"]);
    let (deploying, run) = guard.deploys_for_ever().await;
    kill(deploying.pid().parse().expect("a number"), "KILL");
    deploying.ended().await.with(None);
    guard
        .call(&["rollback", &run, "--headless"], &[])
        .saying("finish it first");
    guard.panic(&run).with(PARKED);
    assert_eq!(guard.leader().await, "pg3");
    guard
        .call(&["resume", &run, "--headless"], &OLD_LEADER)
        .with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.lost_nothing();
}
