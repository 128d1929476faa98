use std::path::Path;

use secrecy::SecretString;

use super::ask::{Ask, On, Scope};
use super::catalogue::catalogue;
use super::finding::{Finding, FindingKind};
use super::known::OPERATOR_LOCK;
use crate::domain::{Node, PgVersion, Place, Sql};
use crate::profile::{BlueGreen, Names};
use crate::runbook::{CheckResult, Context, Facts, Verdict, World};

/// A table larger than this, updated without a key, holds up apply: every change reads all of it.
const COSTLY_BYTES: i64 = 100 << 20;

/// What the checks of a procedure ask of its profile.
pub trait Subject: Sized + Send + Sync + 'static {
    /// All its checks, in the order in which people read them.
    fn catalogue() -> impl Iterator<Item = &'static Check<Self>>;

    /// The places at which a statement is asked, as far as they are there at this moment.
    fn places(ctx: &CheckContext<'_, Self>, on: On, scope: Scope) -> Vec<Place>;

    /// A statement with the values that statements of checks may name; it takes those it names.
    fn sql(ctx: &CheckContext<'_, Self>, text: &'static str, place: &Place) -> Sql;

    /// Ids of blocking checks whose finding the operator has taken care of.
    fn acknowledged(&self) -> &[String] {
        &[]
    }
}

/// One question of the catalogue.
pub struct Check<P: 'static = BlueGreen> {
    /// Stable id, `replica-identity-missing`.
    pub id: &'static str,
    /// A few words for a list.
    pub title: &'static str,
    /// What happens to those who do not ask.
    pub why: &'static str,
    /// What to do when it fails, in words.
    pub remedy: &'static str,
    /// What a failure counts as.
    pub severity: Severity,
    /// When it is asked.
    pub moments: &'static [Moment],
    /// How it is asked and judged.
    pub ask: Ask<P>,
}

/// What a failed check counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The procedure stops.
    Block,
    /// The operator goes on knowingly.
    Warn,
    /// Worth knowing: a failure still passes, with what was found as evidence.
    Info,
}

/// When checks are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before anything is changed: only BLUE exists.
    Preflight,
    /// GREEN has been restored and set up; the link is not enabled yet.
    GreenBuilt,
    /// The minute before the fence.
    Gate,
}

/// What checks may look at.
pub struct CheckContext<'a, P = BlueGreen> {
    /// The profile.
    pub profile: &'a P,
    /// The servers.
    pub world: &'a World,
    /// What the run has learnt.
    pub facts: &'a Facts,
    /// The run's id.
    pub run: &'a str,
    /// When this round is asked.
    pub moment: Moment,
    /// The replication role's password; `None` leaves it to a passfile on the servers.
    pub replication_password: Option<&'a SecretString>,
    /// The run's folder, once there is one.
    pub run_dir: Option<&'a Path>,
}

impl<'a, P> CheckContext<'a, P> {
    /// What the checks may look at that a step asks, which knows no password and has no folder.
    #[must_use]
    pub fn of_step(ctx: &'a Context, profile: &'a P, facts: &'a Facts, moment: Moment) -> Self {
        Self {
            profile,
            world: &ctx.world,
            facts,
            run: &ctx.run,
            moment,
            replication_password: None,
            run_dir: None,
        }
    }
}

impl<P> Check<P> {
    /// True when it is asked at `moment`.
    #[must_use]
    pub fn is_asked_at(&self, moment: Moment) -> bool {
        self.moments.contains(&moment)
    }

