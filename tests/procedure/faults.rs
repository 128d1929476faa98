//! Every fault at every action, forward, back and finished. In the ordinary tests a sample; all of it with
//! `GREENLIGHT_SWEEP=full`, as `tests/sweep` runs it.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use crate::cases::{Case, Unit};
use crate::support::{
    BLUE, CUT_OVER, DONE, Ended, FINISH, GREEN, KILLED, Lab, PARKED, ROLL_BACK, ROLLED_BACK,
    TO_THE_CUTOVER,
};
use crate::watch::Watch;

/// What goes wrong, as `GREENLIGHT_FAULT` names it.
pub const KINDS: [&str; 7] = [
    "kill-before",
    "kill-sent",
    "kill-after",
    "fail",
    "timeout",
    "cut",
    "twice",
];
/// The ways through a run.
pub const LEGS: [&str; 3] = ["there-and-back", "unwind", "finish"];
/// More processes than any leg needs.
const ENOUGH: usize = 250;
const AT_THE_CUTOVER: &str = "cutover.switch  waits for the phrase";
const AT_THE_END: &str = "finish.unlink  waits for the phrase";

/// The sample of the ordinary tests.
#[tokio::test]
async fn every_action_sent_twice_there_and_back() {
    let done = leg(LEGS[0], KINDS[6]).await;
    assert!(done.cases.len() > 60, "{:?}", done.cases);
}

/// A record in the middle of the write pause cannot be written, as on a full disk: BLUE is given back all the same, and
/// the run parks. Or it is the last thing the process does: the next one gives BLUE back. Then the run goes on.
#[tokio::test]
async fn whatever_becomes_of_a_record_of_the_write_pause_blue_is_given_back() {
    let mut chain = Chain::begin("fail-record").await;
    let before = chain.lab.logins(BLUE).await;
    let there = chain.lab.run(&TO_THE_CUTOVER).await;
    there.with(PARKED).saying(AT_THE_CUTOVER);
    let first = chain.first_record_of_the_pause().await;
    for record in [first + 3, first + 9, first + 15] {
        let fault = format!("fail-record:{record}");
        let (ended, _) = chain.process(Call::Resume, &[CUT_OVER], &fault, 1).await;
        assert_eq!(ended.code, PARKED, "{fault}:\n{}", ended.said);
        assert!(ended.said.contains("write pause begins"), "{}", ended.said);
        assert_eq!(chain.lab.logins(BLUE).await, before, "{fault}");
        assert!(!chain.lab.is_open(GREEN).await, "{fault}");
        chain.lab.assert_nothing_lost().await;
    }
    for record in [first + 3, first + 5, first + 9, first + 15] {
        let fault = format!("kill-record:{record}");
        let (ended, _) = chain.process(Call::Resume, &[CUT_OVER], &fault, 1).await;
        assert_eq!(ended.code, KILLED, "{fault}:\n{}", ended.said);
        assert!(ended.said.contains("write pause begins"), "{}", ended.said);
        let again = chain.lab.resume(&[], None).await;
        again.with(PARKED).saying(AT_THE_CUTOVER);
        assert_eq!(chain.lab.logins(BLUE).await, before, "{fault}");
        assert!(!chain.lab.is_open(GREEN).await, "{fault}");
        chain.lab.assert_nothing_lost().await;
    }
    let there = chain.lab.resume(&[CUT_OVER], None).await;
    there.with(PARKED).saying(AT_THE_END);
    chain.lab.assert_nothing_lost().await;
}

/// One leg of a run under one kind of fault, on a lab of its own.
pub async fn leg(leg: &str, kind: &'static str) -> Unit {
    match leg {
        "there-and-back" => there_and_back(kind).await,
        "unwind" => unwind(kind).await,
        _ => finish(kind).await,
    }
}

