//! What the hosts say: that commands may run there, that the data is what the server says, who has the address.

use futures_util::FutureExt;

use super::super::ask::{Answer, Answering, Ask, AskError, Asking, Needs};
use super::super::catalogue::{EARLY, EARLY_AND_GATE};
use super::super::check::Check;
use super::super::finding::Finding;
use super::{name, node, sides};
use crate::domain::{Node, Place, Sql};
use crate::ports::{CommandOutput, CommandSpec};
use crate::profile::{Installer, Mover, VipSwitchover};

/// What a question to a host may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

type Asks<'a> = Asking<'a, VipSwitchover>;

const fn ask(ask: for<'a> fn(&'a Asks<'a>) -> Answering<'a>) -> Ask<VipSwitchover> {
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
    Check::block("address-owner", "The address is on the primary alone", EARLY_AND_GATE, ask(owner))
        .why("On neither host applications are lost already; on both they reach one or the other by chance.")
        .remedy("Put it on the primary's interface with the prefix of the profile, and take it off the other."),
    Check::block("address-elsewhere", "No third machine answers for the address", EARLY, ask(elsewhere))
        .why("A machine that answers as well takes clients away after the next ARP request.")
        .remedy("Find the machine by its MAC address and take the address off it."),
    Check::block("address-manager", "The address is managed as the profile says", EARLY_AND_GATE, ask(manager))
        .why("keepalived or vip-manager would move the address back, or give it to both.")
        .remedy("Set by = \"keepalived\" under [address], or stop the manager for the run. vip-manager follows Patroni: use patronictl."),
    Check::block("upgrade-candidate", "The wanted version can be had", EARLY, ask(candidate))
        .why("What is not in the repositories is found out after the standby has been stopped.")
        .remedy("Refresh the package lists on both hosts, or name a version that is there."),
    Check::warn("fencing-hook", "A host that is lost could be fenced", EARLY, ask(fencing))
        .why("A primary that cannot be reached is not taken for dead: without the hook this run cannot promote then.")
        .remedy("Name a command under [hooks.fence] that ends 0 only when the host is off for certain."),
];

/// One plain command on the host of a side.
async fn run(asking: &Asks<'_>, side: &Node, argv: Vec<String>) -> Result<CommandOutput, AskError> {
    let hosts = asking.ctx.world.hosts.as_ref();
    let hosts = hosts.ok_or_else(|| AskError::Other("no hosts are known".to_owned()))?;
    Ok(hosts
        .run(side, &CommandSpec::new(argv, LIMIT), &|_| {})
        .await?)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Both sides, each with its own answer.
async fn each<'a, F, Fut>(asking: &'a Asks<'a>, one: F) -> Result<Vec<Answer>, AskError>
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

/// Each program is run as it will be, with arguments that do nothing; where sudo stands before one that cannot be, sudo
/// is asked whether it would let it.
async fn commands_of<'a>(asking: &'a Asks<'a>, side: Node) -> Result<Finding, AskError> {
    let known = node(asking.ctx, &side);
    let (server, host) = (&known.server, &known.server.host);
    let signal = server.data_file("standby.signal");
    let data = server.directory();
    let mut asked = vec![
        host.as_owner(&[&server.program("pg_ctl"), "--version"]),
        host.as_owner(&[
            "env",
            "LC_ALL=C",
            &server.program("pg_controldata"),
            "-D",
            &data,
        ]),
        host.as_owner(&["test", "-w", &data]),
        host.as_owner(&[&server.program("pg_rewind"), "--version"]),
        host.as_owner(&[&server.program("pg_basebackup"), "--version"]),
        sudo_would(&host.owner, &["touch", &signal]),
        sudo_would(&host.owner, &["rm", "-f", &signal]),
    ];
    if asking.ctx.profile.address.by == Mover::Ip {
        asked.push(host.as_root(&["arping", "-V"]));
        let address = &asking.ctx.profile.address;
        let whole = format!("{}/{}", address.host, address.prefix);
        let interface = known.interface.as_deref().unwrap_or_default();
        asked.push(sudo_would(
            &host.root,
            &["ip", "addr", "add", &whole, "dev", interface],
        ));
        asked.push(sudo_would(
            &host.root,
            &["ip", "addr", "del", &whole, "dev", interface],
        ));
        asked.push(words(&["ip", "-o", "link", "show", "dev", interface]));
    }
    if let Some(start) = &known.start {
        let start: Vec<_> = start.iter().map(String::as_str).collect();
        asked.push(sudo_would(&host.root, &start));
    }
    let mut refused = Vec::new();
    let mut count = 0;
    for argv in asked.into_iter().filter(|argv| !argv.is_empty()) {
        count += 1;
        let said = run(asking, &side, argv.clone()).await?;
        if said.code != Some(0) {
            let last = said.output.lines().last().unwrap_or_default().to_owned();
            refused.push(format!("{}: {last}", argv.join(" ")));
        }
    }
    Ok(if refused.is_empty() {
        Finding::pass(format!("{count} commands tried"))
    } else {
        Finding::fail(refused.join("; "))
    })
}

