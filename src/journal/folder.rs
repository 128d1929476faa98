use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{ErrorKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy as _;
use rustix::fs::{FlockOperation, flock};

use super::{JournalError, Writer, read};
use crate::event::Event;
use crate::runbook::Plan;

const PROFILE: &str = "profile.toml";
const PLAN: &str = "plan.json";
/// The journal's file in a run's folder.
pub const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "lock";
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// `greenlight runs` holds the lock for an instant while it looks whether somebody else does.
const LOCK_TRIES: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The folder that holds all runs of this user, one sub-folder each, closed to everybody else.
#[derive(Debug, Clone)]
pub struct Runs {
    dir: PathBuf,
}

/// A run that this process drives; nobody else can while it lives.
#[derive(Debug)]
pub struct OpenRun {
    /// The run's id, six hexadecimal digits.
    pub id: String,
    /// Its folder.
    pub dir: PathBuf,
    /// The profile it began with, word for word.
    pub profile: String,
    /// The plan it began with.
    pub plan: Plan,
    /// What happened so far.
    pub past: Vec<Event>,
    /// Where what happens next is written.
    pub writer: Writer,
    /// Frees the run for others when dropped.
    pub lock: RunLock,
}

/// The lock of a run.
#[derive(Debug)]
pub struct RunLock(File);

/// A run that has an id and a folder, and no plan yet.
#[derive(Debug)]
pub struct NewRun {
    /// Its id.
    pub id: String,
    dir: PathBuf,
    lock: RunLock,
}

/// A run as others may see it while it is driven.
#[derive(Debug)]
pub struct RunView {
    /// The run's id.
    pub id: String,
    /// The profile it began with, word for word.
    pub profile: String,
    /// The plan it began with.
    pub plan: Plan,
    /// What happened so far.
    pub events: Vec<Event>,
    /// The process that drives it now.
    pub driven_by: Option<String>,
}

impl OpenRun {
    /// Its journal, for a [`super::Follower`].
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.dir.join(JOURNAL)
    }
}

impl Runs {
    /// The runs in `explicit`, else in `$GREENLIGHT_RUNS`, else in `greenlight/runs` under `$XDG_STATE_HOME`
    /// (`~/.local/state`).
    pub fn locate(explicit: Option<&Path>) -> Result<Self, JournalError> {
        let named = explicit.map(Path::to_owned).or_else(|| {
            std::env::var_os("GREENLIGHT_RUNS")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        });
        let dir = match named {
            Some(dir) => dir,
            None => etcetera::base_strategy::Xdg::new()
                .map_err(|error| JournalError::NoHome(error.to_string()))?
                .state_dir()
                .ok_or_else(|| JournalError::NoHome("no state directory".to_owned()))?
                .join("greenlight/runs"),
        };
        Ok(Self { dir })
    }

    /// Begins a run: makes its folder with profile and plan, and takes its lock.
    pub fn create(&self, profile: &str, plan: &Plan) -> Result<OpenRun, JournalError> {
        self.prepare()?.begin(profile, plan)
    }

