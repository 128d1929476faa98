//! The board of guardrails: it takes in what each round saw and speaks only when a light changes.

use std::collections::BTreeMap;

use crate::engine::Trip;
use crate::event::Light;

/// How many rounds in a row a sight must last before it counts: servers are asked side by side, not at one instant.
pub const ROUNDS: u32 = 3;

/// The lights, and how long a new sight has lasted.
#[derive(Debug)]
pub struct Board {
    ids: &'static [&'static str],
    at_once: &'static [&'static str],
    lit: BTreeMap<&'static str, Light>,
    waiting: BTreeMap<&'static str, u32>,
}

impl Board {
    /// A board of these guardrails; those of `at_once` count the first time they are seen.
    #[must_use]
    pub fn new(ids: &'static [&'static str], at_once: &'static [&'static str]) -> Self {
        Self {
            ids,
            at_once,
            lit: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Takes in one round; what changed its light is told, once each time. Unless everything is `known`, nothing turns
    /// well again.
    pub fn take(&mut self, seen: Vec<Sight>, known: bool) -> Vec<Trip> {
        let mut sights: BTreeMap<&'static str, Sight> = BTreeMap::new();
        for sight in seen {
            // Of several sights of one kind the worst speaks.
            if sight.light == Light::Stop || !sights.contains_key(sight.id) {
                sights.insert(sight.id, sight);
            }
        }
        self.waiting.retain(|id, _| sights.contains_key(id));
        let mut trips = Vec::new();
        self.lit.retain(|id, _| {
            let stays = !known || sights.contains_key(id);
            if !stays {
                trips.push(Trip {
                    id: (*id).to_owned(),
                    light: Light::Ok,
                    text: "well again".to_owned(),
                });
            }
            stays
        });
        for (id, sight) in sights {
            let rounds = self.waiting.entry(id).or_default();
            *rounds += 1;
            if (*rounds < ROUNDS && !self.at_once.contains(&id))
                || self.lit.get(id) == Some(&sight.light)
            {
                continue;
            }
            self.lit.insert(id, sight.light);
            trips.push(Trip {
                id: id.to_owned(),
                light: sight.light,
                text: sight.text(),
            });
        }
        trips
    }

    /// Every guardrail with its light.
    #[must_use]
    pub fn lights(&self) -> BTreeMap<String, Light> {
        let light = |id: &&'static str| {
            let light = self.lit.get(id).copied().unwrap_or(Light::Ok);
            ((*id).to_owned(), light)
        };
        self.ids.iter().map(light).collect()
    }
}

/// Something worth a light.
#[derive(Debug)]
pub struct Sight {
    /// The guardrail.
    pub id: &'static str,
    /// Its light.
    pub light: Light,
    /// What was seen.
    saw: String,
    /// How to go on.
    how_on: &'static str,
}

impl Sight {
    /// What was seen, what was done, how to go on.
    #[must_use]
    pub fn text(&self) -> String {
        let did = match self.light {
            Light::Stop => {
                "Stopped: nothing new is begun, what is under way is broken off, a write pause is taken back."
            }
            Light::Warn | Light::Ok => "The run goes on.",
        };
        format!("{}. {did} {}", self.saw.trim_end_matches('.'), self.how_on)
    }
}

/// Something to look at.
#[must_use]
pub fn warn(id: &'static str, saw: String, how_on: &'static str) -> Sight {
    Sight {
        id,
        light: Light::Warn,
        saw,
        how_on,
    }
}

/// Something that stops the run.
#[must_use]
pub fn stop(id: &'static str, saw: String, how_on: &'static str) -> Sight {
    Sight {
        light: Light::Stop,
        ..warn(id, saw, how_on)
    }
}
