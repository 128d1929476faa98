//! A server as its host and its sessions show it: what it is now, and the commands that stop and start it.

use std::time::{Duration, Instant};

use super::job::{SHORT, VipJob};
use crate::domain::{Lsn, Node, Sql};
use crate::ports::{CommandError, CommandOutput, DbError, DbErrorKind, Session};
use crate::runbook::{Action, Context, Progress, Reply, StepError, World};

/// How often a server that is on its way is asked.
pub(super) const SOON: Duration = Duration::from_millis(2);
/// `pg_ctl status`: no server runs there.
const NOT_RUNNING: i32 = 3;

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It takes sessions.
    Serving(State),
    /// Its process is there, but takes no sessions; the reason it gave.
    Busy(String),
    /// It does not run.
    Down(Control),
    /// Neither it nor its host answers.
    OutOfReach(String),
}

/// A server that takes sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// It replays what another writes.
    pub standby: bool,
    /// Its system identifier.
    pub system: String,
    /// The timeline it writes or replays.
    pub timeline: i64,
}

/// What `pg_controldata` says of a server that does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// `shut down`, `in production`, …
    pub state: String,
    /// Where its last checkpoint lies.
    pub checkpoint: Lsn,
    /// The timeline of that checkpoint.
    pub timeline: i64,
}

impl Found {
    /// It takes writes.
    pub fn is_primary(&self) -> bool {
        matches!(self, Self::Serving(state) if !state.standby)
    }

    /// In a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Serving(state) if state.standby => {
                format!("a standby on timeline {}", state.timeline)
            }
            Self::Serving(state) => format!("a primary on timeline {}", state.timeline),
            Self::Busy(reason) => format!("running without taking sessions ({reason})"),
            Self::Down(control) => format!("down ({})", control.state),
            Self::OutOfReach(reason) => format!("out of reach ({reason})"),
        }
    }
}

impl Control {
    /// It was stopped as a primary, with everything on disk.
    pub fn is_clean(&self) -> bool {
        self.state == "shut down"
    }

    /// It was following another when it stopped, or was made to follow and has not been started.
    pub fn is_recovering(&self) -> bool {
        self.state == "in archive recovery"
    }

    fn read(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = text.lines();
            let rest = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            rest.map(|value| value.trim().to_owned())
        };
        Some(Self {
            state: value("Database cluster state")?,
            checkpoint: value("Latest checkpoint location")?.parse().ok()?,
            timeline: value("Latest checkpoint's TimeLineID")?.parse().ok()?,
        })
    }
}

impl VipJob {
    /// What the server of `node` is now. A server that takes no sessions is judged by its host.
    pub(super) async fn look(&self, world: &World, node: &Node) -> Result<Found, StepError> {
        match self.ask_state(world, node).await {
            Ok((_, state)) => Ok(Found::Serving(state)),
            Err(refused) => match self.is_running(world, node).await {
                Ok(true) => Ok(Found::Busy(refused.to_string())),
                Ok(false) => Ok(Found::Down(self.control(world, node).await?)),
                Err(StepError::Command(error)) => {
                    Ok(Found::OutOfReach(format!("{refused}; {error}")))
                }
                Err(error) => Err(error),
            },
        }
    }

    /// True when neither the server nor its host answers.
    pub async fn is_out_of_reach(&self, world: &World, node: &Node) -> bool {
        matches!(self.look(world, node).await, Ok(Found::OutOfReach(_)))
    }

    /// Asked on a session of its own: one that is open already says nothing of who is let in now.
    pub(super) async fn ask_state(
        &self,
        world: &World,
        node: &Node,
    ) -> Result<(std::sync::Arc<dyn Session>, State), StepError> {
        let place = self.place(node);
        let session = world.databases.dedicated(&place, "look").await?;
        let sql = Sql::new(include_str!("../../../assets/sql/vip/state.sql"));
        let rows = session.query(&sql).await?;
        let row = rows.one()?;
        let state = State {
            standby: row.get("standby")?,
            system: row.get("system")?,
            timeline: row.get("timeline")?,
        };
        Ok((session, state))
    }

    /// True while a server process lives in the data directory. An error when its host does not say.
    pub(super) async fn is_running(&self, world: &World, node: &Node) -> Result<bool, StepError> {
        let server = &self.node(node).server;
        let argv = [
            &server.program("pg_ctl"),
            "status",
            "-D",
            &server.directory(),
        ];
        let said = world.ask_host(node, self.owner(node, &argv), SHORT).await?;
        match said.code {
            Some(0) => Ok(true),
            Some(NOT_RUNNING) => Ok(false),
            _ => Err(silent(node, &said)),
        }
    }

    /// What `pg_controldata` says; an error when its host does not say.
    pub(super) async fn control(&self, world: &World, node: &Node) -> Result<Control, StepError> {
        let server = &self.node(node).server;
        let (program, data) = (server.program("pg_controldata"), server.directory());
        let argv = ["env", "LC_ALL=C", &program, "-D", &data];
        let said = world.ask_host(node, self.owner(node, &argv), SHORT).await?;
        let read = Control::read(&said.stdout).filter(|_| said.code == Some(0));
        read.ok_or_else(|| silent(node, &said))
    }

