//! Every fault at every action of `patroni-guard`: the run ends in a verdict, no row is lost but those of a roll back,
//! there are never two leaders, and nothing of the hold stays. In the ordinary tests a sample; all of it in the sweep.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::audit::assert_nothing_lost;
use crate::call::{Calls, DONE, Ended, KILLED, PARKED, ROLLED_BACK};
use crate::chain::{Call, Chain, Look, Unit, Watch, World};
use crate::place::Place;

/// The ways through a run.
pub const LEGS: [&str; 3] = ["hold-and-release", "hold-and-roll-back", "unwind"];
const MEMBERS: [&str; 3] = ["pg1", "pg2", "pg3"];
const LEADER: &str = MEMBERS[0];
const HELD: &str = MEMBERS[2];
const WINDOW: &str = "deploy.window=x";
const RELEASE: &str = "release.member=release pg3";
const RECOVER: &str = "rollback.recover=x";
const OLD_LEADER: &str = "rollback.old-leader=x";
const WRITES: &str = "SELECT NOT pg_is_in_recovery()";

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_action_of_hold_and_release_the_member_follows_again() {
    let done = leg(LEGS[0], crate::chain::KINDS[1]).await;
    assert!(done.cases.len() > 12, "{:?}", done.cases);
}

/// The leader is stopped and given back: Patroni promotes it anew, which the held member, apart, does not hear of.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_given_back_is_rewound_from_a_timeline_of_its_own() {
    let mut chain = Chain::begin(Cluster::up(), "fail");
    let held = chain.world.calls().run(&[WINDOW], None).await;
    held.with(PARKED).saying("release.member  waits");
    let run = chain.world.calls().newest_run();
    let phrase = format!("rollback.switch=roll back to predeploy_{run}");
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
    assert_eq!(chain.world.settles(HELD).await, "");
    chain.world.assert_nothing_lost().await;
    chain.assert_never_both_open();
}

/// A cluster with writers.
struct Cluster {
    place: Place,
    members: BTreeMap<&'static str, Config>,
}

impl World for Cluster {
    fn calls(&self) -> Calls {
        Calls {
            runs: self.place.dir().join("runs"),
            profile: self.profile(),
        }
    }

    fn look(&self, watch: &mut Watch) {
        for (member, login) in &self.members {
            let look = Look {
                login: login.clone(),
                sql: WRITES.to_owned(),
                at_once: true,
            };
            watch.look_at(member, look);
        }
    }

    async fn serves(&self, side: &str) -> bool {
        match self.connect(side).await {
            Some(client) => first(&client, WRITES).await == "t",
            None => false,
        }
    }

    async fn assert_nothing_lost(&self) {
        let rows = |audit: &Value| audit["acknowledged"].as_u64();
        let before = rows(&self.place.audit());
        for _ in 0..300 {
            let audit = self.place.audit();
            assert_nothing_lost(&audit);
            if rows(&audit) > before.map(|rows| rows + 20) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the writers stand still");
    }
}

/// One leg of a run under one kind of fault, on a lab of its own.
pub async fn leg(leg: &str, kind: &'static str) -> Unit {
    let cluster = Cluster::up();
    let before = cluster.held_file();
    let settings = cluster.settings().await;
    let mut chain = Chain::begin(cluster, kind);
    let leader = match leg {
        "hold-and-release" => hold_and_release(&mut chain).await,
        "hold-and-roll-back" => hold_and_roll_back(&mut chain).await,
        _ => unwind(&mut chain).await,
    };
    let cluster = &chain.world;
    assert_eq!(
        cluster.settles(leader).await,
        "",
        "with {leader} as the leader"
    );
    assert_eq!(cluster.held_file(), before, "byte for byte");
    assert_eq!(cluster.left_over(), [""; 0]);
    cluster.has_settings(&settings).await;
    chain.end().await
}

async fn hold_and_release(chain: &mut Chain<Cluster>) -> &'static str {
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

async fn hold_and_roll_back(chain: &mut Chain<Cluster>) -> &'static str {
    let held = chain.world.calls().run(&[WINDOW], None).await;
    held.with(PARKED).saying("release.member  waits");
    let bad = chain.world.place.greenlight(&["deploy", "bad"]);
    assert!(bad.status.success(), "{bad:?}");
    chain
        .until(Call::RollBack, &[RECOVER], |ended| {
            parked(ended, "rollback.switch  waits")
        })
        .await;
    let run = chain.world.calls().newest_run();
    let phrase = format!("rollback.switch=roll back to predeploy_{run}");
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

async fn unwind(chain: &mut Chain<Cluster>) -> &'static str {
    // Taken back at once: Patroni may not show yet what the run has changed a moment ago.
    let settings = chain.world.settings().await;
    let first = chain.world.calls().run(&[], Some("kill-sent:1")).await;
    first.with(KILLED);
    let back = chain.world.calls().roll_back(&[], None).await;
    back.with(ROLLED_BACK);
    chain.world.has_settings(&settings).await;
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

impl Cluster {
    fn up() -> Self {
        let place = Place::new();
        let up = place.up(&["patroni-guard", "--load", "2"]);
        let url = |at: usize| up["nodes"][at]["url"].as_str().expect("url");
        let login = |at: usize| url(at).parse().expect("url");
        let members = MEMBERS.into_iter().zip((0..3).map(login)).collect();
        Self { place, members }
    }