/// `sudo -n -l COMMAND` where sudo stands before it; nothing to ask otherwise.
fn sudo_would(before: &[String], argv: &[&str]) -> Vec<String> {
    let Some(sudo) = before.first().filter(|word| word.ends_with("sudo")) else {
        return Vec::new();
    };
    let options = before.iter().skip(1).filter(|word| *word != "-n");
    let asked = [sudo.clone(), "-n".to_owned(), "-l".to_owned()];
    asked
        .into_iter()
        .chain(options.cloned())
        .chain(words(argv))
        .collect()
}

fn data<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    each(asking, data_of).boxed()
}

async fn data_of<'a>(asking: &'a Asks<'a>, side: Node) -> Result<Finding, AskError> {
    let server = &node(asking.ctx, &side).server;
    let argv = [
        "env",
        "LC_ALL=C",
        &server.program("pg_controldata"),
        "-D",
        &server.directory(),
    ];
    let said = run(asking, &side, server.host.as_owner(&argv)).await?;
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

fn owner<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    owners(asking).boxed()
}

async fn owners<'a>(asking: &'a Asks<'a>) -> Result<Vec<Answer>, AskError> {
    let address = &asking.ctx.profile.address;
    if address.by == Mover::Hook {
        return Ok(vec![Answer::new(
            "hosts",
            Finding::skip("a hook points applications"),
        )]);
    }
    let (serving, standby) = sides(asking.ctx);
    let show = words(&["ip", "-o", "-4", "addr", "show"]);
    let (on, off) = tokio::try_join!(
        run(asking, &serving, show.clone()),
        run(asking, &standby, show.clone())
    )?;
    let wanted = format!(" {}/{} ", address.host, address.prefix);
    let any = format!(" {}/", address.host);
    let interface = node(asking.ctx, &serving)
        .interface
        .as_deref()
        .unwrap_or_default();
    let line = on.stdout.lines().find(|line| line.contains(&any));
    let first = match line {
        None => Finding::fail(format!(
            "{} does not have {}",
            name(asking.ctx, &serving),
            address.host
        )),
        Some(line) if !line.contains(&wanted) => Finding::fail(format!(
            "it has it with another prefix than /{}: {}",
            address.prefix,
            line.trim()
        )),
        Some(line) if !line.contains(&format!(" {interface} ")) => Finding::fail(format!(
            "it has it on another interface than {interface}: {}",
            line.trim()
        )),
        Some(_) => Finding::pass(format!(
            "{}/{} on {interface}",
            address.host, address.prefix
        )),
    };
    let second = if off.stdout.contains(&any) {
        Finding::fail(format!(
            "{} has {} as well",
            name(asking.ctx, &standby),
            address.host
        ))
    } else {
        Finding::pass("it does not have it")
    };
    Ok(vec![
        Answer::new(serving.to_string(), first),
        Answer::new(standby.to_string(), second),
    ])
}

fn elsewhere<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    third(asking).boxed()
}

