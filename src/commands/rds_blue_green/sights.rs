//! What guardrails judge, asked of the servers: one round at a time, by short questions beside the run's own work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::guardrails::{Seen, SlotSeen};
use super::lookout::{Lookout, Round};
use crate::checks::known::{FINGERPRINT, SERVER};
use crate::checks::{CheckContext, Moment, fingerprint_sql};
use crate::domain::{Node, Place, Sql};
use crate::inspect::{ApplyErrors, Aside, Standing, conflict};
use crate::ports::{Databases, DbError, Row, Rows};
use crate::procedures::job::Direction;
use crate::procedures::switch::sessions;
use crate::runbook::Facts;

/// How long a restart stays a sight.
const RECENT: Duration = Duration::from_secs(60);

/// What earlier rounds saw.
#[derive(Default)]
pub(super) struct Past {
    unapplied: BTreeMap<Place, Unapplied>,
    servers: BTreeMap<Node, Server>,
    schema_at: Option<Instant>,
    drifted: Option<Vec<String>>,
}

/// Errors of apply at one place, and what was said about them.
#[derive(Default)]
struct Unapplied {
    errors: ApplyErrors,
    /// What the log said, read once for each: a change is tried again every few seconds.
    told: Option<String>,
}

/// Which server was behind an address when it was first asked, and when it was seen to start anew.
struct Server {
    system: String,
    timeline: i64,
    started: String,
    restarted: Option<Instant>,
}

impl Lookout {
    /// One round. A server that does not answer is named by the gauges; here it is not known, and judged by nobody.
    pub(super) async fn look(&self, aside: &Aside, round: &mut Round) -> Seen {
        let live = round.direction();
        let mut seen = Seen {
            before_the_gate: round.is_done("catch-up.enable") && live == Direction::Forward,
            lock_lost: self.lock.is_closed(),
            ..Seen::default()
        };
        let _ = self.look_at_slots(aside, round, live, &mut seen).await;
        if link_should_run(round, live) {
            self.look_at_apply(aside, live, &mut round.past, &mut seen)
                .await;
        }
        self.look_at_servers(aside, round, &mut seen).await;
        if live == Direction::Reverse {
            let _ = self.look_at_sides(aside, round, &mut seen).await;
        } else if round
            .past
            .schema_at
            .is_none_or(|at| at.elapsed() > self.profile.thresholds.schema_every)
        {
            round.past.schema_at = Some(Instant::now());
            round.past.drifted = self.drifted(aside, &round.course.memory.facts).await;
        }
        if live == Direction::Forward {
            seen.drifted.clone_from(&round.past.drifted);
        }
        seen
    }

    /// The live link's slots, and those that were made and are gone.
    async fn look_at_slots(
        &self,
        aside: &Aside,
        round: &Round,
        live: Direction,
        seen: &mut Seen,
    ) -> Result<(), DbError> {
        let wanted = self.slots(live);
        let sql = Sql::new(include_str!("../../../assets/sql/inspect/slots.sql"))
            .literals("slots", &wanted);
        let rows = aside.query(&self.server(live.publisher()), &sql).await?;
        let read = |row: &Row| {
            Some(SlotSeen {
                name: row.get("slot_name").ok()?,
                status: row.opt("wal_status").ok()?,
                room: row.opt("room").ok()?,
            })
        };
        seen.slots = rows.iter().filter_map(read).collect();
        if slots_should_be_there(round, live) {
            let there: BTreeSet<_> = seen.slots.iter().map(|slot| &slot.name).collect();
            let gone = wanted.iter().filter(|slot| !there.contains(slot));
            seen.slots_gone = gone.cloned().collect();
        }
        Ok(())
    }

    async fn look_at_apply(
        &self,
        aside: &Aside,
        live: Direction,
        past: &mut Past,
        seen: &mut Seen,
    ) {
        let subscription = match live {
            Direction::Forward => self.profile.names.subscription.clone(),
            Direction::Reverse => self.profile.names.reverse_subscription(),
        };
        for database in &self.profile.databases {
            let place = Place::new(live.subscriber(), database);
            let alive = Sql::new(include_str!(
                "../../../assets/sql/checks/apply-worker-alive.sql"
            ))
            .literal("subscription", &subscription);
            if let Ok(rows) = aside.query(&place, &alive).await
                && let Some(row) = rows.first()
                && let Ok(enabled) = row.get::<bool>("enabled")
            {
                if !enabled {
                    seen.disabled.push(place.to_string());
                } else if matches!(row.opt::<i32>("pid"), Ok(None)) {
                    seen.idle_workers.push(place.to_string());
                }
            }
            let known = past.unapplied.entry(place.clone()).or_default();
            let looked = self.unapplied(aside, live, &place, &subscription, known);
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
        let errors = Sql::new(include_str!("../../../assets/sql/checks/apply-errors.sql"))
            .literal("subscription", subscription);
        let counted = aside.query(place, &errors).await?;
        let counted = counted.first().and_then(|row| row.get("apply_errors").ok());
        let Some(counted) = counted.filter(|count| *count > 0) else {
            return Ok(None);
        };
        let publisher = Place::new(live.publisher(), &place.database);
        let position = Sql::new(include_str!("../../../assets/sql/inspect/lag.sql"))
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
            known.told = None;
            return Ok(None);
        }
        if let (None, Some(rds)) = (&known.told, &self.world.rds) {
            let oid = Sql::new(include_str!("../../../assets/sql/link/oid.sql"))
                .literal("subscription", subscription);
            let oid = aside.query(place, &oid).await?;
            let oid = oid.first().and_then(|row| row.get("oid").ok());
            let instance = self.profile.instance(&place.node);
            let told = conflict::told_by_log(rds.as_ref(), &place.node, instance, oid);
            known.told = Some(told.await);
        }
        let told = known.told.as_deref().unwrap_or_default();
        Ok(Some(format!("{place}: {told}")))
    }