    fn profile(&self) -> PathBuf {
        self.place.dir().join("profile.toml")
    }

    fn data(&self, member: &str) -> PathBuf {
        self.place.dir().join("servers").join(member).join("data")
    }

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

    fn held_path(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.profile()).expect("profile");
        let profile: toml::Table = text.parse().expect("TOML");
        let yaml = &profile["nodes"][HELD]["yaml"];
        yaml.as_str().expect("a path").into()
    }

    fn held_file(&self) -> String {
        std::fs::read_to_string(self.held_path()).expect("file")
    }

    async fn connect(&self, member: &str) -> Option<Client> {
        let (client, connection) = self.members[member].connect(NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }

    async fn ask(&self, member: &str, sql: &str) -> String {
        match self.connect(member).await {
            Some(client) => first(&client, sql).await,
            None => "no answer".to_owned(),
        }
    }

    /// What the run raises and puts back, on every member.
    async fn settings(&self) -> Vec<String> {
        let sql = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings \
                   WHERE name IN ('wal_keep_size', 'recovery_min_apply_delay')";
        let mut settings = Vec::new();
        for member in MEMBERS {
            settings.push(self.ask(member, sql).await);
        }
        settings
    }

    /// They are these, a moment after the run said so: each member reads them in its own loop.
    async fn has_settings(&self, wanted: &[String]) {
        let mut found = Vec::new();
        // What is there at once may be from before the last change.
        tokio::time::sleep(Duration::from_secs(3)).await;
        for _ in 0..100 {
            found = self.settings().await;
            if found == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(found, wanted);
    }

    /// Waits until the others stream from the leader, by their slots alone, without delay; what is wrong, else.
    async fn settles(&self, leader: &str) -> String {
        let followers = "SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM pg_stat_replication \
                         WHERE state = 'streaming' AND replay_lsn > pg_current_wal_lsn() - 100000";
        let slots = "SELECT string_agg(slot_name || CASE WHEN active THEN '' ELSE ' (idle)' END, ' ' ORDER BY slot_name) \
                     FROM pg_replication_slots";
        let mut others: Vec<_> = MEMBERS.into_iter().filter(|name| *name != leader).collect();
        others.sort_unstable();
        let wanted = others.join(" ");
        let mut seen = String::new();
        for _ in 0..300 {
            let (streaming, kept) = (
                self.ask(leader, followers).await,
                self.ask(leader, slots).await,
            );
            let mut stray = Vec::new();
            for other in &others {
                let slots = "SELECT coalesce(string_agg(slot_name, ' '), '') FROM pg_replication_slots WHERE active";
                stray.push(self.ask(other, slots).await);
            }
            if streaming == wanted && kept == wanted && stray.concat().is_empty() {
                return String::new();
            }
            seen = format!("streaming {streaming:?}, slots {kept:?}, on the others {stray:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        seen
    }

    /// What the run has put beside the member's file and into its data directory.
    fn left_over(&self) -> Vec<String> {
        let file = self.held_path();
        let folders = [file.parent().expect("folder").to_owned(), self.data(HELD)];
        let entries = folders
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok());
        let names = entries
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let ours = names.filter(|name| name.contains("greenlight"));
        let off = MEMBERS.iter().filter(|member| {
            let note = self.data(member).with_file_name("disabled");
            note.exists()
        });
        let off = off.map(|member| format!("{member} does not start with its host"));
        ours.chain(off).collect()
    }
}

/// The first column of the first row.
async fn first(client: &Client, sql: &str) -> String {
    let rows = match client.simple_query(sql).await {
        Ok(rows) => rows,
        Err(error) => return error.to_string(),
    };
    let row = rows.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    row.unwrap_or_default()
}
