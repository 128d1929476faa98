//! Looks on while a run goes on: asks both servers and their hosts, tells the readings, judges them. Changes nothing.
//! While applications wait for a switchover it asks nothing: what it would see is on its way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::judge::{AT_ONCE, IDS, Seen, all};
use super::reach::Locks;
use crate::commands::board::Board;
use crate::commands::course::Course;
use crate::commands::outfit::{self, Telling};
use crate::domain::{Lsn, Node, Sql, human_bytes};
use crate::event::{Gauges, Light, Reading};
use crate::inspect::Aside;
use crate::ports::{Databases, DbError, Row, ValueError};
use crate::procedures::VipJob;
use crate::procedures::vip_switchover::job::{PASSED, TIMELINE, other};
use crate::procedures::vip_switchover::{SWITCH, SWITCH_BACK};
use crate::runbook::World;

const EVERY: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(3);

/// What is looked at, and who is told.
pub(super) struct Lookout {
    pub(super) job: Arc<VipJob>,
    pub(super) world: World,
    pub(super) journal: PathBuf,
    pub(super) locks: Arc<Locks>,
}

/// One server's answer.
struct Server {
    standby: bool,
    timeline: i64,
    position: Option<Lsn>,
    receiver: Option<String>,
    sessions: u64,
    long_transaction: Option<String>,
    slot_status: Option<String>,
    slot_kept: Option<i64>,
}

impl Server {
    fn read(row: &Row) -> Result<Self, ValueError> {
        Ok(Self {
            standby: row.get("standby")?,
            timeline: row.get("timeline")?,
            position: row.opt("position")?,
            receiver: row.opt("receiver")?,
            sessions: row.get("sessions")?,
            long_transaction: row.opt("long_transaction")?,
            slot_status: row.opt("slot_status")?,
            slot_kept: row.opt("slot_kept")?,
        })
    }
}

#[async_trait]
impl outfit::Lookout for Lookout {
    async fn keep(self: Box<Self>, telling: Telling) {
        let aside = Aside::new(Arc::clone(&self.world.databases), LIMIT);
        let mut course = Course::follow(&self.journal);
        let mut board = Board::new(&IDS, AT_ONCE);
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !telling.trips.is_closed() {
            clock.tick().await;
            course.learn();
            if course.is_under_way(SWITCH) || course.is_under_way(SWITCH_BACK) {
                continue;
            }
            let (mut gauges, seen) = self.round(&aside, &course).await;
            course.learn();
            if course.is_under_way(SWITCH) || course.is_under_way(SWITCH_BACK) {
                continue;
            }
            for trip in board.take(all(&seen), gauges.silent.is_empty()) {
                // A run that ended needs no guardrail.
                let _ = telling.trips.send(trip);
            }
            gauges.lights = board.lights();
            telling.gauges.send_replace(gauges);
        }
    }
}

impl Lookout {
    /// The side that serves, as far as the run has brought it.
    fn serving(course: &Course) -> Node {
        let passed = |node: Node| course.memory.facts.get(&PASSED.of(node.as_str())) == Some(true);
        if passed(Node::green()) && !passed(Node::blue()) {
            Node::green()
        } else {
            Node::blue()
        }
    }

    async fn ask(&self, aside: &Aside, node: &Node, follower: &Node) -> Result<Server, DbError> {
        let place = self.job.place(node);
        let longest = self.job.profile.budgets.longest_transaction.as_secs();
        let sql = Sql::new(include_str!("../../../assets/sql/vip/look.sql"))
            .literal("slot", &self.job.slot(follower))
            .number("longest", i64::try_from(longest).unwrap_or(i64::MAX));
        let rows = aside.query(&place, &sql).await?;
        let unread = |error: ValueError| DbError {
            place: place.clone(),
            kind: crate::ports::DbErrorKind::Refused,
            sqlstate: None,
            message: error.to_string(),
            detail: None,
        };
        Server::read(rows.one().map_err(unread)?).map_err(unread)
    }

    async fn round(&self, aside: &Aside, course: &Course) -> (Gauges, Seen) {
        let serving = Self::serving(course);
        let standby = other(&serving);
        let (mut gauges, mut seen) = (Gauges::default(), Seen::default());
        seen.other_operator = self.locks.mend(&self.job, &self.world).await;
        // The slot that counts is the one by which the other side follows, or is to follow.
        let (first, second) = tokio::join!(
            self.ask(aside, &serving, &standby),
            self.ask(aside, &standby, &serving),
        );
        for (node, asked) in [(&serving, &first), (&standby, &second)] {
            match asked {
                Err(error) => {
                    gauges
                        .silent
                        .insert(self.job.told(node), error.message.clone());
                }
                Ok(server) if !server.standby => {
                    let told = format!("{} on timeline {}", self.job.told(node), server.timeline);
                    seen.primaries.push(told);
                }
                Ok(_) => {}
            }
        }
        if let Ok(server) = &first {
            self.look_at_primary(&serving, server, course, &mut gauges, &mut seen);
        }
        self.look_at_standby(
            &standby,
            first.as_ref().ok(),
            second.as_ref(),
            course,
            &mut gauges,
            &mut seen,
        );
        self.look_at_address(&serving, course, &mut gauges, &mut seen)
            .await;
        (gauges, seen)
    }

