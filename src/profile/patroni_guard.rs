//! The keys of a `patroni-guard` profile, and what they come to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::nodes::{NodeSection, node};
use super::read::{At, Section};
use super::{Connection, Hook, PasswordSource, sections, validate};
use crate::domain::ByteSize;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// `recovery_min_apply_delay` is a number of milliseconds below 2^31.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 24 * 3600);

/// A checked profile of `patroni-guard`: every value is present and sound.
#[derive(Debug, Clone)]
pub struct PatroniGuard {
    /// The file it came from.
    pub path: PathBuf,
    /// The text it came from, stored with the run.
    pub text: String,
    /// The name shown in the header, `shop-ha`.
    pub name: String,
    /// Patroni's scope.
    pub cluster: String,
    /// The member that is held; never the leader.
    pub hold: String,
    /// The databases whose objects are compared, at least one; statements about a server go to the first.
    pub databases: Vec<String>,
    /// All members of the cluster, by their names.
    pub nodes: BTreeMap<String, GuardNode>,
    /// How Patroni is asked.
    pub patroni: PatroniAccess,
    /// What the hold is made of.
    pub guard: Guard,
    /// How the tool connects to databases.
    pub connection: Connection,
    /// What may be spent.
    pub budgets: GuardBudgets,
    /// When a guardrail trips.
    pub thresholds: GuardThresholds,
    /// Commands of the operator's own.
    pub hooks: GuardHooks,
    /// The deployment that a run is told to carry out (`--deploy-command`); no key of the file.
    pub deploy: Option<Vec<String>>,
}

/// A member and its host.
#[derive(Debug, Clone)]
pub struct GuardNode {
    /// Server, programs, host.
    pub server: NodeSection,
    /// Its REST API, `http://10.0.0.11:8008`.
    pub rest: String,
    /// Its Patroni file, by its whole path.
    pub yaml: String,
    /// Starts Patroni.
    pub start: Vec<String>,
    /// Stops Patroni, and PostgreSQL with it.
    pub stop: Vec<String>,
    /// Ends with 0 while Patroni runs.
    pub running: Vec<String>,
    /// Keeps Patroni from starting with the host.
    pub disable: Option<Vec<String>>,
    /// Has it start with the host again.
    pub enable: Option<Vec<String>>,
}

/// How Patroni is asked.
#[derive(Debug, Clone)]
pub struct PatroniAccess {
    /// patronictl with its file, for what operators are told to do by hand.
    pub ctl: Vec<String>,
    /// `restapi.authentication`: the user.
    pub user: Option<String>,
    /// Its password.
    pub password: PasswordSource,
    /// CA file of the REST APIs; `None` takes the system's CAs.
    pub cacert: Option<PathBuf>,
    /// Takes any certificate.
    pub insecure: bool,
}

/// What the hold is made of.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// How long commits are held back on the held member.
    pub delay: Duration,
    /// WAL that leader and replicas keep meanwhile, for `pg_rewind`.
    pub wal_keep_size: ByteSize,
}

/// What may be spent.
#[derive(Debug, Clone, Copy)]
pub struct GuardBudgets {
    /// Until the hold is seen to be effective.
    pub hold: Duration,
    /// Until a released member has caught up.
    pub drain: Duration,
    /// Until a member's Patroni and PostgreSQL are gone, or recovered to the point.
    pub stop: Duration,
    /// Until a promoted member leads.
    pub promote: Duration,
    /// Until another member follows it.
    pub rejoin: Duration,
    /// The write outage of a roll back: past it before the promotion, everything is given back.
    pub write_pause: Duration,
}

/// When a guardrail trips.
#[derive(Debug, Clone, Copy)]
pub struct GuardThresholds {
    /// WAL that may still be written before the held member's slot is lost.
    pub slot_room: ByteSize,
    /// Hours until a disk is full.
    pub hours_until_full: f64,
    /// Time left of the delay.
    pub delay_left: Duration,
}

/// Commands of the operator's own.
#[derive(Debug, Clone, Default)]
pub struct GuardHooks {
    /// Told of `{event}`.
    pub notify: Option<Hook>,
    /// Copies the old leader's data, `{data}` on `{host}`, before it is rewound.
    pub backup: Option<Hook>,
}

pub(super) fn read(root: &Section<'_>, path: &Path, text: &str) -> Option<PatroniGuard> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = root.required("name", "a short name for the header, \"shop-ha\"");
    let cluster = root.required("cluster", "Patroni's scope, \"shop-ha\"");
    let hold = root.required("hold", "the member to hold, one of [nodes]");
    let databases = sections::required_names(root, "databases", validate::database);
    let nodes = nodes(&root.section("nodes"), folder);
    let patroni = patroni(&root.section("patroni"), folder);
    let guard = guard(&root.section("guard"));
    let connection = sections::connection(&root.section("connection"), folder);
    let budgets = budgets(&root.section("budgets"));
    let thresholds = thresholds(&root.section("thresholds"));
    let hooks = hooks(&root.section("hooks"));
    root.finish();
    if let Some(hold) = &hold {
        members(root, hold, &nodes);
    }
    Some(PatroniGuard {
        path: path.to_owned(),
        text: text.to_owned(),
        name: name?.value,
        cluster: cluster?.value,
        hold: hold?.value,
        databases: databases?.value,
        nodes,
        patroni,
        guard,
        connection: connection?,
        budgets,
        thresholds,
        hooks,
        deploy: None,
    })
}

