use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::call::program;

/// A folder for a lab and a registry of its own; the builds come from the cache that everybody uses.
pub struct Place {
    scratch: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("gl-lab-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .expect("scratch");
        Self { scratch }
    }

    pub fn dir(&self) -> PathBuf {
        self.scratch.path().join("lab")
    }

    /// `greenlight lab …` on this lab.
    pub fn greenlight(&self, args: &[&str]) -> Output {
        Command::new(program())
            .arg("lab")
            .args(args)
            .arg("--dir")
            .arg(self.dir())
            .output()
            .expect("greenlight")
    }

    pub fn up(&self, args: &[&str]) -> Value {
        let output = self.greenlight(&[&["up", "--json"], args].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else")
    }

    pub fn audit(&self) -> Value {
        let output = self.greenlight(&["audit", "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The process that owns the lab.
    pub fn owner(&self) -> u32 {
        let text = std::fs::read_to_string(self.dir().join("lab.json")).expect("card");
        let card: Value = serde_json::from_str(&text).expect("JSON");
        u32::try_from(card["pid"].as_u64().expect("pid")).expect("pid")
    }

    /// Command lines of processes that mention this lab.
    pub fn processes(&self) -> Vec<String> {
        let dir = self.dir().to_string_lossy().into_owned();
        let all = std::fs::read_dir("/proc").expect("proc").flatten();
        all.filter_map(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&dir).then_some(line)
        })
        .collect()
    }

    pub fn wait_until_nothing_runs(&self) {
        for _ in 0..600 {
            if self.processes().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("still running: {:?}", self.processes());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.dir().is_dir() {
            self.greenlight(&["down"]);
        }
    }
}

/// Sends a signal by its name.
pub fn kill(pid: u32, signal: &str) {
    let done = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status();
    assert!(done.expect("kill").success());
}
