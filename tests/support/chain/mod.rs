//! Every fault at every action of a run, whatever the procedure: processes one after the other, each struck further on
//! than the one before, and what must be true after each. A procedure brings its [`World`] and its legs.

mod case;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;

pub use case::{Case, Unit};
pub use watch::{Look, Watch};

use crate::call::{Calls, Ended, KILLED, PARKED, ROLLED_BACK};

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
/// More processes than any leg needs.
const ENOUGH: usize = 250;

/// Servers with writers on them, and runs on them.
pub trait World {
    /// How `greenlight` is called.
    fn calls(&self) -> Calls;
    /// Has the servers that are there by now watched.
    fn look(&self, watch: &mut Watch);
    /// True when applications can write on this side.
    async fn serves(&self, side: &str) -> bool;
    /// The writers go on, and nothing of theirs is lost or there twice.
    async fn assert_nothing_lost(&self);
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Run,
    Resume,
    RollBack,
}

/// Processes on one run, one after the other, each with the same kind of fault at another action.
pub struct Chain<W> {
    pub world: W,
    pub watch: Watch,
    kind: &'static str,
    cases: BTreeSet<Case>,
    /// What a process sent on its way to where it was struck.
    passed: BTreeSet<Case>,
    processes: usize,
    began: Instant,
}

impl<W: World> Chain<W> {
    pub fn begin(world: W, kind: &'static str) -> Self {
        let mut watch = Watch::default();
        world.look(&mut watch);
        Self {
            world,
            watch,
            kind,
            cases: BTreeSet::new(),
            passed: BTreeSet::new(),
            processes: 0,
            began: Instant::now(),
        }
    }

    /// Processes until one ends as it should, with a fault at every action from the first new one on.
    pub async fn until(&mut self, first: Call, confirmed: &[&str], over: impl Fn(&Ended) -> bool) {
        let (mut call, mut from) = (first, 1);
        for _ in 0..ENOUGH {
            let fault = format!("{}:{from}+", self.kind);
            let known = self.cases.len();
            let (ended, struck) = self.process(call, confirmed, &fault, from).await;
            if over(&ended) {
                return;
            }
            self.must_be_expected(&ended);
            // A step may begin anew, so what was struck before is passed one by one until something new is.
            from = match struck.len() {
                // Something else stopped it on its way there.
                0 => from,
                _ if self.cases.len() > known => 1,
                _ => from + 1,
            };
            if self.world.calls().began() {
                call = Call::Resume;
            }
        }
        let last: Vec<_> = self.intents().into_iter().rev().take(10).collect();
        panic!(
            "{} processes and no end in sight; last: {last:?}",
            self.processes
        );
    }

