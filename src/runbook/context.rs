use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::action::{Action, Reply};
use super::check::CheckResult;
use super::facts::{FactKey, Facts};
use super::pause::PauseEvent;
use super::step::{StepError, StepId};
use crate::domain::{Node, Place, Sql};
use crate::ports::{
    CommandOutput, CommandSpec, Commands, Databases, Hosts, OnLine, PatroniApi, RdsApi, Rows,
};

/// What a run can read from.
#[derive(Clone)]
pub struct World {
    /// The databases.
    pub databases: Arc<dyn Databases>,
    /// The RDS control plane, for procedures that have one.
    pub rds: Option<Arc<dyn RdsApi>>,
    /// Command hooks.
    pub commands: Arc<dyn Commands>,
    /// Commands on database hosts, for procedures that need them.
    pub hosts: Option<Arc<dyn Hosts>>,
    /// Patroni, for procedures on its clusters.
    pub patroni: Option<Arc<dyn PatroniApi>>,
}

impl World {
    /// Commands on database hosts; an error when the procedure has none.
    pub fn hosts(&self) -> Result<&Arc<dyn Hosts>, StepError> {
        let none = || StepError::Stop("this procedure has no database hosts".to_owned());
        self.hosts.as_ref().ok_or_else(none)
    }

    /// Runs a command on a host that only reads; must change nothing.
    pub async fn ask_host(
        &self,
        host: &Node,
        argv: Vec<String>,
        limit: Duration,
    ) -> Result<CommandOutput, StepError> {
        let spec = CommandSpec::new(argv, limit);
        Ok(self.hosts()?.run(host, &spec, &|_| {}).await?)
    }

    /// Patroni's REST API; an error when the procedure has none.
    pub fn patroni(&self) -> Result<&Arc<dyn PatroniApi>, StepError> {
        let none = || StepError::Stop("this procedure knows no Patroni".to_owned());
        self.patroni.as_ref().ok_or_else(none)
    }
}

/// Sends actions. A dry run is another executor; a fault test wraps one.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Sends the action and returns what came back.
    async fn execute(&self, action: &Action, on_line: OnLine<'_>) -> Result<Reply, StepError>;

    /// True when nothing is really sent.
    fn is_dry_run(&self) -> bool {
        false
    }
}

/// Where a step's doings are written down: the journal first, then whoever looks on.
pub trait Recorder: Send + Sync {
    /// Durably notes that `action` is about to be sent. Returns the id its outcome refers to.
    fn intent(&self, step: &StepId, action: &Action) -> Result<u64, StepError>;
    /// As `intent` for several actions that are sent side by side, made durable together.
    fn intents(&self, step: &StepId, actions: &[&Action]) -> Result<Vec<u64>, StepError> {
        actions
            .iter()
            .map(|action| self.intent(step, action))
            .collect()
    }
    /// Notes how it came out.
    fn outcome(
        &self,
        step: &StepId,
        intent: u64,
        took: Duration,
        result: Result<&Reply, &StepError>,
    ) -> Result<(), StepError>;
    /// Durably notes what was learnt; `null` forgets.
    fn fact(&self, name: &str, value: serde_json::Value) -> Result<(), StepError>;
    /// What is known now.
    fn facts(&self) -> Facts;
    /// Tells whoever looks on what the step waits for: not durable, may be dropped.
    fn progress(&self, step: &StepId, progress: Progress);
    /// One line for the log.
    fn log(&self, step: &StepId, text: &str);
    /// A proof the step has made, or failed to make.
    fn proof(&self, step: &StepId, holds: bool, text: &str) -> Result<(), StepError>;
    /// A sub-step of the write pause begins, ends or is taken back.
    fn pause(&self, step: &StepId, event: PauseEvent) -> Result<(), StepError>;
    /// A check's answer.
    fn check(&self, step: &StepId, result: &CheckResult);
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
pub struct Progress {
    /// What is waited for, or done right now.
    pub text: String,
    /// Share done, 0 to 1, when it can be known.
    pub share: Option<f64>,
    /// When the wait gives up, in milliseconds from its beginning.
    pub limit_ms: Option<u64>,
    /// How long it has gone on, milliseconds.
    pub elapsed_ms: u64,
}

/// An action whose intent is journalled and that has not been sent.
#[derive(Debug)]
pub struct Intended {
    intent: u64,
    action: Action,
}

/// What a step works with: it reads through `world`, changes through [`Context::send`], remembers through
/// [`Context::learn`].
#[derive(Clone)]
pub struct Context {
    /// What can be read from.
    pub world: World,
    /// The step this context was made for.
    pub step: StepId,
    /// The run's id, also the tag of what the run creates.
    pub run: String,
    executor: Arc<dyn Executor>,
    recorder: Arc<dyn Recorder>,
    cancel: CancellationToken,
}

impl Context {
    /// A context for one step.
    #[must_use]
    pub fn new(
        world: World,
        run: &str,
        step: StepId,
        executor: Arc<dyn Executor>,
        recorder: Arc<dyn Recorder>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            world,
            step,
            run: run.to_owned(),
            executor,
            recorder,
            cancel,
        }
    }

