//! `greenlight lab`: a lab that stays up in the background, its end, its audit.
//!
//! `up` starts `lab serve` as a process of its own, which owns the servers, and leaves when that says it is up. If `up`
//! dies before, the serving process sees its pipe end and takes everything down again.

use std::fmt::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{SignalKind, signal};

use super::{Ended, Failure, print, print_json};
use crate::cli::{
    self, LabArgs, LabAudit, LabCommand, LabDeploy, LabDeployment, LabDown, LabMinor, LabRedirect,
    LabServe, LabSwitched, LabUp, LabVerb,
};
use crate::rehearsal::lab::files::{self, Card, LabNode, Up};
use crate::rehearsal::lab::registry;
use crate::rehearsal::load::PAUSE;
use crate::rehearsal::vip::set_minor;
use crate::rehearsal::{Daemon, LabOptions, audit_of, end_process, guard, has_lab, lab_up};

const DOWN_LIMIT: Duration = Duration::from_secs(60);
/// What `systemctl is-active` says of a unit that is not.
const NOT_RUNNING: u8 = 3;
/// How long before the word that it is over a write pause may have begun.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What `up` asks of `serve`, as one line on its standard input.
#[derive(Serialize, Deserialize)]
struct Wish {
    procedure: String,
    load: usize,
    load_pause: Duration,
    majors: (u32, u32),
    patroni: u32,
    loopback: bool,
    pg_bin: Vec<PathBuf>,
}

/// What `serve` tells `up`, one line each.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Told {
    Say(String),
    Up(Up),
    Failed(String),
}

/// Runs the subcommand.
pub async fn run(args: LabArgs) -> Ended {
    match args.command {
        LabCommand::Up(args) => up(&args).await,
        LabCommand::Down(args) => down(&args).await,
        LabCommand::Audit(args) => show_audit(&args).await,
        LabCommand::Serve(args) => serve(&args).await,
        LabCommand::Redirect(args) => redirect(&args),
        LabCommand::Switched(args) => switched(&args),
        LabCommand::Minor(args) => minor(&args),
        LabCommand::Node(args) => node(&args).await,
        LabCommand::Deploy(args) => deploy(&args).await,
    }
}

async fn up(args: &LabUp) -> Ended {
    has_lab(&args.procedure)?;
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command
        .args(["lab", "serve", "--dir"])
        .arg(&args.dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Ctrl-C in the terminal is for us; the lab hears of it through its pipe.
        .process_group(0);
    let mut serving = tokio::process::Command::from(command).spawn()?;
    let (Some(mut to), Some(from)) = (serving.stdin.take(), serving.stdout.take()) else {
        return Err(Failure::new("the lab's process has no pipes"));
    };
    let wish = Wish {
        procedure: args.procedure.clone(),
        load: args.load.unwrap_or(0),
        load_pause: args.load_pause.map_or(PAUSE, Duration::from_millis),
        majors: (args.from, args.to),
        patroni: args.patroni,
        loopback: args.loopback,
        pg_bin: args.pg_bin.clone(),
    };
    to.write_all(format!("{}\n", serde_json::to_string(&wish)?).as_bytes())
        .await?;
    let mut lines = BufReader::new(from).lines();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        };
        match line.as_deref().map(serde_json::from_str::<Told>) {
            Some(Ok(Told::Say(words))) => eprintln!("{words}"),
            Some(Ok(Told::Up(up))) => {
                to.write_all(b"ok\n").await?;
                return show(&up, args.json);
            }
            Some(Ok(Told::Failed(words))) => return Err(Failure::new(words)),
            Some(Err(error)) => return Err(error.into()),
            None => {
                // The end of its pipe tells the lab to take everything down again.
                drop(to);
                let _ = tokio::time::timeout(DOWN_LIMIT, serving.wait()).await;
                return Err(Failure::new("the lab was given up; nothing of it is left"));
            }
        }
    }
}

