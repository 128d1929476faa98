//! Every fault at every action of `rds-blue-green`, forward, back and finished. In the ordinary tests a sample; all of it
//! in the sweep.

use crate::call::{Calls, DONE, KILLED, PARKED, ROLLED_BACK};
use crate::chain::{Call, Chain, Look, Unit, Watch, World};
use crate::support::{BLUE, CUT_OVER, FENCED, FINISH, GREEN, Lab, ROLL_BACK, TO_THE_CUTOVER};

/// The ways through a run.
pub const LEGS: [&str; 3] = ["there-and-back", "unwind", "finish"];
const AT_THE_CUTOVER: &str = "cutover.switch  waits for the phrase";
const AT_THE_END: &str = "finish.unlink  waits for the phrase";

impl World for Lab {
    fn calls(&self) -> Calls {
        Lab::calls(self)
    }

    /// GREEN is watched once it is known: it comes out of the restore open, pointed at by nobody.
    fn look(&self, watch: &mut Watch) {
        let roles = FENCED.map(|role| format!("'{role}'")).join(", ");
        // no quoting: the names above.
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolcanlogin AND rolname IN ({roles})) \
             OR EXISTS (SELECT FROM pg_stat_activity WHERE usename IN ({roles}))"
        );
        let mut look_at = |side, at_once| {
            if let Some(login) = self.login(side, "postgres") {
                let sql = sql.clone();
                watch.look_at(
                    side,
                    Look {
                        login,
                        sql,
                        at_once,
                    },
                );
            }
        };
        look_at(BLUE, true);
        if self.began() && self.green_port().is_some() {
            look_at(GREEN, false);
        }
    }

    async fn serves(&self, side: &str) -> bool {
        self.is_open(side).await
    }

    async fn assert_nothing_lost(&self) {
        Lab::assert_nothing_lost(self).await;
    }
}

/// The sample of the ordinary tests.
#[tokio::test]
async fn every_action_sent_twice_there_and_back() {
    let done = leg(LEGS[0], crate::chain::KINDS[6]).await;
    assert!(done.cases.len() > 60, "{:?}", done.cases);
}

/// A record in the middle of the write pause cannot be written, as on a full disk: BLUE is given back all the same, and
/// the run parks. Or it is the last thing the process does: the next one gives BLUE back. Then the run goes on.
#[tokio::test]
async fn whatever_becomes_of_a_record_of_the_write_pause_blue_is_given_back() {
    let mut chain = begin("fail-record").await;
    let before = chain.world.logins(BLUE).await;
    let there = chain.world.run(&TO_THE_CUTOVER).await;
    there.with(PARKED).saying(AT_THE_CUTOVER);
    let first = first_record_of_the_pause(&mut chain).await;
    for record in [first + 3, first + 9, first + 15] {
        let fault = format!("fail-record:{record}");
        let (ended, _) = chain.process(Call::Resume, &[CUT_OVER], &fault, 1).await;
        assert_eq!(ended.code, PARKED, "{fault}:\n{}", ended.said);
        assert!(ended.said.contains("write pause begins"), "{}", ended.said);
        assert_eq!(chain.world.logins(BLUE).await, before, "{fault}");
        assert!(!chain.world.is_open(GREEN).await, "{fault}");
        chain.world.assert_nothing_lost().await;
    }
    for record in [first + 3, first + 5, first + 9, first + 15] {
        let fault = format!("kill-record:{record}");
        let (ended, _) = chain.process(Call::Resume, &[CUT_OVER], &fault, 1).await;
        assert_eq!(ended.code, KILLED, "{fault}:\n{}", ended.said);
        assert!(ended.said.contains("write pause begins"), "{}", ended.said);
        let again = chain.world.resume(&[], None).await;
        again.with(PARKED).saying(AT_THE_CUTOVER);
        assert_eq!(chain.world.logins(BLUE).await, before, "{fault}");
        assert!(!chain.world.is_open(GREEN).await, "{fault}");
        chain.world.assert_nothing_lost().await;
    }
    let there = chain.world.resume(&[CUT_OVER], None).await;
    there.with(PARKED).saying(AT_THE_END);
    chain.world.assert_nothing_lost().await;
}

