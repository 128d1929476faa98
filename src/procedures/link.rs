//! A logical replication link, one subscription a database: create it disabled, put its origin where it must start,
//! enable it, watch it, disable it, drop it. The same for the forward and for the reverse link.

use std::sync::Arc;
use std::time::Duration;

use super::job::{Direction, Job};
use crate::domain::{Lsn, PgVersion, Place, Sql};
use crate::inspect::conflict;
use crate::ports::DbErrorKind;
use crate::runbook::{Action, Context, Facts, Progress, StepError};

/// What the subscriber says about a link's subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its oid.
    pub oid: u32,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Up to where the publisher's changes count as applied; `None` when never set.
    pub origin: Option<Lsn>,
    /// The comment on it, which says whose it is.
    pub mark: Option<String>,
    /// The apply worker's process, while it runs.
    pub worker: Option<i32>,
}

/// One link of a job.
#[derive(Clone)]
pub struct Link {
    job: Arc<Job>,
    /// Which way it runs.
    pub direction: Direction,
}

impl Link {
    /// The forward or the reverse link.
    #[must_use]
    pub fn new(job: &Arc<Job>, direction: Direction) -> Self {
        Self {
            job: Arc::clone(job),
            direction,
        }
    }

    /// The link's databases on its subscriber.
    #[must_use]
    pub fn subscribers(&self) -> Vec<Place> {
        self.job.places(&self.direction.subscriber())
    }

