//! Plays the load balancer: keeps the endpoint file at the member whose REST API says that it is the primary.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::member::Member;
use crate::rehearsal::lab::files;

/// How often members are asked.
const EVERY: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(1);

/// Asks as long as it lives.
pub struct Watcher(JoinHandle<()>);

impl Watcher {
    /// Begins to watch; `leader` is where the endpoint points now.
    pub fn start(dir: PathBuf, members: Vec<Member>, leader: usize) -> Self {
        Self(tokio::spawn(watch(dir, members, leader)))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch(dir: PathBuf, members: Vec<Member>, mut leader: usize) {
    loop {
        tokio::time::sleep(EVERY).await;
        if answers(members[leader].rest(), "/primary").await {
            continue;
        }
        for (at, member) in members.iter().enumerate() {
            if at != leader && answers(member.rest(), "/primary").await {
                // A folder that is gone ends the lab anyway.
                if files::redirect(&dir, &member.address, member.port).is_ok() {
                    leader = at;
                }
                break;
            }
        }
    }
}

/// True when a GET of `path` is answered by 200.
pub async fn answers(at: (&str, u16), path: &str) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(at).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", at.0);
        stream.write_all(request.as_bytes()).await?;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await?;
        Ok::<_, std::io::Error>(first)
    };
    let answer = tokio::time::timeout(LIMIT, asking).await;
    matches!(answer, Ok(Ok(line)) if line.ends_with(b" 200"))
}
