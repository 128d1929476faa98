use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

/// What a wait may take; a test that needs it has failed.
const LIMIT: Duration = Duration::from_secs(60);

pub const WIDE: (u16, u16) = (120, 40);
pub const NARROW: (u16, u16) = (80, 24);
pub const TOO_SMALL: (u16, u16) = (40, 10);

/// The real binary on a terminal of its own.
pub struct Pty {
    line: Option<Line>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<Mutex<Seen>>,
    settings_before: String,
}

/// This end of the line, and the other one, held open so that its settings outlive the program.
struct Line {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    _slave: Box<dyn SlavePty + Send>,
    stop: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

/// What the program wrote.
struct Seen {
    bytes: Vec<u8>,
    parser: vt100::Parser,
}

impl Pty {
    /// Starts `greenlight` with these arguments and this environment.
    pub fn start(
        (width, height): (u16, u16),
        runs: &Path,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Self {
        let pair = native_pty_system()
            .openpty(size((width, height)))
            .expect("pty");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_greenlight"));
        command.args(args);
        command.cwd(runs.parent().expect("a folder"));
        command.env("TERM", "xterm-256color");
        command.env("GREENLIGHT_RUNS", runs);
        for name in ["NO_COLOR", "GREENLIGHT_FAULT", "GREENLIGHT_THEME"] {
            command.env_remove(name);
        }
        for (name, value) in env {
            command.env(name, value);
        }
        let settings_before = settings(pair.master.as_ref());
        let seen = Arc::new(Mutex::new(Seen {
            bytes: Vec::new(),
            parser: vt100::Parser::new(height, width, 0),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let from = pair.master.try_clone_reader().expect("reader");
        let reader = std::thread::spawn({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || read(from, &seen, &stop)
        });
        let child = pair.slave.spawn_command(command).expect("greenlight");
        let keys = pair.master.take_writer().expect("writer");
        let line = Line {
            master: pair.master,
            keys,
            _slave: pair.slave,
            stop,
            reader,
        };
        Self {
            line: Some(line),
            child,
            seen,
            settings_before,
        }
    }

    fn line(&mut self) -> &mut Line {
        self.line.as_mut().expect("the line is open")
    }

    /// Types.
    pub fn keys(&mut self, keys: &str) {
        let line = self.line();
        line.keys.write_all(keys.as_bytes()).expect("keys");
        line.keys.flush().expect("keys");
    }

    /// Pastes, as a terminal with bracketed paste does.
    pub fn paste(&mut self, text: &str) {
        self.keys(&format!("\x1b[200~{text}\x1b[201~"));
    }

    pub fn resize(&mut self, to: (u16, u16)) {
        self.seen(|seen| seen.parser.screen_mut().set_size(to.1, to.0));
        self.line().master.resize(size(to)).expect("resize");
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.process_id().expect("running").to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &pid])
            .status();
        assert!(sent.expect("kill").success());
    }

    /// Closes this end of the line: what a lost connection does.
    pub fn hang_up(&mut self) {
        self.line().stop.store(true, Ordering::SeqCst);
        // The reader sees that it is to stop once there is something to read.
        self.resize((100, 30));
        let line = self.line.take().expect("the line is open");
        line.reader.join().expect("reader");
    }

    fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().expect("seen"))
    }

    /// What is on the screen now.
    pub fn text(&self) -> String {
        self.seen(|seen| seen.parser.screen().contents())
    }

    /// Every byte that the program wrote.
    pub fn bytes(&self) -> String {
        self.seen(|seen| String::from_utf8_lossy(&seen.bytes).into_owned())
    }

    /// Waits until these words are on the screen.
    #[track_caller]
    pub fn wait_for(&self, words: &str) {
        self.wait_until(words, |text| text.contains(words));
    }

    #[track_caller]
    pub fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let until = Instant::now() + LIMIT;
        while !holds(&self.text()) {
            assert!(
                Instant::now() < until,
                "waited for {what:?}:\n{}",
                self.text()
            );
            sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end of the program, whose exit code must be this one.
    #[track_caller]
    pub fn ends_with(&mut self, code: i32) {
        let until = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                break status;
            }
            assert!(Instant::now() < until, "it does not end:\n{}", self.text());
            sleep(Duration::from_millis(10));
        };
        assert_eq!(
            (status.signal(), i32::try_from(status.exit_code()).ok()),
            (None, Some(code)),
            "{}",
            self.text()
        );
    }

    /// The terminal is the wizard's.
    #[track_caller]
    pub fn assert_taken(&mut self) {
        assert_eq!(self.modes(), (true, true, true), "{}", self.text());
        assert_ne!(settings(self.line().master.as_ref()), self.settings_before);
    }

    /// The terminal is as it was before.
    #[track_caller]
    pub fn assert_given_back(&mut self) {
        // The last bytes may still be on their way.
        let until = Instant::now() + LIMIT;
        while self.modes() != (false, false, false) && Instant::now() < until {
            sleep(Duration::from_millis(10));
        }
        assert_eq!(self.modes(), (false, false, false), "{}", self.text());
        assert_eq!(settings(self.line().master.as_ref()), self.settings_before);
    }

    /// Alternate screen, hidden cursor, bracketed paste.
    fn modes(&self) -> (bool, bool, bool) {
        self.seen(|seen| {
            let screen = seen.parser.screen();
            (
                screen.alternate_screen(),
                screen.hide_cursor(),
                screen.bracketed_paste(),
            )
        })
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn size((cols, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols,
        ..PtySize::default()
    }
}

/// The line's settings, raw mode among them.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("settings"))
}

fn read(mut from: Box<dyn Read + Send>, seen: &Mutex<Seen>, stop: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(read) = from.read(&mut bytes) {
        if read == 0 || stop.load(Ordering::SeqCst) {
            return;
        }
        let mut seen = seen.lock().expect("seen");
        seen.bytes.extend_from_slice(&bytes[..read]);
        seen.parser.process(&bytes[..read]);
    }
}