/// Asked by ARP from the standby, which does not have it: only the primary may answer.
async fn third<'a>(asking: &'a Asks<'a>) -> Result<Vec<Answer>, AskError> {
    let address = &asking.ctx.profile.address;
    let (_, standby) = sides(asking.ctx);
    if address.by != Mover::Ip {
        return Ok(vec![Answer::new(
            "hosts",
            Finding::skip("it is not moved by ip"),
        )]);
    }
    let known = node(asking.ctx, &standby);
    let interface = known.interface.as_deref().unwrap_or_default();
    let argv = known.server.host.as_root(&[
        "arping",
        "-b",
        "-c",
        "2",
        "-w",
        "2",
        "-I",
        interface,
        &address.host,
    ]);
    let said = run(asking, &standby, argv).await?;
    let mut machines: Vec<_> = said.stdout.lines().filter_map(mac).collect();
    machines.sort_unstable();
    machines.dedup();
    let finding = match machines.as_slice() {
        [one] => Finding::pass(format!("only {one} answers")),
        [] => Finding::fail(format!(
            "nobody answers for {}: {}",
            address.host,
            said.output.trim()
        )),
        several => Finding::fail(format!(
            "{} machines answer: {}",
            several.len(),
            several.join(", ")
        )),
    };
    Ok(vec![Answer::new(standby.to_string(), finding)])
}

/// The machine of a line of `arping`: `Unicast reply from 10.0.0.10 [AA:BB:…]  0.6ms`.
fn mac(line: &str) -> Option<&str> {
    let rest = line.split_once('[')?.1;
    let mac = rest.split_once(']')?.0;
    (line.contains("reply from") && mac.len() == 17).then_some(mac)
}

fn manager<'a>(asking: &'a Asks<'a>) -> Answering<'a> {
    each(asking, manager_of).boxed()
}

/// By the processes of the host whose words name the address, or that are what manages addresses.
async fn manager_of<'a>(asking: &'a Asks<'a>, side: Node) -> Result<Finding, AskError> {
    let address = &asking.ctx.profile.address;
    let said = run(asking, &side, words(&["ps", "-eo", "comm="])).await?;
    let runs = |name: &str| said.stdout.lines().any(|line| line.trim() == name);
    Ok(if runs("vip-manager") {
        Finding::fail("vip-manager runs: it follows Patroni's leader")
    } else if runs("keepalived") && address.by == Mover::Ip {
        let file = "/etc/keepalived/keepalived.conf";
        let argv =
            node(asking.ctx, &side)
                .server
                .host
                .as_root(&["grep", "-cw", &address.host, file]);
        match run(asking, &side, argv).await?.code {
            Some(0) => Finding::fail(format!(
                "keepalived runs, and {file} names {}",
                address.host
            )),
            Some(1 | 2) => {
                Finding::pass("keepalived runs, and its configuration does not name the address")
            }
            _ => Finding::warn("keepalived runs, and its configuration could not be read"),
        }
    } else if !runs("keepalived") && matches!(address.by, Mover::Keepalived { .. }) {
        Finding::fail("keepalived does not run, so it cannot take the address")
    } else {
        Finding::pass("as the profile says")
    })
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
    use super::{mac, sudo_would, words};

    #[test]
    fn only_replies_name_machines() {
        let reply = "Unicast reply from 10.0.0.10 [2A:3B:AA:BB:CC:DD]  0.612ms";
        assert_eq!(mac(reply), Some("2A:3B:AA:BB:CC:DD"));
        assert_eq!(mac("ARPING 10.0.0.10 from 10.0.0.12 eth0"), None);
    }

    #[test]
    fn sudo_is_asked_where_it_stands_before_a_command() {
        let before = words(&["sudo", "-n", "-u", "postgres"]);
        let asked = sudo_would(&before, &["touch", "f"]);
        assert_eq!(
            asked,
            words(&["sudo", "-n", "-l", "-u", "postgres", "touch", "f"])
        );
        assert!(sudo_would(&[], &["touch", "f"]).is_empty());
    }
}
