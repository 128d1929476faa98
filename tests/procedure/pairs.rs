use greenlight::rehearsal::fetch;

use crate::missing::missing;
use crate::support::{BLUE, GREEN, Lab};

/// Other pairs of versions than the usual 15 and 17.
const PAIRS: [(u32, u32); 2] = [(13, 18), (16, 18)];

/// What builds are to be had for goes there and back; what none are to be had for is named at the end of the tests.
#[tokio::test]
async fn other_pairs_go_there_and_back() {
    let mut gone = Vec::new();
    for (from, to) in PAIRS {
        match lacking(from, to).await {
            None => {
                there_and_back(from, to).await;
                gone.push((from, to));
            }
            Some(why) => missing(&format!("the procedure from {from} to {to}: {why}")),
        }
    }
    println!("there and back: {gone:?}");
}

async fn lacking(from: u32, to: u32) -> Option<String> {
    for major in [from, to] {
        if let Err(error) = fetch::full(major, &[], &|_| ()).await {
            return Some(error.to_string());
        }
    }
    None
}

async fn there_and_back(from: u32, to: u32) {
    let (old, new) = (from.to_string(), to.to_string());
    let lab = Lab::up_with(2, &["--from", &old, "--to", &new]).await;
    let version = "SELECT current_setting('server_version_num')::int / 10000";
    assert_eq!(lab.ask(BLUE, "shop", version).await, [old]);
    crate::whole::there_and_back(&lab, async || {
        assert_eq!(lab.ask(GREEN, "shop", version).await, [new]);
    })
    .await;
}
