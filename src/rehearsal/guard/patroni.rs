//! Patroni's programs: those of Debian, or a newer release from its Python package.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::rehearsal::making::Making;
use crate::rehearsal::run::run;
use crate::rehearsal::{RehearsalError, binaries};

const ASK_LIMIT: Duration = Duration::from_secs(30);
const INSTALL_LIMIT: Duration = Duration::from_secs(300);
/// The release that is taken from the Python package.
const FOUR: &str = "4.1.5";
/// Debian's own: what Debian's psycopg2 is for.
const PYTHON: &str = "/usr/bin/python3";

/// The programs of one Patroni.
#[derive(Debug, Clone)]
pub struct Patroni {
    /// What it says of itself, `3.0.2`.
    pub version: String,
    /// The words before its file.
    pub daemon: Vec<String>,
    /// `patronictl`.
    pub ctl: Vec<String>,
}

/// Finds Patroni of this major version, 3 or 4; `say` hears of what is fetched.
pub async fn find(
    major: u32,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<Patroni, RehearsalError> {
    let (python, bin) = match major {
        3 => (None, PathBuf::from("/usr/bin")),
        4 => {
            let bin = fetched(say).await?.join("bin");
            // Named, for the path in the first line of its scripts is the one it was made under.
            (Some(bin.join("python")), bin)
        }
        _ => {
            return Err(RehearsalError::Unusable(format!(
                "there is a lab with Patroni 3 and one with Patroni 4, none with {major}"
            )));
        }
    };
    let program = |name: &str| -> Vec<String> {
        let words = python.iter().cloned().chain([bin.join(name)]);
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    };
    let (daemon, ctl) = (program("patroni"), program("patronictl"));
    let mut ask = Command::new(&daemon[0]);
    ask.args(&daemon[1..]).arg("--version");
    let told = run(ask, "asking Patroni for its version", ASK_LIMIT).await;
    let told = told.map_err(|error| {
        let package = "install the Debian packages patroni and python3-psycopg2";
        RehearsalError::Unusable(format!("{error}: {package}"))
    })?;
    let version = told.trim().trim_start_matches("patroni ").to_owned();
    if !version.starts_with(&format!("{major}.")) {
        return Err(RehearsalError::Unusable(format!(
            "Patroni {major} was asked for, and {} is {version}",
            daemon.join(" ")
        )));
    }
    Ok(Patroni {
        version,
        daemon,
        ctl,
    })
}

/// The folder of the Python package, fetched unless it is there.
async fn fetched(say: &(dyn Fn(&str) + Send + Sync)) -> Result<PathBuf, RehearsalError> {
    let home = binaries::cache()?.with_file_name(format!("patroni-{FOUR}"));
    if let Some(making) = Making::begin(&home).await? {
        let what = format!("fetching the Python package patroni {FOUR}");
        say(&what);
        let made = making.work().join("environment");
        install(&made, &what).await?;
        making.done(&made)?;
    }
    Ok(home)
}

async fn install(made: &Path, what: &str) -> Result<(), RehearsalError> {
    let mut environment = Command::new(PYTHON);
    // psycopg2 is Debian's.
    environment
        .args(["-m", "venv", "--system-site-packages"])
        .arg(made);
    run(environment, what, INSTALL_LIMIT).await?;
    let mut pip = Command::new(made.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet"])
        .arg(format!("patroni[etcd3]=={FOUR}"));
    run(pip, what, INSTALL_LIMIT).await?;
    let mut open = Command::new("chmod");
    open.args(["-R", "a+rX"]).arg(made);
    run(open, what, INSTALL_LIMIT).await?;
    Ok(())
}
