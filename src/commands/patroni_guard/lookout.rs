//! Looks on while a run goes on: asks every member once a second, shows what it read, judges it. Changes nothing, and a
//! member that is silent keeps nobody waiting.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{MissedTickBehavior, interval};

use super::judge::{AT_ONCE, IDS, sights};
use super::sights::Round;
use crate::commands::board::Board;
use crate::commands::outfit::{self, Telling};
use crate::engine::Memory;
use crate::event::{Event, Gauges, What};
use crate::inspect::Aside;
use crate::journal::Follower;
use crate::ports::Session;
use crate::procedures::patroni_guard::Job;
use crate::runbook::{Facts, World};

const EVERY: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(3);

/// What is looked at, and who is told.
pub struct Lookout {
    /// What the run is about.
    pub job: Arc<Job>,
    /// The members.
    pub world: World,
    /// The run's journal: what it has learnt.
    pub journal: PathBuf,
    /// The session that holds the operator lock, where there is one.
    pub lock: Option<Arc<dyn Session>>,
}

/// What the run has learnt, from its journal.
#[derive(Default)]
struct Learnt {
    follower: Option<Follower>,
    events: Vec<Event>,
    facts: Facts,
}

impl Learnt {
    /// A journal that cannot be read is the engine's to complain about.
    fn go_on(&mut self) {
        let news = self
            .follower
            .as_mut()
            .and_then(|follower| follower.news().ok());
        let facts = news.unwrap_or_default().into_iter();
        let mut facts = facts
            .filter(|event| matches!(event.what, What::Fact { .. }))
            .peekable();
        if facts.peek().is_some() {
            self.events.extend(facts);
            self.facts = Memory::of(&self.events).facts;
        }
    }
}

#[async_trait]
impl outfit::Lookout for Lookout {
    async fn keep(self: Box<Self>, telling: Telling) {
        let aside = Aside::new(Arc::clone(&self.world.databases), LIMIT);
        let mut learnt = Learnt {
            follower: Follower::new(&self.journal).ok(),
            ..Learnt::default()
        };
        let mut round = Round::default();
        let mut board = Board::new(&IDS, AT_ONCE);
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !telling.trips.is_closed() {
            clock.tick().await;
            learnt.go_on();
            let mut seen = round
                .look(&self.job, &self.world, &aside, &learnt.facts)
                .await;
            seen.lock_lost =
                self.lock.as_ref().is_some_and(|lock| lock.is_closed()) && seen.phase.leads();
            let judged = sights(&seen, &self.job.profile);
            let readings = super::readings::readings(&seen, &judged, &self.job.profile);
            for trip in board.take(judged, seen.silent.is_empty()) {
                // A run that ended needs no guardrail.
                let _ = telling.trips.send(trip);
            }
            telling.gauges.send_replace(Gauges {
                readings,
                lights: board.lights(),
                silent: seen.silent,
                ..Gauges::default()
            });
        }
    }
}
