use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::ExposeSecret;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::ports::{CommandError, CommandOutput, CommandSpec, Commands, OnLine};
use crate::profile::{BlueGreen, PasswordSource};

/// As much of a command's output as is kept, bytes; the last of it.
const KEPT: usize = 64 * 1024;
/// A longer line is handed over in pieces of this size.
const LINE: u64 = 8 * 1024;
/// What is still heard of a command that has ended, while something it started holds its output open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Commands run on this machine: no shell, a process group of their own, no password of ours in their environment.
#[derive(Debug, Clone, Default)]
pub struct LocalCommands {
    hidden: Vec<String>,
}

impl LocalCommands {
    /// Commands that inherit the environment without the variables `hidden`.
    #[must_use]
    pub fn without(hidden: Vec<String>) -> Self {
        Self { hidden }
    }

    /// Commands that do not see `PGPASSWORD` nor the variables the profile takes passwords from.
    #[must_use]
    pub fn from_profile(profile: &BlueGreen) -> Self {
        let named = [&profile.connection.password, &profile.replication.password];
        let canary = profile.canary.as_ref().map(|canary| &canary.password);
        Self::without_passwords(named.into_iter().chain(canary))
    }

    /// Commands that do not see `PGPASSWORD` nor the variables these passwords come from.
    pub fn without_passwords<'a>(sources: impl IntoIterator<Item = &'a PasswordSource>) -> Self {
        let named = sources.into_iter().filter_map(|source| match source {
            PasswordSource::Env(name) => Some(name.clone()),
            _ => None,
        });
        Self::without(["PGPASSWORD".to_owned()].into_iter().chain(named).collect())
    }
}

#[async_trait]
impl Commands for LocalCommands {
    async fn run(
        &self,
        command: &CommandSpec,
        on_line: OnLine<'_>,
    ) -> Result<CommandOutput, CommandError> {
        let program = command.argv.first().cloned().unwrap_or_default();
        let cannot = |error: io::Error| CommandError::Start {
            program: program.clone(),
            reason: error.to_string(),
        };
        let mut prepared = Command::new(&program);
        prepared
            .args(command.argv.get(1..).unwrap_or_default())
            .stdin(if command.input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for name in &self.hidden {
            prepared.env_remove(name);
        }
        prepared.envs(command.env.iter().map(|(name, value)| (name, value)));
        let mut child = prepared.spawn().map_err(cannot)?;
        // Dropped on any way out, a caller that stops waiting included: what the command started goes with it.
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));

        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), command.input.clone()) {
            // A command that does not read it all has its own reason; its exit code tells.
            tokio::spawn(async move { pipe.write_all(input.expose_secret().as_bytes()).await });
        }
        let (lines, mut heard) = mpsc::channel(64);
        if let Some(out) = child.stdout.take() {
            tokio::spawn(listen(out, Stream::Out, lines.clone()));
        }
        if let Some(err) = child.stderr.take() {
            tokio::spawn(listen(err, Stream::Err, lines.clone()));
        }
        drop(lines);

        let (mut tail, mut stdout) = (Tail::default(), Tail::default());
        let ending = async {
            let hear = async {
                while let Some((stream, line)) = heard.recv().await {
                    on_line(&line);
                    if stream == Stream::Out {
                        stdout.push(line.clone());
                    }
                    tail.push(line);
                }
            };
            // A child in the background may keep the pipes open for ever; the command's own end is what counts.
            let mut hear = std::pin::pin!(hear);
            tokio::select! {
                () = &mut hear => child.wait().await,
                ended = child.wait() => {
                    drop(tokio::time::timeout(LAST_WORDS, hear).await);
                    ended
                }
            }
        };
        let ended = tokio::time::timeout(command.limit, ending).await;
        drop(group);
        match ended {
            Ok(Ok(status)) => Ok(CommandOutput {
                code: status.code(),
                output: tail.text(),
                stdout: stdout.text(),
            }),
            Ok(Err(error)) => Err(cannot(error)),
            Err(_) => Err(CommandError::TimedOut {
                program,
                limit: command.limit,
                output: tail.text(),
            }),
        }
    }
}

/// Where a line came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// Hands over lines until the pipe closes; what is not UTF-8 is shown as �.
async fn listen(
    pipe: impl AsyncRead + Unpin,
    stream: Stream,
    lines: mpsc::Sender<(Stream, String)>,
) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut pipe).take(LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                if lines.send((stream, text)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The last lines, no more than `KEPT` bytes of them.
#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, line: String) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > KEPT {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.len() + 1;
        }
    }

    fn text(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(String::as_str).collect();
        lines.join("\n")
    }
}

/// A process group, killed as a whole when dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may be gone already, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
