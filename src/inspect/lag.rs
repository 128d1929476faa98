use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::domain::{Lsn, Node, Place, Sql};
use crate::event::{Gauges, LinkGauge, PauseForecast};
use crate::ports::{Databases, DbError, Row, ValueError};

/// What is watched: a publisher, a subscriber, and the links between them.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The side that publishes and serves.
    pub publisher: Node,
    /// The other side, once it can be reached.
    pub subscriber: Option<Node>,
    /// Database and slot of each link.
    pub links: Vec<(String, String)>,
    /// Roles of applications, by exact name.
    pub roles: Vec<String>,
    /// Space for WAL on the publisher, bytes, when known.
    pub wal_space: Option<u64>,
}

/// Turns what servers say from round to round into readings; rates come from the round before.
#[derive(Debug, Default)]
pub struct Sampler {
    links: BTreeMap<String, (Instant, Lsn)>,
    wal: Option<(Instant, Lsn)>,
    commits: Option<(Instant, i64)>,
}

/// One publisher's answer about a link.
#[derive(Debug, Clone, Copy)]
struct LinkRow {
    wal: Lsn,
    confirmed: Option<Lsn>,
    kept_from: Option<Lsn>,
    active: bool,
    lag: Option<Duration>,
}

/// One server's answer about who works on it.
#[derive(Debug, Clone, Copy)]
struct ActivityRow {
    sessions: u64,
    longest: Option<Duration>,
    commits: i64,
}

impl Sampler {
    /// Asks all servers once, side by side. A server that does not answer is named in `silent`; its readings are absent.
    pub async fn sample(&mut self, databases: &dyn Databases, watch: &Watch) -> Gauges {
        let mut gauges = Gauges {
            wal_space: watch.wal_space,
            ..Gauges::default()
        };
        let database = watch.links.first().map_or("postgres", |(name, _)| name);
        let sides = [Some(&watch.publisher), watch.subscriber.as_ref()];
        let activities = sides.into_iter().flatten().map(async |node| {
            let place = Place::new(node.clone(), database);
            let asked = Instant::now();
            let row = activity(databases, &place, &watch.roles).await;
            (node, asked, asked.elapsed(), row)
        });
        let links = watch.links.iter().map(async |(database, slot)| {
            let place = Place::new(watch.publisher.clone(), database);
            let row = link(databases, &place, slot).await;
            (database, Instant::now(), row)
        });
        let (activities, links) = tokio::join!(
            futures_util::future::join_all(activities),
            futures_util::future::join_all(links)
        );
        for (node, at, took, row) in activities {
            match row {
                Ok(row) => self.take_activity(&mut gauges, watch, node, at, took, row),
                Err(reason) => {
                    gauges.silent.insert(node.to_string(), reason);
                }
            }
        }
        for (database, at, row) in links {
            match row {
                Ok(row) => self.take_link(&mut gauges, database, at, row),
                Err(reason) => {
                    gauges.silent.insert(watch.publisher.to_string(), reason);
                }
            }
        }
        gauges
    }

    fn take_activity(
        &mut self,
        gauges: &mut Gauges,
        watch: &Watch,
        node: &Node,
        at: Instant,
        took: Duration,
        row: ActivityRow,
    ) {
        let is_blue = *node == Node::blue();
        gauges.round_trip[usize::from(!is_blue)] = Some(took);
        if is_blue {
            gauges.sessions_blue = Some(row.sessions);
        } else {
            gauges.sessions_green = Some(row.sessions);
        }
        if *node == watch.publisher {
            gauges.longest_transaction = row.longest;
            let before = self.commits.replace((at, row.commits));
            gauges.tps =
                before.and_then(|(then, commits)| per_second(row.commits - commits, at, then));
        }
    }

    fn take_link(&mut self, gauges: &mut Gauges, database: &str, at: Instant, row: LinkRow) {
        let kept = row.kept_from.map(|from| row.wal.bytes_since(from));
        let kept = kept.and_then(|bytes| u64::try_from(bytes).ok());
        gauges.wal_retained = gauges.wal_retained.max(kept);
        if self.wal.is_none_or(|(then, _)| at > then) {
            let before = self.wal.replace((at, row.wal));
            let rate =
                before.and_then(|(then, wal)| per_second(row.wal.bytes_since(wal), at, then));
            gauges.wal_rate = gauges.wal_rate.or(rate);
        }
        if row.confirmed.is_none() && row.kept_from.is_none() {
            return;
        }
        // Below zero when the slot stands beyond the end of the WAL: all up to there would be skipped without a word.
        let lag_bytes = row
            .confirmed
            .map(|confirmed| row.wal.bytes_since(confirmed));
        let before = row
            .confirmed
            .and_then(|confirmed| self.links.insert(database.to_owned(), (at, confirmed)));
        let apply_rate = row
            .confirmed
            .zip(before)
            .and_then(|(confirmed, (then, was))| per_second(confirmed.bytes_since(was), at, then));
        let gaining = apply_rate.zip(lag_bytes).and_then(|(rate, lag)| {
            let gain = rate - gauges.wal_rate.unwrap_or(0.0);
            let seconds = if lag <= 0 { 0.0 } else { lag as f64 / gain };
            Duration::try_from_secs_f64(seconds).ok()
        });
        let link = LinkGauge {
            lag_bytes,
            lag_time: row.lag,
            apply_rate,
            catch_up: gaining,
            active: row.active,
        };
        gauges.links.insert(database.to_owned(), link);
    }
}

