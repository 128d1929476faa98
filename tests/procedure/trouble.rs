//! Trouble that no action asked for: signals, crashing servers, cut lines, at a moment of every phase.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::pty::{self, OpenptFlags};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::chain::{Case, Unit, Watch, World};
use crate::proxy::Proxy;
use crate::support::{
    BLUE, CUT_OVER, Ended, GREEN, KILLED, Lab, PARKED, ROLL_BACK, ROLLED_BACK, TO_THE_CUTOVER,
    program,
};

/// The terminal's program is gone: a signal, and nobody to write to.
const KILLED_TERMINAL: &str = "killed terminal";
/// What can happen.
pub const TROUBLES: [&str; 15] = [
    "SIGKILL",
    "SIGTERM",
    "SIGHUP",
    KILLED_TERMINAL,
    "crash of BLUE",
    "crash of GREEN",
    "BLUE out of reach for 1 s",
    "BLUE out of reach for 10 s",
    "BLUE out of reach for good",
    "GREEN out of reach for 1 s",
    "GREEN out of reach for 10 s",
    "GREEN out of reach for good",
    "servers apart for 1 s",
    "servers apart for 10 s",
    "servers apart for good",
];
/// The steps that are struck while they run.
pub const STEPS: [&str; 14] = [
    "prepare.publication",
    "prepare.slot",
    "build.snapshot",
    "build.restore",
    "build.fence-green",
    "catch-up.subscribe",
    "catch-up.enable",
    "catch-up.arm",
    "cutover.switch",
    "accept.unlink",
    "way-back.subscribe",
    "way-back.prove",
    "rollback.switch",
    "rollback.unlink",
];
/// Before it GREEN is not there, or about to be stopped for its upgrade anyway.
const GREEN_FROM: usize = 4;
const ENOUGH: usize = 90;

/// The samples of the ordinary tests: the tool loses BLUE for a second, and its terminal for good, also in both write
/// pauses.
#[tokio::test]
async fn blue_is_out_of_reach_for_a_second() {
    let struck = struck_at(TROUBLES[6], &[STEPS[1], STEPS[8], STEPS[12]]);
    assert_eq!(struck.await.cases.len(), 3);
}

#[tokio::test]
async fn the_terminal_is_killed() {
    let struck = struck_at(TROUBLES[3], &[STEPS[1], STEPS[8], STEPS[12]]).await;
    assert_eq!(struck.cases.len(), 3);
    assert!(struck.processes > 3, "none was ended by it");
}

/// The lines of a lab whose profile goes through them.
struct Net {
    to_blue: Proxy,
    to_green: Proxy,
    green_to_blue: Proxy,
    blue_to_green: Proxy,
}

impl Net {
    async fn weave(lab: &Lab) -> Self {
        let port_of = |node: &'static str| {
            let file = pid_file(lab, node);
            move || port_in(&file)
        };
        let net = Self {
            to_blue: Proxy::start(port_of(BLUE)).await,
            to_green: Proxy::start(port_of(GREEN)).await,
            green_to_blue: Proxy::start(port_of(BLUE)).await,
            blue_to_green: Proxy::start(port_of(GREEN)).await,
        };
        let at = |proxy: &Proxy| format!("host = \"127.0.0.1\"\nport = {}", proxy.port);
        lab.edit_profile("[blue]", &format!("[blue]\n{}", at(&net.to_blue)));
        lab.edit_profile("[green]", &format!("[green]\n{}", at(&net.to_green)));
        lab.edit_profile(
            "[replication]",
            &format!(
                "[replication]\nblue_host = \"127.0.0.1\"\nblue_port = {}\ngreen_host = \"127.0.0.1\"\ngreen_port = {}",
                net.green_to_blue.port, net.blue_to_green.port
            ),
        );
        // Applications do not go by the tool's lines.
        let hook = lab.dir().join("hook.sh");
        let text = format!(
            "case $1 in {}) at={};; *) at={};; esac\n\
             exec {} lab redirect --dir {} 127.0.0.1 $(sed -n 4p $at)\n",
            net.to_blue.port,
            pid_file(lab, BLUE).display(),
            pid_file(lab, GREEN).display(),
            program().display(),
            lab.dir().display()
        );
        std::fs::write(&hook, text).expect("hook");
        let profile = std::fs::read_to_string(lab.profile()).expect("profile");
        let usual = profile.lines().find(|line| line.starts_with("argv = "));
        let mine = format!("argv = [\"sh\", \"{}\", \"{{port}}\"]", hook.display());
        lab.edit_profile(usual.expect("hook"), &mine);
        net
    }

    fn lines(&self, trouble: &str) -> Vec<&Proxy> {
        if trouble.starts_with("servers apart") {
            vec![&self.green_to_blue, &self.blue_to_green]
        } else if trouble.starts_with(BLUE) {
            vec![&self.to_blue]
        } else {
            vec![&self.to_green]
        }
    }

    fn mend(&self) {
        for line in [
            &self.to_blue,
            &self.to_green,
            &self.green_to_blue,
            &self.blue_to_green,
        ] {
            line.mend();
        }
    }
}

