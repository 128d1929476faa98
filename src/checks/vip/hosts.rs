//! What the hosts say: that commands may run there, that the data is what the server says, that there is room for more.

use futures_util::FutureExt;

use super::super::ask::{Answer, Answering, Ask, AskError, Asking, Needs};
use super::super::catalogue::{EARLY, EARLY_AND_GATE};
use super::super::check::Check;
use super::super::finding::Finding;
use super::{node, sides};
use crate::domain::{Node, Place, Sql, human_bytes};
use crate::ports::{CommandOutput, CommandSpec};
use crate::profile::{Installer, Mover, NodeSection, VipNode, VipSwitchover};

/// What a question to a host may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

pub(super) type Asks<'a> = Asking<'a, VipSwitchover>;

pub(super) const fn ask(ask: for<'a> fn(&'a Asks<'a>) -> Answering<'a>) -> Ask<VipSwitchover> {
    Ask::custom(Needs::Blue, "hosts", ask)
}

/// The checks of this page.
pub(super) const CHECKS: &[Check<VipSwitchover>] = &[
    Check::block("commands-allowed", "Every command may run on both hosts", EARLY_AND_GATE, ask(commands))
        .why("A command that sudo refuses is found out while applications wait.")
        .remedy("Install the sudoers file of docs/vip-switchover.md on both hosts, for these very paths."),
    Check::block("data-directory", "The data directories are the servers' own", EARLY, ask(data))
        .why("Stopping, marking and starting work on the data directory of the profile: another one is another server.")
        .remedy("Set data of the node in the profile to what SHOW data_directory says."),
    Check::block("disk-space", "There is room for WAL and for a copy", EARLY, ask(room))
        .why("The new primary keeps WAL for the old one until that follows; a full disk stops it. A server that cannot be \
              rewound is copied anew beside its old data.")
        .remedy("Free space on this host, or grow its disk. For WAL as much as max_wal_size has to be free."),
    Check::block("upgrade-candidate", "The wanted version can be had", EARLY, ask(candidate))
        .why("What is not in the repositories is found out after the standby has been stopped.")
        .remedy("Refresh the package lists on both hosts, or name a version that is there."),
    Check::warn("fencing-hook", "A host that is lost could be fenced", EARLY, ask(fencing))
        .why("A primary that cannot be reached is not taken for dead: without the hook this run cannot promote then.")
        .remedy("Name a command under [hooks.fence] that ends 0 only when the host is off for certain."),
];

/// One plain command on the host of a side.
pub(super) async fn run(
    asking: &Asks<'_>,
    side: &Node,
    argv: Vec<String>,
) -> Result<CommandOutput, AskError> {
    let hosts = asking.ctx.world.hosts.as_ref();
    let hosts = hosts.ok_or_else(|| AskError::Other("no hosts are known".to_owned()))?;
    Ok(hosts
        .run(side, &CommandSpec::new(argv, LIMIT), &|_| {})
        .await?)
}

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Both sides, each with its own answer.
pub(super) async fn each<'a, F, Fut>(asking: &'a Asks<'a>, one: F) -> Result<Vec<Answer>, AskError>
where
    F: Fn(&'a Asks<'a>, Node) -> Fut,
    Fut: Future<Output = Result<Finding, AskError>>,
{
    let (serving, standby) = sides(asking.ctx);
    let (first, second) =
        tokio::try_join!(one(asking, serving.clone()), one(asking, standby.clone()))?;
    Ok(vec![
        Answer::new(serving.to_string(), first),
        Answer::new(standby.to_string(), second),
    ])
}

fn commands<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    each(asking, commands_of).boxed()
}

