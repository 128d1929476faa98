//! The terminal: entered, drawn on, left as it was found, whatever happens in between.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Once};
use std::time::Duration;

use base64::Engine as _;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste, Event};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::sync::{mpsc, watch};

/// True while the terminal is ours; the panic hook asks it.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Turns true when any task or thread panicked.
static PANICKED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Standard output that swallows everything once the terminal is gone: the run goes on without it, and nothing that
/// restores a terminal may fail (or panic) over one that is no more.
struct Tty {
    out: Stdout,
    gone: Arc<AtomicBool>,
}

impl Tty {
    /// After a panic its hook has left the terminal: a frame that is half drawn must not end up on it.
    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed) || !ENTERED.load(Ordering::SeqCst)
    }

    fn keep(&self, result: io::Result<usize>, otherwise: usize) -> io::Result<usize> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(_) => {
                self.gone.store(true, Ordering::Relaxed);
                Ok(otherwise)
            }
            written => written,
        }
    }
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_gone() {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.keep(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_gone() {
            return Ok(());
        }
        let flushed = self.out.flush().map(|()| 0);
        self.keep(flushed, 0).map(|_| ())
    }
}

/// The terminal while it is ours.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Tty>>>,
    gone: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste.
    pub fn enter() -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::other(
                "standard input and output are not a terminal",
            ));
        }
        hook_panics();
        // With NO_COLOR set crossterm drops REVERSED as well, which the mono theme needs; that theme has no colour.
        crossterm::style::force_color_output(true);
        enable_raw_mode()?;
        ENTERED.store(true, Ordering::SeqCst);
        let gone = Arc::new(AtomicBool::new(false));
        let tty = Tty {
            out: io::stdout(),
            gone: gone.clone(),
        };
        let mut writer = BufWriter::with_capacity(1 << 16, tty);
        let entered = execute!(
            writer,
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        );
        let terminal = entered.and_then(|()| Terminal::new(CrosstermBackend::new(writer)));
        match terminal {
            Ok(terminal) => Ok(Self { terminal, gone }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// Draws a frame; false once the terminal is gone.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> bool {
        if self.is_gone() {
            return false;
        }
        if self.terminal.draw(render).is_err() {
            self.gone.store(true, Ordering::Relaxed);
        }
        !self.is_gone()
    }

    /// True once the terminal does not take anything any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// From now on nothing is written.
    pub fn give_up(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Puts a text on the clipboard of the terminal, by OSC 52: also over ssh, where the terminal allows it.
    pub fn copy(&mut self, text: &str) {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        let writer = self.terminal.backend_mut();
        // A terminal that does not know the sequence ignores it; one that is gone is seen at the next frame.
        let _ = write!(writer, "\x1b]52;c;{encoded}\x07").and_then(|()| Write::flush(writer));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A failure here means that there is no terminal left to restore.
        let _ = self.terminal.show_cursor();
        leave();
    }
}

/// Gives the terminal back as it was; a second time does nothing.
fn leave() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        // Nobody is left to tell when these fail: the terminal is gone.
        let _ = execute!(
            out,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// Restores the terminal before a panic is reported, and tells the loop, which parks the run.
fn hook_panics() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            PANICKED.send_replace(true);
            before(panic);
        }));
    });
}

/// Turns true when any task or thread panicked.
pub fn panics() -> watch::Receiver<bool> {
    PANICKED.subscribe()
}

/// What the keyboard says, read by a thread of its own: a read that hangs must never hold up the loop.
pub struct Keyboard {
    /// The events; the channel ends when the terminal is gone.
    pub events: mpsc::UnboundedReceiver<Event>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Keyboard {
    /// Begins to read.
    #[must_use]
    pub fn listen() -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || read_keys(&sender, &stopped));
        Self {
            events,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else {
            return;
        };
        // It looks at `stop` ten times a second, unless it waits for the rest of a key that came by halves.
        for _ in 0..40 {
            if thread.is_finished() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What one look for further keys may take. Nothing at all would be too little: crossterm then does not look.
const LOOK: Duration = Duration::from_millis(1);

// crossterm with `use-dev-tty`: its other source loses a key that comes together with a new size of the terminal.
fn read_keys(sender: &mpsc::UnboundedSender<Event>, stop: &AtomicBool) {
    let stdin = io::stdin();
    let tenth = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    while !stop.load(Ordering::Relaxed) {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&tenth)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        // crossterm reads a terminal that hung up for ever: ask before it does.
        if fds[0]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
        {
            return;
        }
        while crossterm::event::poll(LOOK).unwrap_or(false) {
            let Ok(event) = crossterm::event::read() else {
                return;
            };
            if sender.send(event).is_err() {
                return;
            }
        }
    }
}