    /// Journals the intent, sends the action, journals the outcome.
    ///
    /// Past the action's limit its outcome counts as unknown. Nothing new is sent once the run was asked to stop,
    /// except by steps that take back a write pause (see [`Context::uncancelled`]).
    pub async fn send(&self, action: &Action) -> Result<Reply, StepError> {
        if self.cancel.is_cancelled() {
            return Err(StepError::Cancelled);
        }
        let intent = self.recorder.intent(&self.step, action)?;
        self.execute(intent, action).await
    }

    /// As [`Context::send`], for what may take days: once the run is asked to stop, it is ended where it is.
    pub async fn send_until_stopped(&self, action: &Action) -> Result<Reply, StepError> {
        if self.cancel.is_cancelled() {
            return Err(StepError::Cancelled);
        }
        let intent = self.recorder.intent(&self.step, action)?;
        let started = Instant::now();
        let answered = tokio::select! {
            answer = self.answered(action) => Some(answer),
            () = self.cancel.cancelled() => None,
        };
        let stopped = answered.is_none();
        let (took, result) = answered.unwrap_or_else(|| {
            let (what, waited) = (action.shown().text, started.elapsed());
            (waited, Err(StepError::Unanswered { what, waited }))
        });
        self.recorder
            .outcome(&self.step, intent, took, result.as_ref())?;
        if stopped {
            return Err(StepError::Cancelled);
        }
        result
    }

    /// Journals the intents of actions that follow one another at once, in one go: in a write pause every wait for the
    /// disk counts. Each is sent by [`Context::send_intended`].
    pub fn intend<const N: usize>(&self, actions: [Action; N]) -> Result<[Intended; N], StepError> {
        let mut intents = self
            .recorder
            .intents(&self.step, &actions.iter().collect::<Vec<_>>())?
            .into_iter();
        Ok(actions.map(|action| Intended {
            intent: intents.next().unwrap_or_default(),
            action,
        }))
    }

    /// Sends an action whose intent is journalled, journals the outcome.
    pub async fn send_intended(&self, intended: Intended) -> Result<Reply, StepError> {
        if self.cancel.is_cancelled() {
            return Err(StepError::Cancelled);
        }
        self.execute(intended.intent, &intended.action).await
    }

    /// Sends what ends a write pause: the undo that stands in the journal beside the action it takes back, or, once the
    /// point of no return is on the disk, what opens the new side. It may go out even when the journal can no longer be
    /// written and even after the run was asked to stop: better an action nobody noted than applications shut out.
    pub async fn rescue(&self, action: &Action) -> Result<Reply, StepError> {
        let intent = self.recorder.intent(&self.step, action);
        let (took, result) = self.answered(action).await;
        if let Ok(intent) = intent {
            // What took effect did so, noted or not.
            let _ = self
                .recorder
                .outcome(&self.step, intent, took, result.as_ref());
        }
        result
    }

    /// Sends actions side by side, their intents journalled together; all are awaited, the first error is returned.
    pub async fn send_together(&self, actions: &[Action]) -> Result<Vec<Reply>, StepError> {
        if self.cancel.is_cancelled() {
            return Err(StepError::Cancelled);
        }
        let intents = self
            .recorder
            .intents(&self.step, &actions.iter().collect::<Vec<_>>())?;
        let sent = actions
            .iter()
            .zip(intents)
            .map(|(action, intent)| self.execute(intent, action));
        futures_util::future::join_all(sent)
            .await
            .into_iter()
            .collect()
    }

    async fn execute(&self, intent: u64, action: &Action) -> Result<Reply, StepError> {
        let (took, result) = self.answered(action).await;
        self.recorder
            .outcome(&self.step, intent, took, result.as_ref())?;
        result
    }

    /// Sends the action and waits for its answer, at most its limit; how long that took.
    async fn answered(&self, action: &Action) -> (Duration, Result<Reply, StepError>) {
        let started = Instant::now();
        let log = |line: &str| self.recorder.log(&self.step, line);
        let answer = tokio::time::timeout(action.limit, self.executor.execute(action, &log));
        let result = answer.await.unwrap_or_else(|_| {
            Err(StepError::Unanswered {
                what: action.shown().text,
                waited: action.limit,
            })
        });
        (started.elapsed(), result)
    }