async fn there_and_back(kind: &'static str) -> Unit {
    let mut chain = Chain::begin(kind).await;
    let before = chain.lab.logins(BLUE).await;
    chain
        .until(Call::Run, &TO_THE_CUTOVER, |ended| {
            ended.code == PARKED && ended.said.contains(AT_THE_CUTOVER)
        })
        .await;
    let opened_at = chain.pause(Call::Resume, CUT_OVER, None).await;
    chain
        .until(Call::Resume, &[CUT_OVER], |ended| {
            ended.code == PARKED && ended.said.contains(AT_THE_END)
        })
        .await;
    assert!(!chain.lab.is_open(BLUE).await);
    assert_eq!(chain.lab.logins(GREEN).await, before);
    chain
        .pause(Call::RollBack, ROLL_BACK, Some(opened_at))
        .await;
    chain
        .until(Call::Resume, &[ROLL_BACK], |ended| {
            ended.code == ROLLED_BACK
        })
        .await;
    assert!(!chain.lab.is_open(GREEN).await);
    assert_eq!(chain.lab.logins(BLUE).await, before);
    assert!(chain.watch.saw_a_switch());
    chain.end(&[BLUE]).await
}

async fn unwind(kind: &'static str) -> Unit {
    let mut chain = Chain::begin(kind).await;
    let before = chain.lab.logins(BLUE).await;
    let there = chain.lab.run(&TO_THE_CUTOVER).await;
    there.with(PARKED).saying(AT_THE_CUTOVER);
    chain
        .until(Call::RollBack, &[], |ended| ended.code == ROLLED_BACK)
        .await;
    assert_eq!(chain.lab.logins(BLUE).await, before);
    // As clean as before: nothing keeps another run from beginning.
    chain.lab.check().await.with(DONE);
    chain.end(&[BLUE]).await
}

async fn finish(kind: &'static str) -> Unit {
    let mut chain = Chain::begin(kind).await;
    let before = chain.lab.logins(BLUE).await;
    chain.lab.cut_over().await;
    chain
        .until(Call::Resume, &[FINISH], |ended| ended.code == DONE)
        .await;
    assert_eq!(chain.lab.logins(GREEN).await, before);
    assert!(!chain.lab.is_open(BLUE).await);
    chain.end(&[BLUE, GREEN]).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Run,
    Resume,
    RollBack,
}

/// Processes on one run, one after the other, each with the same kind of fault at another action.
struct Chain {
    lab: Lab,
    watch: Watch,
    kind: &'static str,
    cases: BTreeSet<Case>,
    processes: usize,
    began: Instant,
}

impl Chain {
    async fn begin(kind: &'static str) -> Self {
        let lab = Lab::up(2).await;
        let watch = Watch::begin(&lab);
        Self {
            lab,
            watch,
            kind,
            cases: BTreeSet::new(),
            processes: 0,
            began: Instant::now(),
        }
    }

    /// Processes until one ends as it should, with a fault at every action from the first new one on.
    async fn until(&mut self, first: Call, confirmed: &[&str], over: impl Fn(&Ended) -> bool) {
        // Where the action has no effect the next process must get past it first.
        let base = if ["kill-before", "fail", "timeout"].contains(&self.kind) {
            2
        } else {
            1
        };
        let (mut call, mut from) = (first, 1);
        for _ in 0..ENOUGH {
            let fault = format!("{}:{from}+", self.kind);
            let known = self.cases.len();
            let ended = self.process(call, confirmed, &fault, from).await.0;
            if over(&ended) {
                return;
            }
            self.must_be_expected(&ended);
            // A step may begin anew, so what was struck before is passed one by one until something new is.
            from = if self.cases.len() > known {
                base
            } else {
                from + 1
            };
            if self.lab.began() {
                call = Call::Resume;
            }
        }
        panic!("{} processes and no end in sight", self.processes);
    }

    /// A write pause with a fault at its first action, at its second …, until the other side is open. As long as it is
    /// not, every fault ends with the side given back that was in service.
    ///
    /// Returns at which action that was; the one to `skip` is left alone, so that the next one's turn comes.
    async fn pause(&mut self, call: Call, confirm: &str, skip: Option<u64>) -> u64 {
        let (from, to) = if call == Call::RollBack {
            (GREEN, BLUE)
        } else {
            (BLUE, GREEN)
        };
        if self.kind == "twice" {
            let (ended, _) = self.process(call, &[confirm], "twice:1+", 1).await;
            assert!(
                ended.code == ROLLED_BACK || self.is_expected(&ended),
                "{}",
                ended.said
            );
            return 1;
        }
        for at in (1..ENOUGH as u64).filter(|at| Some(*at) != skip) {
            // A process that lives on and opens the other side goes further: not unstruck.
            let fault = format!("{}:{at},{}+", self.kind, at + 3);
            let (ended, struck) = self.process(call, &[confirm], &fault, at).await;
            if self.lab.is_open(to).await {
                // Where the process lived on, it may have come to the end of the run.
                assert!(
                    ended.code == ROLLED_BACK || self.is_expected(&ended),
                    "{}",
                    ended.said
                );
                return at;
            }
            self.must_be_expected(&ended);
            // Taken up again without a confirmation, the run gives the side back and waits.
            let again = self.lab.resume(&[], None).await;
            again.with(PARKED).saying("waits for the phrase");
            assert!(self.lab.is_open(from).await, "{fault} {struck:?}");
            assert!(!self.lab.is_open(to).await, "{fault} {struck:?}");
            self.lab.assert_nothing_lost().await;
        }
        panic!("{to} never opened");
    }