struct Stage {
    lab: Lab,
    net: Option<Net>,
    watch: Watch,
    trouble: &'static str,
    left: VecDeque<&'static str>,
    struck: Vec<Case>,
    processes: usize,
}

/// A run there and back with this trouble at these steps.
pub async fn struck_at(trouble: &'static str, steps: &[&'static str]) -> Unit {
    let began = Instant::now();
    let lab = Lab::up(2).await;
    let of_green = trouble.contains("GREEN") || trouble.starts_with("servers");
    let skip = STEPS[..GREEN_FROM].iter().filter(|_| of_green).copied();
    let skip: Vec<_> = skip.collect();
    let mut stage = Stage {
        net: if trouble.contains("out of reach") || trouble.contains("apart") {
            Some(Net::weave(&lab).await)
        } else {
            None
        },
        watch: Watch::default(),
        lab,
        trouble,
        left: steps
            .iter()
            .filter(|step| !skip.contains(step))
            .copied()
            .collect(),
        struck: Vec::new(),
        processes: 0,
    };
    stage.lab.look(&mut stage.watch);
    let before = stage.lab.logins(BLUE).await;
    stage
        .until(false, |ended| {
            ended.code == PARKED && ended.said.contains("finish.unlink  waits for the phrase")
        })
        .await;
    assert!(!stage.lab.is_open(BLUE).await);
    assert_eq!(stage.lab.logins(GREEN).await, before);
    stage.lab.assert_nothing_lost().await;
    stage.until(true, |ended| ended.code == ROLLED_BACK).await;
    assert!(!stage.lab.is_open(GREEN).await);
    assert_eq!(stage.lab.logins(BLUE).await, before);
    stage.lab.assert_nothing_lost().await;
    assert_eq!(stage.lab.left_over(BLUE).await, [""; 0]);
    assert!(stage.watch.saw_a_switch());
    assert_eq!(stage.left, [""; 0], "{trouble} did not come to these");
    Unit {
        cases: stage.struck,
        unstruck: Vec::new(),
        processes: stage.processes,
        seconds: began.elapsed().as_secs(),
    }
}

