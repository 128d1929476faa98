//! The fence: application roles lose LOGIN on the old side, their sessions end, and that is proved.

use std::time::{Duration, Instant};

use tokio::time::error::Elapsed;

use super::{LOGIN_BEFORE, Switch};
use crate::domain::{Node, Sql};
use crate::ports::{DbError, DbErrorKind, Rows};
use crate::profile::BlueGreen;
use crate::runbook::{Action, Context, Facts, Intended, PauseEvent, Reply, StepError};

/// How long a login is tried that ought to be refused.
const KNOCK_LIMIT: Duration = Duration::from_secs(2);
/// `invalid_authorization_specification`: what a role without LOGIN is told.
const NOT_PERMITTED: &str = "28000";

/// How long sessions that were told to end are waited for before they are told again.
const GONE_SOON: Duration = Duration::from_millis(100);
/// About what a server takes to end one.
const ENDING: Duration = Duration::from_micros(500);

/// How long the end of a write pause is tried again while its server does not answer.
const INSIST_FOR: Duration = Duration::from_secs(60);

impl Switch {
    /// Remembers which of the roles can log in on the old side: only those get LOGIN on the new one.
    ///
    /// Read before every pause unless the fence is up already: then the flags are our own doing.
    pub(super) async fn remember_logins(&self, ctx: &Context) -> Result<(), StepError> {
        let key = LOGIN_BEFORE.of(self.from().as_str());
        let logins = can_log_in(ctx, self, &self.from()).await?;
        if logins.is_empty() {
            return match ctx.facts().get(&key) {
                Some(before) if !before.is_empty() => Ok(()),
                _ => Err(StepError::Stop(format!(
                    "none of the roles to fence can log in on {}: {}. Nothing was changed. Check [fence] roles.",
                    self.from(),
                    self.job.profile.fence.roles.join(", "),
                ))),
            };
        }
        ctx.learn(&key, &logins)
    }

    pub(super) fn fence_action(&self, facts: &Facts) -> Action {
        let at = self.server(&self.from());
        let roles = facts.get(&LOGIN_BEFORE.of(self.from().as_str()));
        let roles = roles.unwrap_or_else(|| self.job.profile.fence.roles.clone());
        let lower = Action::sql(&at, login(&roles));
        Action::sql(&at, nologin(&roles)).undone_by([lower])
    }

    /// Takes LOGIN from the roles: one message, one transaction, committed before any session is ended.
    pub(super) async fn raise_fence(
        &self,
        ctx: &Context,
        fence: Intended,
    ) -> Result<String, StepError> {
        ctx.send_intended(fence).await?;
        Ok(format!(
            "{} roles, committed",
            roles_before(ctx, &self.from()).len()
        ))
    }

    pub(super) fn terminate_action(&self) -> Action {
        Action::sql(&self.server(&self.from()), self.sessions_sql(true))
    }

    /// Ends the roles' sessions again and again until none is left: NOLOGIN keeps new ones out, but one that was just
    /// being let in when it was committed may still appear.
    pub(super) async fn end_sessions(
        &self,
        ctx: &Context,
        first: Intended,
    ) -> Result<String, StepError> {
        let at = self.server(&self.from());
        let look = self.sessions_sql(false);
        let (mut ended, mut rounds) = (0, 0);
        let mut reply = ctx.send_intended(first).await?;
        loop {
            rounds += 1;
            if let Reply::Rows(rows) = &reply {
                ended = ended.max(rows.len());
                self.wait_until_gone(ctx, rows).await?;
            }
            if ctx.read(&at, &look).await?.is_empty() {
                let s = if rounds == 1 { "" } else { "s" };
                return Ok(format!("{ended} sessions, {rounds} round{s}"));
            }
            reply = ctx.send(&self.terminate_action()).await?;
        }
    }

    /// Waits a moment for sessions that were told to end.
    async fn wait_until_gone(&self, ctx: &Context, told: &Rows) -> Result<(), StepError> {
        let pids: Vec<String> = told
            .iter()
            .map(|row| row.get("pid"))
            .collect::<Result<_, _>>()?;
        let told = Instant::now();
        while told.elapsed() < GONE_SOON {
            let sessions = self.ask_who_is_left(ctx, &pids).await?;
            ctx.pause(PauseEvent::Left {
                sessions: sessions.into(),
                bytes: 0,
            })?;
            if sessions == 0 {
                break;
            }
            // Asking takes from the processors that ending them needs.
            tokio::time::sleep(ENDING * sessions.clamp(2, 40)).await;
        }
        Ok(())
    }

