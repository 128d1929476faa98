use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use greenlight::commands::outfit::{Lookout as _, Telling};
use greenlight::commands::rds_blue_green::{IDS, Lookout, Wired};
use greenlight::domain::{Node, Place};
use greenlight::engine::{Memory, Trip};
use greenlight::event::{Gauges, Light};
use greenlight::journal::Runs;
use greenlight::ports::{RdsApi, Session};
use greenlight::profile;
use tokio::sync::{mpsc, watch};

use crate::support::{BLUE, CUT_OVER, GREEN, Lab, PARKED, ROLL_BACK, TO_THE_CUTOVER};

/// What trips early or late enough to be seen in a test.
const THRESHOLDS: &str = "[budgets]\nlongest_transaction = \"2s\"\nlag_to_enter = \"64kB\"\n\
    [thresholds]\nwal_retained = \"1kB\"\nwal_space = \"1000TB\"\nhours_until_full = 1000000000.0\n\
    slot_room = \"4GB\"\nlag_growing = \"3s\"\nschema_every = \"1s\"";

/// Guardrails kept over a run, as the process that drives it keeps them.
struct Watched {
    trips: mpsc::UnboundedReceiver<Trip>,
    gauges: watch::Receiver<Gauges>,
    rds: Arc<dyn RdsApi>,
    lock: Arc<dyn Session>,
    told: Vec<Trip>,
    /// Of these, what no test has waited for yet.
    waiting: Vec<Trip>,
}

