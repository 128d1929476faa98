//! Looks on while a run goes on: samples the gauges, asks what guardrails judge, tells both. Changes nothing, and a
//! server that is silent keeps nobody waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::guardrails::{Board, Seen};
use crate::checks::known::FINGERPRINT;
use crate::checks::{CheckContext, Moment, fingerprint_sql};
use crate::domain::{Node, Place, Sql};
use crate::engine::{Memory, Trip};
use crate::event::Gauges;
use crate::inspect::{ApplyErrors, Aside, Sampler, Standing, Watch, conflict, pause_forecast};
use crate::journal::Follower;
use crate::ports::{Databases, DbError, Session};
use crate::procedures::job::Direction;
use crate::procedures::switch::SWITCHED_AT;
use crate::profile::Profile;
use crate::runbook::{Facts, World};

const EVERY: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(3);
/// The schema is read whole, so less often.
const SCHEMA_EVERY: Duration = Duration::from_secs(60);

/// What is looked at, and who is told.
pub struct Lookout {
    /// The profile.
    pub profile: Arc<Profile>,
    /// The servers.
    pub world: World,
    /// The run's id.
    pub run: String,
    /// Its journal: what the run has learnt.
    pub journal: PathBuf,
    /// The session that holds the operator lock.
    pub lock: Arc<dyn Session>,
    /// Where readings go.
    pub gauges: watch::Sender<Gauges>,
    /// Where trips of guardrails go.
    pub trips: mpsc::UnboundedSender<Trip>,
}

struct Round {
    direction: Direction,
    sampler: Sampler,
    events: Vec<crate::event::Event>,
    follower: Option<Follower>,
    facts: Facts,
    errors: BTreeMap<Place, Unapplied>,
    schema_at: Option<Instant>,
    drifted: Option<Vec<String>>,
}

/// Errors of apply at one place, and what was said about them.
#[derive(Default)]
struct Unapplied {
    errors: ApplyErrors,
    /// The count that `told` is about.
    told_at: u64,
    told: String,
}

impl Lookout {
    /// Looks on until nobody listens any more, or the task is ended.
    pub async fn keep(self) {
        let aside = Aside::new(Arc::clone(&self.world.databases), LIMIT);
        let mut round = Round {
            direction: Direction::Forward,
            sampler: Sampler::default(),
            events: Vec::new(),
            follower: Follower::new(&self.journal).ok(),
            facts: Facts::default(),
            errors: BTreeMap::new(),
            schema_at: None,
            drifted: None,
        };
        let mut board = Board::default();
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.trips.is_closed() {
            clock.tick().await;
            round.learn();
            let gauges = self.sample(&aside, &mut round).await;
            let seen = self.look(&aside, &mut round).await;
            for trip in board.take(&gauges, &seen, &self.profile.thresholds) {
                // A run that ended needs no guardrail.
                let _ = self.trips.send(trip);
            }
            self.gauges.send_replace(gauges);
        }
    }

    fn slot(&self, direction: Direction, database: &str) -> String {
        match direction {
            Direction::Forward => self.profile.names.forward_slot(database, &self.run),
            Direction::Reverse => self.profile.names.reverse_slot(database, &self.run),
        }
    }

    fn slots(&self, direction: Direction) -> Vec<String> {
        let databases = self.profile.databases.iter();
        databases
            .map(|database| self.slot(direction, database))
            .collect()
    }

    fn server(&self, node: Node) -> Place {
        Place::new(node, &self.profile.databases[0])
    }