    fn look_at_primary(
        &self,
        node: &Node,
        server: &Server,
        course: &Course,
        gauges: &mut Gauges,
        seen: &mut Seen,
    ) {
        let told = self.job.told(node);
        let recorded = course.memory.facts.get(&TIMELINE.of(node.as_str()));
        if server.standby {
            seen.unexpected = Some(format!("{told} was the primary and is a standby now"));
        } else if recorded.is_some_and(|timeline| timeline != server.timeline) {
            seen.unexpected = Some(format!(
                "{told} is on timeline {}, and the run knows of another",
                server.timeline
            ));
        }
        let what = if server.standby { "standby" } else { "primary" };
        gauges.readings.push(reading(
            "serves",
            format!("{told}, {what}, timeline {}", server.timeline),
            None,
            seen.unexpected.is_none(),
        ));
        gauges.readings.push(reading(
            "sessions",
            server.sessions.to_string(),
            Some(server.sessions as f64),
            true,
        ));
        seen.long_transaction.clone_from(&server.long_transaction);
        self.look_at_slot(&other(node), server, gauges, seen);
    }

    /// The slot on `server`, by which the other side follows or will.
    fn look_at_slot(&self, follower: &Node, server: &Server, gauges: &mut Gauges, seen: &mut Seen) {
        let (Some(status), Some(kept)) = (&server.slot_status, server.slot_kept) else {
            return;
        };
        let sound = !matches!(status.as_str(), "lost" | "unreserved");
        if !sound {
            seen.slot = Some((self.job.slot(follower), status.clone()));
        }
        let kept = u64::try_from(kept).unwrap_or(0);
        gauges.readings.push(reading(
            &format!("WAL kept for {}", self.job.name(follower)),
            human_bytes(kept),
            Some(kept as f64),
            sound,
        ));
    }

    fn look_at_standby(
        &self,
        node: &Node,
        primary: Option<&Server>,
        standby: Result<&Server, &DbError>,
        course: &Course,
        gauges: &mut Gauges,
        seen: &mut Seen,
    ) {
        let name = format!("replay behind, {}", self.job.name(node));
        let following = match standby {
            Ok(server) if server.receiver.as_deref() == Some("streaming") => Ok(server),
            Ok(server) => Err(server
                .receiver
                .clone()
                .unwrap_or_else(|| "it receives nothing".to_owned())),
            Err(error) => Err(error.message.clone()),
        };
        match following {
            Ok(server) => {
                let position = primary
                    .and_then(|primary| primary.position)
                    .zip(server.position);
                let behind = position
                    .map(|(written, replayed)| written.bytes_since(replayed).max(0).unsigned_abs());
                let text = behind.map_or_else(|| "–".to_owned(), human_bytes);
                let most = self.job.profile.budgets.lag_to_enter.0;
                let well = behind.is_none_or(|behind| behind <= most);
                gauges.readings.push(reading(
                    &name,
                    text,
                    behind.map(|behind| behind as f64),
                    well,
                ));
                self.look_at_slot(&other(node), server, gauges, seen);
            }
            Err(what) if Self::should_follow(node, course) => {
                gauges.readings.push(reading(
                    &name,
                    format!("does not follow: {what}"),
                    None,
                    false,
                ));
                seen.not_following = Some(what);
            }
            Err(_) => {
                let text = "does not follow yet".to_owned();
                gauges.readings.push(reading(&name, text, None, true));
            }
        }
    }

    /// Until it has joined again the old side does not, and an upgrade restarts it.
    fn should_follow(node: &Node, course: &Course) -> bool {
        let upgrading =
            course.is_under_way("prepare.upgrade") || course.is_under_way("rejoin.upgrade");
        let joined = if *node == Node::blue() {
            course.is_done("rejoin.follow")
        } else {
            let rolled_back =
                course.memory.facts.get(&PASSED.of(Node::blue().as_str())) == Some(true);
            !rolled_back || course.is_done("rollback.rejoin")
        };
        joined && !upgrading && !course.is_under_way("rollback.downgrade")
    }

    async fn look_at_address(
        &self,
        serving: &Node,
        course: &Course,
        gauges: &mut Gauges,
        seen: &mut Seen,
    ) {
        let asked = self.job.owners(&self.world, &course.memory.facts);
        let Ok(Ok(owners)) = timeout(LIMIT, asked).await else {
            gauges
                .readings
                .push(reading("address", "not known".to_owned(), None, false));
            return;
        };
        let well = owners.only(serving);
        if !well {
            seen.misplaced = Some(owners.words().to_owned());
        }
        let text = format!("{} {}", self.job.profile.address.host, owners.words());
        gauges.readings.push(reading("address", text, None, well));
    }
}

fn reading(name: &str, text: String, value: Option<f64>, well: bool) -> Reading {
    Reading {
        name: name.to_owned(),
        text,
        value,
        light: if well { Light::Ok } else { Light::Warn },
    }
}