    /// Asks the server to stop at once, and does not wait for it.
    pub(super) fn stop_action(&self, node: &Node, mode: &str) -> Action {
        let server = &self.node(node).server;
        let (program, data) = (server.program("pg_ctl"), server.directory());
        self.owner_action(node, &[&program, "stop", "-D", &data, "-m", mode, "-W"])
    }

    /// Starts the server, and does not wait for it.
    pub(super) fn start_action(&self, node: &Node) -> Action {
        let known = self.node(node);
        if let Some(start) = &known.start {
            return self
                .root_action(node, start)
                .within(Duration::from_secs(60));
        }
        let server = &known.server;
        let (program, data) = (server.program("pg_ctl"), server.directory());
        let log = server.data_file("greenlight-start.log");
        let mut argv = vec![
            program,
            "start".to_owned(),
            "-D".to_owned(),
            data,
            "-W".to_owned(),
        ];
        argv.extend(["-l".to_owned(), log]);
        if let Some(file) = &known.config_file {
            argv.extend(["-o".to_owned(), format!("-c config_file='{file}'")]);
        }
        self.owner_action(node, &argv)
    }

    /// Makes sure that the server comes up as a standby, whoever starts it.
    pub(super) fn signal_action(&self, node: &Node) -> Action {
        let signal = self.node(node).server.data_file("standby.signal");
        self.owner_action(node, &["touch", &signal])
    }

    pub(super) fn unsignal_action(&self, node: &Node) -> Action {
        let signal = self.node(node).server.data_file("standby.signal");
        self.owner_action(node, &["rm", "-f", &signal])
    }

    /// Waits until the process is gone.
    pub(super) async fn wait_gone(
        &self,
        ctx: &Context,
        node: &Node,
        limit: Duration,
    ) -> Result<(), StepError> {
        let began = Instant::now();
        while self.is_running(&ctx.world, node).await? {
            if began.elapsed() > limit {
                return Err(StepError::TimedOut {
                    what: format!("the server process of {} to end", self.told(node)),
                    waited: limit,
                    seen: "it is still there".to_owned(),
                });
            }
            tokio::time::sleep(SOON * 5).await;
        }
        Ok(())
    }

    /// Waits until the server takes sessions as what it should be.
    pub(super) async fn wait_serving(
        &self,
        ctx: &Context,
        node: &Node,
        standby: bool,
        limit: Duration,
    ) -> Result<State, StepError> {
        let what = if standby { "a standby" } else { "a primary" };
        let what = &format!("{} to take sessions as {what}", self.told(node));
        ctx.wait_for(what, SOON * 5, limit, || async {
            Ok(match self.ask_state(&ctx.world, node).await {
                Ok((_, state)) if state.standby == standby => Ok(state),
                Ok((_, state)) => Err(Progress::seen(Found::Serving(state).words())),
                Err(error) => Err(Progress::seen(error.to_string())),
            })
        })
        .await
    }
}

/// A host that gave no usable answer.
fn silent(node: &Node, said: &CommandOutput) -> StepError {
    let code = said
        .code
        .map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
    StepError::Command(CommandError::Unreachable {
        host: node.to_string(),
        reason: format!("no usable answer ({code}): {}", said.output.trim()),
    })
}

/// A command's end as a step takes it: anything but exit code 0 is an error with its output.
pub(super) fn came_through(action: &Action, reply: &Reply) -> Result<String, StepError> {
    match reply {
        Reply::Command(output) if output.code == Some(0) => Ok(output.stdout.clone()),
        Reply::Command(output) => {
            let code = output
                .code
                .map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            Err(StepError::Stop(format!(
                "{} on {} ended with {code}: {}",
                action.shown().text,
                action.target,
                output.output.trim()
            )))
        }
        _ => Ok(String::new()),
    }
}

/// Sends a command; anything but exit code 0 is an error.
pub(super) async fn send(ctx: &Context, action: &Action) -> Result<String, StepError> {
    came_through(action, &ctx.send(action).await?)
}

/// The same for what ends a write pause.
pub(super) async fn rescue(ctx: &Context, action: &Action) -> Result<String, StepError> {
    came_through(action, &ctx.rescue(action).await?)
}

/// True when a server did not answer at all.
pub(super) fn is_away(error: &StepError) -> bool {
    let kind = |error: &DbError| matches!(error.kind, DbErrorKind::Connect | DbErrorKind::Unknown);
    matches!(error, StepError::Database(error) if kind(error))
}

#[cfg(test)]
mod tests {
    use super::Control;
    use crate::domain::Lsn;

    const SAID: &str = "pg_control version number:            1300
Database cluster state:               shut down
pg_control last modified:             Sat 21 Nov 2026 10:00:00 AM UTC
Latest checkpoint location:           0/3000028
Latest checkpoint's REDO location:    0/3000028
Latest checkpoint's TimeLineID:       2
Latest checkpoint's PrevTimeLineID:   2
";

    #[test]
    fn control_data_is_read_by_its_names() {
        let control = Control::read(SAID).expect("read");
        assert!(control.is_clean());
        assert_eq!((control.checkpoint, control.timeline), (Lsn(0x300_0028), 2));
        let recovering = SAID.replace("shut down", "shut down in recovery");
        assert!(!Control::read(&recovering).expect("read").is_clean());
        assert_eq!(Control::read("pg_controldata: error: no such file"), None);
    }
}