impl Stage {
    async fn until(&mut self, back: bool, over: impl Fn(&Ended) -> bool) {
        for round in 0..ENOUGH {
            let ended = self.process(back && round == 0, back).await;
            self.processes += 1;
            self.lab.look(&mut self.watch);
            let both = self.watch.both_open();
            assert!(both.is_empty(), "both sides took writes, ms: {both:?}");
            if over(&ended) {
                return;
            }
            let killed = self.trouble == "SIGKILL" && ended.code == KILLED;
            // A process that finds the server away has not even begun on the run.
            let unreached = ended.code == Some(2);
            assert!(
                killed || unreached || ended.code == PARKED,
                "{:?} after {}:\n{}",
                ended.code,
                self.trouble,
                ended.said
            );
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        panic!("{ENOUGH} processes and no end in sight");
    }

    /// One process, struck at the steps that are left as it comes to them.
    async fn process(&mut self, first_back: bool, back: bool) -> Ended {
        let mut confirmed = self.other_steps();
        confirmed.extend(TO_THE_CUTOVER.map(str::to_owned));
        confirmed.push(if back { ROLL_BACK } else { CUT_OVER }.to_owned());
        let confirmed: Vec<_> = confirmed.iter().map(String::as_str).collect();
        let out = self.lab.runs().with_extension("out");
        let command = self.lab.going_on(first_back, &confirmed);
        let mut terminal = (self.trouble == KILLED_TERMINAL).then(|| Terminal::open(&out));
        let mut child = match &terminal {
            Some(terminal) => terminal.start(&command),
            None => start(command, &out),
        };
        let mut tail = Tail::at_the_end(&self.lab);
        let mut mend_at: Option<Instant> = None;
        let code = loop {
            let status = child.try_wait().expect("a child");
            terminal.iter_mut().for_each(Terminal::show);
            if let Some(status) = status {
                break status.code();
            }
            if mend_at.is_some_and(|at| at <= Instant::now()) {
                self.net.iter().for_each(Net::mend);
                mend_at = None;
            }
            for step in tail.running(&self.lab) {
                if step.starts_with("catch-up.") {
                    // It is fenced by then, and a process may go all the way.
                    self.lab.look(&mut self.watch);
                }
                if let Some(at) = self.left.iter().position(|left| *left == step) {
                    let step = self.left.remove(at).expect("there");
                    let moment = Self::moment(step);
                    tokio::time::sleep(moment).await;
                    drop(terminal.take());
                    mend_at = self.strike(&child).await.or(mend_at);
                    let action = format!("after {} ms", moment.as_millis());
                    self.struck.push(Case {
                        step: step.to_owned(),
                        action,
                    });
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        self.net.iter().for_each(Net::mend);
        Ended {
            code,
            said: std::fs::read_to_string(&out).unwrap_or_default(),
        }
    }

    /// A moment within a step: a write pause is short.
    fn moment(step: &str) -> Duration {
        let within = if step.ends_with(".switch") { 45 } else { 250 };
        // Different in every call, and noted with the case.
        let chance = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let chance = u64::from(chance.expect("after 1970").subsec_micros());
        Duration::from_millis(chance % within)
    }

    async fn strike(&self, child: &Child) -> Option<Instant> {
        if let Some(signal) = self.trouble.strip_prefix("SIG") {
            let pid = child.id().map(|pid| pid.to_string()).unwrap_or_default();
            kill(signal, &pid);
        } else if let Some(node) = self.trouble.strip_prefix("crash of ") {
            self.crash(node).await;
        } else if let Some(net) = &self.net {
            net.lines(self.trouble).into_iter().for_each(Proxy::cut);
            let seconds = self.trouble.split(' ').rev().nth(1)?.parse().ok()?;
            return Some(Instant::now() + Duration::from_secs(seconds));
        }
        None
    }

    /// Kills a process that the server cannot do without: it recovers as after any crash.
    async fn crash(&self, node: &str) {
        let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
        loop {
            // It may still be on its way up from the last time.
            let client = self.lab.connect(node, "postgres").await;
            if let Ok(row) = client.query_one(sql, &[]).await {
                return kill("KILL", &row.get::<_, i32>(0).to_string());
            }
        }
    }

    /// Leave for every step that a guardrail or a fault may hold.
    fn other_steps(&self) -> Vec<String> {
        if !self.lab.began() {
            return Vec::new();
        }
        let path = self
            .lab
            .runs()
            .join(self.lab.newest_run())
            .join("plan.json");
        let plan = std::fs::read_to_string(path).expect("plan");
        let plan: Value = serde_json::from_str(&plan).expect("JSON");
        let phases = [&plan["phases"], &plan["rollback"]];
        let phases = phases.into_iter().filter_map(Value::as_array).flatten();
        let steps = phases
            .filter_map(|phase| phase["steps"].as_array())
            .flatten();
        steps
            .filter(|step| step["gate"]["kind"] != "phrase")
            .filter_map(|step| Some(format!("{}=x", step["id"].as_str()?)))
            .collect()
    }
}

fn kill(signal: &str, pid: &str) {
    // A process that is gone meanwhile needs no signal.
    let _ = std::process::Command::new("kill")
        .args(["-s", signal, pid])
        .stderr(std::process::Stdio::null())
        .status();
}

fn start(mut command: Command, out: &Path) -> Child {
    let file = File::create(out).expect("a file");
    command
        .stderr(file.try_clone().expect("a file"))
        .stdout(file);
    command.spawn().expect("greenlight")
}

/// A terminal, and the file that keeps what it showed. Dropped, it hangs up.
struct Terminal {
    line: OwnedFd,
    out: File,
}

impl Terminal {
    fn open(out: &Path) -> Self {
        let line = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let line = line.expect("a terminal");
        pty::unlockpt(&line).expect("a terminal");
        rustix::io::ioctl_fionbio(&line, true).expect("a terminal");
        Self {
            line,
            out: File::create(out).expect("a file"),
        }
    }

    /// Starts a program as a terminal does: as the first of its session.
    fn start(&self, command: &Command) -> Child {
        let name = pty::ptsname(&self.line, Vec::new()).expect("a terminal");
        let there = || {
            let mut options = File::options();
            options.read(true).write(true);
            // Not the terminal of the test itself.
            options.custom_flags(OFlags::NOCTTY.bits().cast_signed());
            options
                .open(name.to_str().expect("a path"))
                .expect("a terminal")
        };
        let command = command.as_std();
        let mut first = Command::new("setsid");
        first
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => first.env(name, value),
                None => first.env_remove(name),
            };
        }
        first.stdin(there()).stdout(there()).stderr(there());
        first.kill_on_drop(true).spawn().expect("setsid")
    }

    /// Keeps what was written since it was last asked.
    fn show(&mut self) {
        let mut bytes = [0; 4096];
        while let Ok(read) = rustix::io::read(&self.line, &mut bytes)
            && read > 0
        {
            self.out.write_all(&bytes[..read]).expect("a file");
        }
    }
}

/// The journal as it grows.
struct Tail {
    seen: usize,
}

impl Tail {
    fn at_the_end(lab: &Lab) -> Self {
        let seen = if lab.began() { journal(lab).len() } else { 0 };
        Self { seen }
    }

    /// Steps that began to run since the last call.
    fn running(&mut self, lab: &Lab) -> Vec<String> {
        if !lab.began() {
            return Vec::new();
        }
        let text = journal(lab);
        let new = text.get(self.seen..).unwrap_or_default();
        let whole = new.rfind('\n').map_or(0, |end| end + 1);
        self.seen += whole;
        let lines = new[..whole]
            .lines()
            .filter(|line| line.contains("\"running\""));
        lines
            .filter_map(|line| {
                let event: Value = serde_json::from_str(line).ok()?;
                Some(event["step"].as_str()?.to_owned())
            })
            .collect()
    }
}

fn journal(lab: &Lab) -> String {
    let path = lab.runs().join(lab.newest_run()).join("journal.jsonl");
    std::fs::read_to_string(path).unwrap_or_default()
}

fn pid_file(lab: &Lab, node: &str) -> PathBuf {
    let instance = if node == BLUE {
        "shop-blue"
    } else {
        "shop-green"
    };
    lab.dir()
        .join("rds/i")
        .join(instance)
        .join("data/postmaster.pid")
}

/// The port a server listens on, while it does.
pub fn port_in(pid_file: &std::path::Path) -> Option<u16> {
    let text = std::fs::read_to_string(pid_file).ok()?;
    text.lines().nth(3)?.trim().parse().ok()
}
