//! No secret anywhere: not in what is printed, journalled, reported or logged, here or on the servers, nor in the
//! command line or environment of anything the tool starts.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::process::Command;

use crate::support::{
    BLUE, CUT_OVER, Ended, GREEN, Lab, PARKED, ROLL_BACK, ROLLED_BACK, TO_THE_CUTOVER, program,
};

const MASTER: &str = "LAB_MASTER_PASSWORD";

/// The passwords of a lab, each of which stands nowhere else by chance: they are 32 random digits.
struct Secrets {
    all: Vec<String>,
    master: String,
}

impl Secrets {
    fn of(lab: &Lab) -> Self {
        let all = lab.secrets();
        assert!(all.iter().all(|secret| secret.len() >= 32), "{}", all.len());
        let master = all[0].clone();
        Self { all, master }
    }

    #[track_caller]
    fn are_not_in(&self, what: &str, text: &[u8]) {
        for (at, secret) in self.all.iter().enumerate() {
            let found = text
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            // Which one is enough to know.
            assert!(!found, "secret {at} stands in {what}");
        }
    }

    fn are_not_in_files(&self, folder: &Path) -> usize {
        let files = files_in(folder);
        for file in &files {
            let text = std::fs::read(file).expect("a file");
            self.are_not_in(&file.display().to_string(), &text);
        }
        files.len()
    }
}

#[tokio::test]
async fn no_secret_is_written_printed_or_handed_on() {
    let lab = Lab::up(2).await;
    let secrets = Secrets::of(&lab);
    // The servers log all that the tool tells them, GREEN as well: settings of a role come along.
    for (name, value) in [
        ("log_statement", "all"),
        ("log_min_duration_statement", "0"),
        ("log_min_error_statement", "debug5"),
    ] {
        let sql = format!("ALTER ROLE lab_admin SET {name} = '{value}'");
        lab.ask(BLUE, "postgres", &sql).await;
    }
    take_from_the_environment(&lab);
    let children = Children::begin(&secrets);

    let confirmed = [&TO_THE_CUTOVER[..], &[CUT_OVER]].concat();
    let profile = lab.profile().display().to_string();
    let there = call(&lab, &secrets, &["run", &profile], &confirmed).await;
    there
        .with(PARKED)
        .saying("finish.unlink  waits for the phrase");
    let run = lab.newest_run();
    let back = call(&lab, &secrets, &["rollback", &run], &[ROLL_BACK]).await;
    back.with(ROLLED_BACK);

    for args in [
        &["plan", &profile][..],
        &["plan", &profile, "--json"],
        &["report", &run, "--format", "md"],
        &["report", &run, "--format", "html"],
        &["report", &run, "--format", "json"],
        &["runs"],
    ] {
        let said = plain(&lab, &secrets, args).await;
        assert!(said.len() > 20, "{args:?} says nothing");
        secrets.are_not_in(&args.join(" "), said.as_bytes());
    }
    assert!(secrets.are_not_in_files(&lab.runs()) >= 4);
    assert!(secrets.are_not_in_files(&handed_to_hooks(&lab)) >= 2);
    let log = std::fs::read(log_file(&lab)).expect("the log");
    secrets.are_not_in("the log", &log);
    for instance in ["shop-blue", "shop-green"] {
        let logs = lab.dir().join("rds/i").join(instance).join("log/error");
        assert!(secrets.are_not_in_files(&logs) >= 1, "{instance}");
        let logged = files_in(&logs).iter().any(|file| {
            let text = std::fs::read_to_string(file).expect("a log");
            text.contains("statement: ") && text.contains("FROM pg_roles")
        });
        assert!(logged, "{instance} did not log what it was told");
    }
    assert!(children.end() > 4, "hooks and the load were not seen");
    only_ours_may_read(&lab.runs());
    assert!(lab.is_open(BLUE).await && !lab.is_open(GREEN).await);
}

