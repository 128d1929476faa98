use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::schema::PasswordSource;

/// A password command that has not answered by then is killed.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// The login a password is asked for; a passfile is searched by these.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// Host as it is connected to.
    pub host: &'a str,
    /// Port.
    pub port: u16,
    /// Database.
    pub database: &'a str,
    /// Role.
    pub user: &'a str,
}

/// A password that could not be had, and what to do about it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error(
        "the environment variable {0} is not set: set it, or name another password source in the profile"
    )]
    NoVariable(String),
    /// The variable is not UTF-8.
    #[error("the environment variable {0} is not UTF-8 text")]
    NotText(String),
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Others may read the file.
    #[error("{0} may be read by group or others, so it is not used: chmod 600 {0}")]
    TooOpen(PathBuf),
    /// No line matches.
    #[error("no line of {path} matches {login}")]
    NoLine {
        /// The passfile.
        path: PathBuf,
        /// `host:port:database:user` as searched.
        login: String,
    },
    /// The service is missing or has no password.
    #[error("{path} has no password for the service [{name}]")]
    NoService {
        /// The service file.
        path: PathBuf,
        /// The section.
        name: String,
    },
    /// The home folder is not known.
    #[error("$HOME is not set, so {0} cannot be found: name the file in the profile")]
    NoHome(&'static str),
    /// The command did not give a password.
    #[error("the password command {program:?} {problem}")]
    Command {
        /// The program.
        program: String,
        /// What went wrong.
        problem: String,
    },
    /// An IAM token is made by the control plane, not here.
    #[error("an IAM token was asked for, but there is no RDS control plane to make it")]
    NoIam,
}

/// The password for `login` from its source; `None` when none is to be sent.
pub async fn resolve(
    source: &PasswordSource,
    login: Login<'_>,
) -> Result<Option<SecretString>, SecretError> {
    match source {
        PasswordSource::None => Ok(None),
        PasswordSource::Env(name) => match std::env::var(name) {
            Ok(text) => Ok(Some(text.into())),
            Err(std::env::VarError::NotPresent) => Err(SecretError::NoVariable(name.clone())),
            Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::NotText(name.clone())),
        },
        PasswordSource::Passfile(path) => {
            let path = or_home(path.as_deref(), "PGPASSFILE", ".pgpass")?;
            let text = read_private(&path)?;
            match passfile_entry(&text, login) {
                Some(password) => Ok(Some(password)),
                None => Err(SecretError::NoLine {
                    path,
                    login: format!(
                        "{}:{}:{}:{}",
                        login.host, login.port, login.database, login.user
                    ),
                }),
            }
        }
        PasswordSource::Service { name, file } => {
            let path = or_home(file.as_deref(), "PGSERVICEFILE", ".pg_service.conf")?;
            let text = read_private(&path)?;
            match service_password(&text, name) {
                Some(password) => Ok(Some(password)),
                None => Err(SecretError::NoService {
                    path,
                    name: name.clone(),
                }),
            }
        }
        PasswordSource::Command(argv) => from_command(argv, COMMAND_LIMIT).await.map(Some),
        PasswordSource::Iam => Err(SecretError::NoIam),
    }
}

fn or_home(
    given: Option<&Path>,
    variable: &str,
    name: &'static str,
) -> Result<PathBuf, SecretError> {
    if let Some(path) = given {
        return Ok(path.to_owned());
    }
    if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let home = std::env::home_dir().ok_or(SecretError::NoHome(name))?;
    Ok(home.join(name))
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let error = |error: io::Error| SecretError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let found = std::fs::metadata(path).map_err(error)?;
    if !found.is_file() {
        return Err(error(io::Error::other("it is not a plain file")));
    }
    if found.permissions().mode() & 0o077 != 0 {
        return Err(SecretError::TooOpen(path.to_owned()));
    }
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(error)
}

/// The first matching line's password, by libpq's rules: `host:port:database:user:password`, `*` matches anything,
/// a backslash takes the next character as it is, a socket folder counts as `localhost`.
fn passfile_entry(text: &str, login: Login<'_>) -> Option<SecretString> {
    let host = if login.host.starts_with('/') {
        "localhost"
    } else {
        login.host
    };
    let port = login.port.to_string();
    let wanted = [host, &port, login.database, login.user];
    text.lines()
        .map(|line| line.trim_end_matches('\r'))
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let mut rest = line;
            for want in wanted {
                let (raw, after) = split_field(rest);
                let after = after?;
                if raw != "*" && unescaped(raw) != want {
                    return None;
                }
                rest = after;
            }
            Some(unescaped(split_field(rest).0).into())
        })
}

/// The text up to the first colon that no backslash protects, and what follows it.
fn split_field(text: &str) -> (&str, Option<&str>) {
    let mut protected = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if protected => protected = false,
            '\\' => protected = true,
            ':' => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().unwrap_or('\\')),
            c => out.push(c),
        }
    }
    out
}

/// `password` of the section `[name]`; the value is all after the equals sign, as libpq reads it.
fn service_password(text: &str, name: &str) -> Option<SecretString> {
    let header = format!("[{name}]");
    text.lines()
        .map(str::trim)
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| *key == "password")
        .map(|(_, password)| password.to_owned().into())
}

