//! Every fault at every action of `patroni-guard`: the run ends in a verdict, no row is lost but those of a roll back,
//! there are never two leaders, and nothing of the hold stays. In the ordinary tests a sample; all of it in the sweep.

use std::time::Duration;

use super::support::{
    DONE, Ended, Guard, HELD, KILLED, LEADER, MEMBERS, OLD_LEADER, PARKED, RECOVER, RELEASE,
    ROLLED_BACK, WINDOW,
};
use crate::call::Calls;
use crate::chain::{Call, Chain, Look, Unit, Watch, World};
use crate::place::{WRITES, until};

/// The ways through a run.
pub const LEGS: [&str; 3] = ["hold-and-release", "hold-and-roll-back", "unwind"];

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_action_of_hold_and_release_the_member_follows_again() {
    let done = leg(LEGS[0], crate::chain::KINDS[1]).await;
    assert!(done.cases.len() > 12, "{:?}", done.cases);
}

/// The leader is stopped and given back: Patroni promotes it anew, which the held member, apart, does not hear of.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_given_back_is_rewound_from_a_timeline_of_its_own() {
    let mut chain = Chain::begin(Guard::up(&["--load", "2"]), "fail");
    let held = chain.world.calls().run(&[WINDOW], None).await;
    held.with(PARKED).saying("release.member  waits");
    let phrase = chain.world.switch();
    // All are stopped by then, and the promotion is next.
    let (ended, _) = chain
        .process(Call::RollBack, &[RECOVER, &phrase], "kill-after:10", 1)
        .await;
    ended.with(KILLED).saying("write pause begins");
    let again = chain.world.calls().resume(&[], None).await;
    again.with(PARKED).saying("write pause over after");
    // The run knows the timeline that its own giving back began: nothing is asked about it.
    let calls = chain.world.calls();
    let back = calls.resume(&[&phrase, OLD_LEADER], None).await;
    let back = back.with(ROLLED_BACK);
    assert!(!back.said.contains("made anew"), "{}", back.said);
    assert_eq!(chain.world.newest_timeline(HELD), 3);
    chain.world.settles(HELD).await;
    chain.world.place.assert_nothing_lost();
    chain.assert_never_both_open();
}

impl World for Guard {
    fn calls(&self) -> Calls {
        Guard::calls(self)
    }

    fn look(&self, watch: &mut Watch) {
        for member in MEMBERS {
            let look = Look {
                login: self.servers.login(member),
                sql: WRITES.to_owned(),
                at_once: true,
            };
            watch.look_at(member, look);
        }
    }

    async fn serves(&self, side: &str) -> bool {
        self.servers.takes_writes(side).await
    }

    async fn assert_nothing_lost(&self) {
        self.place.assert_nothing_lost();
    }
}

/// One leg of a run under one kind of fault, on a lab of its own.
pub async fn leg(leg: &str, kind: &'static str) -> Unit {
    let guard = Guard::up(&["--load", "2"]);
    let before = guard.held_file();
    let settings = guard.settings().await;
    let mut chain = Chain::begin(guard, kind);
    let leader = match leg {
        "hold-and-release" => hold_and_release(&mut chain).await,
        "hold-and-roll-back" => hold_and_roll_back(&mut chain).await,
        _ => unwind(&mut chain).await,
    };
    let guard = &chain.world;
    guard.settles(leader).await;
    guard.is_clean(&before);
    guard.has_settings(settings).await;
    chain.end().await
}

async fn hold_and_release(chain: &mut Chain<Guard>) -> &'static str {
    chain
        .until(Call::Run, &[WINDOW], |ended| {
            parked(ended, "release.member  waits")
        })
        .await;
    chain
        .until(Call::Resume, &[RELEASE], |ended| ended.code == DONE)
        .await;
    LEADER
}