    /// Whether each server is the one it was, and has run since.
    async fn look_at_servers(&self, aside: &Aside, round: &mut Round, seen: &mut Seen) {
        // Until its link runs GREEN is being made: there it is restored, upgraded and restarted by ourselves.
        let built = round.is_done("catch-up.enable");
        if !built {
            round.past.servers.remove(&Node::green());
        }
        let green = Some(Node::green()).filter(|_| built);
        for node in [Some(Node::blue()), green].into_iter().flatten() {
            let sql = Sql::new(include_str!("../../../assets/sql/inspect/server.sql"));
            let Ok(rows) = aside.query(&self.server(node.clone()), &sql).await else {
                continue;
            };
            let Some(now) = rows.first().and_then(Server::read) else {
                continue;
            };
            let known = round
                .past
                .servers
                .entry(node.clone())
                .or_insert_with(|| Server {
                    system: now.system.clone(),
                    started: now.started.clone(),
                    ..now
                });
            // Nobody looks on while a run is parked.
            let recorded = round.course.memory.facts.get(&SERVER.of(node.as_str()));
            let (system, timeline) =
                recorded.unwrap_or_else(|| (known.system.clone(), known.timeline));
            if (&system, timeline) != (&now.system, now.timeline) {
                seen.replaced.push(format!(
                    "{node} is not the server it was: system {system} on timeline {timeline} before, {} on {} now",
                    now.system, now.timeline
                ));
            } else if known.started != now.started {
                known.started = now.started;
                known.restarted = Some(Instant::now());
            }
            if known.restarted.is_some_and(|at| at.elapsed() < RECENT) {
                seen.restarted
                    .push(format!("{node} was started anew at {}", known.started));
            }
        }
    }

    /// Who may log in on both sides, and who is back on the one that no longer serves.
    async fn look_at_sides(
        &self,
        aside: &Aside,
        round: &Round,
        seen: &mut Seen,
    ) -> Result<(), DbError> {
        let roles = &self.profile.fence.roles;
        let sql = Sql::new(include_str!("../../../assets/sql/inspect/can_log_in.sql"))
            .literals("roles", roles);
        let (on_blue, on_green) = (self.server(Node::blue()), self.server(Node::green()));
        let (blue, green) = tokio::join!(aside.query(&on_blue, &sql), aside.query(&on_green, &sql));
        let names = |rows: Rows| -> BTreeSet<String> {
            rows.iter()
                .filter_map(|row| row.get("rolname").ok())
                .collect()
        };
        seen.open_on_both = names(blue?).intersection(&names(green?)).cloned().collect();
        let old = if round.switched(&Node::blue()) {
            on_green
        } else {
            on_blue
        };
        let sessions = sessions(
            &self.profile,
            "string_agg(format('process %s of role %s (%s)', a.pid, quote_ident(a.usename), \
             coalesce(nullif(a.application_name, ''), 'no name')), ', ' ORDER BY a.pid) AS who",
        );
        let rows = aside.query(&old, &sessions).await?;
        let who = rows.first().and_then(|row| row.opt::<String>("who").ok()?);
        seen.old_side = who.map(|who| format!("{}: {who}", old.node));
        Ok(())
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
}

impl Server {
    fn read(row: &Row) -> Option<Self> {
        Some(Self {
            system: row.get("system").ok()?,
            timeline: row.get("timeline").ok()?,
            started: row.get("started").ok()?,
            restarted: None,
        })
    }
}

/// The live link has been started and not been stopped by us.
pub(super) fn link_should_run(round: &Round, live: Direction) -> bool {
    match live {
        Direction::Forward => round.is_done("catch-up.enable"),
        Direction::Reverse => round.is_done("way-back.enable") && !way_back_is_used_up(round),
    }
}

/// The same, and it has caught up with what there was when it was started.
pub(super) fn link_was_level(round: &Round, live: Direction) -> bool {
    let step = match live {
        Direction::Forward => "catch-up.wait",
        Direction::Reverse => "way-back.prove",
    };
    link_should_run(round, live) && round.is_done(step)
}

/// The live link's slots have been made and not been dropped by us.
fn slots_should_be_there(round: &Round, live: Direction) -> bool {
    match live {
        Direction::Forward => round.is_done("prepare.slot"),
        Direction::Reverse => round.is_done("catch-up.arm") && !way_back_is_used_up(round),
    }
}

fn way_back_is_used_up(round: &Round) -> bool {
    round.is_begun("finish.unlink") || round.switched(&Node::blue())
}