async fn commands_of<'a>(asking: &'a Asks<'a>, side: Node) -> Result<Finding, AskError> {
    let asked = to_try(asking.ctx.profile, node(asking.ctx, &side));
    let mut refused = Vec::new();
    for argv in &asked {
        let said = run(asking, &side, argv.clone()).await?;
        if said.code != Some(0) {
            let last = said.output.lines().last().unwrap_or_default().to_owned();
            refused.push(format!("{}: {last}", argv.join(" ")));
        }
    }
    Ok(if refused.is_empty() {
        Finding::pass(format!("{} commands tried", asked.len()))
    } else {
        Finding::fail(refused.join("; "))
    })
}

/// Each program is run as it will be, with arguments that do nothing; where sudo stands before one that cannot be, sudo
/// is asked whether it would let it.
fn to_try(profile: &VipSwitchover, known: &VipNode) -> Vec<Vec<String>> {
    let (server, host) = (&known.server, &known.server.host);
    let signal = server.data_file("standby.signal");
    let version = |program| host.as_owner(&[&server.program(program), "--version"]);
    let mut tried = vec![
        version("pg_ctl"),
        version("pg_rewind"),
        version("pg_basebackup"),
        controldata(server),
        host.as_owner(&["test", "-w", &server.directory()]),
    ];
    let data = server.directory();
    // As the rejoin names them, of a run with any name.
    let beside = |what: &str| format!("{data}.greenlight-000000{what}");
    let (own, part, copy) = (beside("-own"), beside("-own-part"), beside("-copy-1"));
    let (mark, kept) = (format!("{own}/rewinding"), format!("{part}/pg_hba.conf"));
    let own_commands: [&[&str]; 10] = [
        &["touch", &signal],
        &["rm", "-f", &signal],
        &["mkdir", "-p", "-m", "700", &part],
        &["cp", "-p", &server.data_file("pg_hba.conf"), &kept],
        &["touch", &mark],
        &["rm", "-f", &mark],
        &["test", "-e", &mark],
        &["rm", "-rf", &copy],
        &["mv", "-T", &data, &beside("")],
        &["mv", "-T", &beside("-copied"), &data],
    ];
    let would = own_commands
        .iter()
        .filter_map(|argv| sudo_would(&host.owner, argv));
    tried.extend(would);
    let root = |argv: &[&str]| sudo_would(&host.root, argv);
    let root_words = |argv: &[String]| {
        let argv: Vec<_> = argv.iter().map(String::as_str).collect();
        root(&argv)
    };
    match &profile.address.by {
        Mover::Ip => {
            let whole = format!("{}/{}", profile.address.host, profile.address.prefix);
            let interface = known.interface.as_deref().unwrap_or_default();
            tried.push(host.as_root(&["arping", "-V"]));
            tried.push(words(&["ip", "-o", "link", "show", "dev", interface]));
            for verb in ["add", "del"] {
                tried.extend(root(&["ip", "addr", verb, &whole, "dev", interface]));
            }
        }
        Mover::Keepalived { release, join } => {
            tried.extend(
                [release, join]
                    .into_iter()
                    .filter_map(|argv| root_words(argv)),
            );
        }
        Mover::Hook => {}
    }
    tried.extend(known.start.iter().filter_map(|argv| root_words(argv)));
    tried
}

/// `sudo -n -l COMMAND` where sudo stands before it; nothing to ask otherwise.
fn sudo_would(before: &[String], argv: &[&str]) -> Option<Vec<String>> {
    let sudo = before.first().filter(|word| word.ends_with("sudo"))?;
    let options = before.iter().skip(1).filter(|word| *word != "-n");
    let asked = [sudo.clone(), "-n".to_owned(), "-l".to_owned()];
    let asked = asked.into_iter().chain(options.cloned());
    Some(asked.chain(words(argv)).collect())
}

fn controldata(server: &NodeSection) -> Vec<String> {
    let (program, data) = (server.program("pg_controldata"), server.directory());
    server
        .host
        .as_owner(&["env", "LC_ALL=C", &program, "-D", &data])
}

fn data<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    each(asking, data_of).boxed()
}