async fn hold_and_roll_back(chain: &mut Chain<Guard>) -> &'static str {
    let held = chain.world.calls().run(&[WINDOW], None).await;
    held.with(PARKED).saying("release.member  waits");
    chain.world.place.does(&["deploy", "bad"]);
    chain
        .until(Call::RollBack, &[RECOVER], |ended| {
            parked(ended, "rollback.switch  waits")
        })
        .await;
    let phrase = chain.world.switch();
    chain
        .pause(Call::Resume, &phrase, [LEADER, HELD], None)
        .await;
    assert!(
        chain.world.newest_timeline(HELD) > chain.world.newest_timeline(LEADER),
        "on the timeline of a member that is to be rewound nobody would be"
    );
    chain
        .until(Call::Resume, &[&phrase, OLD_LEADER], |ended| {
            ended.code == ROLLED_BACK
        })
        .await;
    assert!(chain.watch.saw_a_switch());
    HELD
}

async fn unwind(chain: &mut Chain<Guard>) -> &'static str {
    // Taken back at once: Patroni may not show yet what the run has changed a moment ago.
    let settings = chain.world.settings().await;
    let first = chain.world.calls().run(&[], Some("kill-sent:1")).await;
    first.with(KILLED);
    let back = chain.world.calls().roll_back(&[], None).await;
    back.with(ROLLED_BACK);
    chain.world.has_settings(settings).await;
    let held = chain.world.calls().run(&[], None).await;
    held.with(PARKED).saying("deploy.window  waits");
    chain
        .until(Call::RollBack, &[], |ended| ended.code == ROLLED_BACK)
        .await;
    LEADER
}

fn parked(ended: &Ended, at: &str) -> bool {
    ended.code == PARKED && ended.said.contains(at)
}

impl Guard {
    /// By the histories of its timelines.
    fn newest_timeline(&self, member: &str) -> u32 {
        let files = std::fs::read_dir(self.data(member).join("pg_wal")).expect("pg_wal");
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let timelines = names.filter_map(|name| {
            let timeline = name.strip_suffix(".history")?;
            u32::from_str_radix(timeline, 16).ok()
        });
        timelines.max().unwrap_or(1)
    }

    /// What the run raises and puts back, on every member; nothing where one does not answer.
    async fn settings(&self) -> Vec<Option<String>> {
        let sql = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings \
                   WHERE name IN ('wal_keep_size', 'recovery_min_apply_delay')";
        let mut settings = Vec::new();
        for member in MEMBERS {
            settings.push(self.servers.try_ask(member, sql).await);
        }
        settings
    }

    /// They are these, a moment after the run said so: each member reads them in its own loop.
    async fn has_settings(&self, wanted: Vec<Option<String>>) {
        // What is there at once may be from before the last change.
        tokio::time::sleep(Duration::from_secs(3)).await;
        until("what the run raises", wanted, async || {
            self.settings().await
        })
        .await;
    }

    /// Waits until the others stream from the leader, by their slots alone, without delay.
    async fn settles(&self, leader: &str) {
        let followers = "SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM pg_stat_replication \
                         WHERE state = 'streaming' AND replay_lsn > pg_current_wal_lsn() - 100000";
        let slots = "SELECT string_agg(slot_name || CASE WHEN active THEN '' ELSE ' (idle)' END, ' ' ORDER BY slot_name) \
                     FROM pg_replication_slots";
        let stray = "SELECT string_agg(slot_name, ' ') FROM pg_replication_slots WHERE active";
        let mut others = MEMBERS.to_vec();
        others.retain(|member| *member != leader);
        let names = Some(others.join(" "));
        let none = Some(String::new());
        let wanted = [names.clone(), names, none.clone(), none];
        let what = format!("followers of {leader}, its slots, slots of the others");
        until(what, wanted, async || {
            let servers = &self.servers;
            [
                servers.try_ask(leader, followers).await,
                servers.try_ask(leader, slots).await,
                servers.try_ask(others[0], stray).await,
                servers.try_ask(others[1], stray).await,
            ]
        })
        .await;
    }
}
