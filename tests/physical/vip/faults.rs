//! Every fault at every action: the run goes on or gives the old primary back, nothing is lost, and there are never two
//! primaries. In the ordinary tests a sample; all of it in the sweep.

use super::lost::{FENCE, lose_the_primary, with_a_cable};
use super::support::{
    A, B, BACK_TO_A, CLOSE, DONE, Ended, OVER_TO_B, PARKED, ROLLED_BACK, UPGRADE, Vip,
};
use crate::call::Calls;
use crate::chain::{Call, Chain, Look, Unit, Watch, World};
use crate::place::WRITES;

/// The ways through a run.
pub const LEGS: [&str; 5] = [
    "there-and-back",
    "unwind",
    "finish",
    "lost-and-rewound",
    "lost-and-copied",
];
const AT_THE_SWITCH: &str = "cutover.switch  waits for the phrase";
const AT_THE_UPGRADE: &str = "rejoin.upgrade  waits for Enter";

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_action_there_and_back_nothing_is_lost() {
    let Some(done) = leg(LEGS[0], crate::chain::KINDS[1]).await else {
        return;
    };
    assert!(done.cases.len() > 25, "{:?}", done.cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_at_every_action_of_the_end_nothing_is_left() {
    let Some(done) = leg(LEGS[2], crate::chain::KINDS[3]).await else {
        return;
    };
    assert!(done.cases.len() > 1, "{:?}", done.cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_action_a_lost_primary_is_rewound_or_copied() {
    let Some(done) = leg(LEGS[3], crate::chain::KINDS[0]).await else {
        return;
    };
    assert!(done.cases.len() > 20, "{:?}", done.cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_action_a_lost_primary_is_copied() {
    let Some(done) = leg(LEGS[4], crate::chain::KINDS[1]).await else {
        return;
    };
    assert!(done.cases.len() > 20, "{:?}", done.cases);
}

impl World for Vip {
    fn calls(&self) -> Calls {
        Vip::calls(self)
    }

    fn look(&self, watch: &mut Watch) {
        for side in [A, B] {
            let look = Look {
                login: self.servers.login(side),
                sql: WRITES.to_owned(),
                at_once: true,
            };
            watch.look_at(side, look);
        }
    }

    async fn serves(&self, side: &str) -> bool {
        self.servers.takes_writes(side).await
    }

    async fn assert_nothing_lost(&self) {
        self.place.assert_nothing_lost();
    }
}

/// A pair whose primary is lost with rows that its standby has never received: nobody writes meanwhile, and they are lost,
/// as the phrase says.
struct Lost(Vip);

impl World for Lost {
    fn calls(&self) -> Calls {
        self.0.calls()
    }

    fn look(&self, watch: &mut Watch) {
        self.0.look(watch);
    }

    async fn serves(&self, side: &str) -> bool {
        self.0.serves(side).await
    }

    async fn assert_nothing_lost(&self) {
        let there = "SELECT count(*) FROM pg_class WHERE relname = 'only_on_a'";
        for side in [A, B] {
            assert_eq!(self.0.servers.ask(side, there).await, "0", "{side}");
        }
    }
}

/// The old primary is fenced, then comes back by a rewind or as a copy.
async fn lost(kind: &'static str, copied: bool) -> Option<Unit> {
    let lab = Vip::up(0)?;
    let cut = with_a_cable(&lab);
    lab.add_to_profile("[hooks.fence]\nargv = [\"true\"]");
    if copied {
        let nobody = "[replication]\nrewind_role = \"nobody_at_all\"";
        lab.edit_profile("[replication]", nobody);
    }
    lose_the_primary(&lab, &cut).await;
    let mut chain = Chain::begin(Lost(lab), kind);
    chain
        .until(Call::Resume, &[FENCE, OVER_TO_B], |ended| {
            ended.code == PARKED && ended.said.contains("rejoin.follow  ▶")
        })
        .await;
    assert_eq!(chain.world.0.primaries().await, [B]);
    std::fs::remove_file(cut).expect("mended");
    chain
        .until(Call::Resume, &[UPGRADE, CLOSE], |ended| ended.code == DONE)
        .await;
    let lab = &chain.world.0;
    is_clean(lab, B).await;
    // Its files are its own again, and what it replays is the other's.
    lab.servers
        .ask(
            B,
            "CREATE TABLE afterwards AS SELECT generate_series(1, 1000)",
        )
        .await;
    let there = "SELECT count(*) FROM pg_class WHERE relname = 'afterwards'";
    lab.servers.until(A, there, "1").await;
    assert_eq!(
        lab.servers.ask(A, "SELECT count(*) FROM afterwards").await,
        "1000"
    );
    let own = "SELECT current_setting('primary_conninfo') LIKE '%application_name=pg-a%'";
    assert_eq!(lab.servers.ask(A, own).await, "t");
    Some(chain.end().await)
}

/// One leg of a run under one kind of fault, on a lab of its own; `None` where there are no namespaces to be had.
pub async fn leg(leg: &str, kind: &'static str) -> Option<Unit> {
    if let Some(how) = leg.strip_prefix("lost-and-") {
        return lost(kind, how == "copied").await;
    }
    let lab = Vip::up(2)?;
    let before = State::of(&lab).await;
    let mut chain = Chain::begin(lab, kind);
    let primary = match leg {
        "there-and-back" => there_and_back(&mut chain).await,
        "unwind" => unwind(&mut chain).await,
        _ => finish(&mut chain).await,
    };
    let lab = &chain.world;
    is_clean(lab, primary).await;
    let after = State::of(lab).await;
    if leg != "finish" {
        assert_eq!(after.versions, before.versions);
    }
    if leg == "unwind" {
        assert_eq!(after, before);
    }
    Some(chain.end().await)
}

/// One primary, which has the address and is followed; nothing of the run is left, and another may begin.
async fn is_clean(lab: &Vip, primary: &'static str) {
    assert_eq!(lab.primaries().await, [primary]);
    assert_eq!(lab.holders(), [primary], "the address");
    let other = if primary == A { B } else { A };
    // The other streams, by a slot.
    let followed = "SELECT count(*) FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid \
                    WHERE r.state = 'streaming'";
    lab.servers.until(primary, followed, "1").await;
    assert_eq!(lab.stray_slots(primary).await, "", "{primary}");
    assert_eq!(lab.stray_slots(other).await, "", "{other}");
    assert_eq!(lab.marks(), [primary == B, primary == A], "standby.signal");
    // As clean as before: nothing keeps another run from beginning.
    let check = lab.check();
    let blocks: Vec<_> = check.blocking().collect();
    assert!(blocks.is_empty(), "{blocks:?}");
}

async fn there_and_back(chain: &mut Chain<Vip>) -> &'static str {
    chain
        .until(Call::Run, &[], |ended| parked(ended, AT_THE_SWITCH))
        .await;
    let opened_at = chain.pause(Call::Resume, OVER_TO_B, [A, B], None).await;
    chain
        .until(Call::Resume, &[OVER_TO_B], |ended| {
            parked(ended, AT_THE_UPGRADE)
        })
        .await;
    assert_eq!(chain.world.primaries().await, [B]);
    assert_eq!(chain.world.holders(), [B], "the address");
    // Its first actions have BLUE follow; only then it switches.
    chain
        .until(Call::RollBack, &[], |ended| {
            parked(ended, "rollback.switch  waits for the phrase")
        })
        .await;
    chain
        .pause(Call::Resume, BACK_TO_A, [B, A], Some(opened_at))
        .await;
    chain
        .until(Call::Resume, &[BACK_TO_A], |ended| {
            ended.code == ROLLED_BACK
        })
        .await;
    assert!(chain.watch.saw_a_switch());
    A
}

async fn unwind(chain: &mut Chain<Vip>) -> &'static str {
    let there = chain.world.run(&[]).await;
    there.with(PARKED).saying(AT_THE_SWITCH);
    chain
        .until(Call::RollBack, &[], |ended| ended.code == ROLLED_BACK)
        .await;
    A
}

async fn finish(chain: &mut Chain<Vip>) -> &'static str {
    let there = chain.world.run(&[OVER_TO_B]).await;
    there.with(PARKED).saying(AT_THE_UPGRADE);
    chain
        .until(Call::Resume, &[UPGRADE, CLOSE], |ended| ended.code == DONE)
        .await;
    B
}

fn parked(ended: &Ended, at: &str) -> bool {
    ended.code == PARKED && ended.said.contains(at)
}

/// What an unwound run leaves as it was.
#[derive(Debug, PartialEq, Eq)]
struct State {
    versions: [String; 2],
    follows: [String; 2],
}

impl State {
    async fn of(lab: &Vip) -> Self {
        let version = "SELECT current_setting('server_version_num')";
        let follows = "SELECT current_setting('primary_conninfo') || ' by ' || current_setting('primary_slot_name')";
        Self {
            versions: [
                lab.servers.ask(A, version).await,
                lab.servers.ask(B, version).await,
            ],
            follows: [
                lab.servers.ask(A, follows).await,
                lab.servers.ask(B, follows).await,
            ],
        }
    }
}

impl Vip {
    /// The hosts that hold the virtual address.
    fn holders(&self) -> Vec<&'static str> {
        let profile = greenlight::profile::load(&self.profile()).expect("profile");
        let address = profile.vip_switchover().expect("of vip-switchover").address;
        let address = format!(" {}/", address.host);
        let hosts = [A, B].into_iter();
        hosts
            .filter(|host| {
                self.on_host(host, false, &["ip", "-4", "addr", "show"])
                    .contains(&address)
            })
            .collect()
    }

    /// Slots that keep WAL for nobody.
    async fn stray_slots(&self, node: &str) -> String {
        let sql = "SELECT string_agg(slot_name, ', ') FROM pg_replication_slots WHERE NOT active";
        self.servers.ask(node, sql).await
    }

    /// Which of both would come up as a standby.
    fn marks(&self) -> [bool; 2] {
        [A, B].map(|node| {
            let data = self.place.dir().join("servers").join(node).join("data");
            data.join("standby.signal").exists()
        })
    }
}