    /// The slots of a link that exist, with their `wal_status`.
    async fn existing(
        &self,
        aside: &Aside,
        direction: Direction,
    ) -> Result<Vec<(String, Option<String>)>, DbError> {
        let sql = Sql::new(include_str!("../../assets/sql/inspect/slots.sql"))
            .literals("slots", &self.slots(direction));
        let rows = aside
            .query(&self.server(direction.publisher()), &sql)
            .await?;
        let read = |row: &crate::ports::Row| {
            Some((row.get("slot_name").ok()?, row.opt("wal_status").ok()?))
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    async fn sample(&self, aside: &Aside, round: &mut Round) -> Gauges {
        let direction = round.direction;
        let subscriber = direction.subscriber();
        let watch = Watch {
            publisher: direction.publisher(),
            subscriber: aside.address(&subscriber).map(|_| subscriber),
            links: self
                .profile
                .databases
                .iter()
                .map(|database| (database.clone(), self.slot(direction, database)))
                .collect(),
            roles: self.profile.fence.roles.clone(),
            wal_space: self.profile.thresholds.wal_space.map(|space| space.0),
        };
        let mut gauges = round.sampler.sample(aside, &watch).await;
        gauges.pause_forecast = pause_forecast(&gauges).filter(|_| !gauges.links.is_empty());
        gauges
    }

    /// The link that is live is the one whose slots exist: the forward one until it is dropped, then the reverse one.
    async fn look(&self, aside: &Aside, round: &mut Round) -> Seen {
        let mut seen = Seen {
            lock_lost: self.lock.is_closed(),
            ..Seen::default()
        };
        let mut slots = self.existing(aside, Direction::Forward).await;
        let mut live = Direction::Forward;
        if slots.as_ref().is_ok_and(Vec::is_empty) && aside.address(&Node::green()).is_some() {
            let reverse = self.existing(aside, Direction::Reverse).await;
            if reverse.as_ref().is_ok_and(|found| !found.is_empty()) {
                (slots, live) = (reverse, Direction::Reverse);
            }
        }
        let linked = slots.as_ref().is_ok_and(|found| !found.is_empty());
        if linked && live != round.direction {
            round.direction = live;
            round.sampler = Sampler::default();
        }
        let unsafe_slot = |(slot, status): (String, Option<String>)| {
            let status =
                status.filter(|status| ["lost", "unreserved"].contains(&status.as_str()))?;
            Some((slot, status))
        };
        seen.unsafe_slots = slots
            .unwrap_or_default()
            .into_iter()
            .filter_map(unsafe_slot)
            .collect();
        if linked && aside.address(&live.subscriber()).is_some() {
            self.look_at_apply(aside, live, round, &mut seen).await;
        }
        if round
            .facts
            .get(&SWITCHED_AT.of(Node::green().as_str()))
            .is_some()
        {
            seen.open_on_both = self.open_on_both(aside).await.unwrap_or_default();
        }
        if live == Direction::Forward
            && round.schema_at.is_none_or(|at| at.elapsed() > SCHEMA_EVERY)
        {
            round.schema_at = Some(Instant::now());
            round.drifted = self.drifted(aside, &round.facts).await;
        }
        seen.drifted = round.drifted.clone().filter(|_| live == Direction::Forward);
        seen
    }

    fn context<'a>(&'a self, facts: &'a Facts) -> CheckContext<'a> {
        CheckContext {
            profile: &self.profile,
            world: &self.world,
            facts,
            run: &self.run,
            moment: Moment::Gate,
            replication_password: None,
            run_dir: None,
        }
    }

    async fn look_at_apply(
        &self,
        aside: &Aside,
        live: Direction,
        round: &mut Round,
        seen: &mut Seen,
    ) {
        let subscription = match live {
            Direction::Forward => self.profile.names.subscription.clone(),
            Direction::Reverse => self.profile.names.reverse_subscription(),
        };
        for database in &self.profile.databases {
            let place = Place::new(live.subscriber(), database);
            let alive = Sql::new(include_str!(
                "../../assets/sql/checks/apply-worker-alive.sql"
            ))
            .literal("subscription", &subscription);
            if let Ok(rows) = aside.query(&place, &alive).await
                && let Some(row) = rows.first()
                && row.get("enabled").unwrap_or(false)
                && matches!(row.opt::<i32>("pid"), Ok(None))
            {
                seen.idle_workers.push(place.to_string());
            }
            let unapplied = round.errors.entry(place.clone()).or_default();
            let looked = self.unapplied(aside, live, &place, &subscription, unapplied);
            // A server that does not answer is named by the gauges.
            seen.unapplied.extend(looked.await.ok().flatten());
        }
    }

    /// The change that a subscriber could not apply, while it is still in the way; the log is read once for each.
    async fn unapplied(
        &self,
        aside: &Aside,
        live: Direction,
        place: &Place,
        subscription: &str,
        known: &mut Unapplied,
    ) -> Result<Option<String>, DbError> {
        if aside.shared(place).await?.version().major() < 15 {
            return Ok(None);
        }
        let errors = Sql::new(include_str!("../../assets/sql/checks/apply-errors.sql"))
            .literal("subscription", subscription);
        let counted = aside.query(place, &errors).await?;
        let counted = counted.first().and_then(|row| row.get("apply_errors").ok());
        let Some(counted) = counted.filter(|count| *count > 0) else {
            return Ok(None);
        };
        let publisher = Place::new(live.publisher(), &place.database);
        let position = Sql::new(include_str!("../../assets/sql/inspect/lag.sql"))
            .literal("slot", &self.slot(live, &place.database));
        let rows = aside.query(&publisher, &position).await?;
        let read = rows.first().and_then(|row| {
            let confirmed = row.opt("confirmed").ok()?;
            Some((row.get("wal").ok()?, confirmed))
        });
        let Some((wal, confirmed)) = read else {
            return Ok(None);
        };
        if known.errors.take(counted, wal, confirmed) != Standing::InTheWay(counted) {
            return Ok(None);
        }
        if let Some(rds) = self.world.rds.as_ref().filter(|_| known.told_at != counted) {
            let oid = Sql::new(include_str!("../../assets/sql/link/oid.sql"))
                .literal("subscription", subscription);
            let oid = aside.query(place, &oid).await?;
            let oid = oid.first().and_then(|row| row.get("oid").ok());
            let instance = self.profile.instance(&place.node);
            let told = conflict::told_by_log(rds.as_ref(), &place.node, instance, oid);
            known.told = told.await;
            known.told_at = counted;
        }
        Ok(Some(format!("{place}: {}", known.told)))
    }

    async fn open_on_both(&self, aside: &Aside) -> Result<Vec<String>, DbError> {
        let sql = Sql::new(include_str!("../../assets/sql/inspect/can_log_in.sql"))
            .literals("roles", &self.profile.fence.roles);
        let (on_blue, on_green) = (self.server(Node::blue()), self.server(Node::green()));
        let (blue, green) = tokio::join!(aside.query(&on_blue, &sql), aside.query(&on_green, &sql));
        let names = |rows: crate::ports::Rows| -> BTreeSet<String> {
            rows.iter()
                .filter_map(|row| row.get("rolname").ok())
                .collect()
        };
        Ok(names(blue?).intersection(&names(green?)).cloned().collect())
    }

    /// Databases whose schema is another than when the slots were made; `None` where a server did not say.
    async fn drifted(&self, aside: &Aside, facts: &Facts) -> Option<Vec<String>> {
        let mut drifted = Vec::new();
        for database in &self.profile.databases {
            let Some(then) = facts.get(&FINGERPRINT.of(database)) else {
                continue;
            };
            let place = Place::new(Node::blue(), database);
            let sql = fingerprint_sql(&self.context(facts), &place);
            let now: String = aside
                .query(&place, &sql)
                .await
                .ok()?
                .one()
                .ok()?
                .get("fingerprint")
                .ok()?;
            if now != then {
                drifted.push(database.clone());
            }
        }
        Some(drifted)
    }
}

impl Round {
    /// What the run has learnt, from its journal; a journal that cannot be read is the engine's to complain about.
    fn learn(&mut self) {
        let news = self
            .follower
            .as_mut()
            .and_then(|follower| follower.news().ok())
            .unwrap_or_default();
        if news.is_empty() {
            return;
        }
        self.events.extend(
            news.into_iter()
                .filter(|event| matches!(event.what, crate::event::What::Fact { .. })),
        );
        self.facts = Memory::of(&self.events).facts;
    }
}
