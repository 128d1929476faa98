use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::quote::remote_line;
use crate::adapters::LocalCommands;
use crate::ports::{CommandError, CommandOutput, CommandSpec, Commands as _, OnLine};

/// For a connection to come about, from the name to the last word of the handshake.
const CONNECT: Duration = Duration::from_secs(15);
/// How often the connection's socket is looked for while it comes about.
const POLL: Duration = Duration::from_millis(10);
/// What a command that is over its limit gets to end by itself, and what the way back may take.
const GRACE: Duration = Duration::from_secs(10);
/// ssh's own exit code: the connection failed. A command that ends with it looks the same.
const BROKEN: i32 = 255;
/// `timeout`'s exit codes: the command was over its limit and was ended; it had to be killed.
const OVER: [i32; 2] = [124, 137];

/// One host over the system's OpenSSH: user, jump host, identity and port are as `ssh_config` says. One connection is kept
/// and shared by all commands. Nothing is asked of a person, and a host key that is not known is refused.
#[derive(Debug)]
pub(super) struct Ssh {
    destination: String,
    config: Option<PathBuf>,
    here: LocalCommands,
    master: tokio::sync::Mutex<Option<Master>>,
}

/// The connection that commands share. Its process reads from a pipe of ours at the other end, so it ends with us,
/// however we end.
#[derive(Debug)]
struct Master {
    child: Child,
    folder: TempDir,
}

impl Master {
    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }
}

impl Ssh {
    pub(super) fn new(destination: &str, config: Option<&Path>, here: LocalCommands) -> Self {
        Self {
            destination: destination.to_owned(),
            config: config.map(Path::to_owned),
            here,
            master: tokio::sync::Mutex::default(),
        }
    }

    /// Runs the command; over its limit it is ended there as well as here.
    pub(super) async fn run(
        &self,
        command: &CommandSpec,
        on_line: OnLine<'_>,
    ) -> Result<CommandOutput, CommandError> {
        let socket = self.connection().await?;
        let over = Duration::from_secs(command.limit.as_secs().max(1));
        let mut remote = vec![
            "timeout".to_owned(),
            "--kill-after=5".to_owned(),
            over.as_secs().to_string(),
        ];
        if !command.env.is_empty() {
            remote.push("env".to_owned());
            let set = |(name, value): &(String, String)| format!("{name}={value}");
            remote.extend(command.env.iter().map(set));
        }
        remote.extend(command.argv.iter().cloned());
        let mut argv = self.client(&socket);
        argv.extend(["-o", "ControlMaster=no", "--"].map(str::to_owned));
        argv.extend([self.destination.clone(), remote_line(&remote)]);
        let spec = CommandSpec {
            argv,
            env: Vec::new(),
            input: command.input.clone(),
            limit: over + GRACE,
        };
        let program = command.argv.first().cloned().unwrap_or_default();
        let ended = self.here.run(&spec, on_line).await?;
        match ended.code {
            Some(code) if OVER.contains(&code) => Err(CommandError::TimedOut {
                program,
                limit: command.limit,
                output: ended.output,
            }),
            Some(BROKEN) | None => Err(CommandError::Lost {
                host: self.destination.clone(),
                program,
                reason: last_line(&ended.output),
            }),
            _ => Ok(ended),
        }
    }

    /// The shared connection's socket; it is opened when it is not there or has broken.
    async fn connection(&self) -> Result<PathBuf, CommandError> {
        let mut master = self.master.lock().await;
        if let Some(known) = master.as_mut()
            && matches!(known.child.try_wait(), Ok(None))
        {
            return Ok(known.socket());
        }
        let opened = self.open().await?;
        let socket = opened.socket();
        *master = Some(opened);
        Ok(socket)
    }

    async fn open(&self) -> Result<Master, CommandError> {
        let failed = |reason: String| CommandError::Unreachable {
            host: self.destination.clone(),
            reason,
        };
        // A socket's path is short by nature; the user's own temporary folder may not be.
        let folder = tempfile::Builder::new()
            .prefix("greenlight-")
            .tempdir_in("/tmp")
            .or_else(|_| tempfile::tempdir())
            .map_err(|error| failed(format!("no folder for its socket: {error}")))?;
        let mut argv = self.client(&folder.path().join("s"));
        argv.extend(["-o", "ControlMaster=yes", "--"].map(str::to_owned));
        // It waits for the end of its input, which comes when we are gone.
        argv.extend([self.destination.clone(), remote_line(&["cat"])]);
        let child = Command::new(&argv[0])
            .args(&argv[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("ssh cannot be started: {error}")))?;
        let mut master = Master { child, folder };
        let until = Instant::now() + CONNECT;
        loop {
            if let Ok(Some(_)) = master.child.try_wait() {
                let mut said = String::new();
                if let Some(mut pipe) = master.child.stderr.take() {
                    let hear = pipe.read_to_string(&mut said);
                    let _ = tokio::time::timeout(Duration::from_secs(1), hear).await;
                }
                return Err(failed(last_line(&said)));
            }
            if master.socket().exists() {
                return Ok(master);
            }
            if Instant::now() > until {
                return Err(failed(format!("no connection within {CONNECT:?}")));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// ssh with what holds for every call.
    fn client(&self, socket: &Path) -> Vec<String> {
        let mut argv = vec!["ssh".to_owned()];
        if let Some(config) = &self.config {
            argv.extend(["-F".to_owned(), config.display().to_string()]);
        }
        argv.extend(
            [
                "-T",
                "-x",
                "-a",
                "-o",
                "BatchMode=yes",
                "-o",
                "StrictHostKeyChecking=yes",
                "-o",
                "ConnectTimeout=10",
                "-o",
                "ServerAliveInterval=5",
                "-o",
                "ServerAliveCountMax=3",
                "-o",
                "ClearAllForwardings=yes",
                "-o",
                "ControlPersist=no",
                "-S",
            ]
            .map(str::to_owned),
        );
        argv.push(socket.display().to_string());
        argv
    }
}

/// ssh says the reason last.
fn last_line(said: &str) -> String {
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.unwrap_or("ssh did not say why").to_owned()
}