/// What a write pause would take now. `None` while there is no link, or nothing tells how fast it applies.
#[must_use]
pub fn pause_forecast(gauges: &Gauges) -> Option<PauseForecast> {
    let round_trip = gauges.round_trip.iter().flatten().max()?;
    let drains = gauges.links.values().map(|link| {
        let lag = link.lag_bytes?.max(0) as f64;
        if lag == 0.0 {
            return Some(Duration::ZERO);
        }
        Duration::try_from_secs_f64(lag / link.apply_rate?).ok()
    });
    let drain = drains.collect::<Option<Vec<_>>>()?.into_iter().max()?;
    let sessions = gauges.sessions_blue.unwrap_or(0) + gauges.sessions_green.unwrap_or(0);
    Some(PauseForecast::of(*round_trip, sessions, drain))
}

/// `None` where the clock did not move or the counter went back (a restart).
fn per_second(difference: i64, now: Instant, then: Instant) -> Option<f64> {
    let seconds = now.checked_duration_since(then)?.as_secs_f64();
    (seconds > 0.0 && difference >= 0).then(|| difference as f64 / seconds)
}

async fn link(databases: &dyn Databases, place: &Place, slot: &str) -> Result<LinkRow, String> {
    let sql = Sql::new(include_str!("../../assets/sql/inspect/lag.sql")).literal("slot", slot);
    let read = |row: &Row| {
        Ok(LinkRow {
            wal: row.get("wal")?,
            confirmed: row.opt("confirmed")?,
            kept_from: row.opt("kept_from")?,
            active: row.get("active")?,
            lag: row.opt("lag_ms")?.map(Duration::from_millis),
        })
    };
    one(databases, place, &sql, read).await
}

async fn activity(
    databases: &dyn Databases,
    place: &Place,
    roles: &[String],
) -> Result<ActivityRow, String> {
    let sql =
        Sql::new(include_str!("../../assets/sql/inspect/activity.sql")).literals("roles", roles);
    let read = |row: &Row| {
        Ok(ActivityRow {
            sessions: row.get("sessions")?,
            longest: row.opt("longest_ms")?.map(Duration::from_millis),
            commits: row.get("commits")?,
        })
    };
    one(databases, place, &sql, read).await
}

async fn one<T>(
    databases: &dyn Databases,
    place: &Place,
    sql: &Sql,
    read: impl Fn(&Row) -> Result<T, ValueError>,
) -> Result<T, String> {
    let rows = databases.query(place, sql).await;
    let rows = rows.map_err(|error: DbError| error.to_string())?;
    rows.one()
        .and_then(read)
        .map_err(|error| format!("{place}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{LinkRow, Sampler};
    use crate::domain::Lsn;
    use crate::event::{Gauges, LinkGauge, PauseForecast};

    fn row(wal: u64, confirmed: u64) -> LinkRow {
        LinkRow {
            wal: Lsn(wal),
            confirmed: Some(Lsn(confirmed)),
            kept_from: Some(Lsn(100)),
            active: true,
            lag: None,
        }
    }

    fn rounds(rows: &[LinkRow]) -> (Gauges, LinkGauge) {
        let mut sampler = Sampler::default();
        let start = Instant::now();
        let mut gauges = Gauges::default();
        for (second, row) in (0_u64..).zip(rows) {
            gauges = Gauges::default();
            sampler.take_link(
                &mut gauges,
                "shop",
                start + Duration::from_secs(second),
                *row,
            );
        }
        let link = gauges.links["shop"].clone();
        (gauges, link)
    }

    #[test]
    fn rates_and_the_time_to_catch_up_come_from_two_rounds() {
        let (gauges, link) = rounds(&[row(1000, 200), row(1100, 400)]);
        assert_eq!(gauges.wal_retained, Some(1000));
        assert_eq!(gauges.wal_rate, Some(100.0));
        assert_eq!(link.lag_bytes, Some(700));
        assert_eq!(link.apply_rate, Some(200.0));
        assert_eq!(link.catch_up, Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_link_that_falls_behind_never_catches_up() {
        let (_, link) = rounds(&[row(1000, 200), row(2000, 300)]);
        assert_eq!(link.catch_up, None);
    }

    #[test]
    fn a_pause_takes_round_trips_sessions_and_the_lag_at_the_present_rate() {
        let (mut gauges, _) = rounds(&[row(1000, 200), row(1100, 400)]);
        assert_eq!(super::pause_forecast(&gauges), None);
        gauges.round_trip = [Some(Duration::from_millis(2)), None];
        gauges.sessions_blue = Some(30);
        let seconds = 700.0 / 200.0;
        assert_eq!(
            super::pause_forecast(&gauges),
            Some(PauseForecast::of(
                Duration::from_millis(2),
                30,
                Duration::from_secs_f64(seconds)
            ))
        );
    }

    #[test]
    fn a_slot_beyond_the_wal_shows_as_negative_lag() {
        let (_, link) = rounds(&[row(1000, 1200)]);
        assert_eq!(link.lag_bytes, Some(-200));
        assert_eq!(link.apply_rate, None);
    }
}
