//! The loop: events, gauges, keys and signals in; frames, intents and files out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Size;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::model::{Header, Model};
use super::screens::{self, Scene};
use super::terminal::{Keyboard, Screen, panics};
use super::theme::{Looks, Theme};
use super::update::{self, Effect};
use super::view_state::View;
use crate::event::{Event, Gauges, Intent, Outcome};
use crate::inspect::ObjectDiff;

/// The shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(33);

/// What the wizard is made of: what it shows and where its wishes go.
pub struct Wizard {
    /// Known before the first event.
    pub header: Header,
    /// What happens, in order and without a gap.
    pub events: mpsc::UnboundedReceiver<Event>,
    /// The latest readings.
    pub gauges: watch::Receiver<Gauges>,
    /// The object diff of all databases, once there is one.
    pub objects: watch::Receiver<Option<Arc<ObjectDiff>>>,
    /// Where intents go; `None` makes it a read-only view.
    pub intents: Option<mpsc::UnboundedSender<Intent>>,
    /// Looks and places.
    pub options: Options,
}

/// Looks and places.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which looks.
    pub looks: Looks,
    /// The zone of the clock on the screen.
    pub zone: TimeZone,
    /// Where exported tables go.
    pub export_dir: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            looks: Looks::from_env(None),
            zone: TimeZone::system(),
            export_dir: PathBuf::from("."),
        }
    }
}

/// How the screen was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The run ended, and the operator saw it.
    Ended(Outcome),
    /// The operator, a signal or a lost terminal left before the run ended; a park was asked for where this screen may
    /// steer. The engine may still be finishing its action.
    Left,
    /// The events stopped without a last one: whoever ran the engine knows why.
    Lost,
}

/// The screen cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal does not do what a screen needs.
    #[error("the terminal cannot be used: {0}; `--headless` runs without a screen")]
    Terminal(#[from] std::io::Error),
}

/// Shows a run until it ends or the operator leaves. The terminal is as before when this returns.
pub async fn run(wizard: Wizard) -> Result<Exit, TuiError> {
    let screen = Screen::enter()?;
    AppWithFeeds::new(wizard, screen)?.run().await
}

struct App {
    model: Model,
    view: View,
    theme: Theme,
    zone: TimeZone,
    export_dir: PathBuf,
    intents: Option<mpsc::UnboundedSender<Intent>>,
    screen: Screen,
    keyboard: Keyboard,
    signals: Signals,
    left: bool,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    resized: Signal,
}

enum Wake {
    Event(Option<Event>),
    Gauges,
    Objects,
    Key(Option<crossterm::event::Event>),
    Stop,
    HungUp,
    Resized,
    Panicked,
    Tick,
    Draw,
}

impl App {
    fn draw(&mut self) {
        self.view.refresh(&self.model);
        let Self {
            model,
            view,
            theme,
            zone,
            screen,
            ..
        } = self;
        let drawn = screen.draw(|frame| {
            view.size = frame.area().as_size();
            let scene = Scene {
                model,
                view,
                theme,
                zone,
            };
            screens::draw(&scene, frame.area(), frame.buffer_mut());
        });
        if !drawn {
            self.terminal_gone();
        }
    }

    /// Nobody looks on any more: the run is parked, and this loop only waits for that.
    fn terminal_gone(&mut self) {
        self.screen.give_up();
        self.stop();
    }

    /// Asks to park, once; a second time leaves at once.
    fn stop(&mut self) {
        if self.intents.is_none() || self.model.is_over() {
            self.left = true;
        } else if !self.view.leaving {
            self.view.leaving = true;
            self.view.dialog = None;
            self.send(Intent::Park);
        }
    }

    fn send(&mut self, intent: Intent) {
        let sent = self
            .intents
            .as_ref()
            .is_some_and(|intents| intents.send(intent).is_ok());
        if !sent {
            self.view.say(
                self.model.now,
                "nobody is there to do this: the run has ended",
                true,
            );
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(intent) => self.send(intent),
                Effect::Copy(text) => self.screen.copy(&text),
                Effect::Export { name, text } => {
                    let said = export(&self.export_dir, &name, &text);
                    self.view.say(self.model.now, said.0, said.1);
                }
                Effect::Leave => self.left = true,
            }
        }
    }

    fn take(&mut self, event: &Event) {
        self.model.apply(event);
        update::observe(&self.model, &mut self.view, event);
    }

    /// True when the screen is to be closed.
    fn is_finished(&self) -> bool {
        self.left || (self.view.leaving && self.model.is_over())
    }

    fn exit(&self) -> Exit {
        match (self.model.ended, self.model.lost) {
            (Some(outcome), _) => Exit::Ended(outcome),
            (None, true) => Exit::Lost,
            (None, false) => Exit::Left,
        }
    }
}

fn export(dir: &Path, name: &str, text: &str) -> (String, bool) {
    let path = dir.join(name);
    match std::fs::write(&path, text) {
        Ok(()) => (format!("written to {}", path.display()), false),
        Err(error) => (
            format!("{} cannot be written: {error}", path.display()),
            true,
        ),
    }
}