    /// A write pause with a fault at its first action, at its second …, until the other side serves. As long as it does
    /// not, every fault ends with the side given back that was in service.
    ///
    /// Returns at which action that was; the one to `skip` is left alone, so that the next one's turn comes.
    pub async fn pause(
        &mut self,
        call: Call,
        confirm: &str,
        [from, to]: [&str; 2],
        skip: Option<u64>,
    ) -> u64 {
        if self.kind == "twice" {
            let (ended, _) = self.process(call, &[confirm], "twice:1+", 1).await;
            assert!(
                ended.code == ROLLED_BACK || self.is_expected(&ended),
                "{}",
                ended.said
            );
            return 1;
        }
        let (mut at, mut next) = (1, 1);
        let mut turns = BTreeMap::<Case, u64>::new();
        for _ in 0..ENOUGH {
            if Some(at) == skip {
                at += 1;
            }
            let (before, known) = (self.intents().len(), self.cases.len());
            // A process that lives on and opens the other side goes further: not unstruck.
            let fault = format!("{}:{at},{}+", self.kind, at + 3);
            let (ended, struck) = self.process(call, &[confirm], &fault, at).await;
            if self.world.serves(to).await {
                // Where the process lived on, it may have come to the end of the run.
                assert!(
                    ended.code == ROLLED_BACK || self.is_expected(&ended),
                    "{}",
                    ended.said
                );
                return at;
            }
            self.must_be_expected(&ended);
            let crossed = self.has_crossed();
            // Taken up again without a confirmation, the run gives the side back and waits. Past the point of no return
            // it only goes on, and does.
            let again = self.world.calls().resume(&[], None).await;
            let again = again.with(PARKED).saying("waits for");
            if crossed && !self.world.serves(from).await {
                assert!(self.world.serves(to).await, "{fault}:\n{}", again.said);
                return at;
            }
            let said = format!("{fault} {struck:?}\n{}\n{}", ended.said, again.said);
            assert!(self.world.serves(from).await, "{said}");
            assert!(!self.world.serves(to).await, "{said}");
            self.world.assert_nothing_lost().await;
            // Where something else stopped it on its way there, it was not struck. What an attempt leaves to be tidied up
            // pushes the others on: where that let nothing new be struck the next strike is further on.
            if !struck.is_empty() {
                next = next.max(at + if self.cases.len() > known { 1 } else { 2 });
            }
            // One that was passed unstruck has its turn first, up to three times, each a place further on.
            let sent = self.intents().into_iter().skip(before);
            let missed = sent.zip(1..at).find(|(case, _)| {
                !self.cases.contains(case) && turns.get(case).is_none_or(|had| *had < 3)
            });
            at = match missed {
                Some((case, place)) => {
                    let had = turns.entry(case).or_default();
                    *had += 1;
                    place + *had - 1
                }
                None => next,
            };
        }
        panic!("{to} never opened");
    }

    /// True when the last write pause went past the point of no return.
    fn has_crossed(&self) -> bool {
        let text = self.world.calls().journal();
        let began = text.rfind("\"pause\":\"begun\"").unwrap_or(0);
        text[began..].contains("\"point-of-no-return\"")
    }

    /// One process, and which actions its fault struck.
    pub async fn process(
        &mut self,
        call: Call,
        confirmed: &[&str],
        fault: &str,
        from: u64,
    ) -> (Ended, Vec<Case>) {
        let before = self.intents().len();
        let calls = self.world.calls();
        let ended = match call {
            Call::Run => calls.run(confirmed, Some(fault)).await,
            Call::Resume => calls.resume(confirmed, Some(fault)).await,
            Call::RollBack => calls.roll_back(confirmed, Some(fault)).await,
        };
        self.processes += 1;
        let skipped = usize::try_from(from - 1).expect("small");
        let gap = usize::from(fault.contains(',')) * 2;
        let sent = self.intents().split_off(before);
        let is_struck = |at: usize| {
            let Some(at) = at.checked_sub(skipped) else {
                return false;
            };
            at == 0 || (at > gap && fault.ends_with('+'))
        };
        let (mut struck, mut passed) = (Vec::new(), Vec::new());
        for (at, case) in sent.into_iter().enumerate() {
            if is_struck(at) {
                struck.push(case);
            } else {
                passed.push(case);
            }
        }
        self.passed.extend(passed);
        self.cases.extend(struck.iter().cloned());
        self.world.look(&mut self.watch);
        self.assert_never_both_open();
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

    /// What was to be sent so far.
    fn intents(&self) -> Vec<Case> {
        let text = self.world.calls().journal();
        let events = text.lines().filter_map(|line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["event"] == "intent").then_some(event)
        });
        events.map(|event| Case::of(&event)).collect()
    }

    /// No two sides took writes at the same time.
    pub fn assert_never_both_open(&self) {
        let both = self.watch.both_open();
        assert!(both.is_empty(), "both sides took writes, ms: {both:?}");
    }

    /// Nothing lost; what was struck.
    pub async fn end(self) -> Unit {
        self.world.assert_nothing_lost().await;
        self.assert_never_both_open();
        assert!(!self.cases.is_empty());
        Unit {
            unstruck: self.passed.difference(&self.cases).cloned().collect(),
            cases: self.cases.into_iter().collect(),
            processes: self.processes,
            seconds: self.began.elapsed().as_secs(),
        }
    }
}