/// The master's password comes by a variable, and both hooks keep what they were given.
fn take_from_the_environment(lab: &Lab) {
    let kept = handed_to_hooks(lab);
    std::fs::create_dir(&kept).expect("a folder");
    let hook = lab.dir().join("hook.sh");
    let text = format!(
        "env > {kept}/$$.env\ntr '\\0' ' ' < /proc/$$/cmdline > {kept}/$$.argv\ncat > {kept}/$$.in\n\
         case $1 in notify) exit;; esac\n\
         exec {program} lab redirect --dir {dir} \"$2\" \"$3\"\n",
        kept = kept.display(),
        program = program().display(),
        dir = lab.dir().display()
    );
    std::fs::write(&hook, text).expect("hook");
    let profile = std::fs::read_to_string(lab.profile()).expect("profile");
    let mut connection = false;
    let lines = profile.lines().map(|line| {
        connection = line == "[connection]" || (connection && !line.starts_with('['));
        if connection && line.starts_with("password = ") {
            format!("password = {{ env = \"{MASTER}\" }}")
        } else if line.starts_with("argv = ") {
            let hook = hook.display();
            format!(
                "argv = [\"sh\", \"{hook}\", \"redirect\", \"{{host}}\", \"{{port}}\"]\n\n\
                 [hooks.notify]\nargv = [\"sh\", \"{hook}\", \"notify\"]"
            )
        } else {
            line.to_owned()
        }
    });
    let lines: Vec<_> = lines.collect();
    std::fs::write(lab.profile(), lines.join("\n")).expect("profile");
}

fn handed_to_hooks(lab: &Lab) -> PathBuf {
    lab.dir().join("handed")
}

fn log_file(lab: &Lab) -> PathBuf {
    lab.dir().join("tool.log")
}

async fn call(lab: &Lab, secrets: &Secrets, args: &[&str], confirmed: &[&str]) -> Ended {
    let confirmed = confirmed.iter().flat_map(|given| ["--confirm", given]);
    let args: Vec<_> = args
        .iter()
        .copied()
        .chain(["--headless"])
        .chain(confirmed)
        .collect();
    let output = command(lab, secrets, &args)
        .output()
        .await
        .expect("greenlight");
    secrets.are_not_in("what was printed", &output.stdout);
    secrets.are_not_in("what was printed", &output.stderr);
    Ended {
        code: output.status.code(),
        said: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

async fn plain(lab: &Lab, secrets: &Secrets, args: &[&str]) -> String {
    let output = command(lab, secrets, args)
        .output()
        .await
        .expect("greenlight");
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

fn command(lab: &Lab, secrets: &Secrets, args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(args)
        .env("GREENLIGHT_RUNS", lab.runs())
        .env("GREENLIGHT_LOG", log_file(lab))
        .env("RUST_LOG", "trace")
        .env(MASTER, &secrets.master)
        .env("PGPASSWORD", &secrets.master)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Everything that is started meanwhile: its command line, and the environment of all but the tool itself.
struct Children {
    over: Arc<AtomicBool>,
    seen: std::thread::JoinHandle<BTreeSet<u32>>,
}

impl Children {
    fn begin(secrets: &Secrets) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (stop, all) = (Arc::clone(&over), secrets.all.clone());
        let seen = std::thread::spawn(move || {
            let secrets = Secrets {
                master: all[0].clone(),
                all,
            };
            let before: BTreeSet<_> = processes().collect();
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::SeqCst) {
                for pid in processes().filter(|pid| !before.contains(pid)) {
                    seen.insert(pid);
                    secrets.look_at(pid);
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            seen
        });
        Self { over, seen }
    }

    /// How many there were.
    fn end(self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        self.seen.join().expect("nothing was seen").len()
    }
}

impl Secrets {
    fn look_at(&self, pid: u32) {
        let of = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let argv = of("cmdline");
        self.are_not_in("a command line", &argv);
        let environment = of("environ");
        if argv.is_empty() || of("cmdline") != argv {
            // On its way to being another program, or to its end: it is looked at again.
            return;
        }
        // The variables themselves are the operator's way of handing the password to the tool.
        let mut words = argv.split(|byte| *byte == 0);
        let is_tool = words.next() == Some(program().as_os_str().as_encoded_bytes())
            && words.next() != Some(b"lab");
        if !is_tool {
            let argv = String::from_utf8_lossy(&argv).replace('\0', " ");
            self.are_not_in(&format!("the environment of {argv}"), &environment);
        }
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").expect("proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn only_ours_may_read(folder: &Path) {
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            only_ours_may_read(&entry.path());
        } else {
            assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
        }
    }
}

/// Every file in a folder and below.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                files_in(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