async fn data_of<'a>(asking: &'a Asks<'a>, side: Node) -> Result<Finding, AskError> {
    let server = &node(asking.ctx, &side).server;
    let said = run(asking, &side, controldata(server)).await?;
    let on_disk = said
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("Database system identifier:"));
    let sql = Sql::new(include_str!("../../../assets/sql/checks/vip/facts.sql"));
    let rows = asking
        .sessions
        .query(&Place::new(side, &asking.ctx.profile.database), &sql)
        .await?;
    let (says, data) = (
        rows.one()?.get::<String>("system")?,
        rows.one()?.get::<String>("data")?,
    );
    Ok(match on_disk.map(str::trim) {
        Some(system) if system == says => Finding::pass(data),
        Some(system) => Finding::fail(format!(
            "{} holds system {system}, the server is {says} in {data}",
            server.directory()
        )),
        None => Finding::fail(format!(
            "{} cannot be read: {}",
            server.directory(),
            said.output.trim()
        )),
    })
}

fn room<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    each(asking, room_of).boxed()
}

async fn room_of<'a>(asking: &'a Asks<'a>, side: Node) -> Result<Finding, AskError> {
    let server = &node(asking.ctx, &side).server;
    let of = [server.data_file("pg_wal"), server.directory()];
    // The first with a slash at its end: it may be a link to another disk.
    let wal = format!("{}/", of[0]);
    let argv = ["df", "-B1", "--output=avail", &wal, &of[1]];
    let said = run(asking, &side, server.host.as_owner(&argv)).await?;
    let free: Vec<u64> = said
        .stdout
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    let sql = Sql::new(include_str!(
        "../../../assets/sql/checks/vip/disk-space.sql"
    ));
    let place = Place::new(side, &asking.ctx.profile.database);
    let rows = asking.sessions.query(&place, &sql).await?;
    let bytes = |name| rows.one()?.get::<i64>(name).map(i64::unsigned_abs);
    let (wal, data) = (bytes("wal")?, bytes("data")?);
    Ok(match free.as_slice() {
        [for_wal, for_data] => judge_room((*for_wal, wal), (*for_data, data)),
        _ => Finding::warn(format!(
            "df does not say what is free: {}",
            said.output.trim()
        )),
    })
}

/// What is free and what is needed, for WAL and for a copy of the data, bytes.
fn judge_room(wal: (u64, u64), copy: (u64, u64)) -> Finding {
    let told = |(free, needed): (u64, u64)| {
        format!("{} free, {} needed", human_bytes(free), human_bytes(needed))
    };
    if wal.0 < wal.1 {
        Finding::fail(format!("for WAL {}", told(wal)))
    } else if copy.0 < copy.1 {
        Finding::warn(format!("for a copy beside the old data {}", told(copy))).remedy(
            "Make room before the old primary has to be copied anew, or keep it rewindable.",
        )
    } else {
        Finding::pass(format!(
            "for WAL {}, for a copy {}",
            human_bytes(wal.0),
            human_bytes(copy.0)
        ))
    }
}

fn candidate<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    each(asking, candidate_of).boxed()
}

async fn candidate_of<'a>(asking: &'a Asks<'a>, side: Node) -> Result<Finding, AskError> {
    let Some(upgrade) = &asking.ctx.profile.upgrade else {
        return Ok(Finding::skip("the profile asks for no upgrade"));
    };
    let (version, major) = (upgrade.version, upgrade.version.major());
    let argv = match &upgrade.by {
        Installer::Debian => words(&["apt-cache", "madison", &format!("postgresql-{major}")]),
        Installer::Rhel => words(&[
            "dnf",
            "-q",
            "list",
            "--showduplicates",
            &format!("postgresql{major}-server"),
        ]),
        Installer::Command { .. } => {
            return Ok(Finding::skip("installed by a command of the profile"));
        }
    };
    let said = run(asking, &side, argv).await?;
    let there = format!(" {version}-");
    Ok(if said.stdout.replace('|', " ").contains(&there) {
        Finding::pass(format!("{version} is there"))
    } else {
        Finding::fail(format!("no package of {version} is known there"))
    })
}