/// One to hold, one to lead; and the one that is held is one of them.
fn members(root: &Section<'_>, hold: &At<String>, nodes: &BTreeMap<String, GuardNode>) {
    let names: Vec<_> = nodes.keys().map(String::as_str).collect();
    if nodes.len() < 2 {
        let problem = "names fewer than two members".to_owned();
        let allowed = "a section [nodes.NAME] for every member of the cluster";
        root.findings().add(&hold.span, "nodes", problem, allowed);
    } else if !nodes.contains_key(&hold.value) {
        let problem = format!("{:?} is no member", hold.value);
        root.findings().at(hold, problem, &names.join(", "));
    }
}

fn nodes(section: &Section<'_>, folder: &Path) -> BTreeMap<String, GuardNode> {
    let entries = section.entries().into_iter();
    let nodes = entries.filter_map(|(name, section)| Some((name, guard_node(&section, folder)?)));
    nodes.collect()
}

fn guard_node(section: &Section<'_>, folder: &Path) -> Option<GuardNode> {
    const REST: &str = "the URL of its REST API, \"http://10.0.0.11:8008\"";
    const YAML: &str = "a whole path on the host, \"/etc/patroni/config.yml\"";
    let server = node(section, folder);
    let rest = section.required("rest", REST);
    if let Some(at) = &rest
        && !at.value.starts_with("http://")
        && !at.value.starts_with("https://")
    {
        section
            .findings()
            .at(at, format!("{:?} is no URL", at.value), REST);
    }
    let yaml = section.text("yaml", YAML);
    if let Some(at) = yaml.as_ref().filter(|at| !at.value.starts_with('/')) {
        let problem = format!("{:?} is not a whole path", at.value);
        section.findings().at(at, problem, YAML);
    }
    let unit = |key, default: &[&str]| {
        argv(section, key).unwrap_or_else(|| default.iter().map(|&word| word.to_owned()).collect())
    };
    let node = GuardNode {
        server: server?,
        rest: rest?.value,
        yaml: yaml.map_or_else(|| "/etc/patroni/config.yml".to_owned(), |at| at.value),
        start: unit("start", &["systemctl", "start", "patroni"]),
        stop: unit("stop", &["systemctl", "stop", "patroni"]),
        running: unit("running", &["systemctl", "is-active", "--quiet", "patroni"]),
        disable: argv(section, "disable"),
        enable: argv(section, "enable"),
    };
    section.finish();
    Some(node)
}

fn argv(section: &Section<'_>, key: &'static str) -> Option<Vec<String>> {
    let allowed = "a program and its arguments, [\"systemctl\", \"stop\", \"patroni\"]";
    let at = section.argv(key, allowed)?;
    if !validate::runs(&at.value) {
        section.findings().at(&at, "names no program", allowed);
    }
    Some(at.value)
}

fn patroni(section: &Section<'_>, folder: &Path) -> PatroniAccess {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let password = sections::password(section, folder);
    let user = section.text("user", "the user of restapi.authentication");
    if let (Some(at), None) = (&password, &user) {
        let allowed = "beside user";
        section.findings().at(at, "goes with user only", allowed);
    }
    let access = PatroniAccess {
        ctl: argv(section, "ctl")
            .unwrap_or_else(|| words(&["patronictl", "-c", "/etc/patroni/config.yml"])),
        user: user.map(|at| at.value),
        password: password.map_or(PasswordSource::None, |at| at.value),
        cacert: section
            .text("cacert", "a file of CA certificates (PEM)")
            .map(|at| folder.join(at.value)),
        insecure: section.flag("insecure").unwrap_or(false),
    };
    section.finish();
    access
}

fn guard(section: &Section<'_>) -> Guard {
    let delay = section.duration("delay", 12 * HOUR);
    if delay.value > LONGEST_DELAY || delay.value < 60 * SECOND {
        let allowed = "a duration from \"1min\" to \"24d\"";
        let problem = "is nothing PostgreSQL can hold for";
        section.findings().at(&delay, problem, allowed);
    }
    let guard = Guard {
        delay: delay.value,
        wal_keep_size: section.size("wal_keep_size").unwrap_or(ByteSize(4 << 30)),
    };
    section.finish();
    guard
}

fn budgets(section: &Section<'_>) -> GuardBudgets {
    let budgets = GuardBudgets {
        hold: section.duration("hold", 60 * SECOND).value,
        drain: section.duration("drain", HOUR).value,
        stop: section.duration("stop", 60 * SECOND).value,
        promote: section.duration("promote", 60 * SECOND).value,
        rejoin: section.duration("rejoin", HOUR).value,
        write_pause: section.duration("write_pause", 120 * SECOND).value,
    };
    section.finish();
    budgets
}

