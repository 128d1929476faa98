//! The address is keepalived's: a real one on each host, which is told to let go and brings it to the other by itself.

use std::path::Path;

use super::support::{
    A, B, BACK_TO_A, CLOSE, DONE, OVER_TO_A, OVER_TO_B, PARKED, ROLLED_BACK, UPGRADE, Vip,
};
use crate::missing::missing;
use crate::place::until;

const KEEPALIVED: &str = "/usr/sbin/keepalived";

/// Plays the service. Each host finds its folder by the namespace it is; what works below the lab's servers goes with
/// the lab.
const SERVICE: &str = r#"#!/bin/sh
set -eu
cd "$(dirname "$0")/$(ip netns identify $$)"
running() { [ -s pid ] && kill -0 "$(cat pid)" 2>/dev/null; }
case $1 in
start)
  running || setsid /usr/sbin/keepalived -n -f "$PWD/conf" -p "$PWD/pid" -r "$PWD/vrrp.pid" </dev/null >>log 2>&1 &
  until running; do sleep 0.02; done
  ;;
stop) ! running || kill "$(cat pid)"; while running; do sleep 0.02; done ;;
esac
"#;

/// There, back, and there again, which is rolled back while the old primary's keepalived is still down.
#[tokio::test]
async fn keepalived_moves_the_address_it_owns() {
    if !Path::new(KEEPALIVED).exists() {
        return missing("keepalived: vip-switchover with an address that it owns");
    }
    let Some(lab) = Vip::up(2) else { return };
    let service = hand_over(&lab).await;
    lab.run(&[OVER_TO_B, UPGRADE, CLOSE])
        .await
        .with(DONE)
        .saying("the address stays on GREEN");
    assert_eq!(owners(&lab), [B]);
    lab.place.assert_nothing_lost();
    lab.run(&[OVER_TO_A, UPGRADE, CLOSE]).await.with(DONE);
    assert_eq!(owners(&lab), [A]);
    lab.place.assert_nothing_lost();
    lab.run(&[OVER_TO_B])
        .await
        .with(PARKED)
        .saying("finish.close  waits");
    assert_eq!(owners(&lab), [B]);
    lab.on_host(A, false, &[&service, "stop"]);
    lab.roll_back(&[BACK_TO_A], None).await.with(ROLLED_BACK);
    assert_eq!((owners(&lab), lab.primaries().await), (vec![A], vec![A]));
    lab.place.assert_nothing_lost();
}

/// The address that the lab gave the primary's host is keepalived's from now on; what plays its service.
async fn hand_over(lab: &Vip) -> String {
    let address = lab.known().address;
    let whole = format!("{}/{}", address.host, address.prefix);
    let network = lab.place.network().expect("a network");
    let folder = lab.place.dir().join("servers/keepalived");
    let script = folder.join("service");
    let service = script.display().to_string();
    for node in [A, B] {
        let own = folder.join(format!("{network}-{node}"));
        std::fs::create_dir_all(&own).expect("a folder");
        let conf = format!(
            "vrrp_instance shop {{\n  state BACKUP\n  nopreempt\n  interface eth0\n  virtual_router_id 51\n  \
             priority 100\n  advert_int 1\n  virtual_ipaddress {{\n    {whole}\n  }}\n}}\n"
        );
        std::fs::write(own.join("conf"), conf).expect("a configuration");
    }
    std::fs::write(&script, SERVICE).expect("a program");
    std::process::Command::new("chmod")
        .args(["755", &service])
        .status()
        .expect("chmod");
    lab.edit_profile(
        "by = \"ip\"",
        &format!(
            "by = \"keepalived\"\nrelease = [\"{service}\", \"stop\"]\njoin = [\"{service}\", \"start\"]"
        ),
    );
    lab.on_host(A, false, &["ip", "addr", "del", &whole, "dev", "eth0"]);
    lab.on_host(A, false, &[&service, "start"]);
    until("the address", vec![A], async || owners(lab)).await;
    lab.on_host(B, false, &[&service, "start"]);
    service
}

/// The hosts that have the address.
fn owners(lab: &Vip) -> Vec<&'static str> {
    let wanted = format!(" {}/", lab.known().address.host);
    let has = |node: &&str| {
        let shown = lab.on_host(node, false, &["ip", "-o", "-4", "addr", "show"]);
        shown.contains(&wanted)
    };
    [A, B].into_iter().filter(has).collect()
}
