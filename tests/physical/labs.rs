//! The labs of these procedures: they come up, their writers write, nothing of them stays.

use std::time::Duration;

use serde_json::Value;

use crate::missing::missing;
use crate::place::{Place, kill};
use crate::vip::NO_NAMESPACES;

const VIP: &str = "vip-switchover";
const GUARD: &str = "patroni-guard";

impl Place {
    fn profile_says(&self, words: &str) {
        let path = self.dir().join("profile.toml");
        greenlight::profile::load(&path).expect("a profile that loads");
        let text = std::fs::read_to_string(path).expect("profile");
        assert!(text.contains(words), "no {words:?} in\n{text}");
    }
}

/// What is left of a network: namespaces and interfaces.
fn left_of(network: &str) -> Vec<String> {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.collect::<Vec<_>>()
    };
    let ours = |name: &String| {
        let rest = name.strip_prefix(network);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let all = names("/run/netns")
        .into_iter()
        .chain(names("/sys/class/net"));
    all.filter(ours).collect()
}

#[test]
fn the_lab_of_a_virtual_ip_comes_up_and_leaves_nothing() {
    let place = Place::new();
    let up = place.up(&[VIP, "--load", "4"]);
    assert_eq!(up["nodes"].as_array().map(Vec::len), Some(2));
    place.acknowledges(200);
    let network = place.network();
    if let Some(network) = &network {
        assert!(left_of(network).len() >= 4, "{:?}", left_of(network));
        place.profile_says("by = \"ip\"");
    } else {
        missing(NO_NAMESPACES);
        place.profile_says("by = \"hook\"");
    }
    place.does(&["down"]);
    assert!(!place.dir().exists());
    place.wait_until_nothing_runs();
    assert_eq!(
        network.map(|network| left_of(&network)).unwrap_or_default(),
        [""; 0]
    );
}

#[test]
fn without_namespaces_it_goes_to_loopback_addresses() {
    let place = Place::new();
    let output = place.greenlight(&["up", VIP, "--load", "2", "--loopback"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("loopback addresses"), "{said}");
    assert_eq!(place.network(), None);
    place.profile_says("by = \"hook\"");
    place.acknowledges(100);
    place.does(&["down"]);
    place.wait_until_nothing_runs();
}

/// The guardian ends what runs, the next start removes the folder.
#[test]
fn the_next_start_removes_what_killed_labs_left() {
    let (guard, vip) = (Place::new(), Place::new());
    guard.up(&[GUARD]);
    vip.up(&[VIP, "--load", "1"]);
    let network = vip.network();
    for killed in [&guard, &vip] {
        kill(killed.owner(), "KILL");
    }
    for killed in [&guard, &vip] {
        killed.wait_until_nothing_runs();
    }
    let next = Place::new();
    next.up(&[VIP, "--loopback"]);
    assert_eq!(
        network.map(|network| left_of(&network)).unwrap_or_default(),
        [""; 0]
    );
    for killed in [&guard, &vip] {
        assert!(!killed.dir().exists());
    }
}

#[test]
fn the_lab_of_patroni_comes_up_and_its_writers_follow_the_leader() {
    let place = Place::new();
    let up = place.up(&[GUARD, "--load", "4"]);
    assert_eq!(up["nodes"].as_array().map(Vec::len), Some(3));
    place.profile_says("hold = \"pg3\"");
    let before = place.acknowledges(200);
    assert_eq!(before["pauses_ms"], Value::from(Vec::<u64>::new()));
    let endpoint = || std::fs::read_to_string(place.dir().join("endpoint")).expect("endpoint");
    let at_first = endpoint();
    place.does(&["node", "stop", "pg1"]);
    let stopped = place.greenlight(&["node", "running", "pg1"]);
    assert_eq!(stopped.status.code(), Some(3));
    for _ in 0..600 {
        if endpoint() != at_first {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let rows = place.audit()["acknowledged"].as_u64().unwrap_or_default();
    let after = place.acknowledges(rows + 100);
    assert_eq!(after["pauses_ms"].as_array().map(Vec::len), Some(1));
    place.does(&["node", "start", "pg1"]);
    place.does(&["node", "running", "pg1"]);
    place.does(&["deploy", "good"]);
    place.does(&["down"]);
    assert!(!place.dir().exists());
    place.wait_until_nothing_runs();
}

#[test]
fn patroni_4_has_its_lab_as_well() {
    let place = Place::new();
    place.up(&[GUARD, "--load", "2", "--patroni", "4"]);
    place.acknowledges(100);
    place.does(&["down"]);
    place.wait_until_nothing_runs();
}
