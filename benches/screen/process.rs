//! A program on a terminal of its own: keys pressed and timed, memory and processor time read.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::Failure;

/// A frame is complete when nothing more comes for this long.
const QUIET: Duration = Duration::from_millis(8);
/// What any wait may take.
const LIMIT: Duration = Duration::from_secs(180);

/// The program.
pub struct Process {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    bytes: Receiver<(Instant, Vec<u8>)>,
    _master: Box<dyn MasterPty + Send>,
    pid: u32,
}

impl Process {
    /// Starts it on 120 columns and 40 lines.
    pub fn start(program: &str, args: &[&str], env: &[(&str, &str)]) -> Result<Self, Failure> {
        let size = PtySize {
            rows: 40,
            cols: 120,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(std::env::current_dir()?);
        command.env("TERM", "xterm-256color");
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command)?;
        let mut from = pair.master.try_clone_reader()?;
        let (send, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read) = from.read(&mut buffer) {
                if read == 0
                    || send
                        .send((Instant::now(), buffer[..read].to_vec()))
                        .is_err()
                {
                    return;
                }
            }
        });
        Ok(Self {
            pid: child.process_id().ok_or("it has ended already")?,
            child,
            keys: pair.master.take_writer()?,
            bytes,
            _master: pair.master,
        })
    }

    /// Waits until these words have been written.
    pub fn wait_for(&self, words: &str) -> Result<(), Failure> {
        // Only what changes is sent, so words are looked for on the screen and not among the bytes.
        let mut screen = vt100::Parser::new(40, 120, 0);
        let began = Instant::now();
        while !screen.screen().contents().contains(words) {
            let seen = screen.screen().contents();
            if began.elapsed() > LIMIT {
                return Err(format!("waited for {words:?} in {seen}").into());
            }
            match self.bytes.recv_timeout(Duration::from_secs(1)) {
                Ok((_, bytes)) => screen.process(&bytes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("it ended: {seen}").into());
                }
            }
        }
        Ok(())
    }

    /// Lets everything that follows from the start come and go.
    pub fn settle(&self) {
        std::thread::sleep(Duration::from_secs(2));
        self.drain();
    }

    fn drain(&self) {
        while self.bytes.try_recv().is_ok() {}
    }

    /// Presses a key so many times and returns the slowest: from the press to the last byte of the frame it made.
    pub fn press(&mut self, key: &str, times: usize) -> Result<Duration, Failure> {
        let mut slowest = Duration::ZERO;
        for _ in 0..times {
            self.drain();
            let pressed = Instant::now();
            self.keys.write_all(key.as_bytes())?;
            self.keys.flush()?;
            // An escape alone is told from the beginning of another key by the time after it.
            let (mut last, _) = self.bytes.recv_timeout(Duration::from_secs(2))?;
            while let Ok((at, _)) = self.bytes.recv_timeout(QUIET) {
                last = at;
            }
            slowest = slowest.max(last - pressed);
        }
        Ok(slowest)
    }

    /// Share of a core it uses while nothing is pressed, in percent.
    pub fn idle(&self, lasting: Duration) -> Result<f64, Failure> {
        let before = self.ticks()?;
        std::thread::sleep(lasting);
        let used = self.ticks()? - before;
        // The kernel counts in hundredths of a second on every platform we know.
        Ok(used as f64 / lasting.as_secs_f64())
    }

    fn ticks(&self) -> Result<u64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let (_, fields) = stat.rsplit_once(") ").ok_or("no stat")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
    }

    /// Its memory, at its peak and now.
    pub fn memory(&self) -> Result<String, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let of = |name: &str| -> Result<u64, Failure> {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            Ok(number.ok_or("no such line")?.parse::<u64>()? / 1024)
        };
        Ok(format!(
            "memory {} MB at its peak, {} MB now",
            of("VmHWM:")?,
            of("VmRSS:")?
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The middle one.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