    /// How many of the sessions with these process numbers are left. Asked by process, which costs a server that is busy
    /// ending them the least.
    pub(super) async fn ask_who_is_left(
        &self,
        ctx: &Context,
        pids: &[String],
    ) -> Result<u32, StepError> {
        let left = Sql::new("SELECT count(*) AS left FROM pg_stat_get_activity(NULL) WHERE pid::text = ANY ({pids})")
            .literals("pids", pids);
        let rows = ctx.read(&self.server(&self.from()), &left).await?;
        Ok(rows.one()?.get("left")?)
    }

    /// Nobody of the roles can log in, none of their sessions lives, and nobody else is in the databases who might
    /// write there by SET ROLE or of his own right.
    pub(super) async fn prove_fence(&self, ctx: &Context) -> Result<String, StepError> {
        let rows = self.ask_for_leaks(ctx).await?;
        let row = rows.one()?;
        for (column, what) in [
            ("can_log_in", "roles that can still log in"),
            (
                "sessions",
                "sessions that are neither ours nor to be ignored",
            ),
            ("prepared", "prepared transactions"),
        ] {
            if let Some(seen) = row.opt::<String>(column)? {
                ctx.proof(false, &format!("{what} on {}: {seen}", self.from()))?;
                return Err(StepError::Stop(format!(
                    "the fence on {} leaks: {what}: {seen}",
                    self.from()
                )));
            }
        }
        let text = format!(
            "{} is fenced: no login, no session, no prepared transaction",
            self.from()
        );
        ctx.proof(true, &text)?;
        Ok("nobody left who could write".to_owned())
    }

    /// Asks the old side who could still write there.
    pub(super) async fn ask_for_leaks(&self, ctx: &Context) -> Result<Rows, StepError> {
        let proof = Sql::new(include_str!("../../../assets/sql/switch/fence_proof.sql"))
            .literals("roles", &self.job.profile.fence.roles)
            .literals("ignore", &ignored(&self.job.profile))
            .literals("databases", &self.job.profile.databases);
        ctx.read(&self.server(&self.from()), &proof).await
    }

    /// The roles whose login is at hand, tried before the pause: a refusal in it then says something, and the pause is not
    /// spent on logins that fail for another reason.
    pub(super) async fn find_knockers(&self, ctx: &Context) -> Vec<String> {
        let mut knockers = Vec::new();
        for (role, answer) in self.log_in_as(ctx, &roles_before(ctx, &self.from())).await {
            match answer {
                Ok(Ok(())) => knockers.push(role),
                Ok(Err(refused)) if refused.is(NOT_PERMITTED) => knockers.push(role),
                // No password at hand, or no answer: what the catalog says of the role has to do.
                Ok(Err(error)) => ctx.log(&not_tried(&role, &error.message)),
                Err(_) => ctx.log(&not_tried(&role, &format!("no answer in {KNOCK_LIMIT:?}"))),
            }
        }
        knockers
    }

    /// Tries the fence as each of the roles would: it must be refused.
    pub(super) async fn knock(&self, ctx: &Context, knockers: &[String]) -> Result<(), StepError> {
        let from = self.from();
        for (role, answer) in self.log_in_as(ctx, knockers).await {
            match answer {
                Ok(Ok(())) => {
                    let text = format!("{role} was let in to {from} through the fence");
                    ctx.proof(false, &text)?;
                    return Err(StepError::Stop(text));
                }
                Ok(Err(refused)) if refused.is(NOT_PERMITTED) => {
                    let said = refused.message;
                    let text = format!("{role} tried to log in to {from} and was refused: {said}");
                    ctx.proof(true, &text)?;
                }
                Ok(Err(error)) => ctx.log(&not_tried(&role, &error.message)),
                Err(_) => ctx.log(&not_tried(&role, &format!("no answer in {KNOCK_LIMIT:?}"))),
            }
        }
        Ok(())
    }

    /// Logs in to the old side as each of the roles, all at once.
    async fn log_in_as(
        &self,
        ctx: &Context,
        roles: &[String],
    ) -> Vec<(String, Result<Result<(), DbError>, Elapsed>)> {
        let at = &self.server(&self.from());
        let tried = roles.iter().map(|role| async move {
            let login = ctx.world.databases.login_as(at, role);
            let answer = tokio::time::timeout(KNOCK_LIMIT, login).await;
            (role.clone(), answer.map(|login| login.map(drop)))
        });
        futures_util::future::join_all(tried).await
    }

