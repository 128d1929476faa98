use async_trait::async_trait;

use crate::domain::Sql;
use crate::ports::{CommandSpec, OnLine};
use crate::runbook::{
    Action, Call, Executor, PatroniCall, RdsCall, Reply, StepError, Target, World,
};

/// The server does not look whether its client is still there, and no limit but the statement's own ends it. A setting
/// that a version does not have is not in its `pg_settings`.
const UNATTENDED: &str = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN \
    ('client_connection_check_interval', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout')";

/// Sends actions for real.
#[derive(Clone)]
pub struct Live {
    world: World,
}

impl Live {
    /// An executor that sends to the world that is read from.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
        }
    }

    async fn rds(&self, call: &RdsCall) -> Result<Reply, StepError> {
        let rds =
            self.world.rds.as_ref().ok_or_else(|| {
                StepError::Stop("this procedure has no RDS control plane".to_owned())
            })?;
        let instance = |instance| Reply::Instance(Box::new(instance));
        let snapshot = |snapshot| Reply::Snapshot(Box::new(snapshot));
        Ok(match call {
            RdsCall::CreateSnapshot {
                instance,
                snapshot: name,
                tags,
            } => snapshot(rds.create_snapshot(instance, name, tags).await?),
            RdsCall::UpgradeSnapshot {
                snapshot: name,
                engine_version,
            } => snapshot(rds.upgrade_snapshot(name, engine_version).await?),
            RdsCall::Restore(request) => instance(rds.restore(request).await?),
            RdsCall::ModifyInstance {
                instance: name,
                change,
            } => instance(rds.modify_instance(name, change).await?),
            RdsCall::DeleteInstance {
                instance,
                final_snapshot,
            } => {
                rds.delete_instance(instance, final_snapshot.as_deref())
                    .await?;
                Reply::Done
            }
            RdsCall::DeleteSnapshot { snapshot } => {
                rds.delete_snapshot(snapshot).await?;
                Reply::Done
            }
        })
    }
}

#[async_trait]
impl Executor for Live {
    async fn execute(&self, action: &Action, on_line: OnLine<'_>) -> Result<Reply, StepError> {
        match (&action.call, &action.target) {
            (Call::Sql(sql), Target::Database(place)) => {
                let session = self.world.databases.shared(place).await?;
                Ok(Reply::Rows(session.query_within(sql, action.limit).await?))
            }
            (Call::Standing { sql, lasts }, Target::Database(place)) => {
                let session = self.world.databases.dedicated(place, "standing").await?;
                session.query(&Sql::new(UNATTENDED)).await?;
                let pid = session.backend_pid();
                let (sql, lasts) = (sql.clone(), *lasts);
                // How it ends is read from the server, by whoever started it: here it is only kept connected.
                tokio::spawn(async move {
                    let _ = session.query_within(&sql, lasts).await;
                });
                Ok(Reply::Standing { pid })
            }
            (Call::Sql(_) | Call::Standing { .. }, target) => Err(StepError::Stop(format!(
                "a statement was addressed to {target}, which is no database; nothing was sent"
            ))),
            (Call::Rds(call), _) => self.rds(call).await,
            (Call::Patroni(call), Target::Host(member)) => {
                let patroni = self.world.patroni()?;
                match call {
                    PatroniCall::PatchConfig(change) => patroni.patch_config(member, change).await,
                    PatroniCall::Reload => patroni.reload(member).await,
                    PatroniCall::Reinitialize => patroni.reinitialize(member).await,
                }?;
                Ok(Reply::Done)
            }
            (Call::Patroni(_), target) => Err(StepError::Stop(format!(
                "an order to Patroni was addressed to {target}, which is no member; nothing was sent"
            ))),
            (Call::Command { argv, env, input }, target) => {
                let command = CommandSpec {
                    argv: argv.clone(),
                    env: env.clone(),
                    input: input.clone(),
                    limit: action.limit,
                };
                let ran = match target {
                    Target::Host(host) => self.world.hosts()?.run(host, &command, on_line).await,
                    _ => self.world.commands.run(&command, on_line).await,
                };
                Ok(Reply::Command(ran?))
            }
        }
    }
}