impl Watched {
    async fn over(lab: &Lab) -> Self {
        let run = lab.newest_run();
        let dir = lab.runs().join(&run);
        let view = Runs::locate(Some(&lab.runs())).expect("runs").view(&run);
        let view = view.expect("the run");
        let profile = profile::parse(Path::new(&dir.join("profile.toml")), &view.profile);
        let facts = Memory::of(&view.events).facts;
        let profile = profile
            .expect("sound")
            .blue_green()
            .expect("of rds-blue-green");
        let wired = Wired::reach(profile, &run, &facts).await;
        let wired = wired.unwrap_or_else(|_| panic!("the servers are there"));
        let at = Place::new(Node::blue(), "shop");
        let lock = wired.world.databases.dedicated(&at, "lock").await;
        let lock = lock.expect("a session");
        let (trips_out, trips) = mpsc::unbounded_channel();
        let (gauges_out, gauges) = watch::channel(Gauges::default());
        let lookout = Lookout {
            profile: Arc::clone(&wired.profile),
            world: wired.world.clone(),
            run,
            journal: dir.join("journal.jsonl"),
            lock: Arc::clone(&lock),
        };
        let telling = Telling {
            gauges: gauges_out,
            trips: trips_out,
        };
        tokio::spawn(Box::new(lookout).keep(telling));
        Self {
            trips,
            gauges,
            rds: wired.world.rds.expect("the stand-in"),
            lock,
            told: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// Waits until this guardrail turns to this light, and returns what it says.
    async fn turns(&mut self, id: &str, light: Light) -> String {
        let turned = async {
            loop {
                let mut waiting = self.waiting.iter();
                if let Some(at) = waiting.position(|trip| trip.id == id && trip.light == light) {
                    return self.waiting.remove(at).text;
                }
                let trip = self.trips.recv().await.expect("somebody looks on");
                self.told.push(trip.clone());
                self.waiting.push(trip);
            }
        };
        let turned = tokio::time::timeout(Duration::from_secs(90), turned).await;
        turned.unwrap_or_else(|_| {
            panic!(
                "{id} did not turn to {light:?}; told: {:#?}; {:?}",
                self.told,
                self.gauges.borrow()
            )
        })
    }

    async fn warns(&mut self, id: &str) -> String {
        let text = self.turns(id, Light::Warn).await;
        assert!(text.contains("The run goes on"), "{text}");
        assert_eq!(self.gauges.borrow().lights.len(), IDS.len());
        text
    }

    async fn stops(&mut self, id: &str) -> String {
        let text = self.turns(id, Light::Stop).await;
        assert!(text.contains("nothing new is begun"), "{text}");
        text
    }
}

/// Every guardrail is tripped on real servers, and falls silent when what tripped it is mended.
#[tokio::test]
async fn every_guardrail_trips() {
    let lab = Lab::up(2).await;
    lab.add_to_profile(THRESHOLDS);
    let cap = "ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'";
    lab.ask(BLUE, "postgres", cap).await;
    lab.ask(BLUE, "postgres", "SELECT pg_reload_conf()").await;
    lab.run(&TO_THE_CUTOVER)
        .await
        .with(PARKED)
        .saying("cutover.switch  waits for the phrase");
    let mut watched = Watched::over(&lab).await;
    before_the_cutover(&lab, &mut watched).await;
    lab.resume(&[CUT_OVER], None)
        .await
        .with(PARKED)
        .saying("finish.unlink  waits for the phrase");
    after_the_cutover(&lab, &mut watched).await;
    for id in IDS {
        let tripped = watched.told.iter().any(|trip| trip.id == id);
        assert!(tripped, "{id} never tripped: {:?}", watched.told);
    }
}

async fn before_the_cutover(lab: &Lab, watched: &mut Watched) {
    let room = watched.warns("slot-safe").await;
    assert!(room.contains("more of WAL"), "{room}");
    watched.warns("wal-retained").await;
    watched.warns("wal-disk").await;

    let open = lab.connect(BLUE, "billing").await;
    open.batch_execute("BEGIN; SELECT 1").await.expect("begin");
    watched.warns("long-transaction").await;
    drop(open);
    watched.turns("long-transaction", Light::Ok).await;

    let table = "ALTER TABLE shop.product ADD COLUMN of_blue int";
    lab.ask(BLUE, "shop", table).await;
    let drifted = watched.warns("schema-drift").await;
    assert!(drifted.contains("shop"), "{drifted}");
    let back = "ALTER TABLE shop.product DROP COLUMN of_blue";
    lab.ask(BLUE, "shop", back).await;
    watched.turns("schema-drift", Light::Ok).await;

    let holder = lab.connect(GREEN, "shop").await;
    let hold = "BEGIN; LOCK TABLE audit_load.once, audit_load.loose, audit_load.balance";
    holder.batch_execute(hold).await.expect("lock");
    watched.warns("lag-growing").await;
    drop(holder);
    watched.turns("lag-growing", Light::Ok).await;

    let row = "INSERT INTO billing.invoice (number, amount, period) VALUES ('twice', 1, '[2026-11-01,2026-11-02)')";
    lab.ask(GREEN, "billing", row).await;
    lab.ask(BLUE, "billing", row).await;
    let told = watched.warns("apply-errors").await;
    assert!(told.contains("GREEN · billing"), "{told}");
    assert!(told.contains("already exists"), "{told}");
    let mend =
        "DELETE FROM billing.invoice WHERE number = 'twice'; ALTER SUBSCRIPTION greenlight ENABLE";
    lab.ask(GREEN, "billing", mend).await;
    watched.turns("apply-errors", Light::Ok).await;
    let disable = "ALTER SUBSCRIPTION greenlight DISABLE";
    lab.ask(GREEN, "billing", disable).await;
    let down = watched.warns("link-down").await;
    assert!(down.contains("GREEN · billing"), "{down}");
    let enable = "ALTER SUBSCRIPTION greenlight ENABLE";
    lab.ask(GREEN, "billing", enable).await;
    watched.turns("link-down", Light::Ok).await;

    // A backend that crashes takes all others with it, and its postmaster goes on.
    let postmaster = "SELECT pg_postmaster_start_time()";
    let before = lab.ask(GREEN, "shop", postmaster).await;
    let victim = lab.connect(GREEN, "shop").await;
    let pid: i32 = victim
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .expect("a process")
        .get(0);
    let killed = std::process::Command::new("kill")
        .args(["-s", "KILL", &pid.to_string()])
        .status();
    assert!(killed.expect("kill").success());
    let restarted = watched.warns("server-restart").await;
    assert!(restarted.contains("GREEN was started anew"), "{restarted}");
    assert_eq!(lab.ask(GREEN, "shop", postmaster).await, before);
}

async fn after_the_cutover(lab: &Lab, watched: &mut Watched) {
    lab.ask(BLUE, "shop", "ALTER ROLE shop_report LOGIN").await;
    let open = watched.stops("open-on-both").await;
    assert!(open.contains("shop_report"), "{open}");
    lab.ask(BLUE, "shop", "ALTER ROLE shop_report NOLOGIN")
        .await;
    watched.turns("open-on-both", Light::Ok).await;

    let make = "CREATE ROLE roamer LOGIN NOINHERIT IN ROLE shop_app PASSWORD 'roams'";
    lab.ask(BLUE, "shop", make).await;
    let roamer = lab.log_in(BLUE, "shop", "roamer", "roams").await;
    let back = watched.stops("old-side-sessions").await;
    assert!(
        back.contains("BLUE: process") && back.contains("roamer"),
        "{back}"
    );
    drop(roamer);
    watched.turns("old-side-sessions", Light::Ok).await;

    // The reverse link, its subscriptions on BLUE.
    let disable = "ALTER SUBSCRIPTION greenlight_reverse DISABLE";
    let idle = "SELECT count(*) FROM pg_stat_subscription s JOIN pg_database d ON d.datname = current_database() \
        JOIN pg_subscription p ON p.oid = s.subid AND p.subdbid = d.oid WHERE s.pid IS NOT NULL";
    for database in ["shop", "billing"] {
        lab.ask(BLUE, database, disable).await;
        lab.until(BLUE, database, idle, "0").await;
    }
    let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = 'billing'";
    lab.ask(GREEN, "billing", drop).await;
    let gone = watched.stops("slot-safe").await;
    assert!(gone.contains("billing"), "{gone}");

    // GREEN comes up on a timeline of its own, as after a failover.
    let nothing = "ALTER SYSTEM SET restore_command = 'false'";
    lab.ask(GREEN, "shop", nothing).await;
    let folder = lab.ask(GREEN, "shop", "SHOW data_directory").await;
    let signal = Path::new(&folder[0]).join("recovery.signal");
    std::fs::write(signal, "").expect("a file");
    let reboot = watched.rds.reboot_instance("shop-green").await;
    reboot.expect("a reboot");
    let replaced = watched.stops("server-replaced").await;
    assert!(
        replaced.contains("GREEN") && replaced.contains("timeline"),
        "{replaced}"
    );
    let beyond = "SELECT pg_replication_origin_advance('pg_' || p.oid, 'FF/0') FROM pg_subscription p \
        JOIN pg_database d ON d.oid = p.subdbid WHERE d.datname = 'shop'";
    lab.ask(BLUE, "shop", beyond).await;
    lab.ask(BLUE, "shop", "ALTER SUBSCRIPTION greenlight_reverse ENABLE")
        .await;
    watched.stops("negative-lag").await;

    let end = format!(
        "SELECT pg_terminate_backend({})",
        watched.lock.backend_pid()
    );
    lab.ask(BLUE, "shop", &end).await;
    watched.stops("operator-lock").await;

    // Whoever takes the run up after that has never seen another, and knows from the run's records.
    let told = Watched::over(lab).await.stops("server-replaced").await;
    assert!(told.contains("GREEN is not the server it was"), "{told}");
    let shut = lab.roll_back(&[ROLL_BACK], None).await.with(PARKED);
    shut.saying("the gate stays shut")
        .saying("servers-unchanged on GREEN");
    assert!(lab.is_open(GREEN).await && !lab.is_open(BLUE).await);
}