struct Feeds {
    events: mpsc::UnboundedReceiver<Event>,
    gauges: Option<watch::Receiver<Gauges>>,
    objects: Option<watch::Receiver<Option<Arc<ObjectDiff>>>>,
}

struct AppWithFeeds {
    app: App,
    feeds: Feeds,
}

impl AppWithFeeds {
    fn new(wizard: Wizard, screen: Screen) -> Result<Self, TuiError> {
        let mut view = View::default();
        let (width, height) = crossterm::terminal::size()?;
        view.size = Size::new(width, height);
        let app = App {
            model: Model::new(wizard.header, wizard.intents.is_none(), Timestamp::now()),
            view,
            theme: Theme::new(wizard.options.looks),
            zone: wizard.options.zone,
            export_dir: wizard.options.export_dir,
            intents: wizard.intents,
            screen,
            keyboard: Keyboard::listen(),
            signals: Signals {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hang_up: signal(SignalKind::hangup())?,
                resized: signal(SignalKind::window_change())?,
            },
            left: false,
        };
        let feeds = Feeds {
            events: wizard.events,
            gauges: Some(wizard.gauges),
            objects: Some(wizard.objects),
        };
        Ok(Self { app, feeds })
    }

    async fn run(self) -> Result<Exit, TuiError> {
        let Self { mut app, mut feeds } = self;
        let mut panicked = panics();
        // Panics before this screen are not ours.
        panicked.borrow_and_update();
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut stopwatch = interval(Duration::from_millis(100));
        stopwatch.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut drawn = Instant::now();
        let mut stale = true;
        app.draw();
        while !app.is_finished() {
            let in_pause = app.model.in_pause();
            let keys_open = !app.screen.is_gone();
            let wake = tokio::select! {
                biased;
                key = app.keyboard.events.recv(), if keys_open => Wake::Key(key),
                _ = app.signals.hang_up.recv() => Wake::HungUp,
                _ = app.signals.terminate.recv() => Wake::Stop,
                _ = app.signals.interrupt.recv() => Wake::Stop,
                _ = app.signals.resized.recv() => Wake::Resized,
                _ = panicked.wait_for(|panicked| *panicked), if keys_open => Wake::Panicked,
                () = sleep_until(drawn + FRAME), if stale => Wake::Draw,
                event = feeds.events.recv(), if !app.model.is_over() => Wake::Event(event),
                true = changed(&mut feeds.gauges), if feeds.gauges.is_some() => Wake::Gauges,
                true = changed(&mut feeds.objects), if feeds.objects.is_some() => Wake::Objects,
                _ = stopwatch.tick(), if in_pause => Wake::Tick,
                _ = second.tick() => {
                    app.model.sample();
                    Wake::Tick
                }
            };
            let at_once = matches!(wake, Wake::Key(_) | Wake::Draw | Wake::Resized);
            app.wake(wake, &mut feeds);
            stale = true;
            if at_once && !app.screen.is_gone() {
                app.draw();
                drawn = Instant::now();
                stale = false;
            }
            stale &= !app.screen.is_gone();
        }
        Ok(app.exit())
    }
}

/// Waits for a new value; false, once, when no more will come.
async fn changed<T>(receiver: &mut Option<watch::Receiver<T>>) -> bool {
    let Some(open) = receiver else {
        return std::future::pending().await;
    };
    if open.changed().await.is_ok() {
        return true;
    }
    *receiver = None;
    std::future::pending().await
}

impl App {
    fn wake(&mut self, wake: Wake, feeds: &mut Feeds) {
        self.model.tick(Timestamp::now());
        match wake {
            Wake::Key(Some(event)) => {
                self.view.refresh(&self.model);
                let effects = update::terminal(&self.model, &mut self.view, &event);
                self.perform(effects);
            }
            // After a panic its hook has given the terminal back: nothing more is drawn over its message.
            Wake::Key(None) | Wake::HungUp | Wake::Panicked => self.terminal_gone(),
            Wake::Stop if self.view.leaving => self.left = true,
            Wake::Stop => self.stop(),
            Wake::Event(Some(event)) => {
                self.take(&event);
                // A burst makes one frame; bounded, so that a key never waits behind it.
                for _ in 0..256 {
                    match feeds.events.try_recv() {
                        Ok(event) => self.take(&event),
                        Err(_) => break,
                    }
                }
            }
            Wake::Event(None) => self.model.lost = self.model.ended.is_none(),
            Wake::Gauges => {
                if let Some(gauges) = &mut feeds.gauges {
                    self.model.gauges.clone_from(&gauges.borrow_and_update());
                }
            }
            Wake::Objects => {
                if let Some(objects) = &mut feeds.objects {
                    self.model.objects.clone_from(&objects.borrow_and_update());
                }
            }
            Wake::Resized | Wake::Tick | Wake::Draw => {}
        }
    }
}
