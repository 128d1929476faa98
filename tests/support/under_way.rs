//! Calls of `greenlight` that are listened to while they are under way.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::call::Ended;

/// A call under way, its lines read as they come.
pub struct UnderWay {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: String,
}

impl UnderWay {
    /// Starts it; it ends with the test at the latest.
    pub fn start(command: Command) -> Self {
        let mut command = tokio::process::Command::from(command);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("greenlight");
        let stdout = child.stdout.take().expect("a pipe");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
            said: String::new(),
        }
    }

    /// Reads on until a line holds these words, and returns it.
    #[track_caller]
    pub fn says<'a>(&'a mut self, words: &'a str) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let found = async {
                while let Some(line) = self.lines.next_line().await.expect("a line") {
                    self.said.push_str(&line);
                    self.said.push('\n');
                    if line.contains(words) {
                        return Some(line);
                    }
                }
                None
            };
            let found = tokio::time::timeout(Duration::from_secs(180), found).await;
            match found {
                Ok(Some(line)) => line,
                _ => panic!("{caller}: no {words:?} in:\n{}", self.said),
            }
        }
    }

    /// The process.
    pub fn pid(&self) -> String {
        self.child.id().expect("running").to_string()
    }

    /// Reads to the end.
    pub async fn ended(mut self) -> Ended {
        while let Some(line) = self.lines.next_line().await.expect("a line") {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        let output = self.child.wait_with_output().await.expect("greenlight");
        let rest = Ended::of(&output);
        Ended {
            said: self.said + &rest.said,
            ..rest
        }
    }
}
