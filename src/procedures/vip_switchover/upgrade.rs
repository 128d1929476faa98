//! The minor upgrade of one server: only ever of a standby, its version read from the server itself afterwards.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::job::{SHORT, VipJob, other};
use super::rejoin::wait_streaming;
use super::server::{Found, send};
use crate::domain::{Node, PgVersion, Sql};
use crate::profile::{Installer, Upgrade};
use crate::runbook::{
    Action, Context, FactKey, Facts, Probe, Step, StepError, StepInfo, StepResult,
};

/// The version a server ran before this run upgraded it.
const VERSION_BEFORE: FactKey<PgVersion> = FactKey::new("version_before");
/// Its package's own version, where a package manager knows one.
const PACKAGE_BEFORE: FactKey<String> = FactKey::new("package_before");
/// For a server to stop.
const STOP_LIMIT: Duration = Duration::from_secs(120);

/// Upgrades a standby.
pub struct UpgradeStandby {
    job: Arc<VipJob>,
    upgrade: Upgrade,
    node: Node,
    info: StepInfo,
}

impl UpgradeStandby {
    /// The step; `None` where the profile asks for no upgrade.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, node: Node, info: StepInfo) -> Option<Self> {
        Some(Self {
            job: Arc::clone(job),
            upgrade: job.profile.upgrade.clone()?,
            node,
            info,
        })
    }

    /// What is sent to install a version: `package` is its package's own version, or `15.20*` for any of it.
    fn install(&self, version: PgVersion, package: Option<&str>, down: bool) -> Vec<Action> {
        let major = version.major();
        let wanted = package.map_or_else(|| format!("{version}*"), str::to_owned);
        let root = |argv: &[&str]| {
            self.job
                .root_action(&self.node, argv)
                .within(self.job.profile.budgets.upgrade)
        };
        match &self.upgrade.by {
            Installer::Debian => {
                let package = format!("postgresql-{major}={wanted}");
                let which = if down {
                    "--allow-downgrades"
                } else {
                    "--only-upgrade"
                };
                let apt = |more: &[&str]| {
                    let quiet = [
                        "env",
                        "DEBIAN_FRONTEND=noninteractive",
                        "NEEDRESTART_MODE=a",
                        "apt-get",
                    ];
                    let keep = [
                        "-o",
                        "Dpkg::Options::=--force-confdef",
                        "-o",
                        "Dpkg::Options::=--force-confold",
                    ];
                    let install = ["install", "-y", which];
                    root(&[&quiet[..], &install[..], more, &keep[..], &[&package]].concat())
                };
                vec![apt(&["--download-only"]), apt(&[])]
            }
            Installer::Rhel => {
                let package = format!("postgresql{major}-server-{wanted}");
                let verb = if down { "downgrade" } else { "upgrade" };
                vec![
                    root(&["dnf", "-y", verb, "--downloadonly", &package]),
                    self.job.stop_action(&self.node, "fast"),
                    root(&["dnf", "-y", verb, &package]),
                ]
            }
            Installer::Command { command, back } => {
                let argv = if down { back.as_ref() } else { Some(command) };
                let fill = |word: &String| {
                    word.replace("{node}", self.job.name(&self.node))
                        .replace("{version}", &version.to_string())
                };
                let argv = argv.map(|argv| argv.iter().map(fill).collect::<Vec<_>>());
                argv.map(|argv| {
                    self.job
                        .root_action(&self.node, &argv)
                        .within(self.job.profile.budgets.upgrade)
                })
                .into_iter()
                .collect()
            }
        }
    }

    async fn version(&self, ctx: &Context) -> Result<PgVersion, StepError> {
        let sql = Sql::new("SELECT current_setting('server_version_num')::int AS version");
        let rows = ctx.read(&self.job.place(&self.node), &sql).await?;
        Ok(PgVersion(rows.one()?.get("version")?))
    }

    /// A live primary is never touched: its package would restart it.
    async fn refuse_primary(&self, ctx: &Context) -> Result<(), StepError> {
        let told = self.job.told(&self.node);
        match self.job.look(&ctx.world, &self.node).await? {
            Found::Serving(state) if state.standby => Ok(()),
            // Half way through an attempt: what is down and marked comes up as a standby.
            Found::Down(control) if control.state == "shut down in recovery" => Ok(()),
            found => Err(StepError::Stop(format!(
                "{told} is {}: only a standby is upgraded. Nothing was installed.",
                found.words()
            ))),
        }
    }

    /// The package's own version now, to go back to.
    async fn package(&self, ctx: &Context) -> Result<Option<String>, StepError> {
        let major = self.upgrade.version.major();
        let argv = match self.upgrade.by {
            Installer::Debian => {
                let package = format!("postgresql-{major}");
                ["dpkg-query", "-W", "-f", "${Version}", &package]
                    .map(str::to_owned)
                    .to_vec()
            }
            Installer::Rhel => {
                let package = format!("postgresql{major}-server");
                ["rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}", &package]
                    .map(str::to_owned)
                    .to_vec()
            }
            Installer::Command { .. } => return Ok(None),
        };
        let said = ctx.ask_host(&self.node, argv, SHORT).await?;
        Ok((said.code == Some(0)).then(|| said.stdout.trim().to_owned()))
    }

    /// Sends the commands and sees the server come back as a standby in that version, following.
    async fn carry_out(
        &self,
        ctx: &Context,
        version: PgVersion,
        actions: &[Action],
    ) -> Result<(), StepError> {
        for action in actions {
            ctx.progress(&action.shown().text, None);
            send(ctx, action).await?;
            if action.shown().text.contains(" stop -D ") {
                self.job.wait_gone(ctx, &self.node, STOP_LIMIT).await?;
            }
        }
        // Where a policy kept the package from restarting it, the old version still runs.
        if let Found::Serving(_) = self.job.look(&ctx.world, &self.node).await?
            && self.version(ctx).await? != version
        {
            send(ctx, &self.job.stop_action(&self.node, "fast")).await?;
            self.job.wait_gone(ctx, &self.node, STOP_LIMIT).await?;
        }
        if let Found::Down(_) = self.job.look(&ctx.world, &self.node).await? {
            send(ctx, &self.job.start_action(&self.node)).await?;
        }
        let limit = self.job.profile.budgets.rejoin;
        self.job.wait_serving(ctx, &self.node, true, limit).await?;
        let runs = self.version(ctx).await?;
        if runs != version {
            let told = self.job.told(&self.node);
            let text = format!("{told} runs {runs}, not {version}");
            ctx.proof(false, &text)?;
            return Err(StepError::Stop(format!(
                "{text}: what was installed is not what the profile names. It follows as before."
            )));
        }
        wait_streaming(ctx, &self.job, &self.node, limit).await?;
        ctx.proof(
            true,
            &format!(
                "{} runs {runs} and follows {}",
                self.job.told(&self.node),
                other(&self.node)
            ),
        )
    }
}

