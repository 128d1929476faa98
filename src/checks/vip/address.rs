//! Who has the address, who else answers for it, and who moves it.

use futures_util::FutureExt;

use super::super::ask::{Answer, Answering, AskError};
use super::super::catalogue::{EARLY, EARLY_AND_GATE};
use super::super::check::Check;
use super::super::finding::Finding;
use super::hosts::{Asks, ask, each, run, words};
use super::{name, node, sides};
use crate::domain::Node;
use crate::profile::{Mover, VipSwitchover};

/// The checks of this page.
pub(super) const CHECKS: &[Check<VipSwitchover>] = &[
    Check::block("address-owner", "The address is on the primary alone", EARLY_AND_GATE, ask(owner))
        .why("On neither host applications are lost already; on both they reach one or the other by chance.")
        .remedy("Put it on the primary's interface with the prefix of the profile, and take it off the other."),
    Check::block("address-elsewhere", "No third machine answers for the address", EARLY, ask(elsewhere))
        .why("A machine that answers as well takes clients away after the next ARP request.")
        .remedy("Find the machine by its MAC address and take the address off it."),
    Check::block("address-manager", "The address is managed as the profile says", EARLY_AND_GATE, ask(manager))
        .why("keepalived or vip-manager would move the address back, or give it to both.")
        .remedy("Set by = \"keepalived\" under [address], or stop the manager for the run. vip-manager follows Patroni: use patronictl."),
];

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

/// By the processes of the host, and by what keepalived's configuration names.
async fn manager_of<'a>(asking: &'a Asks<'a>, side: Node) -> Result<Finding, AskError> {
    let address = &asking.ctx.profile.address;
    let (own, all) = tokio::try_join!(
        run(asking, &side, words(&["readlink", "/proc/self/ns/net"])),
        run(asking, &side, words(&["ps", "-eo", "netns=,comm="]))
    )?;
    let runs = |name: &str| {
        all.stdout
            .lines()
            .any(|line| runs_here(line, &own.stdout) == Some(name))
    };
    Ok(if runs("vip-manager") {
        Finding::fail("vip-manager runs: it follows Patroni's leader")
    } else if runs("keepalived") && address.by == Mover::Ip {
        let file = "/etc/keepalived/keepalived.conf";
        let host = &node(asking.ctx, &side).server.host;
        let argv = host.as_root(&["grep", "-cw", &address.host, file]);
        let said = run(asking, &side, argv).await?;
        // Exit code 1 is also what sudo ends with that refuses: only grep itself says how many.
        match (said.code, said.stdout.trim()) {
            (Some(0), _) => Finding::fail(format!(
                "keepalived runs, and {file} names {}",
                address.host
            )),
            (_, "0") => Finding::pass(format!(
                "keepalived runs, and {file} does not name the address"
            )),
            _ => Finding::warn(format!("keepalived runs, and {file} could not be read")),
        }
    } else if !runs("keepalived") && matches!(address.by, Mover::Keepalived { .. }) {
        Finding::fail("keepalived does not run, so it cannot take the address")
    } else {
        Finding::pass("as the profile says")
    })
}

/// The program of a line of `ps`, unless it lives in another network than `own` (`net:[4026531840]`), as a container's
/// does. Whoever is not root is not told where those of others live: they count.
fn runs_here<'a>(line: &'a str, own: &str) -> Option<&'a str> {
    let (network, name) = line.trim().split_once(' ')?;
    let own = own.trim().trim_start_matches("net:[").trim_end_matches(']');
    (network == "-" || network == own).then_some(name.trim())
}

#[cfg(test)]
mod tests {
    use super::{mac, runs_here};

    #[test]
    fn only_replies_name_machines() {
        let reply = "Unicast reply from 10.0.0.10 [2A:3B:AA:BB:CC:DD]  0.612ms";
        assert_eq!(mac(reply), Some("2A:3B:AA:BB:CC:DD"));
        assert_eq!(mac("ARPING 10.0.0.10 from 10.0.0.12 eth0"), None);
    }

    #[test]
    fn what_runs_in_another_network_is_not_on_this_host() {
        let own = "net:[4026531840]\n";
        let runs = |line| runs_here(line, own);
        assert_eq!(runs("4026531840 keepalived"), Some("keepalived"));
        assert_eq!(runs("         - vip-manager"), Some("vip-manager"));
        assert_eq!(runs("4026532204 keepalived"), None);
        assert_eq!(runs(""), None);
    }
}