    /// Gives LOGIN back to exactly those that had it; does nothing when the old side was never fenced.
    ///
    /// Applications are shut out until this is through, so a server that does not answer is asked again; saying LOGIN
    /// twice does no harm.
    pub(super) async fn lower_fence(&self, ctx: &Context) -> Result<(), StepError> {
        let before = roles_before(ctx, &self.from());
        if before.is_empty() {
            return Ok(());
        }
        let action = Action::sql(&self.server(&self.from()), login(&before));
        insist(ctx, &action).await.map(drop)
    }

    /// True when the run knows who could log in on the old side and none of them can now.
    pub(super) async fn fence_is_up(&self, ctx: &Context) -> Result<bool, StepError> {
        let before = roles_before(ctx, &self.from());
        let now = can_log_in(ctx, self, &self.from()).await?;
        // Half a fence counts as one: the message that raises it is one transaction, but the operator may have helped.
        Ok(before.iter().any(|role| !now.contains(role)))
    }

    /// True when one of the fenced roles can log in on `node`.
    pub(super) async fn roles_open(&self, ctx: &Context, node: &Node) -> Result<bool, StepError> {
        Ok(!can_log_in(ctx, self, node).await?.is_empty())
    }

    pub(super) fn sessions_sql(&self, terminate: bool) -> Sql {
        let columns = if terminate {
            "a.pid, a.usename, pg_terminate_backend(a.pid) AS ended"
        } else {
            "a.pid"
        };
        sessions(&self.job.profile, columns)
    }
}

/// `columns` of the sessions, as `a`, of the fenced roles and of who may become one of them.
pub(crate) fn sessions(profile: &BlueGreen, columns: &'static str) -> Sql {
    Sql::new(include_str!("../../../assets/sql/switch/sessions.sql"))
        .statement("columns", Sql::new(columns))
        .literals("roles", &profile.fence.roles)
        .literals("ignore", &ignored(profile))
}

/// Roles whose sessions stay: the tool's own, the replication role, and those the profile names.
fn ignored(profile: &BlueGreen) -> Vec<String> {
    let own = [&profile.connection.user, &profile.replication.role];
    profile.fence.ignore.iter().chain(own).cloned().collect()
}

/// Sends what may be said twice until it is answered, for as long as [`INSIST_FOR`] where the server is away.
pub(super) async fn insist(ctx: &Context, action: &Action) -> Result<Reply, StepError> {
    let began = Instant::now();
    loop {
        match ctx.rescue(action).await {
            Err(error) if is_away(&error) && began.elapsed() < INSIST_FOR => {
                ctx.log(&format!("{} does not answer yet: {error}", action.target));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            result => return result,
        }
    }
}

/// The server did not answer, so asking again may help; it did not refuse.
fn is_away(error: &StepError) -> bool {
    match error {
        StepError::Database(error) => {
            matches!(error.kind, DbErrorKind::Connect | DbErrorKind::Unknown)
        }
        StepError::Unanswered { .. } => true,
        _ => false,
    }
}

fn not_tried(role: &str, why: &str) -> String {
    format!("{role} was not tried: {why}")
}

/// Which of the roles to fence can log in on `node` now.
async fn can_log_in(ctx: &Context, switch: &Switch, node: &Node) -> Result<Vec<String>, StepError> {
    let sql = Sql::new("SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname = ANY ({roles}) ORDER BY rolname")
        .literals("roles", &switch.job.profile.fence.roles);
    let rows = ctx.read(&switch.server(node), &sql).await?;
    rows.iter().map(|row| Ok(row.get("rolname")?)).collect()
}

/// Takes LOGIN from the roles, all in one transaction.
pub(crate) fn nologin(roles: &[String]) -> Sql {
    Sql::together(
        roles
            .iter()
            .map(|role| Sql::new("ALTER ROLE {role} NOLOGIN").ident("role", role)),
    )
}

/// Gives LOGIN to the roles, all in one transaction.
pub(crate) fn login(roles: &[String]) -> Sql {
    Sql::together(
        roles
            .iter()
            .map(|role| Sql::new("ALTER ROLE {role} LOGIN").ident("role", role)),
    )
}

/// Who could log in on `node` before it was fenced, as far as the run knows.
pub(super) fn roles_before(ctx: &Context, node: &Node) -> Vec<String> {
    ctx.facts()
        .get(&LOGIN_BEFORE.of(node.as_str()))
        .unwrap_or_default()
}
