use std::collections::BTreeSet;
use std::sync::Mutex;

use greenlight::checks::{Check, CheckContext, Moment, catalogue, find, run, run_all};
use greenlight::runbook::{CheckReport, CheckResult, Verdict};

use crate::{control, crafted, pair, worlds};

/// Warnings of a healthy world: what no server and no control plane can tell is never passed in silence.
/// Last, what depends on which minor releases a machine has.
pub const TOLD: [&str; 4] = [
    "rds-network-both-ways",
    "rds-ca-and-clients",
    "rds-traffic-switch-method",
    "target-release-older",
];

/// What the checks were seen to answer. Only answers get in here, never a list written by hand.
#[derive(Default)]
pub struct Proof {
    found: Mutex<BTreeSet<String>>,
    settled: Mutex<BTreeSet<String>>,
}

/// True when the check found what it is there to find, and did not merely fail to ask.
pub fn has_found(result: &CheckResult) -> bool {
    !result.unknown && !result.remedy.is_empty()
}

impl Proof {
    /// Asks all that is due, and keeps what each check came to.
    pub async fn all(&self, ctx: &CheckContext<'_>) -> CheckReport {
        let told = Mutex::new(0);
        let report = run_all(ctx, &|_| *told.lock().expect("no panic") += 1).await;
        assert_eq!(*told.lock().expect("no panic"), report.checks.len());
        self.keep(&report, ctx.moment);
        report
    }

    /// Asks these checks, each of which must find something.
    pub async fn found(&self, ctx: &CheckContext<'_>, ids: &[&str]) {
        let report = self.ask(ctx, ids).await;
        for id in ids {
            assert!(
                report.checks.iter().any(|c| c.id == *id && has_found(c)),
                "{id} found nothing: {report:#?}"
            );
        }
    }

    /// Asks these checks, none of which may find anything.
    pub async fn settled(&self, ctx: &CheckContext<'_>, ids: &[&str]) {
        let report = self.ask(ctx, ids).await;
        let found: Vec<_> = report
            .checks
            .iter()
            .filter(|c| !c.remedy.is_empty())
            .collect();
        assert!(found.is_empty(), "{found:#?}");
    }

    async fn ask(&self, ctx: &CheckContext<'_>, ids: &[&str]) -> CheckReport {
        let checks: Vec<&Check> = ids.iter().map(|id| find(id).expect(id)).collect();
        for check in &checks {
            assert!(check.is_asked_at(ctx.moment), "{} is not due", check.id);
        }
        let report = run(&checks, ctx, &|_| ()).await;
        self.keep(&report, ctx.moment);
        report
    }

    fn keep(&self, report: &CheckReport, moment: Moment) {
        for result in &report.checks {
            let due = find(&result.id).is_some_and(|check| check.is_asked_at(moment));
            let into = match result.verdict {
                _ if !due || result.unknown => continue,
                _ if has_found(result) => &self.found,
                _ => &self.settled,
            };
            into.lock().expect("no panic").insert(result.id.clone());
        }
    }
}

/// Nothing of this may stop a run, or be unknown; only what is told in advance may warn.
pub fn assert_healthy(report: &CheckReport, tolerated: &[&str]) {
    let bad: Vec<_> = report
        .checks
        .iter()
        .filter(|c| {
            c.unknown
                || c.verdict == Verdict::Block
                || c.verdict == Verdict::Warn && !tolerated.contains(&c.id.as_str())
        })
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_was_seen_to_find_something_and_to_be_content() {
    let proof = Proof::default();
    tokio::join!(
        worlds::a_bad_blue_is_found_out(&proof),
        pair::a_pair_is_broken_and_mended(&proof),
        crafted::what_no_server_here_can_be_made_to_show(&proof),
        control::what_the_control_plane_tells(&proof),
    );
    let lacking = |seen: &Mutex<BTreeSet<String>>, but: &[&str]| -> Vec<&str> {
        let seen = seen.lock().expect("no panic");
        let ids = catalogue().map(|check| check.id);
        ids.filter(|id| !seen.contains(*id) && !but.contains(id))
            .collect()
    };
    let never_failed = lacking(&proof.found, &[]);
    assert!(
        never_failed.is_empty(),
        "never found anything: {never_failed:?}"
    );
    let never_content = lacking(&proof.settled, &TOLD[..2]);
    assert!(never_content.is_empty(), "never content: {never_content:?}");
}