    /// The subscription's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.job.subscription(self.direction)
    }

    /// The slot for one database.
    #[must_use]
    pub fn slot(&self, database: &str) -> String {
        self.job.slot(self.direction, database)
    }

    /// Its slots, one a database.
    #[must_use]
    pub fn slots(&self) -> Vec<String> {
        let databases = self.job.profile.databases.iter();
        databases.map(|database| self.slot(database)).collect()
    }

    /// Creates the subscription, disabled and without touching the slot: it starts only once its origin is set.
    ///
    /// A server that logs statements, or this one when it fails, writes it down with its password; `quiet` keeps it out,
    /// where the role may set that.
    #[must_use]
    pub fn create(
        &self,
        at: &Place,
        version: Option<PgVersion>,
        quiet: bool,
        facts: &Facts,
    ) -> Action {
        // Large transactions then arrive while they are still open, instead of all at once at their commit. No
        // disable_on_error: it takes a lost connection for an error too, and a publisher that restarts would stop the
        // link for good.
        let options = Sql::new(match version.map_or(0, PgVersion::major) {
            14.. => ", streaming = on",
            _ => "",
        });
        let create = Sql::new(
            "CREATE SUBSCRIPTION {subscription} CONNECTION {conninfo} PUBLICATION {publication} \
             WITH (copy_data = false, create_slot = false, enabled = false, slot_name = {slot}{options})",
        )
        .ident("subscription", &self.name())
        .conninfo("conninfo", self.job.conninfo(&self.direction.publisher(), &at.database, facts))
        .ident("publication", self.job.publication())
        .literal("slot", &self.job.slot(self.direction, &at.database))
        .statement("options", options);
        let comment = Sql::new("COMMENT ON SUBSCRIPTION {subscription} IS {mark}")
            .ident("subscription", &self.name())
            .literal("mark", &self.job.mark());
        let all = Sql::together([create, comment]);
        let all = if quiet { all.quietly() } else { all };
        Action::sql(at, all).undone_by(self.drop_actions(at))
    }

    /// Puts the origin to `start`: the subscription will ask for what was committed at `start` or later.
    #[must_use]
    pub fn advance(&self, at: &Place, oid: Option<u32>, start: Option<Lsn>) -> Action {
        let mut sql = Sql::new("SELECT pg_replication_origin_advance({origin}, {start_lsn})");
        if let Some(oid) = oid {
            sql = sql.literal("origin", &format!("pg_{oid}"));
        }
        if let Some(start) = start {
            sql = sql.lsn("start_lsn", start);
        }
        Action::sql(at, sql)
    }

    /// Starts the subscription.
    #[must_use]
    pub fn enable(&self, at: &Place) -> Action {
        let name = self.name();
        let enable =
            Sql::new("ALTER SUBSCRIPTION {subscription} ENABLE").ident("subscription", &name);
        Action::sql(at, enable).undone_by([self.disable(at)])
    }

    /// Stops the subscription.
    #[must_use]
    pub fn disable(&self, at: &Place) -> Action {
        Action::sql(
            at,
            Sql::new("ALTER SUBSCRIPTION {subscription} DISABLE")
                .ident("subscription", &self.name()),
        )
    }

    /// Drops the subscription and leaves the slot alone: the slot is on the other server, which may be out of reach.
    #[must_use]
    pub fn drop_actions(&self, at: &Place) -> Vec<Action> {
        let name = self.name();
        let apart = Sql::new("ALTER SUBSCRIPTION {subscription} SET (slot_name = NONE)")
            .ident("subscription", &name);
        let drop = Sql::new("DROP SUBSCRIPTION {subscription}").ident("subscription", &name);
        vec![
            self.disable(at),
            Action::sql(at, apart),
            Action::sql(at, drop),
        ]
    }

    /// What the subscriber says now; `None` when there is no such subscription.
    pub async fn look(&self, ctx: &Context, at: &Place) -> Result<Option<Subscription>, StepError> {
        let sql = Sql::new(include_str!("../../assets/sql/link/subscription.sql"))
            .literal("name", &self.name());
        let rows = ctx.read(at, &sql).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(Subscription {
            oid: row.get("oid")?,
            enabled: row.get("enabled")?,
            origin: row.opt("origin")?.filter(|lsn| *lsn != Lsn(0)),
            mark: row.opt("mark")?,
            worker: row.opt("worker")?,
        }))
    }

    /// As `look`, and an error when the subscription is missing or another run's.
    pub async fn ours(&self, ctx: &Context, at: &Place) -> Result<Subscription, StepError> {
        let Some(subscription) = self.look(ctx, at).await? else {
            return Err(StepError::Stop(format!(
                "{at}: there is no subscription {:?}",
                self.name()
            )));
        };
        self.refuse_foreign(at, &subscription)?;
        Ok(subscription)
    }

    /// What the subscriber's log says about the change that could not be applied, in a sentence.
    pub async fn why_stopped(&self, ctx: &Context, at: &Place) -> String {
        let Ok(rds) = ctx.rds() else {
            return format!("Look at {}'s log for the row.", at.node);
        };
        let oid = self.look(ctx, at).await.ok().flatten().map(|s| s.oid);
        conflict::told_by_log(rds.as_ref(), &at.node, self.job.instance(&at.node), oid).await
    }

    /// An error when the subscription was not made by this run.
    pub fn refuse_foreign(&self, at: &Place, subscription: &Subscription) -> Result<(), StepError> {
        let mark = subscription.mark.as_deref();
        self.job
            .refuse_foreign(at, "subscription", &self.name(), mark)
    }

    /// Stops the subscription and waits until its worker has let go of origin and slot.
    pub async fn stop(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let Some(subscription) = self.look(ctx, at).await? else {
            return Ok(());
        };
        if subscription.enabled {
            ctx.send(&self.disable(at)).await?;
        }
        self.wait_for_worker_gone(ctx, at).await
    }

    /// Waits until no apply worker runs: DISABLE returns before the worker has let go.
    pub async fn wait_for_worker_gone(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let what = format!("the apply worker of {} on {at} to end", self.name());
        ctx.wait_for(
            &what,
            Duration::from_millis(20),
            Duration::from_secs(30),
            || async {
                Ok(match self.look(ctx, at).await?.and_then(|s| s.worker) {
                    None => Ok(()),
                    Some(pid) => Err(Progress::seen(format!("apply worker {pid} still runs"))),
                })
            },
        )
        .await
    }

    /// Drops the subscription, if it is there and ours; a second time does no harm.
    pub async fn drop(&self, ctx: &Context, at: &Place) -> Result<(), StepError> {
        let Some(subscription) = self.look(ctx, at).await? else {
            return Ok(());
        };
        self.refuse_foreign(at, &subscription)?;
        self.stop(ctx, at).await?;
        ctx.send_all(&self.drop_actions(at)[1..]).await
    }

    /// Drops the link's slot of one database on the publisher, if it is there; waits while a worker still holds it.
    pub async fn drop_slot(&self, ctx: &Context, database: &str) -> Result<(), StepError> {
        let at = Place::new(self.direction.publisher(), database);
        let slot = self.job.slot(self.direction, database);
        let action = drop_slot_action(&at, &slot);
        let there =
            Sql::new("SELECT active_pid FROM pg_replication_slots WHERE slot_name = {slot}")
                .literal("slot", &slot);
        let what = format!("slot {slot} on {at} to be free");
        ctx.wait_for(
            &what,
            Duration::from_millis(100),
            Duration::from_secs(60),
            || async {
                match ctx.read(&at, &there).await?.first() {
                    None => Ok(Ok(())),
                    Some(row) => match row.opt::<i32>("active_pid")? {
                        Some(pid) => Ok(Err(Progress::seen(format!(
                            "slot {slot} is active for process {pid}"
                        )))),
                        None => match ctx.send(&action).await {
                            Ok(_) => Ok(Ok(())),
                            // "is active for PID": somebody took it between the look and the drop.
                            Err(StepError::Database(error))
                                if error.kind == DbErrorKind::Refused && error.is("55006") =>
                            {
                                Ok(Err(Progress::seen(error.message)))
                            }
                            Err(error) => Err(error),
                        },
                    },
                }
            },
        )
        .await
    }

    /// Creates the link's slot on the publisher, where it waits for every open write transaction of the server.
    #[must_use]
    pub fn create_slot(&self, database: &str, limit: Duration) -> Action {
        let at = Place::new(self.direction.publisher(), database);
        let slot = self.job.slot(self.direction, database);
        let create =
            Sql::new("SELECT lsn FROM pg_create_logical_replication_slot({slot}, 'pgoutput')")
                .literal("slot", &slot);
        Action::sql(&at, create)
            .within(limit)
            .undone_by([drop_slot_action(&at, &slot)])
    }
}

/// Drops a slot.
fn drop_slot_action(at: &Place, slot: &str) -> Action {
    Action::sql(
        at,
        Sql::new("SELECT pg_drop_replication_slot({slot})").literal("slot", slot),
    )
}

/// True when this role may keep a statement out of the server's log.
pub async fn may_be_quiet(ctx: &Context, at: &Place) -> Result<bool, StepError> {
    let superuser = Sql::new("SELECT rolsuper FROM pg_roles WHERE rolname = current_user");
    Ok(ctx.read(at, &superuser).await?.one()?.get("rolsuper")?)
}

/// The version of the server behind a place.
pub async fn version(ctx: &Context, at: &Place) -> Result<PgVersion, StepError> {
    Ok(ctx.world.databases.shared(at).await?.version())
}