    /// Sends actions one after the other, stopping at the first that fails.
    pub async fn send_all(&self, actions: &[Action]) -> Result<(), StepError> {
        for action in actions {
            self.send(action).await?;
        }
        Ok(())
    }

    /// Reads: a short statement on the shared session. Not journalled; must change nothing.
    pub async fn read(&self, place: &Place, sql: &Sql) -> Result<Rows, StepError> {
        Ok(self.world.databases.query(place, sql).await?)
    }

    /// The RDS control plane; an error when the procedure has none.
    pub fn rds(&self) -> Result<&Arc<dyn RdsApi>, StepError> {
        self.world
            .rds
            .as_ref()
            .ok_or_else(|| StepError::Stop("this procedure has no RDS control plane".to_owned()))
    }

    /// Runs a command on a host that only reads. Not journalled; must change nothing.
    pub async fn ask_host(
        &self,
        host: &Node,
        argv: Vec<String>,
        limit: Duration,
    ) -> Result<CommandOutput, StepError> {
        self.world.ask_host(host, argv, limit).await
    }

    /// What is known now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.recorder.facts()
    }

    /// A fact that must be known by now.
    pub fn known<T: serde::de::DeserializeOwned>(&self, key: &FactKey<T>) -> Result<T, StepError> {
        let missing = || {
            StepError::Stop(format!(
                "{} is not known yet: an earlier step must be done first",
                key.name()
            ))
        };
        self.facts().get(key).ok_or_else(missing)
    }

    /// Durably remembers a fact.
    pub fn learn<T: Serialize>(&self, key: &FactKey<T>, value: &T) -> Result<(), StepError> {
        let value =
            serde_json::to_value(value).map_err(|error| StepError::Journal(error.to_string()))?;
        self.recorder.fact(key.name(), value)
    }

    /// Durably forgets a fact.
    pub fn forget<T>(&self, key: &FactKey<T>) -> Result<(), StepError> {
        self.recorder.fact(key.name(), serde_json::Value::Null)
    }

    /// Asks again and again until `ask` has an answer; shows what is waited for, since when and until when.
    ///
    /// `ask` returns `Ok(Ok(answer))` when done, `Ok(Err(seen))` with what it saw otherwise.
    pub async fn wait_for<T, F, Fut>(
        &self,
        what: &str,
        every: Duration,
        limit: Duration,
        mut ask: F,
    ) -> Result<T, StepError>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<Result<T, Progress>, StepError>> + Send,
    {
        let started = Instant::now();
        let mut last = String::from("nothing seen yet");
        loop {
            match tokio::time::timeout(limit.saturating_sub(started.elapsed()).max(every), ask())
                .await
            {
                Ok(answer) => match answer? {
                    Ok(answer) => return Ok(answer),
                    Err(mut progress) => {
                        last.clone_from(&progress.text);
                        progress.elapsed_ms = millis(started.elapsed());
                        progress.limit_ms = Some(millis(limit));
                        self.recorder.progress(&self.step, progress);
                    }
                },
                Err(_) => "no answer in time".clone_into(&mut last),
            }
            if started.elapsed() >= limit {
                return Err(StepError::TimedOut {
                    what: what.to_owned(),
                    waited: limit,
                    seen: last,
                });
            }
            tokio::select! {
                () = self.cancel.cancelled() => return Err(StepError::Cancelled),
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Tells whoever looks on what is being done.
    pub fn progress(&self, text: &str, share: Option<f64>) {
        self.recorder.progress(
            &self.step,
            Progress {
                text: text.to_owned(),
                share,
                limit_ms: None,
                elapsed_ms: 0,
            },
        );
    }

    /// One line for the log.
    pub fn log(&self, text: &str) {
        self.recorder.log(&self.step, text);
    }

    /// A proof made or failed.
    pub fn proof(&self, holds: bool, text: &str) -> Result<(), StepError> {
        self.recorder.proof(&self.step, holds, text)
    }

    /// The write pause as it goes by.
    pub fn pause(&self, event: PauseEvent) -> Result<(), StepError> {
        self.recorder.pause(&self.step, event)
    }

    /// A check's answer, for whoever looks on.
    pub fn check(&self, result: &CheckResult) {
        self.recorder.check(&self.step, result);
    }

    /// True once the run was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// True when nothing is really sent.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.executor.is_dry_run()
    }

    /// The same context deaf to being asked to stop: for finishing or taking back a write pause.
    #[must_use]
    pub fn uncancelled(&self) -> Self {
        Self {
            cancel: CancellationToken::new(),
            ..self.clone()
        }
    }
}

impl Progress {
    /// Words for a wait, without a share.
    #[must_use]
    pub fn seen(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            share: None,
            limit_ms: None,
            elapsed_ms: 0,
        }
    }

    /// The same with a share done.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }
}

/// Whole milliseconds, as events and journals carry durations.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
