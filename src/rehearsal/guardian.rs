//! A small shell that ends a server when the process that owns the server is gone, however it went.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::RehearsalError;

/// The guardian waits on a pipe whose other end only the owner holds. A word means "all is well, go"; the end of the
/// pipe means that the owner died: then the server (frozen or not) is stopped and its folder removed.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
read -r word && exit 0
children() {
    for stat in /proc/[0-9]*/stat; do
        { read -r pid _ _ parent _ < "$stat"; } 2>/dev/null || continue
        [ "$parent" = "$1" ] && echo "$pid"
    done
}
kill -QUIT "$1" 2>/dev/null
kill -CONT "$1" $(children "$1") 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
kill -KILL "$1" $(children "$1") 2>/dev/null
[ -n "$2" ] && rm -rf -- "$2"
"#;

/// The same for a folder and what works in it, and for the network named `$2` (or none): its namespaces, its bridge.
/// The folder itself stays for the next start, which says that it removes it.
const FOLDER_SCRIPT: &str = r#"
trap '' INT HUP TERM
read -r word && exit 0
inside() {
    for proc in /proc/[0-9]*; do
        case "$(readlink "$proc/cwd" 2>/dev/null)/" in "$1"/*) echo "${proc#/proc/}" ;; esac
    done
}
tries=0
while pids=$(inside "$1") && [ -n "$pids" ] && [ $tries -lt 100 ]; do
    for pid in $pids; do
        name=
        { read -r name < "/proc/$pid/comm"; } 2>/dev/null
        if [ "$name" != postgres ] || [ $tries -gt 60 ]; then
            kill -KILL "$pid" 2>/dev/null
        elif [ $tries = 0 ] || [ $tries = 30 ]; then
            kill -QUIT "$pid" 2>/dev/null
            kill -CONT "$pid" 2>/dev/null
        fi
    done
    sleep 0.05
    tries=$((tries + 1))
done
[ -n "$2" ] || exit 0
for namespace in /run/netns/"$2"-*; do
    [ -e "$namespace" ] && ip netns del "${namespace##*/}"
done
ip link del "$2" 2>/dev/null
"#;

/// A running guardian.
#[derive(Debug)]
pub struct Guardian(Child);

impl Guardian {
    /// Watches over the server with this id; `folder` is removed along with it when the owner dies.
    pub fn watch(server: u32, folder: Option<&Path>) -> Result<Self, RehearsalError> {
        let folder = folder.unwrap_or(Path::new(""));
        Self::start(SCRIPT, server.to_string().as_ref(), folder.as_os_str())
    }

    /// Watches over what works in `folder`, and over a network of namespaces.
    pub fn watch_folder(folder: &Path, network: Option<&str>) -> Result<Self, RehearsalError> {
        let network = network.unwrap_or_default();
        Self::start(FOLDER_SCRIPT, folder.as_os_str(), network.as_ref())
    }

    fn start(script: &str, first: &OsStr, second: &OsStr) -> Result<Self, RehearsalError> {
        Command::new("/bin/sh")
            .arg("-c")
            .arg(script)
            .arg("greenlight-guardian")
            .arg(first)
            .arg(second)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal is for the owner alone.
            .process_group(0)
            .spawn()
            .map(Self)
            .map_err(|e| {
                RehearsalError::command("starting a server's guardian", format!("/bin/sh: {e}"))
            })
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            let _ = pipe.write_all(b"go\n");
        }
        let _ = self.0.wait();
    }
}
