//! Looks on while a run goes on: samples the gauges, asks what guardrails judge, tells both. Changes nothing, and a
//! server that is silent keeps nobody waiting.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{MissedTickBehavior, interval};

use super::guardrails::{Board, Growth, no_go};
use super::sights::{Past, link_should_run, link_was_level};
use crate::commands::course::Course;
use crate::commands::outfit::{self, Telling};
use crate::domain::{Node, Place};
use crate::event::Gauges;
use crate::inspect::{Aside, Sampler, Watch, pause_forecast};
use crate::ports::{Databases, Session};
use crate::procedures::job::Direction;
use crate::procedures::switch::SWITCHED_AT;
use crate::profile::BlueGreen;
use crate::runbook::World;

const EVERY: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(3);

/// What is looked at, and who is told.
pub struct Lookout {
    /// The profile.
    pub profile: Arc<BlueGreen>,
    /// The servers.
    pub world: World,
    /// The run's id.
    pub run: String,
    /// Its journal: what the run has learnt.
    pub journal: PathBuf,
    /// The session that holds the operator lock.
    pub lock: Arc<dyn Session>,
}

/// What is known from round to round.
pub(super) struct Round {
    /// The run so far, as its journal tells it.
    pub(super) course: Course,
    /// What earlier rounds saw.
    pub(super) past: Past,
    direction: Direction,
    sampler: Sampler,
    growth: Growth,
}

#[async_trait]
impl outfit::Lookout for Lookout {
    async fn keep(self: Box<Self>, telling: Telling) {
        let aside = Aside::new(Arc::clone(&self.world.databases), LIMIT);
        let mut round = Round {
            course: Course::follow(&self.journal),
            past: Past::default(),
            direction: Direction::Forward,
            sampler: Sampler::default(),
            growth: Growth::default(),
        };
        let mut board = Board::default();
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !telling.trips.is_closed() {
            clock.tick().await;
            round.course.learn();
            let mut gauges = self.sample(&aside, &mut round).await;
            let mut seen = self.look(&aside, &mut round).await;
            seen.lag_grew = self.growth(&gauges, &mut round);
            for trip in board.take(&gauges, &seen, &self.profile) {
                // A run that ended needs no guardrail.
                let _ = telling.trips.send(trip);
            }
            gauges.lights = board.lights();
            // Before its link is level there is nothing to switch, and nothing to warn of.
            let live = round.direction();
            if link_was_level(&round, live) {
                gauges.no_go = no_go(&gauges, &self.profile.budgets);
            } else if link_should_run(&round, live) {
                gauges.catching_up = Some(live.name().to_owned());
            }
            telling.gauges.send_replace(gauges);
        }
    }
}

impl Lookout {
    fn growth(&self, gauges: &Gauges, round: &mut Round) -> Option<(u64, u64)> {
        let lags = gauges.links.values().filter_map(|link| link.lag_bytes);
        let lag = lags.max().map(|lag| u64::try_from(lag).unwrap_or(0));
        let (window, least) = (
            self.profile.thresholds.lag_growing,
            self.profile.budgets.lag_to_enter.0,
        );
        round
            .growth
            .take(std::time::Instant::now(), lag, window, least)
    }

    pub(super) fn slot(&self, direction: Direction, database: &str) -> String {
        match direction {
            Direction::Forward => self.profile.names.forward_slot(database, &self.run),
            Direction::Reverse => self.profile.names.reverse_slot(database, &self.run),
        }
    }

    pub(super) fn slots(&self, direction: Direction) -> Vec<String> {
        let databases = self.profile.databases.iter();
        databases
            .map(|database| self.slot(direction, database))
            .collect()
    }

    pub(super) fn server(&self, node: Node) -> Place {
        Place::new(node, &self.profile.databases[0])
    }

    async fn sample(&self, aside: &Aside, round: &mut Round) -> Gauges {
        let direction = round.direction();
        if round.direction != direction {
            round.direction = direction;
            round.sampler = Sampler::default();
            round.growth = Growth::default();
        }
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
}

impl Round {
    /// The link that counts: the forward one until the cutover, then the reverse one.
    pub(super) fn direction(&self) -> Direction {
        if self.switched(&Node::green()) {
            Direction::Reverse
        } else {
            Direction::Forward
        }
    }

    /// True once this side was made the one that serves.
    pub(super) fn switched(&self, to: &Node) -> bool {
        let key = SWITCHED_AT.of(to.as_str());
        self.course.memory.facts.get(&key).is_some()
    }

    /// True once a step came through and while it has not been taken back.
    pub(super) fn is_done(&self, step: &str) -> bool {
        self.course.is_done(step)
    }

    /// True once a step was begun.
    pub(super) fn is_begun(&self, step: &str) -> bool {
        self.course.is_begun(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, StepState, What};
    use crate::runbook::{StepId, StepResult};

    /// A run that has come through these steps.
    fn after(steps: &[&str]) -> Round {
        let done = |step: &&str| Event {
            at: jiff::Timestamp::UNIX_EPOCH,
            step: Some(StepId::new(step)),
            what: What::State {
                state: StepState::Done {
                    result: StepResult::Done(String::new()),
                    took_ms: 1,
                },
            },
        };
        let events = steps.iter().map(done).collect();
        Round {
            course: Course::of(events),
            past: Past::default(),
            direction: Direction::Forward,
            sampler: Sampler::default(),
            growth: Growth::default(),
        }
    }

    #[test]
    fn a_link_that_runs_is_level_only_once_that_was_seen() {
        for (live, started, seen) in [
            (Direction::Forward, "catch-up.enable", "catch-up.wait"),
            (Direction::Reverse, "way-back.enable", "way-back.prove"),
        ] {
            let is = |steps: &[&str]| {
                let round = after(steps);
                (link_should_run(&round, live), link_was_level(&round, live))
            };
            assert_eq!(is(&[]), (false, false));
            assert_eq!(is(&[started]), (true, false), "{live:?}");
            assert_eq!(is(&[started, seen]), (true, true), "{live:?}");
        }
    }
}
