use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ask::{Ask, AskError, Asked, Asking, Needs, On, Scope, SqlFile, variant};
use super::check::{Check, CheckContext, Moment, Subject};
use super::finding::Finding;
use super::judge::Judged;
use crate::domain::{Node, PgVersion, Place, Sql};
use crate::ports::{Databases, DbError, DbErrorKind, Rows, Session};
use crate::profile::ACKNOWLEDGEABLE;
use crate::runbook::{CheckReport, CheckResult, Verdict};

/// Sessions of one round on one server.
const LANES: usize = 4;
/// What one statement may take.
const STATEMENT: Duration = Duration::from_secs(20);
/// What one question may take in all.
const QUESTION: Duration = Duration::from_secs(90);

/// Asks every check that is due at the context's moment, side by side, and hands each answer over as it comes.
///
/// Before GREEN exists, checks that need it are answered as skipped, so that a list of all checks is complete; at the
/// later moments only what is due then is answered. A question that cannot be asked is unknown, never passed over.
pub async fn run_all<P: Subject>(
    ctx: &CheckContext<'_, P>,
    on_result: &(dyn Fn(CheckResult) + Send + Sync),
) -> CheckReport {
    let due: Vec<_> = P::catalogue()
        .filter(|check| ctx.moment == Moment::Preflight || check.is_asked_at(ctx.moment))
        .collect();
    run(&due, ctx, on_result).await
}

/// As [`run_all`], for the checks given.
pub async fn run<P: Subject>(
    checks: &[&Check<P>],
    ctx: &CheckContext<'_, P>,
    on_result: &(dyn Fn(CheckResult) + Send + Sync),
) -> CheckReport {
    let sessions = Sessions::new(ctx.world.databases.as_ref());
    // Boxed one by one: as a closure's futures they would not count as `Send` for every lifetime.
    let mut questions: Vec<BoxFuture<'_, (usize, Vec<CheckResult>)>> = Vec::new();
    for (at, check) in checks.iter().enumerate() {
        questions.push(Box::pin(answer_and_tell(
            at, check, ctx, &sessions, on_result,
        )));
    }
    let mut answered: Vec<_> = stream::iter(questions)
        .buffer_unordered(2 * LANES)
        .collect()
        .await;
    answered.sort_by_key(|(at, _)| *at);
    CheckReport {
        checks: answered
            .into_iter()
            .flat_map(|(_, results)| results)
            .collect(),
    }
}

async fn answer_and_tell<P: Subject>(
    at: usize,
    check: &Check<P>,
    ctx: &CheckContext<'_, P>,
    sessions: &Sessions<'_>,
    on_result: &(dyn Fn(CheckResult) + Send + Sync),
) -> (usize, Vec<CheckResult>) {
    let mut results = answer(check, ctx, sessions).await;
    for result in &mut results {
        acknowledge(ctx.profile.acknowledged(), result);
    }
    results.sort_by_key(|result| std::cmp::Reverse(result.verdict));
    for result in &results {
        on_result(result.clone());
    }
    (at, results)
}

/// A finding that the operator has taken care of warns; one that is unknown still blocks.
fn acknowledge(acknowledged: &[String], result: &mut CheckResult) {
    if result.verdict == Verdict::Block
        && !result.unknown
        && ACKNOWLEDGEABLE.contains(&result.id.as_str())
        && acknowledged.contains(&result.id)
    {
        result.verdict = Verdict::Warn;
        result.evidence.push_str("; acknowledged in the profile");
    }
}