#[async_trait]
impl Step for UpgradeStandby {
    fn info(&self) -> &StepInfo {
        &self.info
    }

    async fn probe(&self, ctx: &Context) -> Result<Probe, StepError> {
        Ok(match self.job.look(&ctx.world, &self.node).await? {
            Found::Serving(_) if self.version(ctx).await? == self.upgrade.version => Probe::Applied,
            Found::Serving(_) => Probe::NotApplied,
            found => Probe::Partial(format!(
                "{} is {}",
                self.job.told(&self.node),
                found.words()
            )),
        })
    }

    fn actions(&self, _facts: &Facts) -> Vec<Action> {
        self.install(self.upgrade.version, None, false)
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        self.refuse_primary(ctx).await?;
        let key = self.node.as_str();
        if ctx.facts().get(&VERSION_BEFORE.of(key)).is_none() {
            ctx.learn(&VERSION_BEFORE.of(key), &self.version(ctx).await?)?;
            if let Some(package) = self.package(ctx).await? {
                ctx.learn(&PACKAGE_BEFORE.of(key), &package)?;
            }
        }
        let version = self.upgrade.version;
        self.carry_out(ctx, version, &self.install(version, None, false))
            .await?;
        Ok(StepResult::Done(format!(
            "{} runs {version}",
            self.job.told(&self.node)
        )))
    }

    /// Puts the version before it back, on a server that is a standby.
    async fn undo(&self, ctx: &Context) -> Result<(), StepError> {
        let key = self.node.as_str();
        let Some(before) = ctx.facts().get(&VERSION_BEFORE.of(key)) else {
            return Ok(());
        };
        self.refuse_primary(ctx).await?;
        let package: Option<String> = ctx.facts().get(&PACKAGE_BEFORE.of(key));
        let down = self.install(before, package.as_deref(), true);
        if down.is_empty() {
            ctx.log(&format!(
                "{} keeps its new version: the profile names no command that puts {before} back",
                self.job.told(&self.node)
            ));
        } else if self.version(ctx).await.ok() != Some(before) {
            self.carry_out(ctx, before, &down).await?;
        }
        ctx.forget(&VERSION_BEFORE.of(key))
    }
}

/// In the rollback half: the version before, where the side that serves again runs that one.
pub struct Downgrade(UpgradeStandby);

impl Downgrade {
    /// The step; `None` where the profile asks for no upgrade.
    #[must_use]
    pub fn new(job: &Arc<VipJob>, node: Node, info: StepInfo) -> Option<Self> {
        UpgradeStandby::new(job, node, info).map(Self)
    }

    fn before(&self, facts: &Facts) -> Option<PgVersion> {
        facts.get(&VERSION_BEFORE.of(self.0.node.as_str()))
    }
}

#[async_trait]
impl Step for Downgrade {
    fn info(&self) -> &StepInfo {
        &self.0.info
    }

    async fn probe(&self, _ctx: &Context) -> Result<Probe, StepError> {
        Ok(Probe::NotApplied)
    }

    fn actions(&self, facts: &Facts) -> Vec<Action> {
        let before = self.before(facts);
        let package: Option<String> = facts.get(&PACKAGE_BEFORE.of(self.0.node.as_str()));
        before.map_or_else(Vec::new, |before| {
            self.0.install(before, package.as_deref(), true)
        })
    }

    async fn apply(&self, ctx: &Context) -> Result<StepResult, StepError> {
        let facts = ctx.facts();
        let serving = other(&self.0.node);
        if facts.get(&VERSION_BEFORE.of(serving.as_str())).is_some() {
            return Ok(StepResult::Skipped(format!(
                "{serving} runs the new version as well"
            )));
        }
        if self.before(&facts).is_none() {
            return Ok(StepResult::Skipped("nothing was upgraded".to_owned()));
        }
        self.0.undo(ctx).await?;
        Ok(StepResult::Done(format!(
            "{} is as it was",
            self.0.job.told(&self.0.node)
        )))
    }

    async fn undo(&self, _ctx: &Context) -> Result<(), StepError> {
        Ok(())
    }
}