fn fencing<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    let finding = match &asking.ctx.profile.hooks.fence {
        Some(hook) => Finding::pass(hook.argv.join(" ")),
        None => Finding::fail("the profile names no fencing hook"),
    };
    async move { Ok(vec![Answer::new("tool", finding)]) }.boxed()
}

#[cfg(test)]
mod tests {
    use super::{judge_room, sudo_would, to_try, words};
    use crate::checks::FindingKind;
    use crate::profile::{Mover, VipSwitchover};

    #[test]
    fn wal_without_room_blocks_and_a_copy_without_warns() {
        let kind = |wal, copy| judge_room(wal, copy).kind;
        assert_eq!(kind((2, 1), (9, 9)), FindingKind::Pass);
        assert_eq!(kind((2, 1), (8, 9)), FindingKind::Warn);
        assert_eq!(kind((0, 1), (8, 9)), FindingKind::Fail);
    }

    #[test]
    fn sudo_is_asked_where_it_stands_before_a_command() {
        let before = words(&["sudo", "-n", "-u", "postgres"]);
        let asked = sudo_would(&before, &["touch", "f"]);
        let wanted = words(&["sudo", "-n", "-l", "-u", "postgres", "touch", "f"]);
        assert_eq!(asked, Some(wanted));
        assert_eq!(sudo_would(&[], &["touch", "f"]), None);
    }

    #[test]
    fn sudo_is_asked_for_what_brings_a_lost_side_back() {
        let profile = sample();
        let tried = to_try(&profile, &profile.nodes["pg-a"]);
        let tried: Vec<_> = tried.iter().map(|argv| argv.join(" ")).collect();
        let data = profile.nodes["pg-a"].server.directory();
        for wanted in [
            format!("rm -rf {data}.greenlight-000000-copy-1"),
            format!("mv -T {data}.greenlight-000000-copied {data}"),
            format!("touch {data}.greenlight-000000-own/rewinding"),
            format!("test -e {data}.greenlight-000000-own/rewinding"),
        ] {
            let wanted = format!("sudo -n -l -u postgres {wanted}");
            assert!(tried.contains(&wanted), "{wanted}: {tried:?}");
        }
    }

    /// What has keepalived let go is sent in the write pause.
    #[test]
    fn sudo_is_asked_for_what_moves_the_address() {
        let mut profile = sample();
        let tried = |profile: &VipSwitchover| -> Vec<String> {
            let tried = to_try(profile, &profile.nodes["pg-a"]).into_iter();
            tried.map(|argv| argv.join(" ")).collect()
        };
        let by_ip = tried(&profile);
        for wanted in [
            "sudo -n -l ip addr add 10.0.0.10/24 dev eth0",
            "sudo -n -l ip addr del 10.0.0.10/24 dev eth0",
            "sudo -n arping -V",
            "sudo -n -l systemctl start postgresql@15-main",
        ] {
            assert!(by_ip.iter().any(|argv| argv == wanted), "{by_ip:?}");
        }
        profile.address.by = Mover::Keepalived {
            release: words(&["systemctl", "stop", "keepalived"]),
            join: words(&["systemctl", "start", "keepalived"]),
        };
        let by_keepalived = tried(&profile);
        for verb in ["stop", "start"] {
            let wanted = format!("sudo -n -l systemctl {verb} keepalived");
            assert!(by_keepalived.contains(&wanted), "{by_keepalived:?}");
        }
        assert!(!by_keepalived.iter().any(|argv| argv.contains("ip addr")));
    }

    fn sample() -> VipSwitchover {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("profile.toml");
        let text = include_str!("../../../sample-profiles/vip-switchover.toml");
        std::fs::write(&path, text).unwrap();
        let profile = crate::profile::load(&path).unwrap();
        profile.vip_switchover().unwrap().clone()
    }
}