async fn answer<P: Subject>(
    check: &Check<P>,
    ctx: &CheckContext<'_, P>,
    sessions: &Sessions<'_>,
) -> Vec<CheckResult> {
    if !check.is_asked_at(ctx.moment) {
        return vec![check.result(label_of(check), Finding::skip(later(check)))];
    }
    match check.ask {
        Ask::Rows {
            on,
            scope,
            sql,
            judge,
        } => {
            let mut results = Vec::new();
            for place in P::places(ctx, on, scope) {
                let finding = ask_rows(ctx, sessions, &place, sql, judge).await;
                results.push(settle(check, &label(&place, scope), finding));
            }
            results
        }
        Ask::Pair { scope, sql, judge } => {
            let mut results = Vec::new();
            for green in P::places(ctx, On::Green, scope) {
                let finding = ask_pair(ctx, sessions, &green, sql, judge).await;
                let node = match scope {
                    Scope::Server => "BLUE, GREEN".to_owned(),
                    Scope::Databases => format!("BLUE, GREEN · {}", green.database),
                };
                results.push(settle(check, &node, finding));
            }
            results
        }
        Ask::Custom { label, ask, .. } => {
            let asking = Asking { ctx, sessions };
            let answers = match tokio::time::timeout(QUESTION, ask(&asking)).await {
                Ok(answers) => answers,
                Err(_) => Err(AskError::Other(format!("no answer within {QUESTION:?}"))),
            };
            match answers {
                Ok(answers) => answers
                    .into_iter()
                    .map(|answer| check.result(&answer.node, answer.finding))
                    .collect(),
                Err(error) => vec![check.unknown(label, &error.to_string())],
            }
        }
    }
}

fn settle<P>(check: &Check<P>, node: &str, finding: Result<Finding, AskError>) -> CheckResult {
    match finding {
        Ok(finding) => check.result(node, finding),
        Err(error) => check.unknown(node, &error.to_string()),
    }
}

async fn ask_rows<P: Subject>(
    ctx: &CheckContext<'_, P>,
    sessions: &Sessions<'_>,
    place: &Place,
    sql: SqlFile,
    judge: fn(&Asked<'_, P>, &Rows) -> Judged,
) -> Result<Finding, AskError> {
    let version = sessions.version(place).await?;
    let Some(text) = variant(sql, version) else {
        return Ok(too_old(version));
    };
    let asked = Asked {
        ctx,
        place,
        version,
        blue_version: None,
    };
    let rows = sessions.query(place, &ctx.sql(text, place)).await?;
    Ok(judge(&asked, &rows)?)
}

async fn ask_pair<P: Subject>(
    ctx: &CheckContext<'_, P>,
    sessions: &Sessions<'_>,
    green: &Place,
    sql: SqlFile,
    judge: fn(&Asked<'_, P>, &Rows, &Rows) -> Judged,
) -> Result<Finding, AskError> {
    let blue = Place::new(Node::blue(), &green.database);
    let (version, blue_version) = (
        sessions.version(green).await?,
        sessions.version(&blue).await?,
    );
    let (Some(text), Some(blue_text)) = (variant(sql, version), variant(sql, blue_version)) else {
        return Ok(too_old(version.min(blue_version)));
    };
    let (green_sql, blue_sql) = (ctx.sql(text, green), ctx.sql(blue_text, &blue));
    let (green_rows, blue_rows) = tokio::join!(
        sessions.query(green, &green_sql),
        sessions.query(&blue, &blue_sql)
    );
    let asked = Asked {
        ctx,
        place: green,
        version,
        blue_version: Some(blue_version),
    };
    Ok(judge(&asked, &blue_rows?, &green_rows?)?)
}

fn too_old(version: PgVersion) -> Finding {
    Finding::skip(format!("does not apply to PostgreSQL {}", version.major()))
}

fn label(place: &Place, scope: Scope) -> String {
    match scope {
        Scope::Server => place.node.to_string(),
        Scope::Databases => place.to_string(),
    }
}

fn label_of<P>(check: &Check<P>) -> &'static str {
    match check.ask {
        Ask::Rows { on: On::Blue, .. } => "BLUE",
        Ask::Rows { on: On::Green, .. } => "GREEN",
        Ask::Rows { on: On::Each, .. } | Ask::Pair { .. } => "BLUE, GREEN",
        Ask::Custom { label, .. } => label,
    }
}

fn later<P>(check: &Check<P>) -> String {
    let needs_green = match check.ask {
        Ask::Rows { on, .. } => on == On::Green,
        Ask::Pair { .. } => true,
        Ask::Custom { needs, .. } => needs == Needs::Green,
    };
    let when = if check.is_asked_at(Moment::GreenBuilt) {
        "asked once GREEN is set up"
    } else {
        "asked right before the fence"
    };
    if needs_green {
        format!("GREEN does not exist yet: {when}")
    } else {
        format!("nothing to look at yet: {when}")
    }
}

/// The sessions of one round: at most four on a server, opened when first needed, none shared with the run's own work.
pub struct Sessions<'a> {
    databases: &'a dyn Databases,
    lanes: Mutex<HashMap<Node, Arc<Semaphore>>>,
    idle: Mutex<HashMap<Place, Vec<Arc<dyn Session>>>>,
    versions: Mutex<HashMap<Place, PgVersion>>,
    dead: Mutex<HashMap<Place, DbError>>,
}