    /// Takes an id, a folder and a lock for a run whose plan needs the id.
    pub fn prepare(&self) -> Result<NewRun, JournalError> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIR_MODE)
            .create(&self.dir)
            .map_err(JournalError::io("create", &self.dir))?;
        let (id, dir) = self.fresh_folder()?;
        let lock = take_lock(&id, &dir)?;
        Ok(NewRun { id, dir, lock })
    }

    /// Takes up a run by its id or an unambiguous beginning of it. A torn last line of its journal is cut off.
    pub fn open(&self, id: &str) -> Result<OpenRun, JournalError> {
        let (id, dir) = self.find(id)?;
        let lock = take_lock(&id, &dir)?;
        let path = dir.join(JOURNAL);
        let contents = read(&path)?;
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(JournalError::io("open", &path))?;
        if contents.torn {
            file.set_len(contents.sound_bytes)
                .and_then(|()| file.sync_data())
                .map_err(JournalError::io("cut the torn last line of", &path))?;
        }
        file.seek(SeekFrom::End(0))
            .map_err(JournalError::io("open", &path))?;
        Ok(OpenRun {
            profile: text_of(&dir.join(PROFILE))?,
            plan: plan_of(&dir)?,
            writer: Writer::new(
                &path,
                file,
                contents.events.len() as u64,
                contents.sound_bytes,
            ),
            past: contents.events,
            id,
            dir,
            lock,
        })
    }

    /// Looks at a run without taking it up.
    pub fn view(&self, id: &str) -> Result<RunView, JournalError> {
        let (id, dir) = self.find(id)?;
        Ok(RunView {
            profile: text_of(&dir.join(PROFILE))?,
            plan: plan_of(&dir)?,
            events: read(&dir.join(JOURNAL))?.events,
            driven_by: holder(&dir),
            id,
        })
    }

    /// The journal of a run, for a [`super::Follower`].
    pub fn journal(&self, id: &str) -> Result<PathBuf, JournalError> {
        Ok(self.find(id)?.1.join(JOURNAL))
    }

    /// The ids of all runs, in no particular order.
    pub fn ids(&self) -> Result<Vec<String>, JournalError> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(JournalError::io("list", &self.dir))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(JournalError::io("list", &self.dir))?;
            if entry.path().join(JOURNAL).is_file()
                && let Ok(id) = entry.file_name().into_string()
            {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Where the runs are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn find(&self, id: &str) -> Result<(String, PathBuf), JournalError> {
        let mut matching: Vec<_> = self.ids()?;
        matching.retain(|known| !id.is_empty() && known.starts_with(id));
        matching.sort();
        let no_run = |found: String| JournalError::NoSuchRun {
            found,
            runs: self.dir.clone(),
        };
        let found = match matching.as_slice() {
            [] => return Err(no_run(format!("no run {id}"))),
            [only] => only,
            [exact, ..] if exact == id => exact,
            several => return Err(no_run(format!("{id} could be {}", several.join(" or ")))),
        };
        let dir = self.dir.join(found);
        must_be_ours(&dir, DIR_MODE)?;
        for file in [PROFILE, PLAN, JOURNAL] {
            must_be_ours(&dir.join(file), FILE_MODE)?;
        }
        Ok((found.clone(), dir))
    }

    fn fresh_folder(&self) -> Result<(String, PathBuf), JournalError> {
        loop {
            let random = RandomState::new().build_hasher().finish();
            let id = format!("{:06x}", random & 0xff_ffff);
            let dir = self.dir.join(&id);
            match DirBuilder::new().mode(DIR_MODE).create(&dir) {
                Ok(()) => return Ok((id, dir)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(JournalError::io("create", &dir)(error)),
            }
        }
    }
}

impl NewRun {
    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes profile and plan, and opens the journal.
    pub fn begin(self, profile: &str, plan: &Plan) -> Result<OpenRun, JournalError> {
        let Self { id, dir, lock } = self;
        let json = serde_json::to_string_pretty(plan).map_err(std::io::Error::other);
        let plan_path = dir.join(PLAN);
        let json = json.map_err(JournalError::io("write", &plan_path))?;
        store(&dir.join(PROFILE), profile)?;
        store(&plan_path, &json)?;
        let path = dir.join(JOURNAL);
        let file = new_file(&path)?;
        for folder in [Some(dir.as_path()), dir.parent()].into_iter().flatten() {
            File::open(folder)
                .and_then(|handle| handle.sync_all())
                .map_err(JournalError::io("sync", folder))?;
        }
        Ok(OpenRun {
            id,
            profile: profile.to_owned(),
            plan: plan.clone(),
            past: Vec::new(),
            writer: Writer::new(&path, file, 0, 0),
            lock,
            dir,
        })
    }

    /// Gives the folder up again: nothing was begun.
    pub fn discard(self) {
        // What is left of it is an empty folder that no list of runs shows.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Closing the file frees the lock anyway; emptying it first keeps it from naming a process that is gone.
        let _ = self.0.set_len(0);
    }
}

fn take_lock(run: &str, dir: &Path) -> Result<RunLock, JournalError> {
    let path = dir.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(JournalError::io("open", &path))?;
    let mut tries = 0;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        tries += 1;
        if tries == LOCK_TRIES {
            return Err(JournalError::Locked {
                run: run.to_owned(),
                holder: fs::read_to_string(&path).unwrap_or_default(),
            });
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    file.set_len(0)
        .and_then(|()| write!(file, "process {}", std::process::id()))
        .map_err(JournalError::io("write", &path))?;
    Ok(RunLock(file))
}

/// Who drives the run in `dir`, when somebody does.
fn holder(dir: &Path) -> Option<String> {
    let path = dir.join(LOCK);
    let file = File::open(&path).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => None,
        Err(_) => fs::read_to_string(&path).ok(),
    }
}

fn new_file(path: &Path) -> Result<File, JournalError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(JournalError::io("create", path))
}

fn store(path: &Path, text: &str) -> Result<(), JournalError> {
    let mut file = new_file(path)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(JournalError::io("write", path))
}

fn text_of(path: &Path) -> Result<String, JournalError> {
    fs::read_to_string(path).map_err(JournalError::io("read", path))
}

fn plan_of(dir: &Path) -> Result<Plan, JournalError> {
    let path = dir.join(PLAN);
    serde_json::from_str(&text_of(&path)?).map_err(|error| JournalError::Plan {
        path,
        reason: error.to_string(),
    })
}

fn must_be_ours(path: &Path, wanted: u32) -> Result<(), JournalError> {
    let mode = fs::metadata(path)
        .map_err(JournalError::io("look at", path))?
        .permissions()
        .mode()
        & 0o777;
    if mode & !wanted == 0 {
        Ok(())
    } else {
        Err(JournalError::TooOpen {
            path: path.to_owned(),
            mode,
            wanted,
        })
    }
}