fn thresholds(section: &Section<'_>) -> GuardThresholds {
    let thresholds = GuardThresholds {
        slot_room: section.size("slot_room").unwrap_or(ByteSize(1 << 30)),
        hours_until_full: section.positive("hours_until_full").unwrap_or(12.0),
        delay_left: section.duration("delay_left", HOUR).value,
    };
    section.finish();
    thresholds
}

fn hooks(section: &Section<'_>) -> GuardHooks {
    let hooks = GuardHooks {
        notify: sections::hook(section, "notify", 30 * SECOND),
        backup: sections::hook(section, "backup", HOUR),
    };
    section.finish();
    hooks
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::PatroniGuard;
    use crate::domain::ByteSize;
    use crate::profile::{Profile, parse};

    const SAMPLE: &str = include_str!("../../sample-profiles/patroni-guard.toml");

    fn sound(text: &str) -> PatroniGuard {
        match parse(Path::new("/etc/greenlight/p.toml"), text).expect("sound") {
            Profile::PatroniGuard(profile) => *profile,
            other => panic!("{} instead", other.procedure()),
        }
    }

    fn problems(from: &str, to: &str) -> String {
        assert!(SAMPLE.contains(from), "the sample has {from:?}");
        let text = SAMPLE.replacen(from, to, 1);
        let told = parse(Path::new("p.toml"), &text).expect_err("not sound");
        told.to_string()
    }

    #[test]
    fn the_sample_is_sound_and_says_what_is_left_out() {
        let profile = sound(SAMPLE);
        assert_eq!((profile.hold.as_str(), profile.nodes.len()), ("pg3", 3));
        assert_eq!(profile.guard.delay, Duration::from_secs(12 * 3600));
        // A key that is commented out shows its default.
        let written = |line: &str| {
            let key = line.strip_prefix("# ");
            let key = key.filter(|key| {
                key.split(" = ")
                    .next()
                    .is_some_and(|word| !word.contains(' '))
            });
            key.unwrap_or(line).to_owned()
        };
        let lines = SAMPLE.lines().filter(|line| !line.starts_with("# local"));
        let written = lines.map(written).collect::<Vec<_>>().join("\n");
        let full = sound(&written);
        assert_eq!(full.budgets.stop, profile.budgets.stop);
        assert_eq!(full.budgets.rejoin, profile.budgets.rejoin);
        assert_eq!(full.thresholds.delay_left, profile.thresholds.delay_left);
        assert_eq!(full.thresholds.slot_room, ByteSize(1 << 30));
        assert_eq!(full.nodes["pg1"].stop, profile.nodes["pg1"].stop);
    }

    /// What a section knows is told when something else is written in it.
    #[test]
    fn the_sample_shows_every_key() {
        let mut text = String::from("zzz = 1\n");
        for line in SAMPLE.lines() {
            text.push_str(line);
            text.push('\n');
            if line.starts_with('[') {
                text.push_str("zzz = 1\n");
            }
        }
        let found = parse(Path::new("p.toml"), &text).expect_err("unknown keys");
        let known = found.problems.iter().filter(|p| p.key.ends_with("zzz"));
        let mut sections = 0;
        for problem in known {
            sections += 1;
            for key in problem.allowed.split(", ") {
                let shown = [
                    format!("\n{key} = "),
                    format!("\n# {key} = "),
                    format!("[{key}"),
                ];
                let inside = format!(".{key}]");
                let any = shown.iter().any(|way| SAMPLE.contains(way)) || SAMPLE.contains(&inside);
                assert!(any, "{} {key} is not in the sample", problem.key);
            }
        }
        assert!(sections >= 11, "{sections} in\n{found}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, words) in [
            (
                "hold = \"pg3\"",
                "hold = \"pg4\"",
                "\"pg4\" is no member; allowed: pg1, pg2, pg3",
            ),
            (
                "delay = \"12h\"",
                "delay = \"30d\"",
                "is nothing PostgreSQL can hold for",
            ),
            (
                "delay = \"12h\"",
                "delay = \"1s\"",
                "is nothing PostgreSQL can hold for",
            ),
            (
                "rest = \"http://10.0.0.11:8008\"",
                "rest = \"10.0.0.11:8008\"",
                "is no URL",
            ),
            ("data = \"/var", "data = \"var", "is not a whole path"),
            ("databases = [\"shop\"]", "databases = []", "is empty"),
            ("cluster = \"shop-ha\"", "", "cluster: is missing"),
            (
                "# user = \"patroni\"\n",
                "password = { env = \"X\" }\n",
                "goes with user only",
            ),
            (
                "# start = [\"systemctl\", \"start\", \"patroni\"]",
                "start = []",
                "names no program",
            ),
        ] {
            let told = problems(from, to);
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