    /// True when it is asked again right before the fence.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        self.is_asked_at(Moment::Gate)
    }

    /// The result a finding comes to.
    #[must_use]
    pub fn result(&self, node: &str, finding: Finding) -> CheckResult {
        let verdict = match (finding.kind, self.severity) {
            (FindingKind::Pass, _) | (FindingKind::Fail, Severity::Info) => Verdict::Pass,
            (FindingKind::Skip, _) => Verdict::Skipped,
            (FindingKind::Warn, _) | (FindingKind::Fail, Severity::Warn) => Verdict::Warn,
            (FindingKind::Fail, Severity::Block) => Verdict::Block,
        };
        let settled = matches!(finding.kind, FindingKind::Pass | FindingKind::Skip);
        let remedy = if settled {
            String::new()
        } else {
            finding.remedy.unwrap_or_else(|| self.remedy.to_owned())
        };
        CheckResult {
            id: self.id.to_owned(),
            verdict,
            unknown: false,
            node: node.to_owned(),
            evidence: finding.evidence,
            remedy,
            fix: finding.fix,
            gate: self.is_gate(),
        }
    }

    /// The result when the question could not be asked: counts as block for a blocking check, as warn for others.
    #[must_use]
    pub fn unknown(&self, node: &str, error: &str) -> CheckResult {
        let verdict = match self.severity {
            Severity::Block => Verdict::Block,
            Severity::Warn | Severity::Info => Verdict::Warn,
        };
        CheckResult {
            id: self.id.to_owned(),
            verdict,
            unknown: true,
            node: node.to_owned(),
            evidence: format!("not known: {error}"),
            remedy: "Find out why the question could not be asked, then ask again.".to_owned(),
            fix: None,
            gate: self.is_gate(),
        }
    }
}

impl CheckContext<'_> {
    /// The databases that move, on one node.
    #[must_use]
    pub fn places(&self, node: &Node) -> Vec<Place> {
        self.profile.places(node)
    }

    /// Where questions about the whole server go: its first database.
    #[must_use]
    pub fn server(&self, node: &Node) -> Option<Place> {
        self.places(node).into_iter().next()
    }

    /// True when GREEN can be asked at this moment.
    #[must_use]
    pub fn has_green(&self) -> bool {
        self.moment != Moment::Preflight
    }
}

impl<P> Clone for CheckContext<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for CheckContext<'_, P> {}

impl<P: Subject> CheckContext<'_, P> {
    /// A statement with the values that statements of checks may name.
    #[must_use]
    pub fn sql(&self, text: &'static str, place: &Place) -> Sql {
        P::sql(self, text, place)
    }
}

impl Subject for BlueGreen {
    fn catalogue() -> impl Iterator<Item = &'static Check> {
        catalogue()
    }

    fn places(ctx: &CheckContext<'_>, on: On, scope: Scope) -> Vec<Place> {
        let mut nodes = Vec::new();
        if on != On::Green {
            nodes.push(Node::blue());
        }
        if on != On::Blue && ctx.has_green() {
            nodes.push(Node::green());
        }
        nodes
            .iter()
            .flat_map(|node| match scope {
                Scope::Server => ctx.server(node).into_iter().collect(),
                Scope::Databases => ctx.places(node),
            })
            .collect()
    }

    fn sql(ctx: &CheckContext<'_>, text: &'static str, place: &Place) -> Sql {
        let (names, fence) = (&ctx.profile.names, &ctx.profile.fence);
        let slots = |slot: fn(&Names, &str, &str) -> String| -> Vec<String> {
            let databases = ctx.profile.databases.iter();
            databases
                .map(|database| slot(names, database, ctx.run))
                .collect()
        };
        let (forward, reverse) = (slots(Names::forward_slot), slots(Names::reverse_slot));
        let longest = ctx.profile.budgets.longest_transaction.as_secs();
        let target =
            PgVersion::from_dotted(&ctx.profile.green.engine_version).map_or(18, PgVersion::major);
        Sql::new(text)
            .literal("schema", &names.schema)
            .literal("publication", &names.publication)
            .literal("subscription", &names.subscription)
            .literal("reverse_subscription", &names.reverse_subscription())
            .literal("slot", &names.forward_slot(&place.database, ctx.run))
            .literal(
                "reverse_slot",
                &names.reverse_slot(&place.database, ctx.run),
            )
            .literals("reverse_slots", &reverse)
            .literals("slots", &[forward, reverse].concat())
            .literals("databases", &ctx.profile.databases)
            .literals("fence", &fence.roles)
            .literals("ignore", &fence.ignore)
            .literal("replication_role", &ctx.profile.replication.role)
            .literal("own", &format!("greenlight:{}", ctx.run))
            .literal("mark", &format!("greenlight run {}", ctx.run))
            .number("class", OPERATOR_LOCK.0.into())
            .number("object", OPERATOR_LOCK.1.into())
            .number("longest", i64::try_from(longest).unwrap_or(i64::MAX))
            .number("costly_bytes", COSTLY_BYTES)
            .number("target", target.into())
    }

    fn acknowledged(&self) -> &[String] {
        &self.acknowledged
    }
}