fn show(up: &Up, json: bool) -> Ended {
    if json {
        print_json(up)?;
        return Ok(ExitCode::SUCCESS);
    }
    let node = |node: &LabNode| format!("{:<13} {}\n", node.name, node.url);
    let nodes: String = up.nodes.iter().map(node).collect();
    let (profile, endpoint) = (up.profile.display(), &up.rds_endpoint);
    let mut text = format!("profile       {profile}\n{nodes}");
    if !endpoint.is_empty() {
        let _ = writeln!(text, "RDS stand-in  {endpoint}");
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &LabServe) -> Ended {
    let mut lines = BufReader::new(standard_input()?).lines();
    let wish: Wish = serde_json::from_str(&lines.next_line().await?.unwrap_or_default())?;
    let mut options = LabOptions::new(&args.dir)?;
    options.pg_bin.clone_from(&wish.pg_bin);
    options.majors = wish.majors;
    options.patroni = wish.patroni;
    options.loopback = wish.loopback;
    let say = |words: &str| tell(&Told::Say(words.to_owned()));
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move { while hangup.recv().await.is_some() {} });
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Until it is up, the end of standard input means that nobody waits for the lab any more.
    let lab = tokio::select! {
        lab = lab_up(&wish.procedure, &options, &say) => lab,
        _ = lines.next_line() => return Ok(ExitCode::FAILURE),
        _ = terminate.recv() => return Ok(ExitCode::FAILURE),
    };
    let lab = match lab {
        Ok(lab) => lab,
        Err(error) => {
            tell(&Told::Failed(error.to_string()));
            return Ok(ExitCode::FAILURE);
        }
    };
    let load = lab.load(wish.load, wish.load_pause);
    match load {
        Err(error) => {
            tell(&Told::Failed(error.to_string()));
            lab.down().await?;
        }
        Ok(load) => {
            tell(&Told::Up(lab.told().clone()));
            if lines.next_line().await?.is_some() {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            load.stop().await?;
            lab.down().await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Standard input as the pipe that it is here: unlike the usual handle, a read under way does not keep the process.
fn standard_input() -> std::io::Result<Receiver> {
    let pipe = std::io::stdin().as_fd().try_clone_to_owned()?;
    Receiver::from_file(pipe.into())
}

/// A reader that went away is no error here: the lab then hears of it on its standard input.
fn tell(told: &Told) {
    use std::io::Write as _;
    if let Ok(text) = serde_json::to_string(told) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

async fn down(args: &LabDown) -> Ended {
    let (dir, card) = lab_in(&args.dir)?;
    if card.is_alive() {
        eprintln!("stopping the lab in {}", dir.display());
        end_process(card.pid, DOWN_LIMIT, || card.is_alive()).await;
    }
    if dir.is_dir() {
        registry::remove(&dir).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show_audit(args: &LabAudit) -> Ended {
    let (dir, _) = lab_in(&args.dir)?;
    let result = audit_of(&dir).await?;
    if args.json {
        print_json(&result)?;
    } else {
        print(&format!(
            "acknowledged {}\nlost         {}\nduplicated   {}\nin doubt     {}\nlongest gap  {} ms\n",
            result.acknowledged,
            result.lost,
            result.duplicated,
            result.in_doubt,
            result.longest_gap_ms
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn redirect(args: &LabRedirect) -> Ended {
    let (dir, _) = lab_in(&args.dir)?;
    files::redirect(&dir, &args.host, args.port)?;
    Ok(ExitCode::SUCCESS)
}

fn switched(args: &LabSwitched) -> Ended {
    let (dir, _) = lab_in(&args.dir)?;
    files::note_switch(&dir, LONGEST_PAUSE)?;
    Ok(ExitCode::SUCCESS)
}

/// Asks for no card: the servers' user may run it as well, to whom the card is closed.
fn minor(args: &LabMinor) -> Ended {
    set_minor(&args.dir, &args.node, &args.version)?;
    eprintln!(
        "a rehearsal's stand-in for the package step: {} has the programs of {}",
        args.node, args.version
    );
    Ok(ExitCode::SUCCESS)
}

/// Asks for no card, either.
async fn node(args: &cli::LabNode) -> Ended {
    let daemon = Daemon::named(&args.dir, &args.name)?;
    match args.verb {
        LabVerb::Start => daemon.start()?,
        LabVerb::Stop => daemon.stop().await?,
        LabVerb::Running if daemon.is_running() => {}
        LabVerb::Running => return Ok(ExitCode::from(NOT_RUNNING)),
        LabVerb::Enable => daemon.enable(true)?,
        LabVerb::Disable => daemon.enable(false)?,
        LabVerb::Kill => daemon.kill(false),
        LabVerb::Crash => daemon.kill(true),
    }
    Ok(ExitCode::SUCCESS)
}

async fn deploy(args: &LabDeploy) -> Ended {
    let (dir, _) = lab_in(&args.dir)?;
    let deployment = match args.deployment {
        LabDeployment::Good => guard::Deployment::Good,
        LabDeployment::Bad => guard::Deployment::Bad,
    };
    guard::deploy(&dir, deployment).await?;
    Ok(ExitCode::SUCCESS)
}

/// The lab in a folder, which must hold one.
fn lab_in(dir: &Path) -> Result<(PathBuf, Card), Failure> {
    let none = || {
        Failure::new(format!(
            "{} holds no lab: `greenlight lab up --dir …` makes one",
            dir.display()
        ))
    };
    let full = dir.canonicalize().map_err(|_| none())?;
    let card = Card::read(&full).ok_or_else(none)?;
    Ok((full, card))
}