async fn from_command(argv: &[String], limit: Duration) -> Result<SecretString, SecretError> {
    let program = argv.first().cloned().unwrap_or_default();
    let failed = |problem: String| SecretError::Command {
        program: program.clone(),
        problem,
    };
    let running = tokio::process::Command::new(&program)
        .args(argv.get(1..).unwrap_or_default())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let done = match tokio::time::timeout(limit, running).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => return Err(failed(format!("cannot be started: {error}"))),
        Err(_) => return Err(failed(format!("did not end within {limit:?}"))),
    };
    let printed = Zeroizing::new(done.stdout);
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let said = said.lines().last().unwrap_or("nothing on standard error");
        return Err(failed(format!("ended with {}: {said}", done.status)));
    }
    let first = printed.split(|byte| *byte == b'\n').next();
    let text = std::str::from_utf8(first.unwrap_or_default())
        .map_err(|_| failed("printed something that is not UTF-8 text".to_owned()))?;
    match text.trim_end_matches('\r') {
        "" => Err(failed("printed an empty first line".to_owned())),
        password => Ok(password.to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use secrecy::ExposeSecret;

    use super::*;

    const LOGIN: Login<'_> = Login {
        host: "db-1.example",
        port: 5432,
        database: "sh:op",
        user: r"da\vid",
    };

    fn found(text: &str) -> Option<String> {
        passfile_entry(text, LOGIN).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn passfile_lines_match_as_libpq_matches_them() {
        let exact = "db-1.example:5432:sh\\:op:da\\\\vid:pa\\:ss\\\\word # kept\r\n";
        assert_eq!(found(exact).as_deref(), Some("pa:ss\\word # kept"));
        assert_eq!(found("*:*:*:*:any").as_deref(), Some("any"));
        assert_eq!(
            found("#*:*:*:*:comment\n*:*:*:*:next").as_deref(),
            Some("next")
        );
        assert_eq!(found("db-1.example:5433:*:*:port"), None);
        assert_eq!(found("*:*:*:david:role"), None);
        assert_eq!(found("*:*:**:*:a star in a word is no wildcard"), None);
        assert_eq!(found("*:*:*:*"), None, "a line cut short");
        assert_eq!(found("*:*:*:*:up to:a colon").as_deref(), Some("up to"));
    }

    #[test]
    fn a_socket_folder_is_localhost() {
        let socket = Login {
            host: "/var/run/postgresql",
            ..LOGIN
        };
        assert!(passfile_entry("localhost:*:*:*:x", socket).is_some());
    }

    #[test]
    fn a_service_gives_its_own_password_only() {
        let text = "# x\n[a]\nhost=h\npassword=of a\n[b]\n  password = not this\npassword=p=q \n[c]\nhost=z\n[d]\npassword=d";
        let of = |name| service_password(text, name).map(|s| s.expose_secret().to_owned());
        assert_eq!(of("a").as_deref(), Some("of a"));
        assert_eq!(of("b").as_deref(), Some("p=q"));
        assert_eq!(of("c"), None);
        assert_eq!(of("nobody"), None);
    }

    #[tokio::test]
    async fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("pass");
        std::fs::write(&path, "*:*:*:*:hush").expect("written");
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&path, open).expect("mode");
        let source = PasswordSource::Passfile(Some(path.clone()));
        let refused = resolve(&source, LOGIN).await.expect_err("too open");
        assert_eq!(refused, SecretError::TooOpen(path.clone()));
        assert!(!refused.to_string().contains("hush"));
        let closed = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, closed).expect("mode");
        let password = resolve(&source, LOGIN).await.expect("readable");
        assert_eq!(password.expect("one").expose_secret(), "hush");
    }

    #[tokio::test]
    async fn a_command_gives_its_first_line_or_says_what_went_wrong() {
        let argv = |script: &str| vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        let limit = Duration::from_secs(10);
        let good = from_command(&argv("printf 'p w\\r\\nmore\\n'"), limit).await;
        assert_eq!(good.expect("a password").expose_secret(), "p w");
        let failed = from_command(&argv("echo hush; echo sign in first >&2; exit 3"), limit).await;
        let said = failed.expect_err("exit 3").to_string();
        assert!(
            said.contains("sign in first") && !said.contains("hush"),
            "{said}"
        );
        let slow = from_command(&argv("sleep 60"), Duration::from_millis(50)).await;
        assert!(
            slow.expect_err("too slow")
                .to_string()
                .contains("did not end")
        );
        let none = from_command(&["/nonexistent/x".to_owned()], limit).await;
        assert!(
            none.expect_err("missing")
                .to_string()
                .contains("cannot be started")
        );
    }

    #[tokio::test]
    async fn a_missing_variable_is_named() {
        let source = PasswordSource::Env("GREENLIGHT_NO_SUCH_VARIABLE".to_owned());
        let error = resolve(&source, LOGIN).await.expect_err("unset");
        assert!(error.to_string().contains("GREENLIGHT_NO_SUCH_VARIABLE"));
    }
}