/// One leg of a run under one kind of fault, on a lab of its own.
pub async fn leg(leg: &str, kind: &'static str) -> Unit {
    match leg {
        "there-and-back" => there_and_back(kind).await,
        "unwind" => unwind(kind).await,
        _ => finish(kind).await,
    }
}

async fn there_and_back(kind: &'static str) -> Unit {
    let mut chain = begin(kind).await;
    let before = chain.world.logins(BLUE).await;
    chain
        .until(Call::Run, &TO_THE_CUTOVER, |ended| {
            ended.code == PARKED && ended.said.contains(AT_THE_CUTOVER)
        })
        .await;
    let opened_at = chain
        .pause(Call::Resume, CUT_OVER, [BLUE, GREEN], None)
        .await;
    chain
        .until(Call::Resume, &[CUT_OVER], |ended| {
            ended.code == PARKED && ended.said.contains(AT_THE_END)
        })
        .await;
    assert!(!chain.world.is_open(BLUE).await);
    assert_eq!(chain.world.logins(GREEN).await, before);
    chain
        .pause(Call::RollBack, ROLL_BACK, [GREEN, BLUE], Some(opened_at))
        .await;
    chain
        .until(Call::Resume, &[ROLL_BACK], |ended| {
            ended.code == ROLLED_BACK
        })
        .await;
    assert!(!chain.world.is_open(GREEN).await);
    assert_eq!(chain.world.logins(BLUE).await, before);
    assert!(chain.watch.saw_a_switch());
    end(chain, &[BLUE]).await
}

async fn unwind(kind: &'static str) -> Unit {
    let mut chain = begin(kind).await;
    let before = chain.world.logins(BLUE).await;
    let there = chain.world.run(&TO_THE_CUTOVER).await;
    there.with(PARKED).saying(AT_THE_CUTOVER);
    chain
        .until(Call::RollBack, &[], |ended| ended.code == ROLLED_BACK)
        .await;
    assert_eq!(chain.world.logins(BLUE).await, before);
    // As clean as before: nothing keeps another run from beginning.
    chain.world.check().await.with(DONE);
    end(chain, &[BLUE]).await
}

async fn finish(kind: &'static str) -> Unit {
    let mut chain = begin(kind).await;
    let before = chain.world.logins(BLUE).await;
    chain.world.cut_over().await;
    chain
        .until(Call::Resume, &[FINISH], |ended| ended.code == DONE)
        .await;
    assert_eq!(chain.world.logins(GREEN).await, before);
    assert!(!chain.world.is_open(BLUE).await);
    end(chain, &[BLUE, GREEN]).await
}

async fn begin(kind: &'static str) -> Chain<Lab> {
    Chain::begin(Lab::up(2).await, kind)
}

/// Nothing lost, nothing left.
async fn end(chain: Chain<Lab>, clean: &[&str]) -> Unit {
    for side in clean {
        assert_eq!(chain.world.left_over(side).await, [""; 0], "{side}");
    }
    chain.end().await
}

/// Which record of a process on this run is the intent that fences: found by killing one there.
async fn first_record_of_the_pause(chain: &mut Chain<Lab>) -> usize {
    for at in 1.. {
        let before = records(chain);
        let fault = format!("kill-before:{at}");
        let (ended, struck) = chain.process(Call::Resume, &[CUT_OVER], &fault, at).await;
        assert_eq!(ended.code, KILLED, "{}", ended.said);
        if struck.iter().any(|case| case.action.contains("ALTER ROLE")) {
            return records(chain) - before;
        }
    }
    unreachable!("a pause begins with a fence")
}

fn records(chain: &Chain<Lab>) -> usize {
    chain.world.calls().journal().lines().count()
}