    /// One process, and which actions its fault struck.
    async fn process(
        &mut self,
        call: Call,
        confirmed: &[&str],
        fault: &str,
        from: u64,
    ) -> (Ended, Vec<Case>) {
        let before = self.intents().len();
        let ended = match call {
            Call::Run => self.lab.run_with(confirmed, Some(fault)).await,
            Call::Resume => self.lab.resume(confirmed, Some(fault)).await,
            Call::RollBack => self.lab.roll_back(confirmed, Some(fault)).await,
        };
        self.processes += 1;
        let skipped = usize::try_from(from - 1).expect("small");
        let gap = usize::from(fault.contains(',')) * 2;
        let struck: Vec<_> = self
            .intents()
            .into_iter()
            .skip(before + skipped)
            .enumerate()
            .filter(|(at, _)| *at == 0 || (*at > gap && fault.ends_with('+')))
            .map(|(_, case)| case)
            .collect();
        self.cases.extend(struck.iter().cloned());
        if self.lab.began() {
            self.watch.look_at_green(&self.lab);
        }
        let both = self.watch.both_open();
        assert!(both.is_empty(), "both sides took writes, ms: {both:?}");
        (ended, struck)
    }

    /// Killed, or parked with a reason: nothing else may come of a fault.
    fn must_be_expected(&self, ended: &Ended) {
        assert!(
            self.is_expected(ended),
            "{:?} after {} processes:\n{}",
            ended.code,
            self.processes,
            ended.said
        );
    }

    fn is_expected(&self, ended: &Ended) -> bool {
        let kills = self.kind.starts_with("kill");
        ended.code == PARKED || (kills && ended.code == KILLED)
    }

    /// Which record of a process on this run is the intent that fences: found by killing one there.
    async fn first_record_of_the_pause(&mut self) -> usize {
        for at in 1.. {
            let before = self.records();
            let fault = format!("kill-before:{at}");
            let (ended, struck) = self.process(Call::Resume, &[CUT_OVER], &fault, at).await;
            assert_eq!(ended.code, KILLED, "{}", ended.said);
            if struck.iter().any(|case| case.action.contains("ALTER ROLE")) {
                return self.records() - before;
            }
        }
        unreachable!("a pause begins with a fence")
    }

    fn records(&self) -> usize {
        let path = self.lab.runs().join(self.lab.newest_run());
        let text = std::fs::read_to_string(path.join("journal.jsonl")).expect("journal");
        text.lines().count()
    }

    /// What was to be sent so far.
    fn intents(&self) -> Vec<Case> {
        if !self.lab.began() {
            return Vec::new();
        }
        let path = self.lab.runs().join(self.lab.newest_run());
        let text = std::fs::read_to_string(path.join("journal.jsonl")).expect("journal");
        let events = text.lines().filter_map(|line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["event"] == "intent").then_some(event)
        });
        events.map(|event| Case::of(&event)).collect()
    }

    /// Nothing lost, nothing left.
    async fn end(self, clean: &[&str]) -> Unit {
        self.lab.assert_nothing_lost().await;
        for side in clean {
            assert_eq!(self.lab.left_over(side).await, [""; 0], "{side}");
        }
        let both = self.watch.both_open();
        assert!(both.is_empty(), "both sides took writes, ms: {both:?}");
        assert!(!self.cases.is_empty());
        Unit {
            cases: self.cases.into_iter().collect(),
            processes: self.processes,
            seconds: self.began.elapsed().as_secs(),
        }
    }
}
