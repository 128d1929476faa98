//! `greenlight panic` from a second terminal: nothing while only a member is held, the roll back from the deployment on.

use super::support::{Guard, KILLED, OLD_LEADER, PARKED, RECOVER, ROLLED_BACK, WINDOW};
use crate::call::Ended;
use crate::place::{kill, until};
use crate::under_way::UnderWay;

impl Guard {
    async fn panic(&self) -> Ended {
        let phrase = format!("roll back to predeploy_{}", self.newest_run());
        self.calls().panic(&phrase).await
    }

    /// A run whose deployment never ends by itself, once that is under way.
    async fn deploys_for_ever(&self) -> UnderWay {
        let words = ["sh", "-c", &self.for_ever()];
        let mut run = UnderWay::start(self.deploying(&words));
        run.says("here ← sh").await;
        // Told before it is begun.
        until("the deployment", true, async || self.deploys()).await;
        run
    }

    /// For as long as the lab is there.
    fn for_ever(&self) -> String {
        let dir = self.place.dir();
        format!("while [ -d {} ]; do sleep 0.1; done", dir.display())
    }

    fn deploys(&self) -> bool {
        let ours = format!("sh -c {} ", self.for_ever());
        self.place.processes().contains(&ours)
    }
}

/// While a member is held nothing is lost; in the write outage of a roll back the rest of it follows.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_member_held_and_in_a_roll_back() {
    let guard = Guard::up(&["--load", "2"]);
    guard.calls().run(&[], None).await.with(PARKED);
    guard
        .panic()
        .await
        .with(PARKED)
        .saying("nothing was switched");
    guard.is_held().await;
    guard.resume(&[WINDOW]).await.with(PARKED);
    let answers = [RECOVER, &guard.switch(), OLD_LEADER];
    let back = ["rollback", &guard.newest_run()];
    let mut rollback = UnderWay::start(guard.calls().command(&back, &answers, None));
    rollback.says("write pause begins").await;
    guard.panic().await.with(PARKED).saying("stopping process");
    rollback.ended().await.with(PARKED);
    assert_eq!(guard.leader().await, "pg3");
    guard.resume(&[OLD_LEADER]).await.with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}

/// A deployment that hangs is ended, and rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_run_deploys() {
    let guard = Guard::up(&["--load", "2"]);
    let deploying = guard.deploys_for_ever().await;
    assert!(guard.deploys());
    guard.panic().await.with(PARKED).saying("stopping process");
    assert!(!guard.deploys());
    deploying
        .ended()
        .await
        .with(PARKED)
        .saying("ended the deployment half-way");
    assert_eq!(guard.leader().await, "pg3");
    guard.resume(&[OLD_LEADER]).await.with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}

/// How the deployment ended is not known, and does not matter.
#[tokio::test(flavor = "multi_thread")]
async fn once_a_run_died_while_it_deployed() {
    let guard = Guard::up(&["--load", "2"]);
    let deploying = guard.deploys_for_ever().await;
    kill(deploying.pid().parse().expect("a number"), "KILL");
    deploying.ended().await.with(KILLED);
    guard
        .calls()
        .roll_back(&[], None)
        .await
        .saying("finish it first");
    guard.panic().await.with(PARKED);
    assert_eq!(guard.leader().await, "pg3");
    guard.resume(&[OLD_LEADER]).await.with(ROLLED_BACK);
    guard.all_follow("pg3").await;
    guard.place.assert_nothing_lost();
}