impl<'a> Sessions<'a> {
    fn new(databases: &'a dyn Databases) -> Self {
        Self {
            databases,
            lanes: Mutex::default(),
            idle: Mutex::default(),
            versions: Mutex::default(),
            dead: Mutex::default(),
        }
    }

    /// One statement at `place`.
    pub async fn query(&self, place: &Place, sql: &Sql) -> Result<Rows, AskError> {
        let mut lease = self.lease(place).await?;
        let rows = lease.query(sql).await?;
        lease.give_back();
        Ok(rows)
    }

    /// The version of the server at `place`.
    pub async fn version(&self, place: &Place) -> Result<PgVersion, AskError> {
        if let Some(version) = locked(&self.versions).get(place) {
            return Ok(*version);
        }
        let lease = self.lease(place).await?;
        let version = lease.session.version();
        lease.give_back();
        Ok(version)
    }

    /// A session for several statements that hang together. Unless it is given back, it is closed: whatever it had
    /// begun is rolled back with it.
    pub async fn lease(&self, place: &Place) -> Result<Lease<'_>, AskError> {
        let lanes = locked(&self.lanes)
            .entry(place.node.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(LANES)))
            .clone();
        let permit = lanes
            .acquire_owned()
            .await
            .map_err(|_| AskError::Other("the round was ended".to_owned()))?;
        if let Some(error) = locked(&self.dead).get(place) {
            return Err(error.clone().into());
        }
        let session = match self.take_idle(place) {
            Some(session) => session,
            None => self.open(place).await?,
        };
        Ok(Lease {
            session,
            place: place.clone(),
            sessions: self,
            _permit: permit,
        })
    }

    fn take_idle(&self, place: &Place) -> Option<Arc<dyn Session>> {
        let mut idle = locked(&self.idle);
        let session = idle.get_mut(place).and_then(Vec::pop);
        if session.is_none() {
            // A lane is free, so some session of this server may be idle in another database: it makes room.
            if let Some(other) = idle
                .iter_mut()
                .find(|(at, spare)| at.node == place.node && !spare.is_empty())
            {
                other.1.pop();
            }
        }
        session.filter(|session| !session.is_closed())
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Session>, AskError> {
        match self.databases.dedicated(place, "checks").await {
            Ok(session) => {
                locked(&self.versions).insert(place.clone(), session.version());
                Ok(session)
            }
            Err(error) => {
                // One refusal answers for the round: a server that is down is not knocked at a hundred times.
                if error.kind == DbErrorKind::Connect {
                    locked(&self.dead).insert(place.clone(), error.clone());
                }
                Err(error.into())
            }
        }
    }
}

/// A session taken out of a round's.
pub struct Lease<'s> {
    session: Arc<dyn Session>,
    place: Place,
    sessions: &'s Sessions<'s>,
    _permit: OwnedSemaphorePermit,
}

impl Lease<'_> {
    /// One statement, within the limit of one.
    pub async fn query(&mut self, sql: &Sql) -> Result<Rows, AskError> {
        match tokio::time::timeout(
            STATEMENT + Duration::from_secs(2),
            self.session.query_within(sql, STATEMENT),
        )
        .await
        {
            Ok(rows) => Ok(rows?),
            Err(_) => Err(AskError::Other(format!(
                "{}: no answer within {STATEMENT:?}",
                self.place
            ))),
        }
    }

    /// The server process behind it.
    #[must_use]
    pub fn backend_pid(&self) -> i32 {
        self.session.backend_pid()
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> PgVersion {
        self.session.version()
    }

    /// Leaves the session to the next question.
    pub fn give_back(self) {
        locked(&self.sessions.idle)
            .entry(self.place.clone())
            .or_default()
            .push(Arc::clone(&self.session));
    }
}

/// The lock, whatever became of an earlier holder: the maps hold only what can be asked again.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
